"""Typed handlers behind a whole server: what is refused at registration, what arrives, what is told."""

from __future__ import annotations

import json
import shlex
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from tests.integration.typed.handlers import handlers

from millhand.v1 import handler_pb2, payload_pb2, task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand.v1.task_service_pb2_grpc import TaskServiceStub
from millhand_server.app.composition import serving
from millhand_server.config.options import ListenOptions, ServeOptions
from millhand_server.rpc.status import DETAILS_KEY

#: Stands in payloads that do not fit; no answer may have it.
SECRET = "s3cr3t"


@pytest.fixture
async def stub() -> AsyncIterator[Any]:
    options = ServeOptions(node="node-1", listen=ListenOptions(port=0))
    async with (
        serving(options, handlers=handlers) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        yield TaskServiceStub(channel)


def spec(handler: str, value: object) -> task_pb2.TaskSpec:
    payload = payload_pb2.Payload()
    if isinstance(value, bytes):
        payload.blob.data = value
    elif isinstance(value, Duration | Timestamp):
        payload.message.Pack(value)
    else:
        json_format.ParseDict({"json": value}, payload)
    return task_pb2.TaskSpec(handler=handler, payload=payload)


def refusal(status: Any) -> tuple[str, list[str]]:
    """Returns the reason and the fields of a status; its text must not have what was sent."""
    assert SECRET not in str(status)
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert any(detail.Unpack(info) for detail in status.details)
    assert any(detail.Unpack(request) for detail in status.details)
    return info.reason, [violation.field for violation in request.field_violations]


async def refused(call: Any) -> tuple[str, list[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    assert SECRET not in str(failed.value.details())
    assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    details = dict(failed.value.trailing_metadata() or ())[DETAILS_KEY]
    return refusal(status_pb2.Status.FromString(details))


FOUR_SECONDS = {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "4s"}
GOOD = spec("order", {"items": [{"name": "nail"}]})
BAD = spec("order", {"items": [{"name": "a"}, {"name": "b"}, {"name": [SECRET]}]})


@pytest.mark.parametrize(
    ("handler", "value", "output"),
    [
        (
            "order",
            {"items": [{"name": "a", "count": 2}, {"name": "b"}]},
            {"json": {"count": 3, "names": ["a", "b"]}},
        ),
        (
            "welcome",
            {"name": "ann", "age": 7, "arrives": "2026-01-02T03:04:05Z"},
            {"json": {"name": "Ann", "age": 7, "arrives": "2026-01-02T03:04:05Z"}},
        ),
        ("seat", {"row": 3}, {"json": {"row": 3}}),
        ("seat", None, {"json": {"row": 1}}),
        (
            "double",
            Duration(seconds=2),
            {"message": FOUR_SECONDS},
        ),
        (
            "double",
            "2s",
            {"message": FOUR_SECONDS},
        ),
        ("reverse", b"ab", {"blob": {"data": "YmE="}}),
    ],
    ids=["dataclass", "model", "TypedDict", "nothing", "message", "message as JSON", "bytes"],
)
async def test_what_fits_arrives_typed_and_its_result_goes_back(
    stub: Any, handler: str, value: object, output: dict[str, object]
) -> None:
    response = await stub.ExecuteTask(pb.ExecuteTaskRequest(task=spec(handler, value)))

    assert response.result.task.status == task_pb2.TASK_STATUS_COMPLETED
    assert json_format.MessageToDict(response.result.output) == output


@pytest.mark.parametrize(
    ("task", "field"),
    [
        (BAD, "task.payload.json.items[2].name"),
        (task_pb2.TaskSpec(handler="order"), "task.payload"),
        (spec("welcome", {"name": "ann", "age": SECRET}), "task.payload.json.age"),
        (spec("seat", {"row": SECRET}), "task.payload.json.row"),
        (spec("double", Timestamp(seconds=1)), "task.payload.message"),
        (spec("double", SECRET), "task.payload.json"),
        (spec("reverse", SECRET), "task.payload.json"),
        (spec("order", SECRET.encode()), "task.payload.blob"),
    ],
    ids=["dataclass", "nothing", "model", "TypedDict", "message", "message as JSON", "bytes", "blob"],
)
async def test_what_does_not_fit_is_refused_when_it_is_registered_or_executed(
    stub: Any, task: task_pb2.TaskSpec, field: str
) -> None:
    registered = await refused(stub.RegisterTask(pb.RegisterTaskRequest(task=task)))
    executed = await refused(stub.ExecuteTask(pb.ExecuteTaskRequest(task=task)))
    listed = await stub.GetTasks(pb.GetTasksRequest())

    assert registered == executed == ("INVALID_PAYLOAD", [field])
    assert not listed.tasks


async def test_an_atomic_batch_is_refused_with_the_faults_of_all_its_tasks(stub: Any) -> None:
    request = pb.RegisterTasksRequest(tasks=[GOOD, BAD, GOOD, spec("welcome", {"name": 7})])

    answer = await refused(stub.RegisterTasks(request))

    assert answer == (
        "INVALID_PAYLOAD",
        [
            "tasks[1].payload.json.items[2].name",
            "tasks[3].payload.json.name",
            "tasks[3].payload.json.age",
        ],
    )
    assert not (await stub.GetTasks(pb.GetTasksRequest())).tasks


async def test_items_of_a_batch_are_refused_by_their_place_in_the_request(stub: Any) -> None:
    tasks = [task_pb2.TaskSpec(handler="order", priority=500), GOOD, BAD]
    request = pb.RegisterTasksRequest(tasks=tasks, mode=pb.REGISTER_MODE_PER_ITEM)

    malformed, good, bad = (await stub.RegisterTasks(request)).results

    assert refusal(malformed.error) == ("INVALID_ARGUMENT", ["tasks[0].priority"])
    assert good.created
    assert refusal(bad.error) == ("INVALID_PAYLOAD", ["tasks[2].payload.json.items[2].name"])


@pytest.mark.parametrize("mode", [pb.REGISTER_MODE_ATOMIC, pb.REGISTER_MODE_PER_ITEM], ids=["atomic", "item"])
async def test_a_session_refuses_what_does_not_fit_and_goes_on(stub: Any, mode: pb.RegisterMode) -> None:
    async def requests() -> AsyncIterator[pb.SessionRequest]:
        for tasks in ([BAD], [GOOD]):
            yield pb.SessionRequest(request_id="r", register=pb.SessionRegister(tasks=tasks, mode=mode))

    answers = [frame async for frame in stub.Session(requests()) if frame.request_id == "r"]

    first = answers[0]
    status = first.error.status if first.HasField("error") else first.registered.results[0].error
    assert refusal(status) == ("INVALID_PAYLOAD", ["tasks[0].payload.json.items[2].name"])
    assert answers[1].registered.results[0].created


async def _catalogue(stub: Any) -> dict[str, handler_pb2.Handler]:
    listed = await stub.ListHandlers(pb.ListHandlersRequest())
    return {one.name: one for one in listed.handlers}


async def test_the_catalogue_has_schemas_message_types_and_defaults(stub: Any) -> None:
    listed = await _catalogue(stub)

    order, double, free = listed["order"], listed["double"], listed["free"]
    assert json_format.MessageToDict(order.input_schema)["required"] == ["items"]
    assert json_format.MessageToDict(order.output_schema)["title"] == "Total"
    assert (order.defaults.queue, order.defaults.retries) == ("orders", 2)
    assert json_format.MessageToDict(listed["welcome"].input_schema)["properties"]["age"]["minimum"] == 0
    assert double.input_type == double.output_type == "google.protobuf.Duration"
    assert not free.HasField("input_schema")
    assert not free.HasField("output_schema")
    assert not free.input_type
    assert not listed["reverse"].HasField("input_schema")


@pytest.mark.parametrize("name", handlers.names())
async def test_the_example_of_every_handler_can_be_pasted(stub: Any, name: str) -> None:
    example = (await _catalogue(stub))[name].example

    words = shlex.split(example)
    request = json_format.ParseDict(json.loads(words[words.index("-d") + 1]), pb.ExecuteTaskRequest())
    response = await stub.ExecuteTask(request)

    assert response.result.task.status == task_pb2.TASK_STATUS_COMPLETED
    assert request.task.HasField("payload") is (name != "free")
