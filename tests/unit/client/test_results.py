from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]
from tests.unit.client.fake_server import FakeServer, code_of, completed, details_of, refusal

from millhand import errors
from millhand.protocol.records import CancelledTask, Gap, Progress, Result
from millhand.protocol.resume import Resume
from millhand.reader import LogReader
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb


def place(cursor: str) -> pb.StreamResultsResponse:
    return pb.StreamResultsResponse(keep_alive=pb.KeepAlive(), cursor=cursor)


def frame(task_id: str, cursor: str) -> pb.StreamResultsResponse:
    return pb.StreamResultsResponse(result=completed(task_id, cursor), cursor=cursor)


def gap(to_cursor: str, **facts: Any) -> pb.StreamResultsResponse:
    return pb.StreamResultsResponse(gap=pb.Gap(to_cursor=to_cursor, **facts), cursor=to_cursor)


def end(reason: pb.EndReason, cursor: str = "") -> pb.StreamResultsResponse:
    return pb.StreamResultsResponse(end=pb.End(reason=reason), cursor=cursor)


def lose(rpc: Any) -> None:
    rpc.terminate((), grpc.StatusCode.UNAVAILABLE, "connection reset")


def opened(
    server: FakeServer, *first: pb.StreamResultsResponse, **options: Any
) -> tuple[LogReader[Any], Any]:
    """A reader whose stream is open, and the stream's other end."""
    client = server.client()
    call = server.start(lambda: client.results(**options))
    _, _, rpc = server.take("StreamResults")
    for response in first or (place("c0"),):
        rpc.send_response(response)
    return call.result(), rpc


def ids(records: Iterator[Any]) -> list[str]:
    return [record.task.id for record in records]


def test_results_come_decoded_until_the_end(server: FakeServer) -> None:
    reader, rpc = opened(server, place("c0"), frame("a", "c1"), end(pb.END_REASON_CAUGHT_UP, "c1"))

    [result] = reader

    assert isinstance(result, Result)
    assert (result.task.id, result.output, result.cursor) == ("a", 1, "c1")
    rpc.cancelled()


def test_the_request_says_what_is_wanted(server: FakeServer) -> None:
    call = server.start(
        server.client().results,
        ids=["a"],
        after="c7",
        close_on_completion=True,
        include_progress=True,
        full=True,
    )
    _, request, rpc = server.take("StreamResults")
    rpc.send_response(place("c7"))

    assert list(request.filter.ids) == ["a"]
    assert (request.after, request.follow, request.close_on_completion) == ("c7", True, True)
    assert (request.include_progress, request.view) == (True, pb.TASK_VIEW_FULL)
    call.result().close()


def test_results_returns_only_when_the_server_has_named_a_place(server: FakeServer) -> None:
    call = server.start(server.client().results)
    _, _, rpc = server.take("StreamResults")
    assert not call.done()

    rpc.send_response(place("c5"))

    assert call.result().cursor == "c5"


def test_each_result_comes_once_however_often_the_connection_breaks(server: FakeServer) -> None:
    reader, rpc = opened(server)
    asked = []

    for number in range(5):
        lose(rpc)
        call = server.start(next, reader)
        _, request, rpc = server.take("StreamResults")
        rpc.send_response(place(request.after))
        rpc.send_response(frame(f"t{number}", f"c{number + 1}"))
        assert call.result().task.id == f"t{number}"
        asked.append(request.after)

    assert asked == ["c0", "c1", "c2", "c3", "c4"]
    assert server.clock.time() > 0, "it slept between its tries"


def test_a_reader_of_rare_results_moves_on_with_keep_alives() -> None:
    resume = Resume("c0")

    assert resume.receive(place("c900")) is None

    assert resume.cursor == "c900"


def test_a_stream_that_ends_without_its_last_frame_counts_as_lost(server: FakeServer) -> None:
    reader, rpc = opened(server)
    rpc.terminate((), grpc.StatusCode.OK, "")
    call = server.start(next, reader)

    _, request, rpc = server.take("StreamResults")
    rpc.send_response(frame("a", "c1"))

    assert request.after == "c0"
    assert call.result().task.id == "a"


def test_a_stream_that_never_began_fails_at_once(server: FakeServer) -> None:
    call = server.start(server.client().results)
    _, _, rpc = server.take("StreamResults")
    lose(rpc)

    assert isinstance(call.exception(), errors.Unavailable)


def test_a_server_that_stays_away_is_given_up_after_a_while(server: FakeServer) -> None:
    call = server.start(server.client(reconnect_timeout=0).results)
    _, _, rpc = server.take("StreamResults")
    rpc.send_response(place("c0"))
    reader = call.result()
    lose(rpc)

    with pytest.raises(errors.Unavailable, match="connection reset"):
        next(reader)


