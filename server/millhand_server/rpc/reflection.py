"""Server reflection, so that grpcurl and its like need no proto files."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
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
    servicer = aio.ReflectionServicer(_LISTED)
    return [generic_handler(_SERVICE, servicer, interceptors, calls, name=name) for name in _NAMES]
