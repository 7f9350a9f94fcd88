"""The protocol page's tables are those of the code."""

import grpc
import pytest
from tests.architecture.docs import pages

from millhand.v1 import errors_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand_server.core import errors
from millhand_server.core.errors import MillhandError
from millhand_server.engine.options import Limits
from millhand_server.rpc.status import code_of

PAGE = pages.DOCS / "protocol.md"

#: One error of each kind whose metadata its constructor decides.
_EXAMPLES = [
    errors.TaskNotFound("a"),
    errors.AlreadyExists("taken", task_id="a", field="task.id"),
    errors.TaskAlreadyStarted("a"),
    errors.TaskCompleted("a", "FAILED"),
    errors.TaskCancelled("a"),
    errors.TaskTimeout("over", task_id="a"),
    errors.QueueFull(1),
    errors.TooManyStreams(1),
    errors.Closing(),
    errors.InternalError(),
]


def test_every_reason_of_the_contract_is_listed_once() -> None:
    listed = [reason for reason, *_ in _errors()]

    names = [name.removeprefix("ERROR_REASON_") for name, _ in errors_pb2.ErrorReason.items()]
    assert sorted(listed) == sorted(set(names) - {"UNSPECIFIED"})


def test_what_this_server_raises_is_listed_as_that_with_its_code() -> None:
    raised = {reason: code.partition(";")[0] for reason, code, _, said in _errors() if said == "yes"}

    assert raised == {kind.reason: _code(kind) for kind in _kinds()}


@pytest.mark.parametrize("error", _EXAMPLES, ids=lambda error: error.reason)
def test_an_error_is_listed_with_its_metadata(error: MillhandError) -> None:
    [listed] = [metadata for reason, _, metadata, _ in _errors() if reason == error.reason]

    assert set(filter(None, listed.split(", "))) == set(error.metadata)


def test_every_code_is_one_of_grpc() -> None:
    codes = {word for _, text, *_ in _errors() for word in text.replace(";", "").split() if word.isupper()}

    assert codes <= {code.name for code in grpc.StatusCode} - {"OK", "UNKNOWN"}


def test_every_request_of_a_session_is_listed_with_its_answer() -> None:
    listed = {row[0].strip("`"): row[1].strip("`") for row in pages.rows(pages.section(PAGE, "Session"))}

    kinds = {field.name for field in pb.SessionRequest.DESCRIPTOR.oneofs_by_name["kind"].fields}
    answers = {field.name for field in pb.SessionResponse.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert set(listed) == kinds
    assert answers - set(listed.values()) == {"results", "progress", "gap", "error", "goodbye"}


def test_the_reasons_for_the_end_of_a_stream_are_those_of_the_contract() -> None:
    text = pages.section(PAGE, "The log and its cursors") + pages.section(PAGE, "Session")

    ends = {name.removeprefix("END_REASON_") for name, _ in pb.EndReason.items()} - {"UNSPECIFIED"}
    assert [end for end in sorted(ends) if end not in text] == []


def test_the_limits_are_those_of_the_server() -> None:
    text = (pages.DOCS / "operations.md").read_text()
    limits = Limits()

    assert f"| {limits.max_queued:,}, then `QUEUE_FULL`" in text
    assert f"| {limits.max_streams:,}, then `TOO_MANY_STREAMS`" in text
    assert (
        f"{limits.max_message_bytes >> 20} MiB, {limits.max_payload_bytes >> 20} MiB, "
        f"{limits.max_batch_tasks:,} tasks, {limits.max_json_depth} levels"
    ) in text


def _errors() -> list[tuple[str, str, str, str]]:
    table = pages.rows(pages.section(PAGE, "Errors"))
    return [(reason.strip("`"), code, metadata, raised) for reason, code, metadata, raised in table]


def _kinds() -> list[type[MillhandError]]:
    found: list[type[MillhandError]] = []
    unseen: list[type[MillhandError]] = [MillhandError]
    while unseen:
        kind = unseen.pop()
        unseen.extend(kind.__subclasses__())
        # Those without a sentence of their own to say are branches of the tree.
        if kind.__module__ == errors.__name__ and kind not in (MillhandError, errors.NotFound):
            found.append(kind)
    return found


def _code(kind: type[MillhandError]) -> str:
    return code_of(kind.__new__(kind)).name