def test_a_shutdown_is_outlived(server: FakeServer) -> None:
    reader, rpc = opened(server, place("c0"), end(pb.END_REASON_SHUTDOWN))
    rpc_of_another_server = server.start(server.take, "StreamResults")
    call = server.start(next, reader)

    _, request, rpc = rpc_of_another_server.result()
    rpc.send_response(frame("a", "c1"))

    assert request.after == "c0"
    assert call.result().task.id == "a"


def test_a_shutdown_ends_a_reader_that_is_not_to_outlive_it(server: FakeServer) -> None:
    reader, _ = opened(server, place("c0"), end(pb.END_REASON_SHUTDOWN), outlive_shutdown=False)

    assert list(reader) == []


def test_a_gap_is_a_record_and_reading_goes_on_behind_it(server: FakeServer) -> None:
    reader, _ = opened(server, gap("c5", missed=4), frame("a", "c6"), end(pb.END_REASON_CAUGHT_UP))

    missed, result = reader

    assert isinstance(missed, Gap)
    assert (missed.missed, missed.log_replaced, missed.cursor) == (4, False, "c5")
    assert isinstance(result, Result)


def test_a_gap_of_unknown_size_has_no_number(server: FakeServer) -> None:
    reader, _ = opened(server, gap("c5", log_replaced=True), end(pb.END_REASON_CAUGHT_UP))

    [missed] = reader

    assert (missed.missed, missed.log_replaced) == (None, True)


def test_a_gap_can_be_handed_to_a_function(server: FakeServer) -> None:
    gaps: list[Gap] = []
    frames = gap("c5"), frame("a", "c6"), end(pb.END_REASON_CAUGHT_UP)
    reader, _ = opened(server, *frames, on_gap=gaps.append)

    assert ids(reader) == ["a"]
    assert [missed.cursor for missed in gaps] == ["c5"]


def test_a_gap_can_be_raised_and_reading_can_go_on_behind_it(server: FakeServer) -> None:
    reader, rpc = opened(server, on_gap="raise")
    rpc.send_response(gap("c5", missed=4))

    with pytest.raises(errors.ResultsMissed, match="4 results cannot be given any more") as raised:
        next(reader)
    call = server.start(next, reader)
    _, request, rpc = server.take("StreamResults")
    rpc.send_response(frame("a", "c6"))

    assert raised.value.gap is not None
    assert request.after == "c5"
    assert call.result().task.id == "a"


def test_progress_is_a_record_that_moves_no_cursor(server: FakeServer) -> None:
    latest = task_pb2.Progress(fraction=0.5, message="half")
    update = pb.ProgressUpdate(task_id="a", attempt=2, progress=latest)
    progress = pb.StreamResultsResponse(progress=update, cursor="c0")
    reader, _ = opened(server, place("c0"), progress, include_progress=True)

    record = next(reader)

    assert isinstance(record, Progress)
    assert (record.task_id, record.attempt, record.fraction, record.message) == ("a", 2, 0.5, "half")
    assert reader.cursor == "c0"
    reader.close()


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        pytest.param(code_pb2.INVALID_ARGUMENT, "CURSOR_INVALID", errors.CursorInvalid, id="a bad cursor"),
        pytest.param(code_pb2.RESOURCE_EXHAUSTED, "SLOW_READER", errors.SlowReader, id="a slow reader"),
    ],
)
def test_a_refusal_is_raised_and_not_tried_again(
    server: FakeServer, code: int, reason: str, kind: type[errors.MillhandError]
) -> None:
    reader, rpc = opened(server)
    status = refusal(code, reason)
    rpc.terminate(details_of(status), code_of(status), "")

    with pytest.raises(kind):
        next(reader)


def test_closing_a_reader_frees_its_stream(server: FakeServer) -> None:
    reader, rpc = opened(server)

    with reader:
        pass

    rpc.cancelled()
    assert list(reader) == []


def test_cancelled_reads_the_same_log_and_resumes_likewise(server: FakeServer) -> None:
    call = server.start(server.client().cancelled, after="c3")
    _, request, rpc = server.take("GetCancelled")
    rpc.send_response(pb.GetCancelledResponse(keep_alive=pb.KeepAlive(), cursor="c3"))
    reader = call.result()
    rpc.send_response(pb.GetCancelledResponse(task=task_pb2.Task(id="a"), cursor="c4"))
    first = next(reader)
    lose(rpc)
    rest = server.start(list, reader)

    _, again, rpc = server.take("GetCancelled")
    rpc.send_response(pb.GetCancelledResponse(end=pb.End(reason=pb.END_REASON_CAUGHT_UP), cursor="c4"))

    assert (request.after, request.follow, again.after) == ("c3", True, "c4")
    assert first == CancelledTask(task_pb2.Task(id="a"), "c4")
    assert rest.result() == []
