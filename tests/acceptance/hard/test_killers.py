"""Handlers that take their server along, beside innocent ones."""

from __future__ import annotations

from pathlib import Path

import grpc
from tests.acceptance.conftest import PATIENCE_S, Serve, ServerProcess

from millhand import Client
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand.v1.task_service_pb2_grpc import TaskServiceStub

_HANDLERS = """
import os
import time

from millhand import Handlers

handlers = Handlers()


@handlers.handler("kill")
def kill() -> None:
    os._exit(7)


@handlers.handler("work")
def work() -> str:
    time.sleep(0.5)
    return "done"
"""

_KILLERS = ["killer-1", "killer-2"]
_INNOCENT = ["innocent-1", "innocent-2", "innocent-3"]

#: Each killer dies five times, and the first deaths of both may be two.
_MOST_STARTS = 15


def _results(server: ServerProcess, ids: list[str]) -> list[task_pb2.Result] | None:
    """Reads the results of these tasks; None when the server dies before it has all."""
    wanted = task_pb2.TaskFilter(ids=ids)
    request = pb.StreamResultsRequest(filter=wanted, after="0", close_on_completion=True)
    with grpc.insecure_channel(server.address) as channel:
        try:
            frames = list(TaskServiceStub(channel).StreamResults(request, timeout=PATIENCE_S))
        except grpc.RpcError:
            return None
    return [frame.result for frame in frames if frame.HasField("result")]


def test_killers_fail_in_the_end_and_nobody_else_does(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(_HANDLERS)
    store = ("--store", f"sqlite:///{tmp_path}/tasks.db")
    deadly = ("--handlers", "deadly:handlers", "--max-workers", "3", *store)
    prepared = serve(*deadly, cwd=str(tmp_path))
    with Client(prepared.address) as client:
        client.start_workers(0)
        for task_id in _INNOCENT + _KILLERS:
            client.register("work" if task_id in _INNOCENT else "kill", id=task_id)
    prepared.process.kill()
    prepared.process.wait(PATIENCE_S)

    results: list[task_pb2.Result] | None = None
    starts = 0
    while results is None and starts < _MOST_STARTS:
        starts += 1
        server = serve(*deadly, cwd=str(tmp_path))
        results = _results(server, _INNOCENT + _KILLERS)
        if results is None:
            assert server.process.wait(PATIENCE_S) == 7

    assert results is not None, f"{_MOST_STARTS} servers died"
    statuses = {result.task.id: result.task.status for result in results}
    assert statuses == {
        **dict.fromkeys(_INNOCENT, task_pb2.TASK_STATUS_COMPLETED),
        **dict.fromkeys(_KILLERS, task_pb2.TASK_STATUS_FAILED),
    }
