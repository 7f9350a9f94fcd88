from datetime import UTC, datetime

import pytest

from millhand import Result, TaskStatus
from millhand.v1 import payload_pb2, task_pb2
from millhand_server.cli.printing import brief
from millhand_server.cli.result_sheet import Columns
from millhand_server.cli.types import Types


class _NoTypes(Types):
    def __init__(self) -> None:
        """Asks no server."""


def _result(status: TaskStatus, output: str = "") -> Result:
    task = task_pb2.Task(id="t" * 36, handler="echo", status=task_pb2.TaskStatus.Name(status.value))
    task.complete_time.FromDatetime(datetime(2026, 11, 24, 18, 0, 0, 999_999, UTC))
    message = task_pb2.Result(task=task)
    if output:
        message.output.json.string_value = output
    return Result(message)


@pytest.mark.parametrize("status", [status for status in TaskStatus if status.final], ids=lambda s: s.name)
def test_every_status_keeps_the_columns_below_their_headings(status: TaskStatus) -> None:
    columns = Columns(_NoTypes(), width=None)

    line = columns.of(_result(status))

    assert line.index("t" * 36) == columns.heading.index("ID")
    assert line.index("echo") == columns.heading.index("HANDLER")


def test_a_pipe_has_all_columns_and_a_moment_that_options_can_read() -> None:
    line = Columns(_NoTypes(), width=None).of(_result(TaskStatus.COMPLETED, "done"))

    assert datetime.fromisoformat(line.split()[0]) == datetime(2026, 11, 24, 18, tzinfo=UTC)
    assert line.endswith('echo          "done"')


@pytest.mark.parametrize("width", [80, 120])
def test_a_line_on_a_terminal_is_no_wider_than_it_and_has_the_whole_id(width: int) -> None:
    line = Columns(_NoTypes(), width=width).of(_result(TaskStatus.COMPLETED, "x" * 500))

    assert len(line) == width
    assert line.endswith("…")
    assert "t" * 36 in line


def test_an_output_in_a_pipe_is_cut_and_cannot_steer_a_terminal() -> None:
    line = Columns(_NoTypes(), width=None).of(_result(TaskStatus.COMPLETED, "\x1b[2J" + "x" * 500))

    assert "\x1b" not in line
    assert len(line) < 250


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (payload_pb2.Payload(), ""),
        (
            payload_pb2.Payload(blob=payload_pb2.Blob(data=b"1234", content_type="image/png")),
            "4 bytes image/png",
        ),
        (payload_pb2.Payload(blob=payload_pb2.Blob(data=b"")), "0 bytes"),
    ],
    ids=["nothing", "image", "bytes"],
)
def test_a_payload_in_brief(payload: payload_pb2.Payload, text: str) -> None:
    assert brief(payload, _NoTypes()) == text
