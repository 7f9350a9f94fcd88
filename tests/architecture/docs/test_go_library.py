"""The page for those who come from the Go library misses nothing of it, and names what is there."""

import importlib
import inspect
import re
from dataclasses import fields
from typing import Any

import click
import pytest
from tests.architecture.docs import pages

import millhand
from millhand.kit import TaskContext
from millhand.v1 import task_service_pb2
from millhand_server.cli.program import main
from millhand_server.config.settings import SETTINGS
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task
from millhand_server.engine.blocking import BlockingTaskManager
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.options import ManagerOptions
from millhand_server.rpc.status import code_of

PAGE = pages.DOCS / "coming-from-the-go-library.md"

_OPERATIONS = (
    "RegisterTask RegisterTasks StartWorkers Wait Close CancelAllAndWait CancelAll CancelTask GetActiveTasks "
    "StreamResults GetResults GetCancelled GetTask GetTasks ExecuteTask"
)
_ERRORS = (
    "ErrInvalidTaskID ErrInvalidTaskFunc ErrTaskNotFound ErrTaskTimeout ErrTaskCancelled "
    "ErrTaskAlreadyStarted ErrTaskCompleted"
)
_PARAMETERS = "maxWorkers maxTasks tasksPerSecond timeout retryDelay maxRetries"

#: What a name on the page begins with, and where it then has to be.
_HOMES: dict[str, Any] = {
    "TaskManager": TaskManager,
    "BlockingTaskManager": BlockingTaskManager,
    "Client": millhand.Client,
    "Task": Task,
    "TaskContext": TaskContext,
}


@pytest.mark.parametrize(
    ("heading", "expected"),
    [("Operations", _OPERATIONS), ("Errors", _ERRORS), ("Constructor parameters", _PARAMETERS)],
)
def test_nothing_of_the_go_library_is_missing(heading: str, expected: str) -> None:
    assert [row[0] for row in _rows(heading)] == expected.split()


@pytest.mark.parametrize("name", sorted({n for n in pages.names(PAGE) if n.partition(".")[0] in _HOMES}))
def test_a_method_that_the_page_names_exists(name: str) -> None:
    home, _, attribute = name.partition(".")

    assert not attribute or hasattr(_HOMES[home], attribute)


@pytest.mark.parametrize("row", pages.rows(pages.section(PAGE, "Operations")), ids=lambda row: row[0])
def test_an_operation_is_a_method_an_rpc_and_a_method_of_the_client(row: list[str]) -> None:
    _, method, rpc, client, command, _, _ = row

    name = method.strip("`").removeprefix("TaskManager.")
    assert callable(getattr(TaskManager, name))
    assert callable(getattr(BlockingTaskManager, name))
    service = task_service_pb2.DESCRIPTOR.services_by_name["TaskService"]
    assert rpc.strip("`").removeprefix("TaskService/") in service.methods_by_name
    assert callable(getattr(millhand.Client, client.strip("`").removeprefix("Client.")))
    if command:
        assert command.strip("`").removeprefix("millhand ") in main.list_commands(click.Context(main))


@pytest.mark.parametrize("row", pages.rows(pages.section(PAGE, "Errors")), ids=lambda row: row[0])
def test_an_error_has_its_reason_and_code_in_process_and_in_the_client(row: list[str]) -> None:
    _, reason, code, in_process, client, _ = row

    module, _, kind = in_process.strip("`").rpartition(".")
    error = getattr(importlib.import_module(module), kind)
    assert (error.reason, code_of(error.__new__(error)).name) == (reason.strip("`"), code)
    for name in pages.spans(client):
        assert getattr(millhand, name.removeprefix("millhand.")).reason == reason.strip("`")


def test_the_statuses_keep_their_numbers_and_7_is_no_status() -> None:
    listed = {int(number): here.strip("`") for _, number, here, _, _ in _rows("Statuses")}

    assert listed.pop(7) == "reserved"
    assert {number: TaskStatus(number).name for number in listed} == listed
    assert sorted(listed) == [1, 2, 3, 4, 5, 6, 8]


@pytest.mark.parametrize(
    "row", pages.rows(pages.section(PAGE, "Constructor parameters")), ids=lambda row: row[0]
)
def test_a_parameter_is_an_option_and_a_flag(row: list[str]) -> None:
    _, _, option, flag, *_ = row

    assert option.strip("`").removeprefix("ManagerOptions.") in {
        field.name for field in fields(ManagerOptions)
    }
    assert flag.strip("`") in {setting.flag for setting in SETTINGS.values()}


def test_with_defaults_keeps_the_numbers_on_the_page() -> None:
    said = {name: default for name, default, *_ in _rows("Constructor parameters")}
    options = ManagerOptions.with_defaults()

    assert said == {
        "maxWorkers": "number of CPUs",
        "maxTasks": str(options.max_tasks),
        "tasksPerSecond": f"{options.tasks_per_second:g}",
        "timeout": f"{options.timeout_us // 60_000_000} minutes",
        "retryDelay": f"{options.retry_delay_us // 1_000_000} second",
        "maxRetries": str(options.max_retries),
    }


@pytest.mark.parametrize("heading", ["Operations", "Errors", "Statuses", "Constructor parameters", "Others"])
def test_every_row_names_a_test(heading: str) -> None:
    without = [row[0] for row in _rows(heading) if not re.search(r"`tests/\S+::test_\w+`", row[-1])]

    assert without == []


def test_the_facade_for_blocking_code_has_every_operation() -> None:
    operations = {
        name
        for name, member in inspect.getmembers(TaskManager, callable)
        if not name.startswith("_") and name not in ("start", "with_defaults", "is_ready", "close_store")
    }

    missing = {name for name in operations if not hasattr(BlockingTaskManager, name)}
    # For edges: they answer for many callers at once, and read at their own pace.
    assert missing == {"cancel_tasks", "open_reader"}


def _rows(heading: str) -> list[list[str]]:
    return pages.rows(pages.section(PAGE, heading))
