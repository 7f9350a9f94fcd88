"""What one commit costs on a disk: the yardstick for what is durable, by nothing but Python's own sqlite3."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from tests.bench.case import Measured
from tests.bench.load.window import percentiles

#: About as much as Millhand writes of a small task.
_ROW_BYTES = 300


def commit_rows(path: Path, seconds: float) -> Measured:
    """Inserts a row a transaction, each flushed to disk (WAL, synchronous=FULL), for this long."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS row (id INTEGER PRIMARY KEY, content BLOB)")
        took = []
        content = b"x" * _ROW_BYTES
        start = time.perf_counter()
        while (began := time.perf_counter()) < start + seconds:
            # Without a transaction around it, a statement is one.
            connection.execute("INSERT INTO row (content) VALUES (?)", (content,))
            took.append(time.perf_counter() - began)
        return {"rate": len(took) / (time.perf_counter() - start)} | percentiles(took)
    finally:
        connection.close()
