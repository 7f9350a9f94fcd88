"""Typed handlers, one of each kind, as a user would write them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

import msgspec
import pydantic
from google.protobuf.duration_pb2 import Duration

from millhand import Handlers

handlers = Handlers()


@dataclass
class Item:
    name: str
    count: int = 1


@dataclass
class Order:
    items: list[Item]
    prices: dict[str, int] = field(default_factory=dict)


class Total(msgspec.Struct):
    count: int
    names: list[str]


class Guest(pydantic.BaseModel):
    name: str
    age: int = pydantic.Field(ge=0)
    arrives: datetime | None = None


class Seat(TypedDict):
    row: int


@handlers.handler("order", queue="orders", retries=2)
def order(request: Order) -> Total:
    """Adds up."""
    return Total(sum(item.count for item in request.items), [item.name for item in request.items])


@handlers.handler("welcome")
async def welcome(request: Guest) -> Guest:
    return request.model_copy(update={"name": request.name.title()})


@handlers.handler("seat", example={"row": 7})
def seat(request: Seat | None) -> Seat:
    return request or {"row": 1}


@handlers.handler("double")
def double(request: Duration) -> Duration:
    return Duration(seconds=2 * request.seconds)


@handlers.handler("reverse")
def reverse(request: bytes) -> bytes:
    return request[::-1]


@handlers.handler("free")
def free(request: object) -> object:
    return request
