"""The `handler` decorator and the Handler it attaches: a function with its name and its defaults."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, TypedDict, TypeVar, get_args

from millhand.kit.context import TaskContext
from millhand.kit.durations import to_timedelta
from millhand.kit.signature import Signature, Unresolved, describe, read_signature

Isolation = Literal["thread", "async", "process"]
Function = TypeVar("Function", bound=Callable[..., Any])

_ATTRIBUTE = "__millhand_handler__"
_MAX_NAME_BYTES = 256
_MAX_DESCRIPTION_BYTES = 4096


@dataclass(frozen=True, eq=False)
class Handler:
    """A function that tasks can name, and the defaults for tasks that leave them unset.

    None means "no default of its own": the server's applies. A zero `timeout` or `start_timeout` is no limit.
    """

    name: str
    function: Callable[..., Any] = field(repr=False)
    isolation: Isolation
    description: str = ""
    retries: int | None = None
    """Further attempts after the first."""
    retry_delay: timedelta | None = None
    timeout: timedelta | None = None
    """How long one attempt may run."""
    start_timeout: timedelta | None = None
    """How long a task may wait for its first start."""
    queue: str | None = None
    priority: int | None = None
    """Like `nice`: lower runs first, -100 to 100."""
    raise_on_cancel: bool = True
    """Whether a cancellation may be raised inside the running function where that is possible."""
    example: object = None
    """A request to try it with; None when there is none."""
    signature: Signature = field(default=Signature(), repr=False)

    def __post_init__(self) -> None:
        """Raises TypeError or ValueError when a field does not hold what it should."""
        _check_text("A handler's name", self.name)
        if self.queue is not None:
            _check_text(f"The queue of handler {self.name!r}", self.queue)
        _check_integer(self.name, "retries", self.retries, 0, 2**31 - 1)
        _check_integer(self.name, "priority", self.priority, -100, 100)

    @property
    def request_type(self) -> object:
        """The request's annotation; None when it says nothing, `Unresolved` when its names mean nothing."""
        return self._annotations().request_type

    @property
    def result_type(self) -> object:
        """The return annotation; None when it says nothing, `Unresolved` when its names mean nothing."""
        return self._annotations().result_type

    @property
    def takes_context(self) -> bool:
        """Whether the function wants the TaskContext."""
        return self.signature.takes_context

    def call(self, request: object, context: TaskContext | None) -> Any:
        """Calls the function with those of the two that it takes; an async one returns its coroutine.

        `context` may be None for a function that does not take it.
        """
        signature = self.signature
        if signature.takes_request:
            return self.function(request, context) if signature.takes_context else self.function(request)
        return self.function(context) if signature.takes_context else self.function()

    def _annotations(self) -> Signature:
        signature = self.signature
        if isinstance(signature.request_type, Unresolved) or isinstance(signature.result_type, Unresolved):
            # It may name a class that came further down in its module, which is there by now.
            return read_signature(self.function)
        return signature


class HandlerOptions(TypedDict, total=False):
    """The keywords of `handler`, for functions that pass them on."""

    description: str
    retries: int | None
    retry_delay: float | timedelta | None
    timeout: float | timedelta | None
    start_timeout: float | timedelta | None
    queue: str | None
    priority: int | None
    isolation: Isolation | None
    raise_on_cancel: bool
    example: object


