"""The store that lives in the process's memory and ends with it."""

from millhand_server.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
