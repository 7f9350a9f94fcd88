from __future__ import annotations

import random
from itertools import product
from typing import Any

import msgspec
import pytest

from millhand_server.core.execution import Failed, Outcome, StopCause, Stopped, Succeeded
from millhand_server.core.outcome import Ended, decide, may_retry
from millhand_server.core.retry import Retries
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, Owner, Progress, RetryPolicy, Task, TaskSpec
from millhand_server.core.transition import Reported, Transition, apply_to

DONE = TaskStatus.COMPLETED
FAIL = TaskStatus.FAILED
STOP = TaskStatus.CANCELLED
LATE = TaskStatus.CONTEXT_DEADLINE_REACHED
MORE = TaskStatus.RETRYING
OPEN = TaskStatus.QUEUED

OUTCOMES: dict[str, Outcome] = {
    "succeeded": Succeeded(b"42"),
    "failed": Failed("HANDLER_FAILED", "ValueError"),
    "failed, not to be retried": Failed("NEVER", "no", from_handler=True),
    "failed, fatal": Failed("BAD", "no", from_handler=True, fatal=True),
    "asked for another time": Failed("HANDLER_FAILED", "busy", retry_after_us=7 * SECOND_US),
    "stopped": Stopped(),
}

CAUSES: list[StopCause | None] = [
    None,
    StopCause.CANCEL,
    StopCause.TIMEOUT,
    StopCause.DEADLINE,
    StopCause.SHUTDOWN,
    StopCause.LEASE_LOST,
]

#: The status that follows for each cause of `CAUSES`, with retries left.
WITH_RETRIES = {
    #                            untold CANCEL TIMEOUT DEADLINE SHUTDOWN LEASE_LOST
    "succeeded":                 [DONE, DONE, DONE, DONE, DONE, DONE],
    "failed":                    [MORE, MORE, MORE, LATE, OPEN, MORE],
    "failed, not to be retried": [FAIL, FAIL, MORE, LATE, OPEN, FAIL],
    "failed, fatal":             [FAIL, MORE, MORE, LATE, OPEN, MORE],
    "asked for another time":    [MORE, MORE, MORE, LATE, OPEN, MORE],
    "stopped":                   [MORE, STOP, MORE, LATE, OPEN, MORE],
}  # fmt: skip

#: The same when no retry is left.
WITHOUT_RETRIES = {
    #                            untold CANCEL TIMEOUT DEADLINE SHUTDOWN LEASE_LOST
    "succeeded":                 [DONE, DONE, DONE, DONE, DONE, DONE],
    "failed":                    [FAIL, FAIL, LATE, LATE, OPEN, FAIL],
    "failed, not to be retried": [FAIL, FAIL, LATE, LATE, OPEN, FAIL],
    "failed, fatal":             [FAIL, FAIL, LATE, LATE, OPEN, FAIL],
    "asked for another time":    [MORE, FAIL, LATE, LATE, OPEN, FAIL],
    "stopped":                   [FAIL, STOP, LATE, LATE, OPEN, FAIL],
}  # fmt: skip

OWNER = Owner("node-1", 7)
POLICY = RetryPolicy(jitter=0.0, non_retryable_reasons=("NEVER",))
RETRIES = Retries(limit=3, delay_us=SECOND_US, policy=POLICY)


def running(*, retries_used: int = 0, **fields: Any) -> Task:
    return Task(
        spec=TaskSpec(id="t1", handler="echo"),
        sequence=1,
        status=TaskStatus.RUNNING,
        queue="default",
        priority=0,
        create_us=0,
        due_us=0,
        owner=OWNER,
        attempt=4,
        retries_used=retries_used,
        **fields,
    )


def ended(outcome: Outcome, cause: StopCause | None, told: Reported | None = None) -> Ended:
    return Ended(
        outcome=outcome,
        cause=cause,
        node="node-1",
        worker="w-1",
        start_us=10,
        end_us=20,
        told=told or Reported(),
    )


def decided(outcome: str, cause: StopCause | None, *, retries_used: int = 0) -> Transition:
    task = running(retries_used=retries_used)
    return decide(task, ended(OUTCOMES[outcome], cause), RETRIES, random.Random(1))


ALL = [
    pytest.param(outcome, cause, used, id=f"{outcome}, {cause.name if cause else 'untold'}, {left} left")
    for outcome, cause, (used, left) in product(OUTCOMES, CAUSES, [(0, 3), (3, 0)])
]


@pytest.mark.parametrize(("outcome", "cause", "used"), ALL)
def test_the_table_says_what_follows_an_attempt(outcome: str, cause: StopCause | None, used: int) -> None:
    transition = decided(outcome, cause, retries_used=used)

    table = WITHOUT_RETRIES if used else WITH_RETRIES
    assert transition.status is table[outcome][CAUSES.index(cause)]


