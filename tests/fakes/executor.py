"""An executor that lets nothing but data cross."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from millhand_server.core.execution import Frame, Grant, StopCause
from millhand_server.core.ports import Executor
from millhand_server.core.task import AttemptKey

Sink = Callable[[Sequence[Frame]], None]


class EncodingExecutor:
    """Implements `Executor` over another one through bytes, as a process or a remote worker would.

    What only works because engine and executor share objects fails here.
    """

    def __init__(self, inner: Executor) -> None:
        self.isolation = inner.isolation
        self._inner = inner

    def start(self, sink: Sink, *, workers: int) -> None:
        self._inner.start(
            lambda frames: sink(_frames.decode(msgspec.msgpack.encode(list(frames)))), workers=workers
        )

    def submit(self, grants: Sequence[Grant]) -> None:
        self._inner.submit(_grants.decode(msgspec.msgpack.encode(list(grants))))

    def signal(self, keys: Sequence[AttemptKey], cause: StopCause) -> None:
        copied, decoded = _signals.decode(msgspec.msgpack.encode((list(keys), cause)))
        self._inner.signal(copied, decoded)

    def recall(self, keys: Sequence[AttemptKey]) -> None:
        self._inner.recall(_keys.decode(msgspec.msgpack.encode(list(keys))))

    def announce_shutdown(self) -> None:
        self._inner.announce_shutdown()

    def resize(self, workers: int) -> None:
        self._inner.resize(workers)

    async def stop(self) -> None:
        await self._inner.stop()


_frames = msgspec.msgpack.Decoder(list[Frame])
_grants = msgspec.msgpack.Decoder(list[Grant])
_keys = msgspec.msgpack.Decoder(list[AttemptKey])
_signals = msgspec.msgpack.Decoder(tuple[list[AttemptKey], StopCause])
