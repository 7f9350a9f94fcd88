from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]
from tests.unit.client.fake_server import FakeServer, completed, refusal

from millhand import errors
from millhand.enums import CancelOutcome
from millhand.protocol.live_session import MAX_PENDING
from millhand.protocol.records import Gap, Progress, Result
from millhand.protocol.session import START_CREDIT, SessionState
from millhand.protocol.specs import task_spec
from millhand.session import Session
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb


class Peer:
    """The server's end of one session, stream by stream."""

    def __init__(self, server: FakeServer, **settings: Any) -> None:
        self._server = server
        self.session: Session = server.client(**settings).session("s")
        self.accept()

    def accept(self) -> None:
        self.rpc = self._server.take_session()
        hello = self.rpc.take_request()
        assert hello.hello.session_id == "s"
        self.send(hello, welcome=pb.SessionWelcome(session_id="s", credit=START_CREDIT))

    def take(self) -> pb.SessionRequest:
        request: pb.SessionRequest = self.rpc.take_request()
        return request

    def send(self, to: pb.SessionRequest | None = None, **kind: Any) -> None:
        self.rpc.send_response(pb.SessionResponse(request_id=to.request_id if to else "", **kind))

    def send_registered(self, request: pb.SessionRequest) -> None:
        tasks = [task_pb2.Task(id=spec.id, session_id="s") for spec in request.register.tasks]
        results = [pb.RegisterResult(task=task, created=True) for task in tasks]
        self.send(request, registered=pb.SessionRegistered(results=results))

    def send_results(self, *numbers: int) -> None:
        results = [completed(f"t{number}", f"c{number}") for number in numbers]
        self.send(results=pb.SessionResults(results=results, cursor=results[-1].cursor))

    def send_goodbye(self, reason: pb.EndReason = pb.END_REASON_COMPLETED) -> None:
        self.send(goodbye=pb.SessionGoodbye(reason=reason))
        self.rpc.terminate((), grpc.StatusCode.OK, "")

    def lose(self) -> None:
        self.rpc.terminate((), grpc.StatusCode.UNAVAILABLE, "connection reset")

    def subscribe(self) -> Iterator[Any]:
        call = self._server.start(self.session.subscribe)
        self.send(self.take(), subscribed=pb.SessionSubscribed(cursor="c0"))
        assert call.result() == "c0"
        return self.session.results()

    def end(self) -> None:
        self.session.finish()
        self.send_goodbye()
        self.session.close()


@pytest.fixture
def peer(server: FakeServer) -> Iterator[Peer]:
    peer = Peer(server)
    yield peer
    peer.session.close(drain=False)
    peer.rpc.terminate((), grpc.StatusCode.CANCELLED, "the test is over")


def test_register_returns_the_task_once_it_is_acknowledged(server: FakeServer, peer: Peer) -> None:
    call = server.start(peer.session.register, "echo", 1)
    request = peer.take()
    assert not call.done()

    peer.send_registered(request)

    assert call.result().id == request.register.tasks[0].id != ""


def test_registrations_can_be_sent_without_waiting_for_answers(peer: Peer) -> None:
    first = peer.session.register_soon([task_spec("echo", id="a")])
    second = peer.session.register_soon([task_spec("echo", id="b")], mode="per_item")
    requests = peer.take(), peer.take()

    peer.send_registered(requests[1])
    peer.send_registered(requests[0])

    assert [task.task.id for task in first.result() if task.task] == ["a"]
    assert [task.task.id for task in second.result() if task.task] == ["b"]
    assert requests[1].register.mode == pb.REGISTER_MODE_PER_ITEM


def test_a_refused_request_raises_and_the_session_goes_on(server: FakeServer, peer: Peer) -> None:
    call = server.start(peer.session.register, "nope")
    status = refusal(code_pb2.INVALID_ARGUMENT, "INVALID_TASK_FUNC")
    peer.send(peer.take(), error=pb.SessionError(status=status))
    assert isinstance(call.exception(), errors.InvalidTaskFunc)

    call = server.start(peer.session.register, "echo")
    peer.send_registered(peer.take())

    assert call.result().id


def test_a_refused_item_is_raised_by_register(server: FakeServer, peer: Peer) -> None:
    call = server.start(peer.session.register, "echo")
    refused = pb.RegisterResult(error=refusal(code_pb2.RESOURCE_EXHAUSTED, "QUEUE_FULL"))

    peer.send(peer.take(), registered=pb.SessionRegistered(results=[refused]))

    assert isinstance(call.exception(), errors.QueueFull)


def test_cancel_answers_for_each_id(server: FakeServer, peer: Peer) -> None:
    call = server.start(peer.session.cancel, ["a", "b"], "enough")
    request = peer.take()
    unknown = pb.CancelResult(id="b", error=refusal(code_pb2.NOT_FOUND, "TASK_NOT_FOUND"))
    dequeued = pb.CancelResult(id="a", outcome=pb.CANCEL_OUTCOME_DEQUEUED)

    peer.send(request, cancelled=pb.SessionCancelled(results=[dequeued, unknown]))

    first, second = call.result()
    assert (list(request.cancel.ids), request.cancel.reason) == (["a", "b"], "enough")
    assert (first.outcome, first.error) == (CancelOutcome.DEQUEUED, None)
    assert isinstance(second.error, errors.TaskNotFound)


