"""Plays one case: a step is one use of the client, and what it shows is seen."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conformance.python import calls, showing
from tests.conformance.wire import conformance_pb2 as wire

import millhand

Show = Callable[[wire.Seen], None]


class Player:
    """One case. `play` it once; `go_on` ends a pause."""

    def __init__(self, case: wire.Case, show: Show) -> None:
        self._case = case
        self.address = case.connection.address
        self._show = show
        self._seen: Counter[str] = Counter()
        self._cursors: dict[str, str] = {}
        self._something = asyncio.Event()
        self._gone_on: set[str] = set()
        self._background: dict[str, asyncio.Task[None]] = {}

    def go_on(self, pause: str) -> None:
        self._gone_on.add(pause)
        self._wake()

    async def play(self) -> None:
        """Takes all steps, and waits for those in the background."""
        with tempfile.TemporaryDirectory() as folder:
            async with _client(self._case.connection, Path(folder)) as self.client:
                for step in self._case.steps:
                    await self._until(lambda step=step: self._may_begin(step))  # type: ignore[misc]
                    taking = asyncio.create_task(self._take(step))
                    if step.background:
                        self._background[step.name] = taking
                    else:
                        await taking
                await asyncio.gather(*self._background.values())

    def show(self, step: wire.Step, **what: Any) -> None:
        """Tells the runner what a step has shown."""
        seen = wire.Seen(step=step.name)
        for name, shown in what.items():
            field = getattr(seen, name)
            field.CopyFrom(shown) if hasattr(field, "CopyFrom") else setattr(seen, name, shown)
        self._note_cursor(step.name, seen)
        self._seen[step.name] += 1
        self._show(seen)
        self._wake()

    async def pause(self, step: wire.Step, name: str) -> None:
        """Tells the runner that it has come here, and waits for its word."""
        self.show(step, paused=name)
        await self._until(lambda: name in self._gone_on)

    def cancel(self, name: str) -> None:
        """Cancels a background step."""
        self._background[name].cancel()

    def after(self, after: str) -> str:
        """The cursor that a case means."""
        return self._cursors[after[1:]] if after.startswith("$") else after

    async def _take(self, step: wire.Step) -> None:
        limit_s = showing.seconds(step.deadline) if step.HasField("deadline") else None
        try:
            async with asyncio.timeout(limit_s):
                await calls.CALLS[step.WhichOneof("call") or ""](self, step)
        except (millhand.MillhandError, asyncio.CancelledError, TimeoutError, ValueError) as error:
            self.show(step, failure=showing.failure(error))

    def _may_begin(self, step: wire.Step) -> bool:
        return not step.after_step or self._seen[step.after_step] >= max(1, step.after_count)

    def _note_cursor(self, name: str, seen: wire.Seen) -> None:
        what = getattr(seen, seen.WhichOneof("what") or "")
        for field in ("cursor", "next_cursor", "to_cursor"):
            cursor = getattr(what, field, "")
            if cursor:
                self._cursors[name] = cursor

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._something.wait()

    def _wake(self) -> None:
        something, self._something = self._something, asyncio.Event()
        something.set()


def _client(connection: wire.Connection, folder: Path) -> millhand.AsyncClient:
    options: dict[str, Any] = {}
    for option, pem in (
        ("tls_ca", connection.ca_pem),
        ("tls_cert", connection.certificate_pem),
        ("tls_key", connection.key_pem),
    ):
        if pem:
            path = folder / option
            path.write_bytes(pem)
            options[option] = path
    if connection.token:
        options["token"] = connection.token
    if connection.insecure_token:
        options["insecure_token"] = True
    return millhand.AsyncClient(connection.address, **options)
