"""What an operator sees of a server process: its page of metrics, and its lines of log."""

from __future__ import annotations

import json
import socket
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.conftest import PATIENCE_S, Serve, ServerProcess
from tests.architecture.docs import pages

from millhand import Client, TaskFailed

_TRACE = "0af7651916cd43dd8448eb211c80319c"
_PARENT = f"00-{_TRACE}-b7ad6b7169203331-01"

_HANDLERS = """
import logging

from millhand import Handlers, Fatal

handlers = Handlers()


@handlers.handler("refuse", queue="doors")
def refuse(request, task):
    task.logger.info("about to refuse")
    raise Fatal("NOT_TODAY", "SECRET text")


@handlers.handler("agree")
def agree(request):
    return request
"""


def test_metrics_are_served_where_the_first_line_says(serve: Serve) -> None:
    server = serve("--metrics-port", "0", "--output", "json")
    announced = json.loads(server.stdout.next() or "")
    with Client(announced["address"]) as client:
        client.execute("echo", 1)

    page = _scrape(announced["metrics"])

    assert announced["metrics"].startswith("http://127.0.0.1:")
    assert 'millhand_tasks_ended_total{handler="echo",outcome="COMPLETED",queue="default"} 1.0' in page
    assert "process_resident_memory_bytes" in page


def test_metrics_show_a_server_that_drains(serve: Serve) -> None:
    server = serve("--metrics-port", "0", "--output", "json")
    announced = json.loads(server.stdout.next() or "")
    with Client(announced["address"]) as client:
        task = client.register("sleep", {"seconds": 3})
        client.explain(task.id)
        server.process.terminate()
        server.stderr.until("stopping after the running work")

        page = _scrape(announced["metrics"])

    assert "millhand_ready 0.0" in page
    assert server.ended() == 0


def test_a_port_of_metrics_that_is_taken_stops_the_start(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = serve("--metrics-port", str(port))

        assert server.ended() == 1
    assert f"cannot serve metrics on 127.0.0.1 port {port}: " in server.stderr.rest()


def test_without_its_package_metrics_are_refused_in_a_sentence(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['prometheus_client'] = None\n")
    path = ":".join((str(tmp_path), *sys.path))

    server = serve("--metrics-port", "0", variables={"PYTHONPATH": path})

    assert server.ended() == 1
    assert "install millhand[metrics]" in server.stderr.rest()


@pytest.fixture
def refusing(serve: Serve, tmp_path: Path) -> ServerProcess:
    """A server whose handler `refuse` fails, logging JSON at INFO."""
    (tmp_path / "doors.py").write_text(_HANDLERS)
    return serve("--handlers", "doors:handlers", "--log-format", "json", cwd=str(tmp_path))


def test_a_failed_task_is_one_line_with_the_ids_that_tie_it_to_others(refusing: ServerProcess) -> None:
    with Client(refusing.address) as client:
        with pytest.raises(TaskFailed):
            client.execute("refuse", id="t1", correlation_id="order 17", traceparent=_PARENT)
        client.execute("agree", 1)
    refusing.process.terminate()
    refusing.ended()

    lines = [json.loads(line) for line in refusing.stderr.rest().splitlines()]
    [failed] = [line for line in lines if line["logger"] == "millhand.tasks"]
    own = {key: failed[key] for key in failed.keys() - {"time", "worker", "wait_ms", "run_ms"}}
    assert own == {
        "level": "info",
        "logger": "millhand.tasks",
        "message": "task failed",
        "transition": "failed",
        "task_id": "t1",
        "attempt": 1,
        "handler": "refuse",
        "queue": "doors",
        "correlation_id": "order 17",
        "trace_id": _TRACE,
        "reason": "NOT_TODAY",
    }
    assert "SECRET" not in str(lines)
    [shown] = pages.blocks(pages.DOCS / "metrics.md", "json")
    assert list(failed) == list(json.loads(shown))


def test_the_lines_of_a_handler_have_the_ids_of_its_task(refusing: ServerProcess) -> None:
    with Client(refusing.address) as client, pytest.raises(TaskFailed):
        client.execute("refuse", id="t1", correlation_id="order 17", traceparent=_PARENT)

    line = json.loads(refusing.stderr.until("about to refuse"))

    assert _ids(line) == {"task_id": "t1", "attempt": 1, "correlation_id": "order 17", "trace_id": _TRACE}


def test_a_registration_has_the_id_of_its_call(serve: Serve) -> None:
    server = serve("--log-format", "json", "--log-level", "debug")
    with Client(server.address) as client:
        client.execute("echo", 1, id="t1")

    accepted = json.loads(server.stderr.until('"accepted"'))
    completed = json.loads(server.stderr.until('"completed"'))

    assert (accepted["task_id"], completed["task_id"]) == ("t1", "t1")
    assert accepted["request_id"]
    assert "request_id" not in completed


def _ids(line: dict[str, Any]) -> dict[str, Any]:
    names = ("request_id", "task_id", "attempt", "correlation_id", "trace_id")
    return {name: line[name] for name in names if name in line}


def _scrape(url: str) -> str:
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with directly.open(url, timeout=PATIENCE_S) as response:
        text: str = response.read().decode()
    return text
