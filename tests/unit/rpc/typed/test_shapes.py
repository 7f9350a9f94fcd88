"""What the catalogue tells of types: schemas, examples, results."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from tests.unit.rpc.typed import types
from tests.unit.rpc.typed.conftest import codec, typed

from millhand.kit import Blob
from millhand.v1.task_pb2 import TaskSpec
from millhand_server.core.ports import Shape, UnsupportedType

PERSON = types.Person(fullName="a", born=date(2026, 1, 2))
SENT_PERSON = {"fullName": "a", "addresses": [], "born": "2026-01-02"}


def test_a_schema_has_the_fields_the_bounds_and_the_defaults() -> None:
    schema = typed(types.Size).shape.schema

    assert schema == {
        "title": "Size",
        "type": "object",
        "properties": {
            "maxWidth": {"type": "integer", "minimum": 1, "maximum": 100},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2, "default": []},
        },
        "required": ["maxWidth"],
        "additionalProperties": False,
    }


def test_the_schema_of_a_type_that_contains_itself_keeps_its_definition() -> None:
    schema = typed(types.Node).shape.schema

    assert schema is not None
    assert schema["$ref"] == "#/$defs/Node"
    assert schema["$defs"]["Node"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}


@pytest.mark.parametrize(
    "annotation",
    [
        types.Item,
        types.Order,
        types.Moments,
        types.Place,
        types.Size,
        types.Circle | types.Square,
        types.Person,
        types.Household,
        types.Exact,
        types.Node,
        types.Item | None,
        Blob | dict[str, Any],
        bytes,
        Duration,
        TaskSpec,
        list[Duration],
        list[types.Person],
        tuple[int, str],
        Annotated[float, msgspec.Meta(gt=0, lt=1)],
        Annotated[int, msgspec.Meta(gt=9, multiple_of=5)],
        Annotated[list[int], msgspec.Meta(min_length=3)],
        Annotated[str, msgspec.Meta(min_length=20)],
    ],
    ids=str,
)
def test_an_example_made_up_for_a_type_is_one_that_it_takes(annotation: object) -> None:
    kind = typed(annotation)

    example = kind.example()

    assert example
    assert kind.decode(example) is not None


@pytest.mark.parametrize(
    "annotation",
    [types.Picky, Annotated[str, msgspec.Meta(pattern="^[xyz]{7}$")], Duration | Timestamp],
    ids=str,
)
def test_there_is_no_example_where_none_can_be_made_up(annotation: object) -> None:
    assert typed(annotation).example() == b""


@pytest.mark.parametrize(
    ("annotation", "message_type", "schema"),
    [
        (types.Place, "", {"title": "Place", "type": "object"}),
        (types.Address, "", {"title": "Address", "type": "object"}),
        (types.Item | None, "", {"title": "Item", "type": "object"}),
        (list[int], "", {"type": "array", "items": {"type": "integer"}}),
        (Duration, "google.protobuf.Duration", {"type": "string"}),
        (TaskSpec, "millhand.v1.TaskSpec", {"title": "TaskSpec"}),
        (bytes, "", None),
        (Blob, "", None),
        (type(None), "", None),
        (dict[str, Any], "", None),
        (types.Item | types.Order, "", None),
    ],
    ids=str,
)
def test_the_shape_of_a_result_is_told(
    annotation: object, message_type: str, schema: dict[str, Any] | None
) -> None:
    shape = codec.result_shape(annotation)

    assert shape.message_type == message_type
    assert (shape.schema is None) is (schema is None)
    assert (schema or {}).items() <= (shape.schema or {}).items()


@pytest.mark.parametrize("annotation", [complex, list[complex], types.Foreign, types.Dangling], ids=str)
def test_a_result_that_cannot_be_encoded_is_refused(annotation: object) -> None:
    with pytest.raises(UnsupportedType):
        codec.result_shape(annotation)


def test_a_result_that_says_nothing_has_no_shape() -> None:
    assert codec.result_shape(Any) == Shape()


@pytest.mark.parametrize(
    ("result", "sent"),
    [
        (types.Item("a"), {"name": "a", "count": 1}),
        (types.Size(3), {"maxWidth": 3, "tags": []}),
        (types.Circle(1.5), {"type": "Circle", "radius": 1.5}),
        (PERSON, SENT_PERSON),
        (types.Household([PERSON]), {"people": [SENT_PERSON]}),
        ([types.Item("a"), PERSON], [{"name": "a", "count": 1}, SENT_PERSON]),
        ({"at": datetime(2026, 1, 2, tzinfo=UTC)}, {"at": "2026-01-02T00:00:00Z"}),
        ({"id": UUID(int=7), "price": Decimal("1.50")}, {"id": str(UUID(int=7)), "price": "1.50"}),
        ({"colour": types.Colour.RED, "tags": {"a"}}, {"colour": "red", "tags": ["a"]}),
        ({"data": b"hi"}, {"data": "aGk="}),
        ({"took": Duration(seconds=1)}, {"took": "1s"}),
        ((types.Item("a"),), [{"name": "a", "count": 1}]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_result_is_encoded_by_what_it_is(result: object, sent: object) -> None:
    decoded = codec.decode(codec.encode(result))

    assert json.loads(json.dumps(decoded)) == sent
