"""Plays the client to an operation: no channel, no clock, no waiting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf.message import Message

from millhand.protocol.steps import Operation, Sleep, Step, Stream, Terms

_T = TypeVar("_T")


@dataclass
class FakeStream:
    """A stream that notes what is done with it."""

    method: str
    request: Message | None
    sent: list[Message] = field(default_factory=list)
    finished: bool = False
    cancelled: bool = False

    def send(self, request: Message) -> None:
        self.sent.append(request)

    def finish(self) -> None:
        self.finished = True

    def cancel(self) -> None:
        self.cancelled = True


class FakeClient:
    """Terms whose time passes only while an operation sleeps."""

    def __init__(self, *, timeout_s: float | None = 30.0, patience_s: float | None = 60.0) -> None:
        self.now = 0.0
        self.streams: list[FakeStream] = []
        self.terms = Terms(timeout_s, patience_s, "fake", lambda: self.now, self._open)

    def run(self, operation: Operation[_T], answer: Callable[[Step], Any]) -> tuple[_T, list[Step]]:
        """Runs an operation to its end. An answer that is an exception is thrown.

        Returns:
            What it returned, and the steps that it took.
        """
        steps: list[Step] = []
        try:
            step = next(operation)
            while True:
                steps.append(step)
                if isinstance(step, Sleep):
                    self.now += step.seconds
                    step = operation.send(None)
                    continue
                given = answer(step)
                step = operation.throw(given) if isinstance(given, BaseException) else operation.send(given)
        except StopIteration as end:
            return end.value, steps

    def _open(self, method: str, request: Message | None) -> Stream:
        self.streams.append(FakeStream(method, request))
        return self.streams[-1]
