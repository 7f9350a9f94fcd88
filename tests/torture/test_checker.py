"""Every rule of the torture is red over a history that breaks it, and over no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.torture.checker import RULES, check
from tests.torture.histories import (
    Acknowledged,
    Act,
    Answered,
    Asked,
    CancelAnswered,
    Died,
    Ended,
    Ending,
    GapRead,
    Kept,
    Logged,
    Plan,
    Read,
    Refused,
    Restored,
    Settled,
    Spawned,
    Started,
    Unanswered,
)
from tests.torture.server import MAX_TASKS, TASKS_PER_S
from tests.torture.staging import FIRST, SECOND, WALL, Run, cursor
from tests.torture.story import Story

Spoil = Callable[[Run], object]


def _of(name: str) -> Callable[[Any], bool]:
    """Whether an event is about the task of that name."""

    def about(event: Any) -> bool:
        ending = getattr(event, "ending", None)
        task_id = ending.id if ending is not None else getattr(event, "id", "")
        return task_id == f"id-{name}"

    return about


def _started(run: Run, name: str, at: float, *, attempt: int = 1, pid: int = FIRST) -> None:
    run.add(Started(at=at, id=f"id-{name}", attempt=attempt, pid=pid, wall=WALL + at))


def _run(run: Run, name: str, at: float, until: float, **more: int) -> None:
    _started(run, name, at, **more)
    pid = more.get("pid", FIRST)
    run.add(Ended(at=until, id=f"id-{name}", pid=pid, began=at, how="returned"))


def _forget(run: Run, name: str) -> None:
    for kind in (Kept, Logged, Read):
        run.drop(kind, _of(name))


def _leave_unfinished(run: Run, name: str) -> None:
    _drop_result(run, name)
    run.change(Kept, _of(name), status="QUEUED")


def _drop_result(run: Run, name: str) -> None:
    for kind in (Logged, Read):
        run.drop(kind, _of(name))


def _log_again(run: Run) -> None:
    ending = Ending(id="id-second", name="session-0.1-second", status="FAILED", attempt=1)
    run.add(Logged(at=20.0, cursor=cursor(7), ending=ending))
    run.add(Read(at=23.0, stream="reader-0", cursor=cursor(7), ending=ending))
    run.drop(Read, lambda read: read.cursor == cursor(6) and read.stream == "reader-0")


def _answer_otherwise(run: Run) -> None:
    ending = Ending(id="id-first", name="session-0.1-first", status="FAILED", attempt=1)
    run.add(Answered(at=2.5, ending=ending))


def _be_two_tasks(run: Run) -> None:
    run.add(Acknowledged(at=5.0, name="session-0.1-first", id="id-other", due=0.0, created=False))


def _be_created_twice(run: Run) -> None:
    run.add(Acknowledged(at=5.0, name="session-0.1-first", id="id-first", due=0.0, created=True))


def _go_back(run: Run) -> None:
    run.change(Read, lambda read: read.stream == "reader-0" and _of("second")(read), cursor=cursor(1))


def _change_epoch(run: Run) -> None:
    run.change(
        Read, lambda read: read.stream == "reader-0" and _of("second")(read), cursor=cursor(9, "f" * 16)
    )


def _read_twice(run: Run) -> None:
    [again] = [
        event
        for event in run.events
        if isinstance(event, Read) and event.stream == "session-0.1" and _of("first")(event)
    ]
    run.add(again)


def _read_what_is_lost(run: Run) -> None:
    ending = Ending(id="id-ghost", name="calls-0.1-ghost", status="COMPLETED", attempt=1)
    run.add(Read(at=25.0, stream="reader-0", cursor=cursor(7), ending=ending))


def _announce_a_gap(run: Run) -> None:
    run.add(GapRead(at=25.0, stream="reader-0", cursor=cursor(0, "f" * 16), missed=None, replaced=True))


def _run_beside(run: Run) -> None:
    run.change(Ended, _of("first"), at=4.0)
    run.change_ending("session-0.1-first", began=3.0)
    _started(run, "first", 3.0, attempt=2)


def _run_beside_a_dead_life(run: Run) -> None:
    """The attempt in the second life begins while the first one's process is still there."""
    run.change(Died, lambda died: died.pid == FIRST, at=12.6)


def _start_early(run: Run) -> None:
    plan = Plan(
        name="session-0.1-first", kind="scheduled", handler="quick", payload={}, queue="default", delay=1.0
    )
    run.change(Asked, lambda asked: asked.plan.name == plan.name, plan=plan)
    run.change(Acknowledged, _of("first"), due=WALL + 3.0)


def _use_no_retry(run: Run) -> None:
    plan = Plan(
        name="session-0.1-doomed", kind="doomed", handler="doomed", payload={}, queue="default", retries=2
    )
    run.change(Asked, lambda asked: asked.plan.name == plan.name, plan=plan)


