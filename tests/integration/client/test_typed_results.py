"""Results as the type that was asked for, and typed payloads, over both clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

from millhand import UnexpectedOutput
from millhand.v1 import task_pb2

HALF = task_pb2.Progress(fraction=0.5)


@dataclass
class Point:
    x: int
    y: float = 0.5


class Box(TypedDict):
    width: int


class Struct(msgspec.Struct):
    tags: list[str]


class Model(pydantic.BaseModel):
    corner: Point
    name: str


@pytest.mark.parametrize(
    ("payload", "result_type", "expected"),
    [
        pytest.param(Point(1), Point, Point(1, 0.5), id="a dataclass"),
        pytest.param({"width": 3}, Box, {"width": 3}, id="a TypedDict"),
        pytest.param(Struct(["a"]), Struct, Struct(["a"]), id="a Struct"),
        pytest.param(Model(corner=Point(1), name="n"), Model, Model(corner=Point(1), name="n"), id="a model"),
        pytest.param([Point(1), Point(2)], list[Point], [Point(1), Point(2)], id="a list of dataclasses"),
        pytest.param({"a": 1}, dict, {"a": 1}, id="a dict"),
        pytest.param(b"\x00", bytes, b"\x00", id="bytes"),
        pytest.param(HALF, task_pb2.Progress, HALF, id="a protobuf message"),
    ],
)
async def test_a_result_comes_as_the_type_that_was_asked_for(
    client: Any, payload: object, result_type: Any, expected: object
) -> None:
    result = await client.execute("echo", payload, result_type=result_type)

    assert result == expected
    assert type(result) is type(expected)


async def test_an_output_of_another_type_is_an_error_that_names_the_place_and_the_task(client: Any) -> None:
    with pytest.raises(UnexpectedOutput) as raised:
        await client.execute("echo", {"x": "seven"}, result_type=Point, id="t")

    assert [violation.field for violation in raised.value.violations] == ["output.x"]
    assert raised.value.metadata["task_id"] == "t"


async def test_a_type_that_cannot_be_used_is_told_before_anything_is_sent(client: Any) -> None:
    with pytest.raises(TypeError):
        await client.execute("echo", 1, result_type=Point | Struct)

    assert (await client.wait(timeout=0)).counts == {}
