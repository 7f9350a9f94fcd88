"""Middleware around the manager's operations: `async f(call_next, operation, caller)`, first is outermost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from millhand_server.engine.acceptance import Caller


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the manager: its name, as `register_task`, and what it was called with."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


CallNext = Callable[[Operation, Caller], Awaitable[Any]]
Middleware = Callable[[CallNext, Operation, Caller], Awaitable[Any]]


def compose(middleware: Sequence[Middleware], innermost: CallNext) -> CallNext:
    """Returns one function that goes through all of them, in order, to the innermost."""
    chain = innermost
    for layer in reversed(middleware):
        chain = _wrap(layer, chain)
    return chain


def _wrap(layer: Middleware, call_next: CallNext) -> CallNext:
    async def call(operation: Operation, caller: Caller) -> Any:
        return await layer(call_next, operation, caller)

    return call
