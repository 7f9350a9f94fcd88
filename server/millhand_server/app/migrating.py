"""Brings a database up to date without serving from it, or tells what that would do."""

from __future__ import annotations

import asyncio
from pathlib import Path

from millhand_server.config.store_url import StoreChoice
from millhand_server.engine.clock import SystemClock
from millhand_server.store.sqlite import CannotOpen, Plan, SqliteOptions, SqliteStore
from millhand_server.store.sqlite import check as check_file


class CannotMigrate(Exception):
    """The database cannot be brought up to date. The text is a sentence that says what to do."""


def check(choice: StoreChoice) -> Plan:
    """Tells what `migrate` would do, and does nothing.

    Raises:
        CannotMigrate: it could not be done.
    """
    try:
        return check_file(_path(choice))
    except CannotOpen as refusal:
        raise CannotMigrate(refusal.message) from None


def migrate(choice: StoreChoice) -> Plan:
    """Applies what the database lacks, making it if there is none, and returns what that was.

    Raises:
        CannotMigrate: a server uses it, or it cannot be used as it is.
    """
    done = check(choice)
    try:
        asyncio.run(_open_once(SqliteOptions(_path(choice), choice.synchronous)))
    except CannotOpen as refusal:
        raise CannotMigrate(refusal.message) from None
    return done


async def _open_once(options: SqliteOptions) -> None:
    store = SqliteStore(options, SystemClock())
    try:
        await store.open()
    finally:
        await store.close()


def _path(choice: StoreChoice) -> Path:
    if choice.path is None:
        raise CannotMigrate("a memory store has no schema; name a database with --store sqlite:///PATH")
    return choice.path
