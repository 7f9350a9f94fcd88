"""Loads code that is not ours, by `MODULE:ATTR` or entry point: handlers and interceptors.

A fault in it stops the start.
"""

from __future__ import annotations

import os
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Sequence
from importlib import metadata
from types import TracebackType
from typing import Any

from millhand.kit import Handlers

_ENTRY_POINT_FLAG = "--handlers-entry-point"

#: The group in which an installed package names its collections of handlers.
ENTRY_POINTS = "millhand.handlers"


class PluginError(Exception):
    """Something named on the command line cannot be used.

    `details` is the traceback of the user's own code, empty when none of it ran.
    """

    def __init__(self, sentence: str, details: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.details = details


def load_handlers(references: Iterable[str], entry_points: Iterable[str] = ()) -> Handlers:
    """Loads and merges collections of handlers, those by reference first.

    An entry point is loaded only when it is named: that a package is installed is no reason to run it.

    Raises:
        PluginError: one cannot be found or imported, is no `Handlers`, or repeats a name.
    """
    merged = Handlers()
    for reference in references:
        _merge(merged, f"--handlers {reference}", reference)
    for name in entry_points:
        reference = _reference_of(name)
        _merge(merged, f"{_ENTRY_POINT_FLAG} {name} ({reference})", reference)
    if not len(merged):
        raise PluginError("--handlers: there is not one handler, and a server without any can run nothing")
    return merged


def load_interceptors(references: Iterable[str]) -> Sequence[Any]:
    """Loads interceptors, outermost first.

    Raises:
        PluginError: one cannot be found or imported, or a class stands where its instance should.
    """
    return [_interceptor(reference) for reference in references]


def _merge(merged: Handlers, origin: str, reference: str) -> None:
    found = _resolve(origin, reference)
    if not isinstance(found, Handlers):
        raise PluginError(
            f"{origin} is a {type(found).__name__}; name a collection, such as "
            "`handlers = millhand.Handlers(my_function)`"
        )
    try:
        merged.merge(found)
    except ValueError as refusal:
        raise PluginError(f"{origin}: {refusal}") from None


def _reference_of(name: str) -> str:
    """Returns where an installed package says that the handlers of this name are."""
    installed = metadata.entry_points(group=ENTRY_POINTS)
    found = {point.value for point in installed.select(name=name)}
    if not found:
        known = ", ".join(sorted({point.name for point in installed})) or "none"
        raise PluginError(
            f"{_ENTRY_POINT_FLAG} {name}: no installed package has an entry point of this name in the group "
            f"{ENTRY_POINTS}; there are: {known}"
        )
    if len(found) > 1:
        raise PluginError(
            f"{_ENTRY_POINT_FLAG} {name}: installed packages disagree on it ({', '.join(sorted(found))}); "
            "name the one that is meant with --handlers"
        )
    return found.pop()


def _interceptor(reference: str) -> Any:
    found = _resolve(f"--interceptor {reference}", reference)
    if isinstance(found, type) or not (callable(found) or hasattr(found, "intercept_service")):
        raise PluginError(
            f"--interceptor {reference} is a {type(found).__name__}; name an "
            "`async def f(call_next, request, context)`, or an instance of grpc.aio.ServerInterceptor"
        )
    return found


def _resolve(origin: str, reference: str) -> Any:
    # As uvicorn and gunicorn do it: what is in the working directory can be named.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    module, _, attribute = reference.partition(":")
    try:
        return pkgutil.resolve_name(reference)
    except ModuleNotFoundError as failure:
        if failure.name is None or not f"{module}.".startswith(f"{failure.name}."):
            raise _broken(origin, failure) from failure
        raise PluginError(
            f"{origin}: there is no module {failure.name} in {os.getcwd()} or on the Python path"
        ) from None
    except AttributeError as failure:
        if _frames_of_others(failure.__traceback__) is not None:
            raise _broken(origin, failure) from failure
        raise PluginError(f"{origin}: the module {module} has no {attribute}") from None
    except Exception as failure:
        raise _broken(origin, failure) from failure


def _broken(origin: str, failure: BaseException) -> PluginError:
    """Shows the user's frames alone: those of the import machinery and ours say nothing about the fault."""
    theirs = failure.with_traceback(_frames_of_others(failure.__traceback__))
    details = "".join(traceback.format_exception(theirs, chain=False))
    return PluginError(
        f"{origin} cannot be imported: {type(failure).__name__}, see the traceback above", details
    )


def _frames_of_others(frame: TracebackType | None) -> TracebackType | None:
    """Returns the traceback from the first frame that belongs to the user's code; None if none does."""
    machinery = ("pkgutil", "importlib", "importlib._bootstrap", "importlib._bootstrap_external", __name__)
    while frame is not None and frame.tb_frame.f_globals.get("__name__") in machinery:
        frame = frame.tb_next
    return frame