def test_a_subscription_is_to_own_tasks_unless_everyones_are_wanted(server: FakeServer, peer: Peer) -> None:
    for everyone, scope in ((False, pb.SUBSCRIBE_SCOPE_OWN), (True, pb.SUBSCRIBE_SCOPE_FILTER)):
        call = server.start(peer.session.subscribe, everyone=everyone, handlers=["echo"])
        request = peer.take()
        peer.send(request, subscribed=pb.SessionSubscribed(cursor="c0"))

        assert request.subscribe.scope == scope
        assert list(request.subscribe.filter.handlers) == ["echo"]
        assert call.result() == "c0"


def test_results_gaps_and_progress_come_in_order(peer: Peer) -> None:
    results = peer.subscribe()

    peer.send(progress=pb.ProgressUpdate(task_id="t1", progress=task_pb2.Progress(fraction=0.5)))
    peer.send_results(1)
    peer.send(gap=pb.Gap(to_cursor="c5", missed=4))
    peer.send_results(6, 7)
    peer.end()

    assert [type(record) for record in results] == [Progress, Result, Gap, Result, Result]
    assert peer.session.cursor == "c7"


def test_a_broken_session_resumes_from_what_was_read_and_drops_what_was_not(peer: Peer) -> None:
    results = peer.subscribe()
    peer.send_results(1)
    peer.send_results(2, 3)
    first = next(results)
    peer.lose()

    peer.accept()
    again = peer.take()
    peer.send(again, subscribed=pb.SessionSubscribed(cursor="c1"))
    peer.send_results(2, 3)
    peer.end()

    assert again.subscribe.after == "c1"
    assert [record.task.id for record in [first, *results]] == ["t1", "t2", "t3"]


def test_a_session_that_breaks_in_the_midst_of_a_frame_gives_none_of_it_twice(peer: Peer) -> None:
    results = peer.subscribe()
    peer.send_results(1, 2, 3)
    read = [next(results), next(results)]
    peer.lose()

    peer.accept()
    again = peer.take()
    peer.send_results(1, 2, 3)
    peer.send_results(4)
    peer.end()

    assert again.subscribe.after == "c0"
    assert [record.task.id for record in [*read, *results]] == ["t1", "t2", "t3", "t4"]


def test_a_late_result_does_not_move_the_reader_back(peer: Peer) -> None:
    results = peer.subscribe()
    peer.send_results(8)
    late = completed("t1", "c1")
    peer.send(results=pb.SessionResults(results=[late], cursor="c8"))

    assert [next(results).task.id, next(results).task.id] == ["t8", "t1"]
    assert peer.session.cursor == "c8"


def test_tasks_of_others_are_registered_again_on_a_new_stream_until_their_result_is_read(peer: Peer) -> None:
    results = peer.subscribe()
    sent = peer.session.register_soon([task_spec("echo", id=name) for name in ("t1", "t2", "t3")])
    owners = {"t1": "theirs", "t2": "", "t3": "s"}
    tasks = [pb.RegisterResult(task=task_pb2.Task(id=i, session_id=owner)) for i, owner in owners.items()]
    peer.send(peer.take(), registered=pb.SessionRegistered(results=tasks))
    sent.result()
    peer.send_results(1)
    next(results)
    peer.lose()

    peer.accept()
    resumed, adopted = peer.take(), peer.take()

    assert resumed.WhichOneof("kind") == "subscribe"
    assert [spec.id for spec in adopted.register.tasks] == ["t2"]


def test_a_keep_alive_moves_a_reader_that_has_read_everything(peer: Peer) -> None:
    peer.subscribe()

    peer.send(results=pb.SessionResults(cursor="c99"))
    peer.end()

    assert peer.session.cursor == "c99"


def test_a_keep_alive_does_not_move_a_reader_past_what_it_has_not_read(peer: Peer) -> None:
    results = peer.subscribe()
    peer.send_results(1)
    peer.send(results=pb.SessionResults(cursor="c99"))
    assert peer.session.cursor == "c0"

    peer.end()

    assert [record.task.id for record in results] == ["t1"]
    assert peer.session.cursor == "c99"


def test_what_was_not_acknowledged_is_sent_again_in_order_and_what_was_is_not(peer: Peer) -> None:
    acknowledged = peer.session.register_soon([task_spec("echo", id="a")])
    peer.send_registered(peer.take())
    acknowledged.result()
    pending = [peer.session.register_soon([task_spec("echo", id=name)]) for name in "bc"]
    lost = [peer.take(), peer.take()]
    peer.lose()

    peer.accept()
    again = [peer.take(), peer.take()]
    for request in again:
        peer.send_registered(request)

    assert again == lost
    registered = [future.result()[0].task for future in pending]
    assert [task.id for task in registered if task is not None] == ["b", "c"]


