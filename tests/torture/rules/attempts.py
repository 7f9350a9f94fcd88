"""Promises about the code that runs: when it may, how often, how much at once, and whose outcome counts."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.torture.histories import CancelAnswered
from tests.torture.kinds import DOOMED
from tests.torture.rules.violation import Violation
from tests.torture.server import MAX_TASKS, TASKS_PER_S
from tests.torture.story import Attempt, Life, Story, TaskStory

#: How late order may be kept: strict means that nothing less urgent starts more than 1 s later.
STRICT_S = 1.0

#: Clocks are read one after another.
_CLOCKS_S = 0.005

_SIGNALLED = {"SIGNALLED", "NOT_STOPPABLE"}
_BURST = 1.1


def none_after_cancel(story: Story) -> Iterator[Violation]:
    """After an acknowledged cancel no attempt starts; for SIGNALLED, none but the one that was told."""
    for task in story.tasks.values():
        for cancel in task.cancels:
            for attempt in task.attempts:
                if attempt.began > cancel.at and not _was_told(story, cancel, attempt):
                    late_s = attempt.began - cancel.at
                    sentence = f"started attempt {attempt.number} {late_s:.3f} s after {cancel.outcome}"
                    yield Violation("none_after_cancel", attempt.began, task.name, sentence)


def one_at_a_time(story: Story) -> Iterator[Violation]:
    """A task has one attempt at once."""
    for task in story.tasks.values():
        for earlier, later in zip(task.attempts, task.attempts[1:], strict=False):
            if later.began < earlier.until:
                sentence = f"has attempts {earlier.number} and {later.number} at once"
                yield Violation("one_at_a_time", later.began, task.name, sentence)


def none_early(story: Story) -> Iterator[Violation]:
    """Nothing starts before its `run_at` or `delay` is over."""
    for task in story.tasks.values():
        if task.plan is None or not (task.plan.delay or task.plan.run_at) or not task.acknowledged:
            continue
        for attempt in task.attempts:
            if attempt.wall < task.due - _CLOCKS_S:
                sentence = f"started {task.due - attempt.wall:.3f} s early"
                yield Violation("none_early", attempt.began, task.name, sentence)


def none_stale(story: Story) -> Iterator[Violation]:
    """A Result is made by the last attempt that started, not by one that came late."""
    for task in story.tasks.values():
        for logged in task.logged:
            began = logged.ending.began
            if began is None or not task.attempts:
                continue
            last = task.attempts[-1]
            if last.began != began:
                sentence = f"has a Result of the attempt of {began:.6f}, and one began at {last.began:.6f}"
                yield Violation("none_stale", last.began, task.name, sentence)


def retries_kept(story: Story) -> Iterator[Violation]:
    """Retries are used by failures, not by interruptions, and no more and no fewer than asked for."""
    for task in story.tasks.values():
        for logged in task.logged:
            ending, retries = logged.ending, task.plan.retries if task.plan is not None else 0
            if task.plan is None or ending.reason == "WORKER_LOST":
                continue
            failed = sum(attempt.how == "failed" for attempt in task.attempts)
            # The failure of an attempt may be lost with the server, after its end was written down.
            repeated = len({attempt.pid for attempt in task.attempts}) - 1
            least = ending.retries_used + (ending.status == "FAILED")
            most = ending.retries_used + (ending.status != "COMPLETED") + max(0, repeated)
            if ending.retries_used > retries or (ending.reason == DOOMED and ending.retries_used != retries):
                sentence = f"used {ending.retries_used} of {retries} retries and is {ending.status}"
                yield Violation("retries_kept", logged.at, task.name, sentence)
            elif not least <= failed <= most:
                sentence = f"failed {failed} times and used {ending.retries_used} retries, {ending.status}"
                yield Violation("retries_kept", logged.at, task.name, sentence)


def order_kept(story: Story) -> Iterator[Violation]:
    """Within a lane, nothing starts a second and more before what is more urgent and could run."""
    lanes: dict[tuple[int, str, str], list[tuple[Attempt, TaskStory]]] = defaultdict(list)
    for pid, attempts in story.attempts_by_pid().items():
        for attempt in attempts:
            task = story.task_of(attempt)
            # Only first starts of tasks whose due time is known as it was at first.
            is_known = task.acknowledged and task.acknowledged[0].created
            if task.plan is not None and is_known and attempt is task.attempts[0]:
                lanes[pid, task.plan.queue, task.plan.handler].append((attempt, task))
    for (pid, _, _), starts in lanes.items():
        life = story.life_of(pid)
        if life is not None:
            yield from _overtaken(story, life, starts)


def limits_kept(story: Story) -> Iterator[Violation]:
    """No more attempts run at once, or start in a second, than the server was allowed."""
    for pid, attempts in story.attempts_by_pid().items():
        running: list[float] = []
        for number, attempt in enumerate(attempts):
            running = [until for until in running if until > attempt.began] + [attempt.until]
            if len(running) > MAX_TASKS:
                sentence = f"{len(running)} attempts at once"
                yield Violation("limits_kept", attempt.began, f"server {pid}", sentence)
            before = number - int(TASKS_PER_S * _BURST) - MAX_TASKS
            if before >= 0 and attempt.began - attempts[before].began < 1:
                sentence = f"{number - before} attempts in less than a second"
                yield Violation("limits_kept", attempt.began, f"server {pid}", sentence)


def _was_told(story: Story, cancel: CancelAnswered, attempt: Attempt) -> bool:
    """Whether an attempt whose code begins only now is the one that the cancel had signalled."""
    life = story.life_at(cancel.at)
    if cancel.outcome not in _SIGNALLED or life is None or life.pid != attempt.pid:
        return False
    if cancel.attempt is None:
        return attempt.began - cancel.at < STRICT_S
    return attempt.number <= cancel.attempt


def _overtaken(story: Story, life: Life, starts: Sequence[tuple[Attempt, TaskStory]]) -> Iterator[Violation]:
    moments = [attempt.began for attempt, _ in starts]
    for attempt, task in starts:
        runnable = max(task.acknowledged[0].at, task.due - story.wall_offset, life.ready or life.spawned)
        for other, less_urgent in starts[bisect_right(moments, runnable) :]:
            if other.began >= attempt.began:
                break
            waited_s = life.active_s(runnable, other.began)
            late_s = life.active_s(other.began, attempt.began)
            if _urgency(less_urgent) > _urgency(task) and min(waited_s, late_s) > STRICT_S:
                sentence = f"could run for {waited_s:.3f} s when the less urgent {less_urgent.name} started"
                yield Violation("order_kept", other.began, task.name, sentence)


def _urgency(task: TaskStory) -> tuple[int, float]:
    return (task.plan.priority if task.plan is not None else 0, task.due)
