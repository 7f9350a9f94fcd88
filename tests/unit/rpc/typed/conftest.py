from __future__ import annotations

from collections.abc import Callable

import pytest

from millhand_server.core.errors import InvalidPayload
from millhand_server.core.ports import RequestType
from millhand_server.rpc.codec import ProtoCodec

codec = ProtoCodec()

Decode = Callable[[object, object], object]
Refuse = Callable[[object, object], InvalidPayload]


def typed(annotation: object) -> RequestType:
    made = codec.request_type(annotation)
    assert made is not None
    return made


@pytest.fixture
def decode() -> Decode:
    """Returns what a handler with an annotation is called with for a value that a caller sends."""
    return lambda annotation, value: typed(annotation).decode(codec.encode(value))


@pytest.fixture
def refuse(decode: Decode) -> Refuse:
    """Returns the refusal of a value."""

    def refusal(annotation: object, value: object) -> InvalidPayload:
        with pytest.raises(InvalidPayload) as refused:
            decode(annotation, value)
        return refused.value

    return refusal
