"""A hundred running tasks are cancelled by a hundred calls. How fast it is, `tests/bench` measures."""

from tests.acceptance.conftest import Serve
from tests.acceptance.hard import programs
from tests.acceptance.hard.processes import Program

from millhand import CancelledTask, CancelOutcome, Client, Progress, task_spec

_COUNT = 100


def test_running_tasks_are_stopped_by_single_cancels_and_each_is_cancelled_once(serve: Serve) -> None:
    server = serve("--store", "memory:", "--max-workers", str(_COUNT))
    ids = [f"sleep-{number}" for number in range(_COUNT)]

    with Client(server.address) as client:
        with client.results(ids=ids, include_progress=True) as reports:
            request = {"seconds": 600, "progress": True}
            client.register_many(task_spec("sleep", request, id=task_id) for task_id in ids)
            running: set[str] = set()
            while len(running) < _COUNT:
                report = next(reports)
                assert isinstance(report, Progress)
                running.add(report.task_id)

        with Program(programs.cancel_each, server.address, ids) as canceller:
            outcomes = [canceller.says() for _ in ids]

        cancelled = list(client.cancelled(follow=False))

    assert outcomes == [CancelOutcome.STOPPED] * _COUNT
    assert all(isinstance(record, CancelledTask) for record in cancelled)
    assert sorted(record.task.id for record in cancelled if isinstance(record, CancelledTask)) == sorted(ids)
