"""How long from a cancel's receipt to the end of the code that runs: `python -m tests.bench.cancel_latency`.

100 `sleep` tasks run on 100 workers and are cancelled by single CancelTask calls from another process, one
after the other and all at once. The server's figure goes from the request's arrival, stamped by an
interceptor, to the attempt's `end_time`, stamped when the handler has returned, by one clock. The caller's is
the whole call with `wait`, in which the server's is contained.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from tests.acceptance.conftest import ServerProcess
from tests.acceptance.hard.processes import Program
from tests.bench.figures import Figures, figures, report
from tests.bench.receipts import RECEIVED_KEY

from millhand import CancelledTask, Client, task_spec
from millhand.v1 import task_service_pb2 as pb
from millhand.v1.task_service_pb2_grpc import TaskServiceStub

_TASKS = 100


def main() -> None:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="rounds of 100 tasks each, for each way")
    rounds: int = parser.parse_args().rounds
    server = ServerProcess(
        *("--port", "0", "--store", "memory:", "--max-workers", str(_TASKS)),
        *("--interceptor", "tests.bench.receipts:stamp"),
    )
    rows: dict[str, Figures] = {}
    try:
        with Client(server.address) as client:
            for name, program in (("one by one", cancel_in_turn), ("all at once", cancel_at_once)):
                cancels: dict[str, Cancel] = {}
                for number in range(rounds):
                    ids = _start(client, f"{name}-{number}")
                    with Program(program, server.address, ids) as canceller:
                        cancels.update(zip(ids, [canceller.says() for _ in ids], strict=True))
                stops = [_end_us(client, task_id) - cancel.received_us for task_id, cancel in cancels.items()]
                rows[f"{name}: receipt to end of code"] = figures([us / 1e6 for us in stops])
                rows[f"{name}: the caller's whole call"] = figures([c.call_s for c in cancels.values()])
            _check_cancelled_once(client, 2 * rounds * _TASKS)
    finally:
        server.process.kill()
        server.ended()
    report("cancelling 100 running tasks", rows)


@dataclass(frozen=True)
class Cancel:
    """One call of CancelTask: when the server saw it, and how long it took its caller."""

    received_us: int
    call_s: float


def cancel_in_turn(address: str, ids: Sequence[str], said: Connection) -> None:
    """Cancels one by one, and says the Cancel of each."""
    with grpc.insecure_channel(address) as channel:
        for cancel in map(_canceller(channel), ids):
            said.send(cancel)


def cancel_at_once(address: str, ids: Sequence[str], said: Connection) -> None:
    """Cancels from as many threads as there are tasks, and says the same."""
    with grpc.insecure_channel(address) as channel, ThreadPoolExecutor(len(ids)) as callers:
        for cancel in callers.map(_canceller(channel), ids):
            said.send(cancel)


def _canceller(channel: grpc.Channel) -> Callable[[str], Cancel]:
    stub = TaskServiceStub(channel)
    # The connection is there before the first call is timed.
    stub.GetServerInfo(pb.GetServerInfoRequest())

    def cancel(task_id: str) -> Cancel:
        request = pb.CancelTaskRequest(id=task_id, wait=Duration(seconds=30))
        began = time.perf_counter()
        answer, call = stub.CancelTask.with_call(request)
        took = time.perf_counter() - began
        assert answer.outcome == pb.CANCEL_OUTCOME_STOPPED
        trailing: Any = call.trailing_metadata()
        return Cancel(int(dict(trailing)[RECEIVED_KEY]), took)

    return cancel


def _start(client: Client, name: str) -> list[str]:
    """Returns the ids of 100 tasks that run, by the server's word. They wait, and do nothing beside."""
    ids = [f"{name}-{number}" for number in range(_TASKS)]
    client.register_many(task_spec("sleep", {"seconds": 600}, id=task_id) for task_id in ids)
    while len([*client.active()]) < _TASKS:
        time.sleep(0.01)
    return ids


def _end_us(client: Client, task_id: str) -> int:
    [attempt] = client.get(task_id).attempts
    return attempt.end_time.ToMicroseconds()


def _check_cancelled_once(client: Client, count: int) -> None:
    records = [record for record in client.cancelled(follow=False) if isinstance(record, CancelledTask)]
    assert len(records) == len({record.task.id for record in records}) == count


if __name__ == "__main__":
    main()
