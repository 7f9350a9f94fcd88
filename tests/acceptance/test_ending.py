"""The end of a server process: what handlers leave behind in it, and standard streams that are not there."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from tests.acceptance.conftest import PATIENCE_S, Serve, ServerProcess

from millhand import Client
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand.v1.task_service_pb2_grpc import TaskServiceStub

_SERVE = (sys.executable, "-m", "millhand_server", "serve", "--port", "0", "--store", "memory:")

_LEGACY = """
import atexit, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from millhand import Handlers

handlers = Handlers()
for_ever = threading.Event()


@handlers.handler("pool")
def pool(request):
    ThreadPoolExecutor(1, thread_name_prefix="my-pool").submit(for_ever.wait)


@handlers.handler("own_thread")
def own_thread(request):
    threading.Thread(target=for_ever.wait, name="my-thread", daemon=False).start()


@handlers.handler("atexit")
def at_exit(request):
    atexit.register(for_ever.wait)


@handlers.handler("streams")
def streams(request):
    sys.stdout.close()
    sys.stderr.close()


@handlers.handler("thread")
def thread(request):
    worker = threading.Thread(target=int, args=(request,), name="my-thread")
    worker.start()
    worker.join()
"""


@pytest.fixture
def legacy(serve: Serve, tmp_path: Path) -> ServerProcess:
    """Serves handlers that leave things behind."""
    (tmp_path / "legacy.py").write_text(_LEGACY)
    return serve("--store", "memory:", "--handlers", "legacy:handlers", cwd=str(tmp_path))


@pytest.mark.parametrize("handler", ["own_thread", "pool", "atexit", "streams"])
def test_what_a_handler_leaves_behind_neither_holds_the_end_up_nor_changes_its_status(
    legacy: ServerProcess, handler: str
) -> None:
    with Client(legacy.address) as client:
        client.execute(handler)

    legacy.signal(signal.SIGTERM)

    assert legacy.ended() == 0


def test_threads_of_handlers_that_do_not_end_are_named(legacy: ServerProcess) -> None:
    with Client(legacy.address) as client:
        client.execute("own_thread")

    legacy.signal(signal.SIGTERM)

    assert "my-thread" in legacy.stderr.until("code still running")


def test_an_exception_in_a_thread_of_a_handler_is_logged_without_its_text(legacy: ServerProcess) -> None:
    with Client(legacy.address) as client:
        client.execute("thread", "hunter2")
    legacy.signal(signal.SIGTERM)

    log = legacy.stderr.rest()

    assert "the thread my-thread raised ValueError" in log
    assert "hunter2" not in log


def test_a_third_signal_ends_the_process_whatever_still_runs(serve: Serve) -> None:
    server = serve("--store", "memory:", "--grace", "1h", "--handlers", _FAULTS)
    with Client(server.address) as client:
        client.register("stubborn", {"seconds": 60})
        for line in ("stopping after the running work", "stopping at once", "ending at once"):
            server.signal(signal.SIGTERM)
            server.stderr.until(line)

    assert server.ended() == 1


_FAULTS = "millhand_server.handlers.faults:handlers"


@pytest.mark.parametrize(
    ("redirection", "why"),
    [
        (">/dev/full", "No space left on device"),
        (">&-", "it is closed"),
        ("| true", "Broken pipe"),
    ],
)
def test_a_server_whose_address_nobody_could_learn_says_so_and_ends(redirection: str, why: str) -> None:
    # The address is only written once nobody is there to read it.
    pause = "" if redirection != "| true" else "sleep 0.5; "
    script = f'{{ {pause}"$@"; echo "status $?" >&2; }} {redirection}'

    ended = subprocess.run(
        ["bash", "-c", script, "bash", *_SERVE],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    *_, sentence, status = ended.stderr.splitlines()
    assert sentence == f"the address cannot be written to standard output: {why}"
    assert status == "status 1"
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("redirection", ["2>&-", "<&-", "2>&- <&-"])
def test_a_server_without_the_other_streams_serves(redirection: str) -> None:
    script = f'exec "$@" {redirection}'

    with subprocess.Popen(
        ["bash", "-c", script, "bash", *_SERVE], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        with Client(address) as client:
            assert client.execute("echo", 1) == 1
        process.send_signal(signal.SIGTERM)

        assert process.wait(PATIENCE_S) == 0


def test_whoever_calls_while_the_server_ends_is_told_that_it_is_unavailable(serve: Serve) -> None:
    server = serve("--store", "memory:", "--grace", "1s")
    begun = threading.Barrier(13, timeout=PATIENCE_S)

    with ThreadPoolExecutor(12) as beside:
        callers = [beside.submit(_hammer, server.address, begun) for _ in range(12)]
        begun.wait()
        server.signal(signal.SIGTERM)
        ends = sum((caller.result() for caller in callers), Counter[str]())

    assert set(ends) <= {"OK", "UNAVAILABLE CLOSING", "UNAVAILABLE transport"}
    assert ends["UNAVAILABLE CLOSING"] >= 12


def _hammer(address: str, begun: threading.Barrier) -> Counter[str]:
    """Registers tasks over one connection until it is gone; returns how often calls ended how."""
    ends: Counter[str] = Counter()
    request = pb.RegisterTaskRequest(task=task_pb2.TaskSpec(handler="echo"))
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = TaskServiceStub(channel)
        stub.RegisterTask(request, timeout=PATIENCE_S)
        begun.wait()
        while not ends["UNAVAILABLE transport"]:
            try:
                stub.RegisterTask(request, timeout=PATIENCE_S)
                ends["OK"] += 1
            except grpc.RpcError as error:
                ends[_end(error)] += 1
    return ends


def _end(error: Any) -> str:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            info = error_details_pb2.ErrorInfo()
            status_pb2.Status.FromString(value).details[0].Unpack(info)
            return f"{error.code().name} {info.reason}"
    return f"{error.code().name} transport"
