"""Load of CancelTask on tasks that run, one after the other or all at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from tests.bench.load.channels import channel
from tests.bench.load.window import WrongResults, percentiles
from tests.bench.receipts import RECEIVED_KEY

from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand.v1.task_service_pb2_grpc import TaskServiceStub


async def cancel(address: str, running: int, at_once: bool) -> dict[str, float]:
    """Starts tasks on as many workers, cancels them, and tells how long that took the server and callers.

    The server's time goes from a request's arrival, stamped by an interceptor, to the attempt's `end_time`,
    stamped when the handler has returned, by one clock.
    """
    stub: Any = TaskServiceStub(channel(address))
    ids = await _start(stub, running)
    calls = [_cancel(stub, task_id) for task_id in ids]
    cancelled = await asyncio.gather(*calls) if at_once else [await call for call in calls]
    ends = await asyncio.gather(*(_end_us(stub, task_id) for task_id in ids))
    stopped = percentiles(
        [(end - received) / 1e6 for (received, _), end in zip(cancelled, ends, strict=True)]
    )
    return percentiles([took for _, took in cancelled]) | {
        f"stop_{name}": value for name, value in stopped.items()
    }


async def _start(stub: Any, number: int) -> list[str]:
    """Returns the ids of tasks that run, by the server's word. They wait, and do nothing beside."""
    spec = task_pb2.TaskSpec(handler="sleep")
    spec.payload.json.struct_value.fields["seconds"].number_value = 600
    answer = await stub.RegisterTasks(pb.RegisterTasksRequest(tasks=[spec] * number))
    while (await stub.GetActiveTasks(pb.GetActiveTasksRequest())).count < number:
        pass
    return [one.task.id for one in answer.results]


async def _cancel(stub: Any, task_id: str) -> tuple[int, float]:
    """Returns when the server had the request, and how long the caller waited for the answer."""
    request = pb.CancelTaskRequest(id=task_id, wait=Duration(seconds=30))
    began = time.perf_counter()
    call: grpc.aio.UnaryUnaryCall[Any, Any] = stub.CancelTask(request)
    answer = await call
    took = time.perf_counter() - began
    if answer.outcome != pb.CANCEL_OUTCOME_STOPPED:
        raise WrongResults(f"{task_id} was not stopped: {answer}")
    trailing: Any = await call.trailing_metadata()
    return int(dict(trailing)[RECEIVED_KEY]), took


async def _end_us(stub: Any, task_id: str) -> int:
    task = (await stub.GetTask(pb.GetTaskRequest(id=task_id, view=pb.TASK_VIEW_FULL))).task
    if task.status != task_pb2.TASK_STATUS_CANCELLED:
        raise WrongResults(f"{task_id} is not cancelled: {task}")
    [attempt] = task.attempts
    return int(attempt.end_time.ToMicroseconds())
