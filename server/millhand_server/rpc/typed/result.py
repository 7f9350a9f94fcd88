"""What callers are told of a handler's result. Encoding goes by the value and needs no type."""

from __future__ import annotations

import typing
from types import NoneType

from millhand_server.core.ports import Shape
from millhand_server.rpc.typed import messages
from millhand_server.rpc.typed.annotation import arms_of
from millhand_server.rpc.typed.json_type import published, result_schema

_NOTHING = (NoneType, typing.NoReturn, typing.Never)


def result_shape(annotation: object) -> Shape:
    """Returns the shape of what a handler with this return annotation returns.

    Raises:
        UnsupportedType: something in it cannot be encoded.
    """
    if annotation in _NOTHING:
        return Shape()
    arms = arms_of(annotation)
    if arms.anything:
        return Shape()
    if arms.json is not None:
        return Shape(schema=result_schema(arms.json))
    if len(arms.messages) == 1:
        [kind] = arms.messages
        return Shape(kind.DESCRIPTOR.full_name, published(messages.schema_of(kind)))
    return Shape()
