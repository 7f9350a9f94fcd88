"""Types that handlers of the tests take, one of each kind."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Literal, NotRequired, TypedDict
from uuid import UUID

import msgspec
import pydantic

#: Stands in the values of payloads that do not fit; no text about them may have it.
SECRET = "s3cr3t"


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


Many = Literal[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


class Painted(pydantic.BaseModel):
    colour: Colour


class Line(pydantic.BaseModel):
    kind: Literal["line"]


class Dot(pydantic.BaseModel):
    kind: Literal["dot"]


class Drawing(pydantic.BaseModel):
    shape: Line | Dot = pydantic.Field(discriminator="kind")


@dataclass
class Item:
    name: str
    count: int = 1


@dataclass
class Order:
    items: list[Item]
    prices: dict[str, int] = field(default_factory=dict)
    parts: dict[str, dict[str, Item]] = field(default_factory=dict)
    colour: Colour = Colour.RED
    size: Literal["s", "m"] = "s"


@dataclass
class Moments:
    name: str
    at: datetime
    clock: time
    day: date
    length: timedelta
    id: UUID
    price: Decimal
    data: bytes


@dataclass
class Picky:
    """Refuses in its own code, with a text that quotes."""

    word: str

    def __post_init__(self) -> None:
        if self.word != "good":
            raise ValueError(f"{self.word} is not good")


@dataclass
class Broken:
    """Has a fault in its own code."""

    word: str

    def __post_init__(self) -> None:
        raise KeyError(self.word)


class Place(TypedDict):
    city: str
    street: NotRequired[str]


class Size(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    max_width: Annotated[int, msgspec.Meta(ge=1, le=100)]
    tags: Annotated[list[str], msgspec.Meta(max_length=2)] = []


class Circle(msgspec.Struct, tag=True):
    radius: float


class Square(msgspec.Struct, tag=True):
    side: float


class Address(pydantic.BaseModel):
    city: str
    number: int = pydantic.Field(gt=0)
    id: UUID | None = None


class Person(pydantic.BaseModel, extra="forbid"):
    name: str = pydantic.Field(alias="fullName")
    addresses: list[Address] = []
    born: date | None = None

    @pydantic.field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if name.startswith(SECRET):
            raise ValueError(f"{name} is no name")
        return name


class Exact(pydantic.BaseModel, strict=True):
    count: int
    at: datetime | None = None


@dataclass
class Household:
    """A dataclass that holds models."""

    people: list[Person]


@dataclass
class Node:
    value: int
    children: list[Node] = field(default_factory=list)


@dataclass
class Foreign:
    """Holds what is no JSON."""

    number: complex


class Mixed(msgspec.Struct):
    """Holds what neither library checks together with the rest."""

    person: Person


@dataclass
class Dangling:
    """Names a type that is nowhere."""

    other: Nowhere  # type: ignore[name-defined]  # noqa: F821
