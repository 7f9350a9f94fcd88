"""How a trace comes to the code of a task: by the metadata of a call, or by the task itself."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from tests.integration.rpc.conftest import SOON_S
from tests.integration.rpc.serving import Running, serving, spec

from millhand.v1 import task_service_pb2 as pb

OWN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


@pytest.mark.parametrize(
    ("own", "sent", "seen"),
    [
        ("", SENT, SENT),
        (OWN, SENT, OWN),
        (OWN, "", OWN),
        ("junk", SENT, SENT),
        ("", "junk", ""),
        ("junk", "00-" + "0" * 32 + "-00f067aa0ba902b7-00", ""),
    ],
    ids=["metadata", "both", "task", "junk in the task", "junk in metadata", "junk in both"],
)
async def test_a_handler_sees_the_trace_of_its_task_or_else_of_the_call(
    own: str, sent: str, seen: str
) -> None:
    async with serving() as server:
        executed = await server.stub.ExecuteTask(
            pb.ExecuteTaskRequest(task=spec("trace", traceparent=own)), metadata=_metadata(sent)
        )
        registered = await server.stub.RegisterTasks(
            pb.RegisterTasksRequest(tasks=[spec("trace", traceparent=own)]), metadata=_metadata(sent)
        )
        later = await _result(server, registered.results[0].task.id)

    assert json_format.MessageToDict(executed.result.output) == {"json": seen}
    assert json_format.MessageToDict(later.output) == {"json": seen}
    assert executed.result.task.traceparent == seen


async def test_the_tasks_of_a_session_have_the_trace_that_it_was_opened_with() -> None:
    async with serving() as server:
        call = server.stub.Session(timeout=SOON_S, metadata=_metadata(SENT))
        tasks = [spec("trace"), spec("trace", traceparent=OWN)]
        await call.write(pb.SessionRequest(register=pb.SessionRegister(tasks=tasks)))
        answer = await call.read()
        call.cancel()

    assert [result.task.traceparent for result in answer.registered.results] == [SENT, OWN]


async def test_another_trace_is_no_other_content() -> None:
    async with serving() as server:
        task = spec("trace", id="t1")
        await server.stub.RegisterTask(pb.RegisterTaskRequest(task=task), metadata=_metadata(SENT))
        again = await server.stub.RegisterTask(pb.RegisterTaskRequest(task=task), metadata=_metadata(OWN))

    assert (again.created, again.task.traceparent) == (False, SENT)


def _metadata(traceparent: str) -> tuple[tuple[str, str], ...]:
    return (("traceparent", traceparent),) if traceparent else ()


async def _result(server: Running, task_id: str) -> Any:
    wanted = pb.StreamResultsRequest(close_on_completion=True)
    wanted.filter.ids.append(task_id)
    async for frame in server.stub.StreamResults(wanted, timeout=SOON_S):
        if frame.HasField("result"):
            return frame.result
    raise AssertionError("the stream ended without the result")
