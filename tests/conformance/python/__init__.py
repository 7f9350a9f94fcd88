"""The program of the Python client: it plays cases with `millhand.AsyncClient`."""
