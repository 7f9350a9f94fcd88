"""Values that JSON has no kind for are sent as msgspec, which servers read them with, would write them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millhand.protocol.payloads import decode, encode
from millhand.protocol.plain import plain

OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
ZONES = st.none() | st.just(UTC) | OFFSETS


class Speed(Enum):
    SLOW = "slow"
    FAST = "fast"


class Size(StrEnum):
    SMALL = "s"


class Step(IntEnum):
    ONE = 1


class Right(IntFlag):
    READ = 1
    WRITE = 2


class Corner(NamedTuple):
    x: int
    y: int


@dataclass(frozen=True)
class Part:
    id: UUID
    price: Decimal


@dataclass
class Parcel:
    day: date
    at: datetime
    clock: time
    length: timedelta
    speed: Speed
    size: Size
    step: Step
    rights: Right
    tags: set[str]
    codes: frozenset[int]
    corner: Corner
    seal: bytes
    part: Part
    note: str | None = None


PARCEL = Parcel(
    date(2026, 1, 2),
    datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=UTC),
    time(3, 4),
    timedelta(days=1, seconds=1.5),
    Speed.FAST,
    Size.SMALL,
    Step.ONE,
    Right.READ | Right.WRITE,
    {"b", "a"},
    frozenset({3}),
    Corner(1, 2),
    b"hi",
    Part(UUID(int=7), Decimal("1.50")),
)


@given(
    st.dates()
    | st.datetimes(timezones=ZONES, allow_imaginary=False)
    | st.times(timezones=ZONES)
    | st.timedeltas()
    | st.uuids()
    | st.decimals()
    | st.binary()
)
def test_a_value_has_the_form_that_msgspec_writes(value: Any) -> None:
    assert plain(value) == msgspec.to_builtins(value)


@pytest.mark.parametrize("seconds", [29, 30, 31, 89, 90, 91, 1_530, 1_531])
@pytest.mark.parametrize("sign", [1, -1], ids=["east", "west"])
def test_offsets_of_odd_seconds_have_the_minutes_that_msgspec_writes(seconds: int, sign: int) -> None:
    value = time(tzinfo=timezone(timedelta(seconds=sign * seconds)))

    assert plain(value) == msgspec.to_builtins(value)


@given(
    st.datetimes(timezones=st.just(UTC))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.binary()
)
def test_a_value_is_read_back_as_what_it_was(value: Any) -> None:
    assert msgspec.convert(plain(value), type(value)) == value


def test_a_dataclass_is_read_back_by_a_servers_types() -> None:
    sent = decode(encode(PARCEL))

    assert msgspec.convert(sent, Parcel) == PARCEL


def test_such_values_need_no_dataclass_around_them() -> None:
    assert decode(encode({"on": date(2026, 1, 2), "speeds": [Speed.SLOW]})) == {
        "on": "2026-01-02",
        "speeds": ["slow"],
    }
    assert decode(encode(Speed.FAST)) == "fast"


def test_a_set_is_the_same_payload_in_every_process() -> None:
    program = (
        "from millhand.protocol.payloads import encode\n"
        "sent = encode({'few': {'a', 'b', 'c'}, 'mixed': {1, 'a', 'b'}})\n"
        "print(sent.SerializeToString(deterministic=True))"
    )

    sent = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(sent) == 1


def test_no_extra_is_needed_to_send_them() -> None:
    program = (
        "import sys\n"
        "sys.modules['msgspec'] = sys.modules['pydantic'] = None\n"
        "from dataclasses import dataclass\n"
        "from datetime import date\n"
        "from millhand.protocol.payloads import decode, encode\n"
        "@dataclass\n"
        "class Day:\n"
        "    on: date\n"
        "print(decode(encode(Day(date(2026, 1, 2)))))"
    )

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert printed.stdout == "{'on': '2026-01-02'}\n"


@pytest.mark.parametrize("value", [1, "a", None, [1], {}, object()], ids=lambda value: type(value).__name__)
def test_what_is_json_already_or_nothing_at_all_is_left_as_it_is(value: object) -> None:
    assert plain(value) is value
