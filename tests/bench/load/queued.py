"""Tasks that wait, as many as wanted, and workers that leave them alone meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import grpc.aio
from tests.bench.load.batches import REGISTER
from tests.bench.load.channels import channel
from tests.bench.load.specs import Specs
from tests.bench.load.window import WrongResults

from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

_BATCH = 1_000
_SERVICE = "/millhand.v1.TaskService"

#: Later than everything that is measured.
_BACKLOG_PRIORITY = 50

A = TypeVar("A")


async def fill(address: str, number: int, wait: bool = False) -> None:
    """Registers tasks; with `wait` returns when all of them have run."""
    specs = Specs(priority=_BACKLOG_PRIORITY)
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel(address).unary_unary(REGISTER)
    left = number
    while left:
        size = min(_BATCH, left)
        _, request = next(specs.batches(size))
        answer = pb.RegisterTasksResponse.FromString(await method(request))
        if any(one.HasField("error") for one in answer.results):
            raise WrongResults(f"tasks were refused: {answer.results[0]}")
        left -= size
    if wait:
        wanted = task_pb2.TaskFilter(correlation_id=specs.run)
        await _ask(address, "Wait", pb.WaitRequest(filter=wanted), pb.WaitResponse.FromString)


async def fill_up(address: str, number: int) -> None:
    """Registers what is missing until `number` tasks wait."""
    wanted = task_pb2.TaskFilter(statuses=[task_pb2.TASK_STATUS_QUEUED])
    request = pb.WaitRequest(filter=wanted)
    request.timeout.SetInParent()
    waiting = await _ask(address, "Wait", request, pb.WaitResponse.FromString)
    await fill(address, max(0, number - sum(one.count for one in waiting.counts)))


async def set_workers(address: str, count: int) -> None:
    """Changes how many workers there are; with none, tasks wait."""
    request = pb.StartWorkersRequest(count=count)
    await _ask(address, "StartWorkers", request, pb.StartWorkersResponse.FromString)


async def _ask(address: str, name: str, request: Any, parse: Callable[[bytes], A]) -> A:
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel(address).unary_unary(
        f"{_SERVICE}/{name}"
    )
    return parse(await method(request.SerializeToString()))
