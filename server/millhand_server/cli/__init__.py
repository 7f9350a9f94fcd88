"""The `millhand` command: `serve` starts a server, every other command is a client of one."""

from millhand_server.cli.program import main

__all__ = ["main"]
