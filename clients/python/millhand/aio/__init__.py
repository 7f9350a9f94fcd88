"""The asyncio client: the same operations as the sync one's, awaited. Use it as `millhand.AsyncClient`."""
