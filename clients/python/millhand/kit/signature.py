"""Reads a handler function's parameters and annotations, and refuses those that cannot be called."""

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter
from types import SimpleNamespace

from millhand.kit.context import TaskContext

_CONTEXT_NAMES = ("task", "context")
_ANYTHING = (typing.Any, object, Parameter.empty)


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An annotation, as text, whose names mean nothing where the function stands.

    A name for type checkers only, a class local to another function, or a class that comes later.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Signature:
    """What to call a handler with, and its annotations for the request and the result.

    An annotation is None where there is none, and where it says nothing (Any, object).
    """

    takes_request: bool = True
    takes_context: bool = True
    request_type: object = None
    result_type: object = None


def read_signature(function: Callable[..., object]) -> Signature:
    """Reads `function(request, context)`; both parameters may be missing, others need defaults.

    The context is the parameter annotated TaskContext, or the second one, or a lone one called `task` or
    `context`.

    Raises:
        TypeError: the function cannot be called like that; the message says what to change.
    """
    hints = _type_hints(function)
    given = _passed_parameters(function)
    if len(given) == 2:
        _require_request_then_context(function, given, hints)
    request, context = _roles(given, hints)
    return Signature(
        takes_request=request is not None,
        takes_context=context is not None,
        request_type=None if request is None else _meaningful(hints.get(request)),
        result_type=_meaningful(hints.get("return")),
    )


def describe(function: Callable[..., object]) -> str:
    """The function's module and qualified name, for messages."""
    name = getattr(function, "__qualname__", repr(function))
    return f"{getattr(function, '__module__', '?')}.{name}"


def _type_hints(function: Callable[..., object]) -> dict[str, object]:
    names = getattr(function, "__globals__", {})
    # A handler may import TaskContext for type checkers only, and is understood all the same.
    known = {"TaskContext": TaskContext, **names}
    return {name: _resolved(hint, known) for name, hint in function.__annotations__.items()}


def _resolved(annotation: object, names: dict[str, object]) -> object:
    # Each by itself: one that does not resolve must not cost the others their meaning.
    alone = SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(alone, globalns=names, include_extras=True)["it"]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return Unresolved(annotation if isinstance(annotation, str) else repr(annotation))


def _passed_parameters(function: Callable[..., object]) -> list[str]:
    passed: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        required = parameter.default is Parameter.empty
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            raise TypeError(
                f"{describe(function)} takes *args or **kwargs; a handler names its parameters: "
                "(request, task)."
            )
        if parameter.kind is Parameter.KEYWORD_ONLY or len(passed) == 2:
            if required:
                raise TypeError(
                    f"{describe(function)} requires {parameter.name!r}; a handler is called with at most "
                    "(request, task), so give other parameters a default."
                )
            continue
        passed.append(parameter.name)
    return passed


def _require_request_then_context(
    function: Callable[..., object], given: list[str], hints: dict[str, object]
) -> None:
    first, second = (hints.get(name) for name in given)
    if _is_context(first):
        raise TypeError(f"{describe(function)} takes the context first; a handler takes (request, task).")
    if _meaningful(second) is not None and not _is_context(second) and not isinstance(second, Unresolved):
        raise TypeError(
            f"{describe(function)} has a second parameter {given[1]!r} that is not a TaskContext; a handler "
            "takes one request, so put its values into that."
        )


def _roles(given: list[str], hints: dict[str, object]) -> tuple[str | None, str | None]:
    if len(given) == 2:
        return given[0], given[1]
    if not given:
        return None, None
    only = given[0]
    if _is_context(hints.get(only)) or (only in _CONTEXT_NAMES and only not in hints):
        return None, only
    return only, None


def _is_context(annotation: object) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, TaskContext):
        return True
    return any(_is_context(part) for part in typing.get_args(annotation))


def _meaningful(annotation: object) -> object:
    return None if annotation in _ANYTHING else annotation
