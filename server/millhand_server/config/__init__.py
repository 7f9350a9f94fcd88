"""The server's settings: flags, environment and TOML to frozen options. The only reader of the environment.

Nothing is imported here: client commands use `client` and `values` where the server's packages are absent.
"""
