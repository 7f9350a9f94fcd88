from __future__ import annotations

import math
from typing import Any

import pytest
from google.protobuf import any_pb2, descriptor_pb2, duration_pb2, struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from millhand.kit import Blob
from millhand.v1 import payload_pb2
from millhand_server.core.errors import InvalidPayload, PayloadTooLarge
from millhand_server.rpc.codec import ProtoCodec

codec = ProtoCodec()

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_json_comes_back_as_it_was(value: Any) -> None:
    decoded = codec.decode(codec.encode(value))

    assert decoded == value


@given(st.binary(), st.text())
def test_a_blob_comes_back_as_it_was(data: bytes, content_type: str) -> None:
    blob = Blob(data=data, content_type=content_type)

    assert codec.decode(codec.encode(blob)) == blob


@pytest.mark.parametrize(
    "value", [b"abc", bytearray(b"abc"), memoryview(b"abc")], ids=["bytes", "array", "view"]
)
def test_bytes_become_a_blob_without_a_type(value: object) -> None:
    assert codec.decode(codec.encode(value)) == Blob(data=b"abc")


@pytest.mark.parametrize(
    ("number", "expected"),
    [(3.0, 3), (2.0**53, 2**53), (-(2.0**53), -(2**53)), (2.0**54, 2.0**54), (0.5, 0.5), (1e300, 1e300)],
    ids=["integral", "largest", "smallest", "beyond", "fraction", "huge"],
)
def test_integral_numbers_become_int_only_as_far_as_a_double_is_exact(
    number: float, expected: object
) -> None:
    sent = payload_pb2.Payload(json=struct_pb2.Value(number_value=number)).SerializeToString()

    decoded = codec.decode(sent)

    assert decoded == expected
    assert type(decoded) is type(expected)


def test_none_is_no_payload_and_json_null_is_none() -> None:
    null = payload_pb2.Payload(json=struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)).SerializeToString()

    assert codec.encode(None) == b""
    assert codec.decode(b"") is None
    assert codec.decode(null) is None


def test_a_message_comes_back_as_its_own_type() -> None:
    duration = duration_pb2.Duration(seconds=5)

    decoded = codec.decode(codec.encode(duration))

    assert decoded == duration
    assert isinstance(decoded, duration_pb2.Duration)


def test_a_packed_message_is_not_packed_twice() -> None:
    packed = any_pb2.Any()
    packed.Pack(duration_pb2.Duration(seconds=5))

    assert codec.decode(codec.encode(packed)) == duration_pb2.Duration(seconds=5)


def test_equal_values_have_equal_bytes_whatever_the_order_of_keys() -> None:
    one, other = {"a": 1, "b": {"x": 1, "y": 2}}, {"b": {"y": 2, "x": 1}, "a": 1}

    assert codec.encode(one) == codec.encode(other)


def _nested(depth: int) -> object:
    value: object = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def _cycle() -> list[object]:
    cycle: list[object] = []
    cycle.append(cycle)
    return cycle


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        (math.nan, "json ", "nan"),
        ({"a": [1, math.inf]}, "json.a[1] ", "inf"),
        ({"n": 2**53 + 1}, "json.n ", "2^53"),
        ({"n": -(2**53) - 1}, "json.n ", "2^53"),
        ({1: 2}, "json ", "keys are strings"),
        ({"a": {"b": {1j}}}, "json.a.b ", "set"),
        ({"a": "\ud800"}, "json.a ", "Unicode"),
        ({"\ud800": 1}, "json ", "Unicode"),
        (object(), "json ", "object"),
        (_nested(25), "json", "deeper"),
        (_cycle(), "json", "deeper"),
    ],
    ids=["nan", "inf", "int", "negative-int", "key", "set", "text", "key-text", "object", "depth", "cycle"],
)
def test_what_json_cannot_hold_is_refused_with_its_path(value: object, path: str, words: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        codec.encode(value)

    assert refused.value.message.startswith(path)
    assert words in refused.value.message


def test_the_deepest_json_allowed_passes() -> None:
    assert codec.decode(codec.encode(_nested(24))) == _nested(24)


@pytest.mark.parametrize(
    "value", [b"x" * 100, Blob(data=b"x" * 100), "x" * 100, {"a": ["x" * 50, "y" * 50]}], ids=repr
)
def test_a_value_over_the_limit_is_too_large(value: object) -> None:
    with pytest.raises(PayloadTooLarge) as refused:
        ProtoCodec(max_bytes=100).encode(value)

    assert refused.value.metadata == {"limit": "100"}


def _unknown_type() -> bytes:
    packed = any_pb2.Any(type_url="type.googleapis.com/nobody.Knows", value=b"")
    return payload_pb2.Payload(message=packed).SerializeToString()


def _broken_message() -> bytes:
    packed = any_pb2.Any(type_url="type.googleapis.com/google.protobuf.Duration", value=b"\xff")
    return payload_pb2.Payload(message=packed).SerializeToString()


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"\xff\xff", "do not parse"),
        (_unknown_type(), "nobody.Knows"),
        (_broken_message(), "do not parse as google.protobuf.Duration"),
        (b"\xa2\x06\x00", "no kind"),
    ],
    ids=["garbage", "unknown-type", "broken-message", "no-kind"],
)
def test_bytes_that_hold_no_value_are_an_invalid_payload(payload: bytes, words: str) -> None:
    with pytest.raises(InvalidPayload, match=words):
        codec.decode(payload)


def test_a_message_without_the_fields_that_it_requires_is_refused_both_ways() -> None:
    incomplete = descriptor_pb2.UninterpretedOption.NamePart(name_part="x")
    packed = any_pb2.Any(
        type_url="x/google.protobuf.UninterpretedOption.NamePart", value=incomplete.SerializePartialToString()
    )

    with pytest.raises(InvalidPayload, match=r"lacks fields that google\.protobuf\."):
        codec.encode(incomplete)
    with pytest.raises(InvalidPayload, match="lacks fields"):
        codec.decode(payload_pb2.Payload(message=packed).SerializeToString())


class Endless(dict[str, Any]):
    """Counts what is taken of it, and gives up after far too much."""

    def __init__(self, item: Any) -> None:
        super().__init__()
        self.item = item
        self.taken = 0

    def items(self) -> Any:
        while self.taken < 100_000:
            self.taken += 1
            yield str(self.taken), self.item


@pytest.mark.parametrize("item", [None, True, 5, "x", [], {}], ids=repr)
def test_json_that_is_far_too_large_is_refused_before_all_of_it_is_copied(item: Any) -> None:
    endless = Endless(item)

    with pytest.raises(PayloadTooLarge, match="max_payload_bytes"):
        ProtoCodec(max_bytes=10_000).encode({"a": [endless]})

    assert endless.taken < 10_000 / 4


@given(JSON)
def test_json_within_the_limit_is_never_found_too_large(value: Any) -> None:
    encoded = codec.encode(value)

    assert ProtoCodec(max_bytes=len(encoded)).encode(value) == encoded
