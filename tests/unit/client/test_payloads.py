from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import any_pb2, struct_pb2, timestamp_pb2
from hypothesis import given
from hypothesis import strategies as st

from millhand import errors
from millhand.kit import Blob
from millhand.protocol.payloads import MAX_INTEGER, decode, encode
from millhand.v1 import payload_pb2

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = (
    st.none()
    | st.booleans()
    | TEXT
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


@given(JSON)
def test_json_comes_back_as_it_was_sent(value: Any) -> None:
    sent = payload_pb2.Payload.FromString(encode(value).SerializeToString())

    assert decode(sent) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(3, 3, id="an int"),
        pytest.param(3.0, 3, id="an integral float"),
        pytest.param(float(MAX_INTEGER), MAX_INTEGER, id="the largest exact one"),
        pytest.param(1e300, 1e300, id="beyond it"),
        pytest.param(0.5, 0.5, id="a fraction"),
    ],
)
def test_integral_numbers_come_back_as_int(value: float, expected: float) -> None:
    decoded = decode(encode(value))

    assert decoded == expected
    assert type(decoded) is type(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(b"\x00\x01", b"\x00\x01", id="bytes"),
        pytest.param(bytearray(b"ab"), b"ab", id="bytearray"),
        pytest.param(memoryview(b"ab"), b"ab", id="memoryview"),
        pytest.param(b"", b"", id="no bytes"),
        pytest.param(Blob(b"png", "image/png"), Blob(b"png", "image/png"), id="a blob with a type"),
        pytest.param((1, 2), [1, 2], id="a tuple"),
        pytest.param({}, {}, id="an empty object"),
        pytest.param([], [], id="an empty list"),
        pytest.param(struct_pb2.Value(string_value="x"), "x", id="a Value"),
        pytest.param(
            timestamp_pb2.Timestamp(seconds=5), timestamp_pb2.Timestamp(seconds=5), id="a protobuf message"
        ),
    ],
)
def test_other_kinds_keep_what_they_are(value: Any, expected: Any) -> None:
    decoded = decode(payload_pb2.Payload.FromString(encode(value).SerializeToString()))

    assert decoded == expected
    assert type(decoded) is type(expected)


def test_a_message_of_an_unknown_type_stays_packed() -> None:
    packed = any_pb2.Any(type_url="type.googleapis.com/nobody.Knows", value=b"\x08\x01")

    assert decode(encode(packed)) == packed


def test_an_empty_payload_is_none() -> None:
    assert decode(payload_pb2.Payload()) is None


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "path", "says"),
    [
        pytest.param({"a": [1, float("nan")]}, "payload.a[1]", "JSON has no nan", id="NaN"),
        pytest.param(float("-inf"), "payload", "JSON has no -inf", id="infinity"),
        pytest.param({"n": MAX_INTEGER + 1}, "payload.n", r"2\^53.*a string or a protobuf", id="2^53 + 1"),
        pytest.param(-(10**400), "payload", r"beyond 2\^53", id="larger than any double"),
        pytest.param({1: 2}, "payload", "the key 1 is not a string", id="a key"),
        pytest.param({"d": 1j}, "payload.d", "a complex is neither JSON nor", id="a type"),
        pytest.param([Blob(b"")], "payload[0]", "a Blob is a payload of its own", id="a blob inside"),
        pytest.param({"d": {1j, 2}}, "payload.d[0]", "a complex is neither JSON nor", id="a type in a set"),
        pytest.param(["\ud800"], "payload[0]", "not valid Unicode", id="half a surrogate"),
        pytest.param({"\ud800": 1}, "payload", "not valid Unicode", id="half a surrogate as key"),
        pytest.param(CYCLE, None, "contains itself", id="a cycle"),
    ],
)
def test_what_would_change_on_the_way_is_refused_with_its_path(
    value: Any, path: str | None, says: str
) -> None:
    with pytest.raises(errors.InvalidPayload, match=says) as raised:
        encode(value)

    assert isinstance(raised.value, ValueError)
    assert path is None or [v.field for v in raised.value.violations] == [path]