def handler(
    name: str,
    *,
    description: str = "",
    retries: int | None = None,
    retry_delay: float | timedelta | None = None,
    timeout: float | timedelta | None = None,
    start_timeout: float | timedelta | None = None,
    queue: str | None = None,
    priority: int | None = None,
    isolation: Isolation | None = None,
    raise_on_cancel: bool = True,
    example: object = None,
) -> Callable[[Function], Function]:
    """Makes a function `f(request, task)` a handler; it can still be called directly.

    Args:
        name: what tasks call it by: 1 to 256 bytes, printable.
        description: defaults to the first line of the function's docstring.
        retries: further attempts after the first; None takes the server's number.
        retry_delay: before the first retry; durations are seconds or a timedelta.
        timeout: for one attempt; 0 is no limit.
        start_timeout: for the wait before the first start; 0 is no limit.
        queue: where its tasks wait; None is the `default` queue.
        priority: -100 to 100, lower runs first.
        isolation: "thread" for a plain function and "async" for `async def` are inferred.
        raise_on_cancel: False asks never to raise a cancellation inside the running function.
        example: a request to try it with, shown in the catalogue.

    Raises:
        TypeError: on decoration, when the function's parameters or an option's type do not fit; or when the
            decorator is not called.
        ValueError: when an option's value is out of its range.
    """
    _check_called(name)

    def attach(function: Function) -> Function:
        _check_function(name, function)
        definition = Handler(
            name=name,
            function=function,
            isolation=_isolation(name, function, isolation),
            description=_description(name, function, description),
            retries=retries,
            retry_delay=_duration(name, "retry_delay", retry_delay),
            timeout=_duration(name, "timeout", timeout),
            start_timeout=_duration(name, "start_timeout", start_timeout),
            queue=queue,
            priority=priority,
            raise_on_cancel=raise_on_cancel,
            example=example,
            signature=read_signature(function),
        )
        setattr(function, _ATTRIBUTE, definition)
        return function

    return attach


def handler_of(function: Callable[..., Any]) -> Handler:
    """The Handler that the decorator attached to `function`.

    Raises:
        TypeError: `function` is not decorated, or wraps one that is.
    """
    definition = getattr(function, _ATTRIBUTE, None)
    if not isinstance(definition, Handler):
        raise TypeError(f"{describe(function)} is not a handler; decorate it with @handler(name).")
    if definition.function is not function:
        # functools.wraps copies the mark: without this check the wrapper would be dropped without a word.
        raise TypeError(f"{describe(function)} wraps a handler; put @handler above the other decorators.")
    return definition


def _check_called(name: object) -> None:
    if callable(name):
        # Written without parentheses, it would swallow the function and register nothing.
        raise TypeError(f'A handler has a name: write @handler("name") above {describe(name)}.')


def _check_text(what: str, value: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{what} is a string, not {type(value).__name__}.")
    if not value or not value.isprintable() or len(value.encode()) > _MAX_NAME_BYTES:
        raise ValueError(f"{what} is 1 to {_MAX_NAME_BYTES} bytes of printable text, not {value[:80]!r}.")


def _check_integer(name: str, option: str, value: int | None, low: int, high: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{option} of handler {name!r} is an integer, not {type(value).__name__}.")
    if not low <= value <= high:
        raise ValueError(f"{option} of handler {name!r} is {low} to {high}, and is {value}.")


def _check_function(name: str, function: Callable[..., Any]) -> None:
    if not inspect.isfunction(function):
        raise TypeError(f"Handler {name!r} must be a function, not {function!r}.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{describe(function)} yields; a handler returns its one result.")
    if hasattr(function, _ATTRIBUTE):
        raise TypeError(f"{describe(function)} is a handler already and cannot be {name!r} too.")


def _isolation(name: str, function: Callable[..., Any], wanted: Isolation | None) -> Isolation:
    if wanted is not None and wanted not in get_args(Isolation):
        raise ValueError(f"isolation of handler {name!r} is thread, async or process, not {wanted!r}.")
    is_async = inspect.iscoroutinefunction(function)
    if is_async and wanted == "thread":
        raise TypeError(f"{describe(function)} is async and cannot run with isolation 'thread'.")
    if not is_async and wanted == "async":
        raise TypeError(f"{describe(function)} is not async and cannot run with isolation 'async'.")
    return wanted or ("async" if is_async else "thread")


def _description(name: str, function: Callable[..., Any], given: str) -> str:
    documented = (inspect.getdoc(function) or "").strip()
    text = given or documented.partition("\n")[0].strip()
    if len(text.encode("utf-8", "replace")) > _MAX_DESCRIPTION_BYTES:
        raise ValueError(
            f"The description of handler {name!r} is longer than {_MAX_DESCRIPTION_BYTES} bytes."
        )
    return text


def _duration(name: str, option: str, value: float | timedelta | None) -> timedelta | None:
    return None if value is None else to_timedelta(value, f"{option} of handler {name!r}")
