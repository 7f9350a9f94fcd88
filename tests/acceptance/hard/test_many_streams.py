"""Five hundred open streams of results beside ordinary calls. How quick those are, `tests/bench` measures."""

from contextlib import ExitStack

from tests.acceptance.conftest import Serve
from tests.acceptance.hard import programs
from tests.acceptance.hard.processes import Program

from millhand import Client

_PROGRAMS = 5
_STREAMS = 100
_CALLS = 20


def test_500_streams_get_every_result_while_calls_are_answered(serve: Serve) -> None:
    server = serve("--store", "memory:")
    with ExitStack() as running, Client(server.address, timeout=5) as client:
        listeners = [
            running.enter_context(Program(programs.listen, server.address, _STREAMS, "last"))
            for _ in range(_PROGRAMS)
        ]
        for listener in listeners:
            listener.until("open")

        answers = [client.execute("echo", number, timeout=5) for number in range(_CALLS)]
        client.register("echo", id="last")

        assert answers == list(range(_CALLS))
        for listener in listeners:
            assert listener.says() == [_CALLS + 1] * _STREAMS
