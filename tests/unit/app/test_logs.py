import contextvars
import json
import logging
import sys

import pytest

from millhand_server.app.logs import JsonFormatter, TextFormatter
from millhand_server.rpc.context import current_request_id


def _record(**extra: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {
            "name": "millhand",
            "levelname": "INFO",
            "msg": "hello %s",
            "args": ("you",),
            "created": 0.5,
            **extra,
        }
    )


def _exception() -> object:
    try:
        raise ValueError("inside")
    except ValueError:
        return sys.exc_info()


def test_a_line_of_json_has_the_ids_of_its_task() -> None:
    line = JsonFormatter().format(_record(task_id="t", attempt=2))

    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.500Z",
        "level": "info",
        "logger": "millhand",
        "message": "hello you",
        "task_id": "t",
        "attempt": 2,
    }


def test_a_line_written_within_a_call_has_its_request_id() -> None:
    def within_a_call() -> str:
        current_request_id.set("r1")
        return JsonFormatter().format(_record())

    line = contextvars.copy_context().run(within_a_call)

    assert json.loads(line)["request_id"] == "r1"


def test_a_traceback_is_one_field_of_its_line_of_json() -> None:
    line = JsonFormatter().format(_record(exc_info=_exception()))

    assert "\n" not in line
    assert "ValueError: inside" in json.loads(line)["error"]


def test_a_line_of_text_ends_with_the_ids() -> None:
    line = TextFormatter().format(_record(task_id="t"))

    assert line == "1970-01-01T00:00:00.500Z INFO millhand: hello you [task_id=t]"


@pytest.mark.parametrize("id_", ["a b", "a\nb", "a\u2028b", 'a "b'], ids=repr)
def test_an_id_cannot_break_its_line_of_text_or_look_like_two(id_: str) -> None:
    line = TextFormatter().format(_record(task_id=id_))

    assert line.splitlines() == [line]
    assert line.endswith(f"[task_id={json.dumps(id_)}]")


def test_a_traceback_follows_its_line_of_text() -> None:
    lines = TextFormatter().format(_record(exc_info=_exception())).splitlines()

    assert lines[0].endswith("hello you")
    assert lines[-1] == "ValueError: inside"


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()], ids=["json", "text"])
def test_a_record_without_ids_says_nothing_of_them(formatter: logging.Formatter) -> None:
    assert "task_id" not in formatter.format(_record())
