"""Server reflection, so that grpcurl and its like need no proto files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2  # type: ignore[import-untyped]
from grpc_reflection.v1alpha.reflection import aio  # type: ignore[import-untyped]

from millhand.v1 import task_service_pb2
from millhand_server.rpc.adapter import OpenCalls, generic_handler
from millhand_server.rpc.context import Interceptor

_SERVICE = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]

#: What is listed. Not the v1 name of reflection: it has no descriptor here, and tools would stumble over it.
_LISTED = (
    task_service_pb2.DESCRIPTOR.services_by_name["TaskService"].full_name,
    health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
    _SERVICE.full_name,
)

#: The library serves v1alpha; v1 has the same bytes under another name (grpc#38576).
_NAMES = (_SERVICE.full_name, "grpc.reflection.v1.ServerReflection")


def reflection_handlers(
    interceptors: Sequence[Interceptor], calls: OpenCalls
) -> list[grpc.GenericRpcHandler]:
    """Returns the handlers of both versions."""
    servicer = aio.ReflectionServicer(_LISTED, pool=_Symbols())
    return [generic_handler(_SERVICE, servicer, interceptors, calls, name=name) for name in _NAMES]


class _Symbols:
    """The descriptor pool, which also knows that a method is a symbol of its service's file.

    Python's pool does not, and `grpcurl describe millhand.v1.TaskService.ExecuteTask` asks for it.
    """

    def __init__(self) -> None:
        self._pool = descriptor_pool.Default()

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:
        """Raises KeyError when nothing has that name."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            service, _, method = symbol.rpartition(".")
            self._pool.FindServiceByName(service).methods_by_name[method]
            return self._pool.FindFileContainingSymbol(service)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)