def _fail_too_often(run: Run) -> None:
    for at in (3.1, 3.2):
        _started(run, "doomed", at)
        run.add(Ended(at=at + 0.01, id="id-doomed", pid=FIRST, began=at, how="failed"))
    run.change_ending("session-0.1-doomed", began=3.2)


def _overtake(run: Run) -> None:
    run.task("urgent", 6.0, priority=-10, wait_s=3.0)
    run.task("idle", 6.1, priority=10, wait_s=1.4)


def _run_too_many(run: Run) -> None:
    for number in range(MAX_TASKS + 1):
        run.task(f"many-{number}", 6.0 + number / 1e3)
        run.change(Ended, _of(f"many-{number}"), at=7.0)


def _start_too_many(run: Run) -> None:
    for number in range(int(TASKS_PER_S * 1.1) + MAX_TASKS + 1):
        run.task(f"many-{number}", 6.0 + number / 1e3)


def _recover_slowly(run: Run) -> None:
    """What the second life took over runs only 6 s after its start; nothing else of it runs before."""
    run.change(Started, lambda one: _of("killed")(one) and one.pid == SECOND, at=17.0, wall=WALL + 17.0)
    run.change(Ended, lambda one: _of("killed")(one) and one.pid == SECOND, at=17.1, began=17.0)
    run.change_ending("session-0.1-killed", began=17.0)


def _recover_slowly_while_stopped(run: Run) -> None:
    """The same 6 s, of which the server was stopped for two."""
    _recover_slowly(run)
    run.add(Act(at=13.0, name="stop", pid=SECOND), Act(at=15.0, name="continue", pid=SECOND))


def _overtake_while_stopped(run: Run) -> None:
    run.add(Act(at=6.2, name="stop", pid=FIRST), Act(at=8.2, name="continue", pid=FIRST))
    run.task("urgent", 6.0, priority=-10, wait_s=3.0)
    run.task("idle", 6.1, priority=10, wait_s=2.5)


def _complete_after_all(run: Run, name: str) -> None:
    run.change_ending(f"session-0.1-{name}", status="COMPLETED")
    run.drop(Read, lambda read: read.stream == "cancelled-0" and _of(name)(read))


def _begin_late(run: Run) -> None:
    run.change(Started, _of("told"), at=5.03, wall=WALL + 5.03)
    run.change(Ended, _of("told"), began=5.03, at=5.04)


def _fail_again(run: Run) -> None:
    _started(run, "doomed", 9.9)
    run.add(Ended(at=9.95, id="id-doomed", pid=FIRST, began=9.9, how="failed"))
    run.change(Started, lambda one: _of("doomed")(one) and one.at < 9, pid=SECOND, at=13.0, wall=WALL + 13.0)
    run.change(Ended, lambda one: _of("doomed")(one) and one.at < 9, pid=SECOND, began=13.0, at=13.1)
    run.change_ending("session-0.1-doomed", began=13.0)


def _refuse_read_only(run: Run) -> None:
    run.add(Act(at=10.5, name="readonly", pid=FIRST), Act(at=12.2, name="writable", pid=FIRST))
    after_death = next(number for number, event in enumerate(run.events) if isinstance(event, Died)) + 1
    run.events[after_death:after_death] = [Spawned(at=10.6, pid=103), Died(at=10.8, pid=103, status=1)]


