"""What the suite needs of handlers beside those that are shipped."""

from __future__ import annotations

from dataclasses import dataclass

from millhand import Handlers

handlers = Handlers()


@dataclass
class Rectangle:
    """A request that is checked when the task is registered."""

    width: int
    height: int


@handlers.handler("area")
def area(request: Rectangle) -> int:
    """Returns the area of a rectangle."""
    return request.width * request.height


@handlers.handler("explode")
def explode(request: str) -> None:
    """Raises what nobody expects."""
    raise RuntimeError(request)
