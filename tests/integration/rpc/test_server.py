from __future__ import annotations

import asyncio
import socket
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2  # type: ignore[import-untyped]
from tests.integration.rpc.conftest import SOON_S, drain, failure
from tests.integration.rpc.serving import Running, serving, spec

from millhand.v1 import task_service_pb2 as pb
from millhand_server.engine.answers import CloseMode
from millhand_server.rpc.server import BindError

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def _health(server: Running) -> Any:
    return health_pb2_grpc.HealthStub(server.channel)


def _asked(service: str = "") -> Any:
    return health_pb2.HealthCheckRequest(service=service)


@pytest.mark.parametrize("service", ["", "millhand.v1.TaskService", "liveness"])
async def test_a_server_that_is_up_is_healthy(service: str) -> None:
    async with serving() as server:
        answer = await _health(server).Check(_asked(service))

    assert answer.status == SERVING


async def test_health_of_an_unknown_service_is_not_found() -> None:
    async with serving() as server:
        error = await failure(_health(server).Check(_asked("nobody")))
        watched = await _health(server).Watch(_asked("nobody"), timeout=SOON_S).read()
        listed = await _health(server).List(health_pb2.HealthListRequest())

    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert watched.status == UNKNOWN
    assert sorted(listed.statuses) == ["", "liveness", "millhand.v1.TaskService"]


async def test_a_server_that_drains_is_alive_and_not_healthy_and_its_watchers_learn_it() -> None:
    async with serving() as server:
        watch = _health(server).Watch(_asked(), timeout=SOON_S)
        first = await watch.read()
        await server.manager.close(CloseMode.NOW)
        await server.rpc.stop(SOON_S)
        rest = await drain(watch)

    assert first.status == SERVING
    assert [answer.status for answer in rest] == [NOT_SERVING]


async def test_liveness_stays_while_the_server_drains() -> None:
    async with serving() as server:
        call = server.execute(pb.ExecuteTaskRequest(task=spec("gated")))
        await call.initial_metadata()
        closing = asyncio.create_task(server.manager.close())
        await server.manager.closing.wait()
        alive = await _health(server).Check(_asked("liveness"))
        server.gate.set()
        await closing

    assert alive.status == SERVING


async def test_health_does_not_answer_unknown_to_garbage() -> None:
    async with serving() as server:
        call: Any = server.channel.unary_unary("/grpc.health.v1.Health/Check")
        error = await failure(call(b"\xff\xff"))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_answers_under_both_names(version: str) -> None:
    async with serving() as server:
        call: Any = server.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        symbol = "millhand.v1.TaskService"
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="google.rpc.ErrorInfo"),
        ]
        listed, described, details = [answer async for answer in call(iter(requests), timeout=SOON_S)]

    assert [service.name for service in listed.list_services_response.service] == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "millhand.v1.TaskService",
    ]
    assert described.file_descriptor_response.file_descriptor_proto
    assert details.file_descriptor_response.file_descriptor_proto


@pytest.mark.parametrize(
    ("symbol", "is_known"),
    [
        ("millhand.v1.TaskService.ExecuteTask", True),
        ("millhand.v1.TaskService.Nothing", False),
        ("millhand.v1.Nothing.ExecuteTask", False),
        ("nothing", False),
    ],
)
async def test_reflection_knows_the_methods_of_services(symbol: str, is_known: bool) -> None:
    async with serving() as server:
        call: Any = server.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        requests = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)]
        [answer] = [answer async for answer in call(iter(requests), timeout=SOON_S)]

    assert answer.HasField("file_descriptor_response") is is_known


async def test_a_port_that_is_taken_is_named_with_the_reason() -> None:
    async with serving() as server:
        host, port = server.address.split(":")
        second = server.another()

        with pytest.raises(BindError) as refused:
            await second.start(host, int(port))

    assert server.address in str(refused.value)
    assert "Address already in use" in str(refused.value)


async def test_a_host_that_is_not_here_is_named_with_the_reason() -> None:
    async with serving() as server:
        second = server.another()

        with pytest.raises(BindError, match=r"cannot listen on 192\.0\.2\.1:0: "):
            await second.start("192.0.2.1", 0)


async def test_examples_of_a_server_on_every_address_can_be_called() -> None:
    async with serving() as server:
        second = server.another()
        address = await second.start("0.0.0.0", 0)
        async with grpc.aio.insecure_channel(address) as channel:
            call: Any = channel.unary_unary("/millhand.v1.TaskService/ListHandlers")
            listed = pb.ListHandlersResponse.FromString(await call(b""))
        await second.stop(0)

    port = address.rpartition(":")[2]
    assert f" localhost:{port} " in listed.handlers[0].example


async def test_stop_returns_when_the_code_of_cancelled_calls_has_ended() -> None:
    async with serving() as server:
        stream = server.stub.StreamResults(pb.StreamResultsRequest(follow=True), timeout=SOON_S)
        await stream.read()
        await server.rpc.stop(0)

        assert len(server.rpc.open_calls) == 0


async def test_nobody_listens_after_stop() -> None:
    async with serving() as server:
        host, port = server.address.split(":")
        await server.manager.close(CloseMode.NOW)
        await server.rpc.stop(0)

        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=SOON_S)