BAD: dict[str, tuple[str, Spoil]] = {
    "the server never comes back": ("all_at_rest", lambda run: run.drop(Settled)),
    "tasks are left to run": (
        "all_at_rest",
        lambda run: run.change(Settled, lambda _: True, is_quiet=False),
    ),
    "an acknowledged task is unknown in the end": ("none_lost", lambda run: _forget(run, "first")),
    "an innocent task fails by WORKER_LOST": (
        "none_lost",
        lambda run: run.change_ending("session-0.1-doomed", reason="WORKER_LOST"),
    ),
    "a task never ends": ("none_stuck", lambda run: _leave_unfinished(run, "first")),
    "a task is listed as final and has no result": (
        "none_stuck",
        lambda run: _drop_result(run, "first"),
    ),
    "a task has two results": ("one_result", _log_again),
    "a task is listed with another status": (
        "one_result",
        lambda run: run.change(Kept, _of("first"), status="FAILED"),
    ),
    "a task fails that should not": (
        "right_end",
        lambda run: run.change_ending("session-0.1-first", status="CANCELLED"),
    ),
    "a task fails for a strange reason": (
        "right_end",
        lambda run: run.change_ending("session-0.1-doomed", reason="HANDLER_FAILED"),
    ),
    "a dequeued task completes": ("right_end", lambda run: _complete_after_all(run, "cancelled")),
    "ExecuteTask says something else than the log": ("one_answer", _answer_otherwise),
    "a key is two tasks": ("one_task_per_key", _be_two_tasks),
    "a repeated registration makes a task again": ("one_task_per_key", _be_created_twice),
    "a good registration is refused": (
        "none_refused",
        lambda run: run.add(Refused(at=5.0, name="session-0.1-x", error="INTERNAL")),
    ),
    "the store is unavailable and nobody says for how long": (
        "advice_given",
        lambda run: run.add(Unanswered(at=5.0, name="x", error="STORE_UNAVAILABLE")),
    ),
    "a restored backup passes for the log that was": (
        "restore_announced",
        lambda run: run.add(Restored(at=25.0, gap=False, missing=[])),
    ),
    "after a restored backup results are skipped": (
        "restore_announced",
        lambda run: run.add(Restored(at=25.0, gap=True, missing=["after-1"])),
    ),
    "a cursor goes back": ("in_order", _go_back),
    "a cursor is of another log, and no gap said so": ("in_order", _change_epoch),
    "a reading has a result twice": ("none_twice", _read_twice),
    "a reader misses a result": (
        "none_missing",
        lambda run: run.drop(Read, lambda read: read.stream == "reader-0" and _of("first")(read)),
    ),
    "a session misses a result": (
        "none_missing",
        lambda run: run.drop(Read, lambda read: read.stream == "session-0.1" and _of("first")(read)),
    ),
    "the reader of cancelled tasks misses one": (
        "none_missing",
        lambda run: run.drop(Read, lambda read: read.stream == "cancelled-0" and _of("told")(read)),
    ),
    "a result that was read is lost": ("none_missing", _read_what_is_lost),
    "a gap is announced": ("no_gap", _announce_a_gap),
    "a dequeued task starts": ("none_after_cancel", lambda run: _started(run, "cancelled", 4.5)),
    "a task that was told starts again": (
        "none_after_cancel",
        lambda run: _started(run, "told", 12.5, attempt=2, pid=SECOND),
    ),
    "the same attempt of a task that was told starts in another life": (
        "none_after_cancel",
        lambda run: _started(run, "told", 12.5, pid=SECOND),
    ),
    "a task has two attempts at once": ("one_at_a_time", _run_beside),
    "a task runs again before its first process is dead": ("one_at_a_time", _run_beside_a_dead_life),
    "a task starts before it is due": ("none_early", _start_early),
    "the result is that of an attempt before the last": (
        "none_stale",
        lambda run: run.change_ending("session-0.1-killed", began=9.52),
    ),
    "a task fails and has retries left": ("retries_kept", _use_no_retry),
    "a task fails more often than it may": ("retries_kept", _fail_too_often),
    "a less urgent task overtakes": ("order_kept", _overtake),
    "too many attempts run at once": ("limits_kept", _run_too_many),
    "too many attempts start in a second": ("limits_kept", _start_too_many),
    "the server dies of itself": (
        "no_death_of_its_own",
        lambda run: run.drop(Act, lambda act: act.name == "kill"),
    ),
    "the server ends with an error": (
        "no_death_of_its_own",
        lambda run: run.change(Died, lambda died: died.pid == FIRST, status=1),
    ),
    "a second server is let in": (
        "one_server_per_file",
        lambda run: run.add(Act(at=5.0, name="second", detail="served", pid=FIRST)),
    ),
    "the server logs a traceback": (
        "no_traceback",
        lambda run: run.change(Died, lambda died: died.pid == FIRST, complaint="Traceback (most ...)"),
    ),
    "what a server took over waits for long": ("quick_recovery", _recover_slowly),
}

FINE: dict[str, Spoil] = {
    "nothing": lambda run: None,
    "a restored backup is announced": lambda run: run.add(Restored(at=25.0, gap=True, missing=[])),
    "a cancelled task completes after all": lambda run: _complete_after_all(run, "told"),
    "a task that was told begins a moment later": _begin_late,
    "a cancel in a batch, whose answer names no attempt": lambda run: run.change(
        CancelAnswered, _of("told"), attempt=None
    ),
    "a failure that was lost with the server is repeated": _fail_again,
    "the server is stopped while a more urgent task waits": _overtake_while_stopped,
    "the server is slow to recover because it was stopped": _recover_slowly_while_stopped,
    "the server refuses a read-only file": _refuse_read_only,
}


@pytest.mark.parametrize("spoil", FINE.values(), ids=FINE.keys())
def test_the_checker_has_nothing_against(spoil: Spoil) -> None:
    run = Run()

    spoil(run)

    assert check(Story({"all": run.events})) == []


@pytest.mark.parametrize(("rule", "spoil"), BAD.values(), ids=BAD.keys())
def test_the_checker_is_red_when(rule: str, spoil: Spoil) -> None:
    run = Run()

    spoil(run)

    assert {violation.rule for violation in check(Story({"all": run.events}))} >= {rule}


def test_every_rule_has_a_history_that_breaks_it() -> None:
    assert {rule for rule, _ in BAD.values()} == RULES.keys()
