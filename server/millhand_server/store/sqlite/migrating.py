"""The schema's versions: numbered SQL files, each applied in one transaction, and what can be opened."""

from __future__ import annotations

import re
import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from millhand_server.store.sqlite.faults import CannotOpen, sentence
from millhand_server.store.sqlite.naming import usable

#: "Mill": says in the file's header whose it is.
APPLICATION_ID = 0x4D696C6C


class Migration(NamedTuple):
    """One step of the schema. `min_reader` is the oldest schema whose servers can go on with this one."""

    version: int
    name: str
    min_reader: int
    sql: str


class Plan(NamedTuple):
    """What opening a database would do: its version (0: empty or not there), and the steps still to apply."""

    version: int
    pending: tuple[Migration, ...]


def check(path: Path) -> Plan:
    """Tells what opening the database would apply, and changes nothing.

    Raises:
        CannotOpen: it could not be opened.
    """
    path = usable(path)
    if not path.exists():
        return Plan(0, MIGRATIONS)
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            return plan(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise CannotOpen(sentence(error, path)) from None


def plan(connection: sqlite3.Connection, path: Path) -> Plan:
    """Tells which steps the opened database still lacks.

    Raises:
        CannotOpen: it is another program's, or its schema is too new.
    """
    [application_id] = connection.execute("PRAGMA application_id").fetchone()
    [objects] = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not application_id and not objects:
        return Plan(0, MIGRATIONS)
    if application_id != APPLICATION_ID:
        raise CannotOpen(f"{path} is another program's database; name another file")
    found = connection.execute(
        "SELECT version, min_reader FROM schema ORDER BY version DESC LIMIT 1"
    ).fetchone()
    if found is None:
        raise CannotOpen(f"{path} does not say which schema it has: it is damaged; restore a backup")
    version, min_reader = found
    if min_reader > LATEST:
        raise CannotOpen(
            f"{path} was written by a newer server (schema {version}), which this one cannot read (schema"
            f" {LATEST}); install the newer version, or restore a backup from before the update"
        )
    return Plan(version, tuple(step for step in MIGRATIONS if step.version > version))


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Applies what the database lacks. The caller owns it, and is in no transaction.

    Raises:
        CannotOpen: it is another program's, or its schema is too new.
    """
    for step in plan(connection, path).pending:
        connection.executescript(
            f"BEGIN IMMEDIATE; {_SCHEMA} {step.sql};"  # noqa: S608 (numbers of our own files)
            f" INSERT INTO schema VALUES ({step.version}, '{step.name}', {step.min_reader}); COMMIT"
        )


#: Inside the transaction of the first step, so that a file is ours with a schema or not at all.
_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
CREATE TABLE IF NOT EXISTS schema (
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, min_reader INTEGER NOT NULL
) STRICT;
"""

_FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_MIN_READER = re.compile(r"-- min_reader: (\d+)\n")


def _read_migrations() -> tuple[Migration, ...]:
    migrations: list[Migration] = []
    for file in (files(__package__) / "migrations").iterdir():
        text = file.read_text("utf-8")
        name, min_reader = _FILE_NAME.fullmatch(file.name), _MIN_READER.match(text)
        if name is None or min_reader is None:
            raise ValueError(
                f"{file.name}: a migration is called 0001_name.sql and begins with its min_reader"
            )
        migrations.append(Migration(int(name[1]), name[2], int(min_reader[1]), text))
    migrations.sort()
    if [step.version for step in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError("migrations are numbered from 1 without a gap")
    return tuple(migrations)


MIGRATIONS = _read_migrations()
LATEST = len(MIGRATIONS)