@pytest.mark.parametrize(("outcome", "cause", "used"), ALL)
def test_once_a_cancellation_was_asked_for_only_success_outranks_it(
    outcome: str, cause: StopCause | None, used: int
) -> None:
    row = running(retries_used=used, cancel_us=15, cancel_reason="changed my mind")

    after = apply_to(row, decided(outcome, cause, retries_used=used), now_us=30)

    if outcome == "succeeded":
        assert (after.status, after.error, after.output) == (DONE, None, b"42")
    else:
        assert after.status is STOP
        assert after.error is not None
        assert (after.error.reason, after.error.message) == ("TASK_CANCELLED", "changed my mind")
        assert (after.retries_used, after.due_us) == (used, row.due_us)


@pytest.mark.parametrize(("outcome", "cause", "used"), ALL)
def test_only_a_counted_retry_uses_one_up(outcome: str, cause: StopCause | None, used: int) -> None:
    transition = decided(outcome, cause, retries_used=used)

    asked_for = outcome == "asked for another time" and cause is None
    assert transition.uses_retry == (transition.status is MORE and not asked_for)


@pytest.mark.parametrize(("outcome", "cause", "used"), ALL)
def test_every_end_lets_go_of_the_task_and_keeps_the_attempt(
    outcome: str, cause: StopCause | None, used: int
) -> None:
    transition = decided(outcome, cause, retries_used=used)

    assert transition.key == running().key
    assert transition.release
    assert transition.attempt is not None
    assert msgspec.structs.astuple(transition.attempt)[:5] == (4, "node-1", "w-1", 10, 20)


@pytest.mark.parametrize(
    ("outcome", "cause", "error"),
    [
        pytest.param("failed", None, (13, "HANDLER_FAILED", "millhand.v1"), id="an exception"),
        pytest.param("failed, fatal", None, (13, "BAD", "handler"), id="a reason of the handler's own"),
        pytest.param("stopped", None, (13, "HANDLER_FAILED", "millhand.v1"), id="stopped unasked"),
        pytest.param("stopped", StopCause.CANCEL, (1, "TASK_CANCELLED", "millhand.v1"), id="cancelled"),
        pytest.param("stopped", StopCause.TIMEOUT, (4, "TASK_TIMEOUT", "millhand.v1"), id="timed out"),
        pytest.param("failed", StopCause.TIMEOUT, (4, "TASK_TIMEOUT", "millhand.v1"), id="failed, timed out"),
        pytest.param(
            "failed", StopCause.DEADLINE, (4, "TASK_TIMEOUT", "millhand.v1"), id="past the deadline"
        ),
        pytest.param("stopped", StopCause.SHUTDOWN, (13, "CLOSING", "millhand.v1"), id="shut down"),
        pytest.param(
            "failed", StopCause.SHUTDOWN, (13, "HANDLER_FAILED", "millhand.v1"), id="failed at the end"
        ),
    ],
)
def test_an_attempt_remembers_why_it_ended(
    outcome: str, cause: StopCause | None, error: tuple[int, str, str]
) -> None:
    attempt = decided(outcome, cause).attempt

    assert attempt is not None
    assert attempt.error is not None
    assert (attempt.error.code, attempt.error.reason, attempt.error.domain) == error


@pytest.mark.parametrize(
    ("cause", "kind"),
    [(StopCause.TIMEOUT, "attempt"), (StopCause.DEADLINE, "deadline")],
    ids=["attempt", "deadline"],
)
def test_a_timeout_says_which_limit_it_was(cause: StopCause, kind: str) -> None:
    attempt = decided("stopped", cause).attempt

    assert attempt is not None
    assert attempt.error is not None
    assert attempt.error.metadata == {"timeout": kind}


def test_the_delay_of_a_retry_grows_with_the_retries_used() -> None:
    delays = [decided("failed", None, retries_used=used).due_in_us for used in range(3)]

    assert delays == [1 * SECOND_US, 2 * SECOND_US, 4 * SECOND_US]


def test_a_handler_s_own_delay_is_taken_as_it_is_and_however_often() -> None:
    transition = decided("asked for another time", None, retries_used=3)

    assert (transition.due_in_us, transition.uses_retry) == (7 * SECOND_US, False)


def test_an_interrupted_attempt_keeps_its_place() -> None:
    transition = decided("stopped", StopCause.SHUTDOWN)

    assert (transition.status, transition.due_in_us, transition.uses_retry) == (
        TaskStatus.QUEUED,
        None,
        False,
    )


def test_what_the_attempt_told_is_stored_with_its_end() -> None:
    told = Reported(Progress(0.5, "half", 15), b"beat", 16)

    transition = decide(running(), ended(Stopped(), None, told), RETRIES, random.Random(1))

    assert (transition.progress, transition.last_heartbeat, transition.heartbeat_us) == (
        Progress(0.5, "half", 15),
        b"beat",
        16,
    )


def test_whether_a_timeout_is_retried_is_for_its_own_reason_to_say() -> None:
    retries = Retries(3, SECOND_US, RetryPolicy(non_retryable_reasons=("TASK_TIMEOUT",)))

    # Whether the handler let itself be stopped or raised something on the way out.
    assert not may_retry(running(), ended(Stopped(), StopCause.TIMEOUT), retries)
    assert not may_retry(running(), ended(Failed("HANDLER_FAILED", "OSError"), StopCause.TIMEOUT), retries)
    assert may_retry(running(), ended(Failed("HANDLER_FAILED", "OSError"), None), retries)
