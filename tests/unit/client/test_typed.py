from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest
from google.protobuf import any_pb2

from millhand import Blob, UnexpectedOutput
from millhand.protocol.payloads import decode, encode
from millhand.protocol.typed import converter
from millhand.v1 import payload_pb2, task_pb2


@dataclass
class Line:
    item: str
    count: int = 1


@dataclass
class Order:
    lines: list[Line]
    placed: datetime | None = None


class Size(TypedDict):
    width: int


class Priced(msgspec.Struct, rename="camel"):
    unit_price: float


class Customer(pydantic.BaseModel):
    age: int = pydantic.Field(ge=0)


def read(value: object, kind: Any) -> Any:
    return converter(kind)(encode(value))


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        pytest.param(3, int, 3, id="int"),
        pytest.param(3, float, 3.0, id="an integral float"),
        pytest.param(True, bool, True, id="bool"),
        pytest.param("a", str, "a", id="str"),
        pytest.param([1], list, [1], id="list"),
        pytest.param(b"a", bytes, b"a", id="bytes"),
        pytest.param(Blob(b"a", "image/png"), bytes, b"a", id="bytes of a Blob"),
        pytest.param(b"a", Blob, Blob(b"a"), id="a Blob of bytes"),
        pytest.param({"a": 1}, dict[str, int], {"a": 1}, id="a dict of ints"),
        pytest.param(None, int | None, None, id="None for an optional"),
        pytest.param({"width": 1}, Size, {"width": 1}, id="a TypedDict"),
        pytest.param({"lines": [{"item": "a"}]}, Order, Order([Line("a")]), id="nested dataclasses"),
        pytest.param({"unitPrice": 2}, Priced, Priced(2.0), id="a renamed field"),
        pytest.param([{"age": 1}], list[Customer], [Customer(age=1)], id="a list of models"),
        pytest.param(
            {"fraction": 0.5}, task_pb2.Progress, task_pb2.Progress(fraction=0.5), id="JSON as a message"
        ),
    ],
)
def test_an_output_is_read_as_the_type_asked_for(value: object, kind: Any, expected: object) -> None:
    result = read(value, kind)

    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "kind", "field"),
    [
        pytest.param(True, int, "output", id="a bool is no int"),
        pytest.param(1.5, int, "output", id="a fraction is no int"),
        pytest.param(None, dict, "output", id="nothing is no dict"),
        pytest.param({"a": 1}, bytes, "output", id="JSON is no bytes"),
        pytest.param(b"a", task_pb2.Progress, "output", id="bytes are no message"),
        pytest.param(task_pb2.RetryPolicy(), task_pb2.Progress, "output", id="another message"),
        pytest.param({"fractoin": 1}, task_pb2.Progress, "output", id="a message without that field"),
        pytest.param({"lines": [{"item": 5}]}, Order, "output.lines[0].item", id="a field of a field"),
        pytest.param({"unitPrice": "2"}, Priced, "output.unitPrice", id="text is no number"),
        pytest.param([{"age": -1}], list[Customer], "output[0].age", id="a model's own rule"),
    ],
)
def test_an_output_that_does_not_fit_says_where(value: object, kind: Any, field: str) -> None:
    with pytest.raises(UnexpectedOutput) as raised:
        read(value, kind)

    assert [violation.field for violation in raised.value.violations] == [field]


def test_a_message_whose_bytes_do_not_parse_does_not_fit() -> None:
    packed = any_pb2.Any(
        type_url=f"type.googleapis.com/{task_pb2.Progress.DESCRIPTOR.full_name}", value=b"\xff"
    )

    with pytest.raises(UnexpectedOutput, match="cannot be read as"):
        converter(task_pb2.Progress)(payload_pb2.Payload(message=packed))


@pytest.mark.parametrize("kind", [Line | Order, 7], ids=["ambiguous", "no type at all"])
def test_a_type_that_nothing_can_be_read_as_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError):
        converter(kind)


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        pytest.param(
            Order([Line("a", 2)]), {"lines": [{"item": "a", "count": 2}], "placed": None}, id="dataclasses"
        ),
        pytest.param(Priced(2.5), {"unitPrice": 2.5}, id="a Struct"),
        pytest.param(Customer(age=3), {"age": 3}, id="a model"),
        pytest.param({"who": [Customer(age=3)]}, {"who": [{"age": 3}]}, id="a model inside"),
    ],
)
def test_typed_payloads_are_objects(value: object, sent: object) -> None:
    assert decode(encode(value)) == sent


PROGRAM = """
import sys
sys.modules["{library}"] = None
from dataclasses import dataclass
from millhand import Client

@dataclass
class Point:
    x: int

class Model:
    __pydantic_core_schema__ = None

try:
    Client("127.0.0.1:1").execute("echo", 1, result_type={kind})
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize(("kind", "library"), [("Point", "msgspec"), ("Model", "pydantic")])
def test_a_library_that_is_not_installed_is_named_with_its_extra(kind: str, library: str) -> None:
    command = [sys.executable, "-c", PROGRAM.format(kind=kind, library=library)]

    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    expected = f"result_type {kind} needs {library}, which is not installed: pip install 'millhand[typed]'"
    assert printed.strip() == expected
