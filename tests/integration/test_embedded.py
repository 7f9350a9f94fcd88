"""The task manager inside a program, async and blocking."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from millhand.kit import Handlers, TaskContext
from millhand_server.app.embedded import blocking_task_manager, output, payload, task_manager
from millhand_server.core.errors import TaskNotFound
from millhand_server.core.query import EVERYTHING, Page, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, TaskSpec
from millhand_server.engine.acceptance import Caller
from millhand_server.engine.answers import CancelOutcome, EndFrame, ResultFrame
from millhand_server.engine.blocking import BlockingTaskManager
from millhand_server.engine.middleware import CallNext, Operation
from millhand_server.engine.options import ManagerOptions
from millhand_server.engine.reading import ReadRequest

PAGE = Path(__file__).parents[2] / "docs/coming-from-the-go-library.md"

handlers = Handlers()


@handlers.handler("double")
def double(number: int) -> int:
    return 2 * number


@handlers.handler("wait")
def wait(task: TaskContext) -> None:
    task.wait_cancelled(30)
    task.raise_if_cancelled()


def spec(handler: str, value: object = None, **fields: object) -> TaskSpec:
    return TaskSpec(handler=handler, payload=payload(value), **fields)  # type: ignore[arg-type]


async def test_a_manager_runs_tasks_without_a_server() -> None:
    manager = task_manager(handlers)
    await manager.start()

    task = await manager.execute_task(spec("double", 21))

    assert (task.status, output(task.output)) == (TaskStatus.COMPLETED, 42)
    await manager.close()
    await manager.close_store()


def test_the_numbers_of_the_go_library_can_be_had() -> None:
    options = ManagerOptions.with_defaults()

    assert (options.max_tasks, options.tasks_per_second, options.max_retries) == (10, 5.0, 3)
    assert (options.timeout_us, options.retry_delay_us) == (300 * SECOND_US, SECOND_US)
    assert options.max_workers >= 1


def test_every_operation_can_be_called_without_a_loop() -> None:
    seen: list[str] = []

    async def note(call_next: CallNext, operation: Operation, caller: Caller) -> object:
        seen.append(operation.name)
        return await call_next(operation, caller)

    with blocking_task_manager(handlers) as manager:
        manager.register_middleware(note)
        manager.register_task(spec("wait", id="held"))
        manager.register_tasks([spec("double", 1, id="a"), spec("double", 2, id="b")])
        assert manager.wait(TaskFilter(ids=frozenset({"a", "b"}))).done
        assert output(manager.get_task("b").output) == 4
        assert manager.get_tasks(EVERYTHING, Page(limit=10)).total == 3
        assert [task.id for task in manager.get_active_tasks(Page(limit=10)).tasks] == ["held"]
        assert manager.explain_task("held").reasons == ()
        assert manager.cancel_task("held", "enough", wait_us=5 * SECOND_US).outcome is CancelOutcome.STOPPED
        assert sorted(frame.task.id for frame in manager.get_results(EVERYTHING).results) == [
            "a",
            "b",
            "held",
        ]
        streamed = list(manager.stream_results(ReadRequest()))
        assert isinstance(streamed[-1], EndFrame)
        cancelled = [frame for frame in manager.get_cancelled() if isinstance(frame, ResultFrame)]
        assert [frame.task.cancel_reason for frame in cancelled] == ["enough"]
        assert manager.start_workers(2).after == 2
        assert manager.cancel_all(EVERYTHING).counts == {}
        assert manager.cancel_all_and_wait(EVERYTHING, timeout_us=0).still_running == ()
        assert manager.measure() is not None

    assert seen[:3] == ["register_task", "register_tasks", "wait"]


def test_errors_are_raised_where_the_call_was_made() -> None:
    with blocking_task_manager(handlers) as manager, pytest.raises(TaskNotFound):
        manager.get_task("nobody")


def test_a_closed_manager_says_so() -> None:
    manager = blocking_task_manager(handlers)
    manager.close()

    with pytest.raises(RuntimeError, match="closed"):
        manager.get_task("a")
    assert not any(thread.name == "millhand-manager" for thread in threading.enumerate())


def test_a_call_from_the_managers_own_loop_is_refused() -> None:
    refused: list[str] = []

    async def call_back(call_next: CallNext, operation: Operation, caller: Caller) -> object:
        try:
            manager.get_task("a")
        except RuntimeError as error:
            refused.append(str(error))
        return await call_next(operation, caller)

    manager: BlockingTaskManager
    with blocking_task_manager(handlers) as manager:
        manager.register_middleware(call_back)
        manager.execute_task(spec("double", 1))

    assert len(refused) == 1
    assert "wait for itself" in refused[0]


def test_the_pages_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    program = PAGE.read_text().partition("```python\n")[2].partition("```")[0]

    exec(compile(program, str(PAGE), "exec"), {"__name__": "page"})

    assert capsys.readouterr().out == "COMPLETED 42\n"
