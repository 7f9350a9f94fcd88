"""The life of a server process: how it says where it is, how it stops, what it refuses."""

import json
import signal
import socket
from pathlib import Path

import grpc
import pytest

# The package has neither stubs nor a py.typed marker.
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from tests.acceptance.conftest import Serve, ServerProcess

from millhand import Client, Progress, Result, TaskStatus

_SHIPPED = ("--handlers", "millhand_server.handlers:handlers")


def test_the_first_line_is_the_address_and_it_answers_there(serve: Serve) -> None:
    server = serve()

    first = server.stdout.next()

    assert first is not None
    assert first.startswith("millhand serving on 127.0.0.1:")
    with Client(server.address) as client:
        assert client.execute("echo", {"hello": "world"}) == {"hello": "world"}


def test_the_address_is_announced_as_json_when_asked(serve: Serve) -> None:
    server = serve("--output", "json", "--node-id", "one")

    first = json.loads(server.stdout.next() or "")

    assert first["node"] == "one"
    with Client(first["address"]) as client:
        assert client.info().node_id == "one"


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        pytest.param((), "/millhand.db", id="default"),
        pytest.param(("--store", "memory:"), "memory, and end with this process", id="memory"),
    ],
)
def test_a_server_says_where_it_keeps_its_tasks(serve: Serve, arguments: tuple[str, ...], where: str) -> None:
    line = serve(*arguments).stderr.until("tasks are kept in ")

    assert line.rstrip().endswith(where)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_an_idle_server_with_status_0(serve: Serve, number: signal.Signals) -> None:
    server = serve()
    assert server.address

    server.signal(number)

    assert server.ended() == 0
    assert "stopped; no task was dropped" in server.stderr.rest()


def test_a_signal_lets_running_work_finish_within_the_grace(serve: Serve) -> None:
    server = serve()
    with Client(server.address) as client, client.results(after="0", outlive_shutdown=False) as results:
        task_id = _start_sleeping(client, 1)

        server.signal(signal.SIGTERM)

        assert [record.task.id for record in results if isinstance(record, Result)] == [task_id]
    assert server.ended() == 0


def test_queued_tasks_of_the_memory_store_are_named_when_they_are_dropped(serve: Serve) -> None:
    server = serve("--max-workers", "1", "--grace", "0", "--store", "memory:")
    with Client(server.address) as client:
        running = _start_sleeping(client, 600)
        queued = [client.register("echo", n).id for n in range(25)]
        later = client.register("echo", delay=3600).id

        server.signal(signal.SIGTERM)

    assert server.ended() == 1
    report = server.stderr.until("dropped with the memory store")
    assert "27 tasks were dropped" in report
    assert "26 QUEUED, 1 SCHEDULED" in report
    assert sum(task_id in report for task_id in (running, *queued, later)) == 20
    assert report.rstrip().endswith("and 7 more")


def test_a_second_signal_ends_the_grace(serve: Serve) -> None:
    server = serve("--store", "memory:", "--grace", "1h")
    with Client(server.address) as client:
        _start_sleeping(client, 600)

        server.signal(signal.SIGTERM)
        server.stderr.until("stopping after the running work")
        server.signal(signal.SIGTERM)
        server.stderr.until("stopping at once")

    assert server.ended() == 1


def test_a_handler_that_does_not_stop_cannot_keep_the_process_alive(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "deaf.py").write_text(
        "import time\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from millhand import Handlers, TaskContext, handler\n\n"
        "@handler('deaf')\n"
        "def deaf(request: None, task: TaskContext) -> None:\n"
        "    task.progress(0.5)\n"
        "    with ThreadPoolExecutor() as pool:\n"
        "        # Python joins such threads when it exits.\n"
        "        pool.submit(time.sleep, 600).result()\n\n"
        "handlers = Handlers(deaf)\n"
    )
    server = serve("--store", "memory:", "--handlers", "deaf:handlers", "--grace", "0", cwd=str(tmp_path))
    with Client(server.address) as client:
        _start(client, "deaf", None)

        server.signal(signal.SIGTERM)

    assert server.ended() == 1
    assert "code still running that does not stop: millhand-worker-" in server.stderr.rest()


def test_health_says_not_serving_from_the_first_moment_of_a_drain(serve: Serve) -> None:
    server = serve("--grace", "1h")
    with Client(server.address) as client, grpc.insecure_channel(server.address) as channel:
        _start_sleeping(client, 600)
        health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        before = next(health).status

        server.signal(signal.SIGTERM)

        during = next(health).status
        health.cancel()
    assert before == health_pb2.HealthCheckResponse.SERVING
    assert during == health_pb2.HealthCheckResponse.NOT_SERVING


