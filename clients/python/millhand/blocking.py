"""Runs the protocol's operations by blocking the calling thread: its methods are made of them here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

from millhand.protocol.operations import Pages
from millhand.protocol.steps import Operation, Step
from millhand.signature import signature_of
from millhand.v1 import task_pb2

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Core = TypeVar("_Core")


class Blocking(Generic[_Core]):
    """Something whose methods are operations on a core; `perform` does what a step asks."""

    def __init__(self, core: _Core, perform: Callable[[Step], Any]) -> None:
        self._core = core
        self._perform = perform

    def _run(self, operation: Operation[_T]) -> _T:
        try:
            step = next(operation)
            while True:
                try:
                    answer = self._perform(step)
                except BaseException as error:
                    # Ctrl-C included: the operation has something to let go of.
                    step = operation.throw(error)
                else:
                    step = operation.send(answer)
        except StopIteration as end:
            return cast(_T, end.value)


def blocking(
    operation: Callable[Concatenate[_Core, _P], Operation[_T]],
) -> Callable[Concatenate[Blocking[_Core], _P], _T]:
    """The method that runs an operation; it has the operation's parameters and words."""

    @wraps(operation)
    def method(self: Blocking[_Core], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self._run(operation(self._core, *args, **kwargs))

    method.__signature__ = signature_of(operation)  # type: ignore[attr-defined]  # what inspect looks for
    return cast("Callable[Concatenate[Blocking[_Core], _P], _T]", method)


def iterating(
    listing: Callable[Concatenate[_Core, _P], Pages],
) -> Callable[Concatenate[Blocking[_Core], _P], Iterator[task_pb2.Task]]:
    """The method that reads a listing; it is checked when called, and fetched as it is read."""

    @wraps(listing)
    def method(self: Blocking[_Core], /, *args: _P.args, **kwargs: _P.kwargs) -> Iterator[task_pb2.Task]:
        return _tasks(self, listing(self._core, *args, **kwargs))

    method.__signature__ = signature_of(listing, "Iterator[task_pb2.Task]")  # type: ignore[attr-defined]
    return cast("Callable[Concatenate[Blocking[_Core], _P], Iterator[task_pb2.Task]]", method)


def _tasks(shell: Blocking[Any], pages: Pages) -> Iterator[task_pb2.Task]:
    while not pages.over:
        yield from shell._run(pages.fetch())
