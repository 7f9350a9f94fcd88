from __future__ import annotations

import threading

import pytest
from google.protobuf.message import Message

from millhand.v1 import payload_pb2, task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand_server.core.errors import InvalidArgument
from millhand_server.rpc.aside import LARGE_BYTES, aside
from millhand_server.rpc.field_count import MAX_FIELDS, check_fields

_MANY = 2_000_000

#: Bytes that take long to parse for their size.
DENSE: dict[str, tuple[type[Message], bytes]] = {
    "tasks": (pb.RegisterTasksRequest, b"\x0a\x00" * _MANY),
    "ids": (pb.GetTasksRequest, pb.GetTasksRequest(filter={"ids": [""] * _MANY}).SerializeToString()),
    "unknown-numbers": (pb.WaitRequest, b"\xf8\x07\x01" * _MANY),
    "unknown-fixed": (pb.WaitRequest, b"\xfd\x07abcd" * _MANY),
    "groups": (pb.WaitRequest, b"\xfb\x07\xfc\x07" * _MANY),
}


@pytest.mark.parametrize(("kind", "data"), DENSE.values(), ids=DENSE)
def test_a_request_of_very_many_fields_is_refused_before_it_is_parsed(
    kind: type[Message], data: bytes
) -> None:
    with pytest.raises(InvalidArgument, match=f"more than {MAX_FIELDS} fields"):
        check_fields(data, kind.DESCRIPTOR)


def test_a_batch_whose_tasks_set_all_that_they_may_is_taken() -> None:
    task = task_pb2.TaskSpec(handler="h", labels={f"k{number}": "v" for number in range(32)})
    task.retry_policy.non_retryable_reasons.extend(["R"] * 100)
    for field in task.DESCRIPTOR.fields:
        if field.type == field.TYPE_STRING and not field.is_repeated:
            setattr(task, field.name, "x")
        elif field.message_type and not field.is_repeated and field.message_type.name == "Duration":
            getattr(task, field.name).seconds = 1
    batch = pb.RegisterTasksRequest(tasks=[task] * 1_000)

    check_fields(batch.SerializeToString(), batch.DESCRIPTOR)


def test_the_fields_inside_payloads_do_not_count() -> None:
    payload = payload_pb2.Payload()
    for _ in range(MAX_FIELDS):
        payload.json.list_value.values.add(bool_value=True)
    request = pb.RegisterTaskRequest(task=task_pb2.TaskSpec(handler="h", payload=payload))

    check_fields(request.SerializeToString(), request.DESCRIPTOR)


@pytest.mark.parametrize(
    "data",
    [b"\x0a", b"\x0a\x05ab", b"\xff" * 20, b"\x0f", b"\x0a\x01\xff", b"\x08"],
    ids=["no-length", "short", "endless", "wire-type", "inside", "no-number"],
)
def test_what_does_not_parse_is_left_to_the_parser(data: bytes) -> None:
    check_fields(data, pb.GetTasksRequest.DESCRIPTOR)


async def test_only_a_large_look_leaves_the_loop() -> None:
    small = await aside(LARGE_BYTES - 1, threading.get_ident)
    large = await aside(LARGE_BYTES, threading.get_ident)

    assert small == threading.get_ident() != large
