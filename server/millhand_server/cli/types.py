"""Protobuf message types and their JSON: those this program has loaded, else the server's, by reflection."""

from __future__ import annotations

import base64
from functools import cached_property
from typing import Any

import grpc
from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

#: The largest integer up to which a double holds every integer.
_MAX_INTEGER = 2**53


class Types:
    """Finds message types. The server is asked only for one that is not known here."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def find(self, name: str) -> Descriptor | None:
        """Returns the type of that full name; None if neither side knows it."""
        for pool in (descriptor_pool.Default(), self._servers):
            if pool is not None:
                try:
                    return pool.FindMessageTypeByName(name)
                except (KeyError, TypeError, grpc.RpcError):
                    # TypeError is how the C implementation passes on what the database raised.
                    continue
        return None

    def to_dict(self, message: Message) -> dict[str, Any]:
        """Returns a message as grpcurl prints it; as base64 if it holds a type that nobody knows."""
        for pool in (None, self._servers):
            try:
                fields: dict[str, Any] = json_format.MessageToDict(
                    message, preserving_proto_field_name=True, descriptor_pool=pool
                )
                return {name: _plain(value) for name, value in fields.items()}
            except (TypeError, KeyError, grpc.RpcError):
                continue
        return {"undecoded": base64.b64encode(message.SerializeToString()).decode("ascii")}

    @cached_property
    def _servers(self) -> DescriptorPool | None:
        try:
            # The package has neither stubs nor a py.typed marker.
            from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (  # type: ignore[import-untyped]
                ProtoReflectionDescriptorDatabase,
            )
        except ImportError:
            # Part of the server's extra: without it there are the types of this program alone.
            return None
        return DescriptorPool(ProtoReflectionDescriptorDatabase(self._channel))


def _plain(value: Any) -> Any:
    """Writes 1.0 as 1, as grpcurl does: JSON has one kind of number."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _MAX_INTEGER else value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