def test_an_interceptor_of_the_users_stands_around_every_call(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import sys\n\n"
        "async def loud(call_next, request, context):\n"
        "    sys.stderr.write(f'called {context.method.path}\\n')\n"
        "    return await call_next(request, context)\n"
    )
    server = serve("--interceptor", "mine:loud", cwd=str(tmp_path))

    with Client(server.address) as client:
        client.info()

    server.stderr.until("called /millhand.v1.TaskService/GetServerInfo")


def test_shutdown_by_call_answers_and_ends_the_process_as_a_signal_does(serve: Serve) -> None:
    server = serve("--store", "memory:", "--grace", "0")
    with Client(server.address) as client:
        client.register("echo", 1, delay=3600)

        answer = client.shutdown()

    assert answer.counts == {TaskStatus.SCHEDULED: 1}
    assert server.ended() == 1


def test_a_port_that_is_taken_is_told_in_a_sentence(serve: Serve) -> None:
    first = serve()
    port = first.address.rpartition(":")[2]

    second = serve(port=port)

    assert second.ended() == 1
    said = second.stderr.rest().splitlines()[-1]
    assert port in said
    assert "Traceback" not in second.stderr.rest()
    with Client(first.address) as client:
        assert client.execute("echo", 1) == 1


def test_a_port_that_another_program_has_is_told_too(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])

        assert serve(port=port).ended() == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--handlers", "no_such_module:handlers"), "there is no module no_such_module"),
        ((*_SHIPPED, *_SHIPPED), "Two handlers are called 'echo'"),
        (("--handlers", "broken:handlers"), "broken:handlers cannot be imported: ZeroDivisionError"),
        (("--host", "0.0.0.0"), "can be reached from other machines"),
        (("--tls-cert", "c.pem"), "--tls-cert is of no use without --tls-key"),
        (("--store", "postgresql://h/d"), "postgresql stores are not supported yet"),
    ],
    ids=["missing", "duplicate", "broken", "public", "tls", "postgresql"],
)
@pytest.mark.parametrize("check", [True, False], ids=["check", "start"])
def test_what_cannot_be_honoured_stops_the_start_with_a_sentence(
    serve: Serve, tmp_path: Path, arguments: tuple[str, ...], sentence: str, check: bool
) -> None:
    (tmp_path / "broken.py").write_text("value = 1 / 0\n")

    server = serve(*arguments, *(["--check"] if check else []), cwd=str(tmp_path))

    assert server.ended() == 1
    said = server.stderr.rest()
    assert sentence in said
    assert ("Traceback" in said) == ("broken" in sentence)


def test_check_says_yes_and_starts_nothing(serve: Serve) -> None:
    server = serve("--check")

    assert server.ended() == 0
    assert server.stdout.rest() == "the settings and the handlers are good\n"


def test_settings_come_from_environment_and_file(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "millhand.toml"
    file.write_text('node_id = "from-file"\nmax_queued = 5\n')

    server = serve(variables={"MILLHAND_CONFIG": str(file), "MILLHAND_NODE_ID": "from-environment"})

    with Client(server.address) as client:
        info = client.info()
    assert (info.node_id, info.limits.max_queued) == ("from-environment", 5)


def test_handlers_in_the_working_directory_are_served(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from millhand import Handlers, handler\n\n"
        "@handler('double')\n"
        "def double(request):\n    return 2 * request\n\n"
        "handlers = Handlers(double)\n"
    )

    server = serve("--handlers", "mine:handlers", cwd=str(tmp_path))

    with Client(server.address) as client:
        assert client.execute("double", 21) == 42


def test_the_log_is_json_when_asked_and_holds_no_payload(serve: Serve) -> None:
    server = serve("--log-format", "json", "--log-level", "debug")
    with Client(server.address) as client:
        client.execute("echo", {"secret": "hunter2"})

    server.signal(signal.SIGTERM)

    assert server.ended() == 0
    lines = server.stderr.rest().splitlines()
    assert all("message" in json.loads(line) for line in lines)
    assert not any("hunter2" in line for line in lines)


def test_servers_do_not_share_a_port_by_accident(serve: Serve) -> None:
    first: ServerProcess = serve()
    second: ServerProcess = serve()

    assert first.address != second.address


def _start_sleeping(client: Client, seconds: float) -> str:
    """Registers a `sleep` and waits until it says that it runs."""
    return _start(client, "sleep", {"seconds": seconds, "progress": True})


def _start(client: Client, handler: str, request: object) -> str:
    task_id = f"{handler}-under-test"
    with client.results(ids=[task_id], include_progress=True) as reports:
        client.register(handler, request, id=task_id)
        assert isinstance(next(reports), Progress)
    return task_id
