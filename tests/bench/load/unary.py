"""Load of unary calls: as many callers as wanted, each with one call after the other."""

from __future__ import annotations

import asyncio
import time

import grpc.aio
from tests.bench.load.channels import channel
from tests.bench.load.queued import set_workers
from tests.bench.load.specs import Specs, field
from tests.bench.load.window import Window, WrongResults, check_once, percentiles

from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

EXECUTE = "/millhand.v1.TaskService/ExecuteTask"

#: Requests that are made before the clock starts, for each second of the window.
_AHEAD = 8_000


async def call(
    address: str,
    pid: int,
    path: str,
    in_flight: int,
    seconds: float,
    argument_bytes: int | None = None,
    workers: int | None = None,
) -> dict[str, float]:
    """Calls ExecuteTask, or a method that returns its request, with the same requests for both.

    With `argument_bytes` the argument is of that size and not the task. With `workers` there are so many
    from the first call to the last, and none before and after.
    """
    specs = Specs(argument_bytes=argument_bytes)
    ids: list[str] = []
    requests: list[bytes] = []

    def make(number: int) -> None:
        more, spliced = specs.take(number)
        ids.extend(more)
        requests.extend(field(2, spec) for spec in spliced)

    make(in_flight + int(seconds * _AHEAD))
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel(address).unary_unary(path)
    taken = 0
    responses: list[bytes] = []
    took: list[float] = []
    if workers is not None:
        await set_workers(address, workers)
    window = Window(pid)
    end = window.began + seconds

    async def one_caller() -> None:
        nonlocal taken
        while (began := time.perf_counter()) < end:
            if taken == len(requests):
                make(_AHEAD)
            request = requests[taken]
            taken += 1
            responses.append(await method(request))
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(one_caller() for _ in range(in_flight)))
    measured = window.close(len(responses)) | percentiles(took)
    if workers is not None:
        await set_workers(address, 0)
    if path == EXECUTE:
        check_once(ids[:taken], [_completed(response, specs) for response in responses])
    elif sorted(responses) != requests[:taken]:
        raise WrongResults("the echo did not return what it was sent")
    return measured


def _completed(response: bytes, specs: Specs) -> str:
    result = pb.ExecuteTaskResponse.FromString(response).result
    if result.task.status != task_pb2.TASK_STATUS_COMPLETED or result.output != specs.payload:
        raise WrongResults(f"{result.task.id} did not return its payload: {result}")
    return result.task.id
