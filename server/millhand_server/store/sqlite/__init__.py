"""The store in one SQLite file, of which one process is the owner."""

from millhand_server.store.sqlite.faults import CannotOpen, StoreBroken
from millhand_server.store.sqlite.migrating import Migration, Plan, check
from millhand_server.store.sqlite.store import SqliteOptions, SqliteStore

__all__ = ["CannotOpen", "Migration", "Plan", "SqliteOptions", "SqliteStore", "StoreBroken", "check"]