def test_a_session_that_never_began_fails_what_it_was_asked(server: FakeServer) -> None:
    session = server.client().session()
    rpc = server.take_session()
    call = server.start(session.register, "echo")
    while rpc.take_request().WhichOneof("kind") != "register":
        pass
    rpc.terminate((), grpc.StatusCode.UNAVAILABLE, "connection refused")

    assert isinstance(call.exception(), errors.Unavailable)
    with pytest.raises(errors.Unavailable):
        next(session.results())


def test_credit_is_given_back_as_results_are_read(peer: Peer) -> None:
    results = peer.subscribe()
    half = START_CREDIT // 2
    peer.send_results(*range(half))

    for _ in range(half):
        next(results)

    assert peer.take().credit.results == half


def test_a_server_that_shuts_down_is_followed_to_the_next_one(server: FakeServer, peer: Peer) -> None:
    results = peer.subscribe()
    request = peer.session.register_soon([task_spec("echo", id="a")])
    refused = peer.take()
    status = refusal(code_pb2.UNAVAILABLE, "CLOSING")
    peer.send(refused, error=pb.SessionError(status=status))
    peer.send_goodbye(pb.END_REASON_SHUTDOWN)

    peer.accept()
    assert peer.take().subscribe.after == "c0"
    peer.send_registered(peer.take())
    peer.send_results(1)
    peer.end()

    assert request.result()[0].created
    assert [record.task.id for record in results] == ["t1"]


def test_a_finished_session_whose_credit_is_spent_goes_on_once_its_results_are_read(peer: Peer) -> None:
    results = peer.subscribe()
    peer.session.finish()
    peer.rpc.requests_closed()
    peer.send_results(1, 2)
    peer.send_goodbye(pb.END_REASON_CREDIT_SPENT)
    read = [next(results), next(results)]

    peer.accept()
    assert peer.take().subscribe.after == "c2"
    peer.rpc.requests_closed()
    peer.send_results(3)
    peer.send_goodbye()

    assert [record.task.id for record in [*read, *results]] == ["t1", "t2", "t3"]


def test_closing_half_closes_and_waits_for_what_is_still_delivered(server: FakeServer, peer: Peer) -> None:
    results = peer.subscribe()
    closing = server.start(peer.session.close)
    peer.rpc.requests_closed()
    peer.send_results(1)
    assert not closing.done()

    peer.send_goodbye()

    assert closing.result() is None
    assert [record.task.id for record in results] == ["t1"]


def test_closing_does_not_wait_for_a_reader_whose_credit_is_spent(server: FakeServer, peer: Peer) -> None:
    results = peer.subscribe()
    closing = server.start(peer.session.close)
    peer.send_results(1)

    peer.send_goodbye(pb.END_REASON_CREDIT_SPENT)

    assert closing.result() is None
    assert [record.task.id for record in results] == ["t1"]


def test_an_exception_in_its_block_hangs_up_at_once(peer: Peer) -> None:
    with pytest.raises(KeyError), peer.session:
        raise KeyError

    peer.rpc.cancelled()
    assert list(peer.session.results()) == []


def test_a_finished_session_takes_no_more_requests(peer: Peer) -> None:
    peer.session.finish()

    with pytest.raises(errors.ClientClosed):
        peer.session.register("echo")


def test_what_is_unanswered_when_a_session_ends_is_said_to_be(peer: Peer) -> None:
    future = peer.session.register_soon([task_spec("echo")])
    peer.take()

    peer.session.close(drain=False)

    assert isinstance(future.exception(), errors.ClientClosed)


def test_an_error_that_answers_no_request_ends_the_session(peer: Peer) -> None:
    status = refusal(code_pb2.INVALID_ARGUMENT, "INVALID_ARGUMENT", "these bytes do not parse")
    peer.send(error=pb.SessionError(status=status))

    with pytest.raises(errors.InvalidArgument, match="do not parse"):
        next(peer.session.results())


def test_a_dead_server_fills_no_memory_with_requests(server: FakeServer) -> None:
    peer = Peer(server, timeout=0)
    for _ in range(MAX_PENDING):
        peer.session.register_soon([task_spec("echo")])

    with pytest.raises(errors.DeadlineExceeded, match="64 requests have no answer"):
        peer.session.register_soon([task_spec("echo")])

    peer.session.close(drain=False)


def test_a_reader_that_pauses_holds_only_the_latest_progress_of_a_task() -> None:
    state = SessionState("s")
    for fraction in (0.1, 0.2, 0.3):
        update = pb.ProgressUpdate(task_id="t", progress=task_pb2.Progress(fraction=fraction))
        state.receive(pb.SessionResponse(progress=update))

    latest, nothing = state.next_record(), state.next_record()

    assert isinstance(latest, Progress)
    assert latest.fraction == 0.3
    assert nothing is None


def test_one_string_is_no_list_of_tasks_to_cancel(peer: Peer) -> None:
    with pytest.raises(errors.InvalidArgument, match="'job-z': give a list"):
        peer.session.cancel("job-z")
