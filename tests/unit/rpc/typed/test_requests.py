from __future__ import annotations

import contextlib
import math
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import msgspec
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.rpc.typed import types
from tests.unit.rpc.typed.conftest import Decode, Refuse, codec, typed

from millhand.kit import Blob
from millhand_server.core.errors import InvalidPayload
from millhand_server.core.ports import RequestType, UnsupportedType

S = types.SECRET
Width = NewType("Width", int)

ID = "00000000-0000-0000-0000-000000000007"
MOMENTS = {
    "name": "x",
    "at": "2026-01-02T03:04:05Z",
    "clock": "03:04:05",
    "day": "2026-01-02",
    "length": "PT90S",
    "id": ID,
    "price": "1.50",
    "data": "aGk=",
}


@pytest.mark.parametrize(
    ("annotation", "value", "request_"),
    [
        pytest.param(types.Item, {"name": "a"}, types.Item("a"), id="dataclass"),
        pytest.param(types.Item, {"name": "a", "count": 3.0}, types.Item("a", 3), id="integral float"),
        pytest.param(types.Order, {"items": [{"name": "a"}]}, types.Order([types.Item("a")]), id="nested"),
        pytest.param(
            types.Order,
            {"items": [], "colour": "blue", "size": "m"},
            types.Order([], colour=types.Colour.BLUE, size="m"),
            id="enum and literal",
        ),
        pytest.param(
            types.Moments,
            MOMENTS,
            types.Moments(
                "x",
                datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
                time(3, 4, 5),
                date(2026, 1, 2),
                timedelta(seconds=90),
                UUID(ID),
                Decimal("1.50"),
                b"hi",
            ),
            id="what JSON says as strings",
        ),
        pytest.param(types.Place, {"city": "a"}, {"city": "a"}, id="TypedDict"),
        pytest.param(types.Size, {"maxWidth": 3}, types.Size(3), id="Struct"),
        pytest.param(
            types.Circle | types.Square, {"type": "Square", "side": 2}, types.Square(2.0), id="tagged"
        ),
        pytest.param(
            types.Person,
            {"fullName": "a", "born": "2026-01-02"},
            types.Person(fullName="a", born=date(2026, 1, 2)),
            id="model",
        ),
        pytest.param(
            types.Exact,
            {"count": 3.0, "at": "2026-01-02T03:04:05Z"},
            types.Exact(count=3, at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
            id="strict model",
        ),
        pytest.param(
            types.Household,
            {"people": [{"fullName": "a"}]},
            types.Household([types.Person(fullName="a")]),
            id="dataclass of models",
        ),
        pytest.param(list[types.Item], [{"name": "a"}], [types.Item("a")], id="list"),
        pytest.param(dict[str, types.Person], {"x": {"fullName": "a"}}, None, id="dict of models"),
        pytest.param(dict[int, str], {"7": "a"}, {7: "a"}, id="dict with integer keys"),
        pytest.param(list[object], [1, "a", None], [1, "a", None], id="list of anything"),
        pytest.param(Width, 3, 3, id="NewType"),
        pytest.param(float, 3, 3.0, id="float"),
        pytest.param(types.Item | None, None, None, id="optional, nothing sent"),
        pytest.param(types.Item | None, {"name": "a"}, types.Item("a"), id="optional, sent"),
        pytest.param(types.Item | str, "a", "a", id="union"),
        pytest.param(bytes, b"abc", b"abc", id="bytes"),
        pytest.param(Blob, Blob(b"abc", "text/plain"), Blob(b"abc", "text/plain"), id="Blob"),
        pytest.param(Blob | dict[str, Any], {"path": "a"}, {"path": "a"}, id="Blob or an object"),
        pytest.param(bytes | types.Item, b"abc", b"abc", id="bytes or a dataclass"),
        pytest.param(Duration, Duration(seconds=1), Duration(seconds=1), id="message"),
        pytest.param(Duration, "1.5s", Duration(seconds=1, nanos=500_000_000), id="message as JSON"),
        pytest.param(Duration | Timestamp, Timestamp(seconds=1), Timestamp(seconds=1), id="messages"),
        pytest.param(list[Duration], ["1s"], [Duration(seconds=1)], id="list of messages"),
        pytest.param(Duration | types.Item | None, {"name": "a"}, types.Item("a"), id="message or dataclass"),
    ],
)
def test_a_payload_that_fits_arrives_as_the_annotation_says(
    decode: Decode, annotation: object, value: object, request_: object
) -> None:
    decoded = decode(annotation, value)

    if request_ is None and value is not None:
        request_ = {"x": types.Person(fullName="a")}
    assert decoded == request_
    assert type(decoded) is type(request_)


@pytest.mark.parametrize(
    ("annotation", "value", "fields"),
    [
        pytest.param(types.Item, {"name": 7}, ["json.name"], id="type"),
        pytest.param(types.Item, {}, ["json.name"], id="missing"),
        pytest.param(types.Item, {"name": "a", "count": 1.5}, ["json.count"], id="fraction"),
        pytest.param(types.Item, {"name": "a", "count": S}, ["json.count"], id="text for a number"),
        pytest.param(types.Item, {"name": "a", "count": "3"}, ["json.count"], id="number in a string"),
        pytest.param(types.Item, [S], ["json"], id="array for an object"),
        pytest.param(
            types.Order, {"items": [{"name": "a"}, {"count": 1}]}, ["json.items[1].name"], id="in a list"
        ),
        pytest.param(types.Order, {"items": [], "colour": S}, ["json.colour"], id="enum"),
        pytest.param(types.Order, {"items": [], "size": S}, ["json.size"], id="literal"),
        pytest.param(
            types.Order,
            {"items": [], "prices": {f"p{i}": i if i != 41 else S for i in range(100)}},
            ["json.prices.p41"],
            id="in a dict",
        ),
        pytest.param(
            types.Order,
            {"items": [], "parts": {"a": {"b": {"name": "x"}}, "c": {"d": {"name": "x", "count": S}}}},
            ["json.parts.c.d.count"],
            id="in a dict of dicts",
        ),
        pytest.param(dict[int, str], {S: "a"}, ["json"], id="key"),
        pytest.param(types.Moments, MOMENTS | {"at": S}, ["json.at"], id="datetime"),
        pytest.param(types.Moments, MOMENTS | {"id": S}, ["json.id"], id="UUID"),
        pytest.param(types.Moments, MOMENTS | {"price": S}, ["json.price"], id="Decimal"),
        pytest.param(types.Moments, MOMENTS | {"data": "%" + S}, ["json.data"], id="base64"),
        pytest.param(types.Picky, {"word": S}, ["json"], id="the type's own refusal"),
        pytest.param(
            list[types.Picky], [{"word": "good"}, {"word": S}], ["json[1]"], id="the same in a list"
        ),
        pytest.param(types.Broken, {"word": S}, ["json"], id="the type's own fault"),
        pytest.param(types.Place, {"city": "a", "street": 7}, ["json.street"], id="TypedDict"),
        pytest.param(types.Size, {"maxWidth": 101}, ["json.maxWidth"], id="bound"),
        pytest.param(types.Size, {"maxWidth": 1, "tags": [S] * 3}, ["json.tags"], id="length"),
        pytest.param(types.Size, {"maxWidth": 1, "max_width": 1}, ["json.max_width"], id="unknown field"),
        pytest.param(types.Circle | types.Square, {"type": S}, ["json.type"], id="tag"),
        pytest.param(
            types.Person,
            {"addresses": [{"city": "a", "number": 0}, {"number": S}], "x": 1},
            [
                "json.addresses[0].number",
                "json.addresses[1].city",
                "json.addresses[1].number",
                "json.fullName",
                "json.x",
            ],
            id="all faults of a model",
        ),
        pytest.param(types.Person, {"fullName": S}, ["json.fullName"], id="a model's own refusal"),
        pytest.param(types.Address, {"city": "a", "number": 1, "id": S}, ["json.id"], id="a model's UUID"),
        pytest.param(types.Exact, {"count": "3"}, ["json.count"], id="strict model"),
        pytest.param(
            types.Household,
            {"people": [{"fullName": "a"}, {"fullName": 7}]},
            ["json.people[1].fullName"],
            id="dataclass of models",
        ),
        pytest.param(types.Address | types.Item, {"name": 7, "city": 7}, None, id="models and others"),
        pytest.param(types.Item, None, [""], id="nothing sent"),
        pytest.param(types.Item, b"abc", ["blob"], id="a blob for JSON"),
        pytest.param(types.Item, Duration(seconds=1), ["message"], id="a message for JSON"),
        pytest.param(bytes, S, ["json"], id="JSON for bytes"),
        pytest.param(bytes, None, [""], id="nothing for bytes"),
        pytest.param(Blob | dict[str, Any], [S], ["json"], id="an array for an object or a blob"),
        pytest.param(Duration, Timestamp(seconds=1), ["message"], id="a message of another type"),
        pytest.param(Duration, S, ["json"], id="JSON for another message"),
        pytest.param(Duration | Timestamp, S, ["json"], id="JSON for one of two messages"),
        pytest.param(list[Duration], ["1s", S], ["json[1]"], id="list of messages"),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_by_the_paths_of_its_faults_and_never_quoted(
    refuse: Refuse, annotation: object, value: object, fields: list[str] | None
) -> None:
    error = refuse(annotation, value)

    assert sorted({violation.field for violation in error.violations}) == sorted(
        fields or ["json.city", "json.name", "json.number"]
    )
    said = [error.message, *(violation.description for violation in error.violations)]
    assert not [text for text in said if S in text]


@pytest.mark.parametrize(
    ("annotation", "value", "sentence"),
    [
        (types.Item, {"name": 7}, "json.name must be `str`, not `int`"),
        (types.Item, {}, "json.name is missing"),
        (types.Item, None, "it is missing; the handler takes JSON"),
        (types.Size, {"maxWidth": 1, "x": 1}, "json.x is no field of the request"),
        (types.Size, {"maxWidth": 0}, "json.maxWidth must be `int` >= 1"),
        (types.Moments, MOMENTS | {"id": "x"}, "json.id is no valid UUID"),
        (types.Order, {"items": [], "colour": S}, 'json.colour must be one of "blue", "red"'),
        (types.Order, {"items": [], "size": S}, 'json.size must be one of "m", "s"'),
        (types.Colour, S, 'json must be one of "blue", "red"'),
        (types.Circle | types.Square, {"type": S}, 'json.type must be one of "Circle", "Square"'),
        (dict[str, list[types.Colour | None]], {"a": ["red", S]}, 'json.a[1] must be one of "blue", "red"'),
        (Literal["on"], S, 'json must be "on"'),
        (types.Many, 12, "json must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, or 2 more"),
        (types.Painted, {"colour": S}, "json.colour must be 'red' or 'blue'"),
        (types.Drawing, {"shape": {"kind": S}}, "json.shape must have 'kind' as one of 'line', 'dot'"),
        (types.Picky, {"word": "bad"}, "json is refused by the handler's type (ValueError)"),
        (types.Address, {"city": "a", "number": 0}, "json.number must be greater than 0"),
        (types.Person, {}, "json.fullName is missing"),
        (types.Address, {}, "json.city is missing (and 1 more)"),
        (Duration, 7, "json is no google.protobuf.Duration in JSON"),
        (
            Blob | dict[str, Any] | None,
            Duration(),
            "message is not taken; the handler takes JSON or a blob or nothing",
        ),
        (
            Duration,
            b"",
            "blob is not taken; the handler takes a message google.protobuf.Duration, or its JSON",
        ),
    ],
)
def test_the_sentence_says_what_is_wrong(
    refuse: Refuse, annotation: object, value: object, sentence: str
) -> None:
    assert refuse(annotation, value).message == sentence


@pytest.mark.parametrize(
    "annotation",
    [Any, object, dict, dict[str, Any], dict[str, object], dict[str, Any] | None, Any | None],
    ids=str,
)
def test_an_annotation_that_says_nothing_of_the_payload_costs_nothing(annotation: object) -> None:
    assert codec.request_type(annotation) is None


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        pytest.param(complex, "complex has no form in JSON", id="complex"),
        pytest.param(types.Foreign, "complex has no form in JSON", id="within a dataclass"),
        pytest.param(types.Item | types.Order, "more than one dataclass", id="two dataclasses"),
        pytest.param(types.Mixed, "pydantic refuses it", id="a model within a Struct"),
        pytest.param(types.Dangling, "'Nowhere' is not defined", id="a name that is nowhere"),
        pytest.param(bytes | Blob, "name one of them", id="bytes and Blob"),
        pytest.param(Message, "name the message type", id="any message"),
        pytest.param(Annotated[complex, "remark"], "complex has no form", id="annotated"),
    ],
)
def test_a_type_that_payloads_cannot_be_checked_against_is_refused(annotation: object, words: str) -> None:
    with pytest.raises(UnsupportedType, match=words):
        codec.request_type(annotation)


def test_bytes_that_are_no_payload_are_refused() -> None:
    with pytest.raises(InvalidPayload, match="do not parse"):
        typed(types.Item).decode(b"\xff\xff")


def test_a_model_is_not_told_of_thousands_of_faults_one_by_one(refuse: Refuse) -> None:
    error = refuse(list[types.Address], [7] * 2_000)

    assert [violation.description for violation in error.violations] == ["does not fit in 2000 places"]


KEYS = st.sampled_from(["name", "count", "items", "prices", "parts", "fullName", "", "a.b", "[...]"])
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(width=16) | st.text(max_size=5)
JSON = st.recursive(
    LEAVES.filter(lambda leaf: not isinstance(leaf, float) or math.isfinite(leaf)),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(KEYS, children, max_size=4),
    max_leaves=10,
)

#: Made once: making a type takes longer than using it a hundred times.
KINDS = [typed(kind) for kind in (types.Order, types.Person, types.Node, dict[str, types.Item])]


@pytest.mark.parametrize("kind", KINDS, ids=["Order", "Person", "Node", "dict"])
@settings(deadline=None)
@given(value=JSON)
def test_whatever_is_sent_is_taken_or_refused(kind: RequestType, value: object) -> None:
    with contextlib.suppress(InvalidPayload):
        kind.decode(codec.encode(value))


def test_pydantic_is_imported_only_for_an_annotation_that_has_a_model() -> None:
    program = (
        "import sys, dataclasses\n"
        "from millhand_server.rpc.codec import ProtoCodec\n"
        "Item = dataclasses.make_dataclass('Item', [('name', str)])\n"
        "kind = ProtoCodec().request_type(Item)\n"
        "print(ProtoCodec().decode(ProtoCodec().encode([Item('a')])), 'pydantic' in sys.modules)\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)

    assert ended.stdout == "[{'name': 'a'}] False\n"


def test_a_struct_is_checked_as_strictly_as_it_asks(decode: Decode) -> None:
    # Unknown fields are ignored where the type does not forbid them, as its library does.
    assert decode(types.Item, {"name": "a", "colour": "red"}) == types.Item("a")
    assert decode(types.Circle, {"type": "Circle", "radius": 1, "x": 1}) == types.Circle(1.0)
    assert isinstance(decode(types.Circle, {"type": "Circle", "radius": 1}), msgspec.Struct)
