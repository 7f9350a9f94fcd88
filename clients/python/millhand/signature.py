"""What `help` and editors are shown of a method that is made of one of the protocol's operations."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

_OPERATION = "Operation["


def signature_of(operation: Callable[..., Any], returns: str | None = None) -> inspect.Signature:
    """An operation's signature as its caller sees it: `self` in front, and what comes back in the end.

    Args:
        operation: The operation. Its annotations are read as text.
        returns: What comes back instead.
    """
    shown = inspect.signature(operation)
    _, *parameters = shown.parameters.values()
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if returns is None:
        returns = str(shown.return_annotation)
        if returns.startswith(_OPERATION):
            returns = returns.removeprefix(_OPERATION).removesuffix("]")
    return shown.replace(parameters=[itself, *parameters], return_annotation=returns)
