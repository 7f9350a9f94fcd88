import contextvars
import json
import logging
import subprocess
import sys
import traceback

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


def test_what_is_told_of_a_call_is_in_fields_of_a_line_of_json() -> None:
    record = _record(
        msg="/s/Get NOT_FOUND", args=(), method="/s/Get", code="NOT_FOUND", took_ms=0.5, reason="R"
    )

    line, text = json.loads(JsonFormatter().format(record)), TextFormatter().format(record)

    assert (line["method"], line["code"], line["took_ms"], line["reason"]) == (
        "/s/Get",
        "NOT_FOUND",
        0.5,
        "R",
    )
    assert text.endswith("millhand: /s/Get NOT_FOUND [reason=R]")


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


def _frames() -> str:
    try:
        raise ValueError("inside")
    except ValueError as error:
        return "".join(traceback.format_tb(error.__traceback__))


def test_frames_below_a_message_are_the_error_of_a_line_of_json() -> None:
    line = json.loads(JsonFormatter().format(_record(msg="it raised %s\n%s", args=("E", _frames()))))

    head, place, code = line["error"].splitlines()
    assert line["message"] == "it raised E"
    assert head == "Traceback (most recent call last):"
    assert place.startswith('  File "')
    assert code.strip() == 'raise ValueError("inside")'


def test_frames_below_a_message_follow_the_ids_of_a_line_of_text() -> None:
    text = TextFormatter().format(_record(msg="it raised %s\n%s", args=("E", _frames()), task_id="t"))

    first, second, *_ = text.splitlines()
    assert first.endswith("it raised E [task_id=t]")
    assert second == "Traceback (most recent call last):"


def test_the_traceback_of_a_handler_is_in_the_field_that_is_there_for_it() -> None:
    program = (
        "from millhand import Handlers\n"
        "from millhand_server.app.logs import configure\n"
        "from millhand_server.config.options import LogOptions\n"
        "from millhand_server.testing import HandlerTest\n"
        "handlers = Handlers()\n"
        "@handlers.handler('breaks')\n"
        "def breaks(request: None) -> None:\n"
        "    raise KeyError('secret')\n"
        "configure(LogOptions(format='json'))\n"
        "HandlerTest(breaks).run()\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    [line] = [json.loads(line) for line in ended.stderr.splitlines()]
    assert line["level"] == "warning"
    assert line["message"] == "handler breaks raised KeyError in attempt 1 of task task-1"
    assert line["error"].startswith('Traceback (most recent call last):\n  File "')
    assert "secret" not in ended.stderr


@pytest.mark.parametrize("level", ["debug", "error"])
def test_what_grpc_says_of_its_inside_is_left_out(level: str) -> None:
    program = (
        "import logging, sys\n"
        "from millhand_server.app.logs import configure\n"
        "from millhand_server.config.options import LogOptions\n"
        "configure(LogOptions(level=sys.argv[1]))\n"
        "for name in ('grpc._cython.cygrpc', 'millhand'):\n"
        "    logging.getLogger(name).debug('loaded')\n"
        "    logging.getLogger(name).info('ready')\n"
        "    logging.getLogger(name).error('broken')\n"
    )

    ended = subprocess.run([sys.executable, "-c", program, level], capture_output=True, text=True, check=True)

    told = [line.split(" ", 1)[1] for line in ended.stderr.splitlines()]
    of_grpc, ours = ["grpc._cython.cygrpc: ", "millhand: "]
    assert (
        told
        == {
            "error": [f"ERROR {of_grpc}broken", f"ERROR {ours}broken"],
            "debug": [
                *(f"INFO {of_grpc}ready", f"ERROR {of_grpc}broken"),
                *(f"DEBUG {ours}loaded", f"INFO {ours}ready", f"ERROR {ours}broken"),
            ],
        }[level]
    )
