"""Promises about each task: it ends, once, as it should, and is not lost."""

from __future__ import annotations

from collections.abc import Iterator

from tests.torture.kinds import DOOMED, ends_of
from tests.torture.rules.violation import Violation
from tests.torture.story import Story, TaskStory

_FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CONTEXT_DEADLINE_REACHED"}


def all_at_rest(story: Story) -> Iterator[Violation]:
    """When the nemesis has stopped the server serves, and soon nothing is left to do."""
    if story.settled is None:
        yield Violation("all_at_rest", story.ended, "the server", "never came back: not much can be judged")
    elif not story.settled.is_quiet:
        yield Violation("all_at_rest", story.settled.at, "the server", "still had tasks to run")


def none_lost(story: Story) -> Iterator[Violation]:
    """Each acknowledged task is known in the end, and none failed because its server died."""
    if story.settled is None:
        return
    for task in story.acknowledged():
        # A loss could be seen when the server first came back without the task.
        at = story.death_after(task.acknowledged[0].at)
        if not task.kept and not task.logged:
            yield Violation("none_lost", at, task.name, "was acknowledged and is unknown in the end")
        for logged in task.logged:
            if logged.ending.reason == "WORKER_LOST":
                yield Violation("none_lost", at, task.name, "FAILED by WORKER_LOST, and is innocent")


def none_stuck(story: Story) -> Iterator[Violation]:
    """Each acknowledged task is final, with a Result, soon after the nemesis has stopped."""
    at = story.settled.at if story.settled is not None else 0.0
    for task in story.acknowledged():
        if task.kept and task.kept[0].status not in _FINAL:
            yield Violation("none_stuck", at, task.name, f"is {task.kept[0].status} in the end")
        elif task.kept and not task.logged:
            yield Violation("none_stuck", at, task.name, f"is {task.kept[0].status} and has no Result")


def one_result(story: Story) -> Iterator[Violation]:
    """No task has two Results, and the task as listed has the status of its Result."""
    for task in story.tasks.values():
        for again in task.logged[1:]:
            sentence = f"has {len(task.logged)} Results, {_statuses(task)}"
            yield Violation("one_result", again.at, task.name, sentence)
        for kept in task.kept:
            if task.logged and kept.status != task.logged[0].ending.status:
                sentence = f"is listed as {kept.status} and its Result is {_statuses(task)}"
                yield Violation("one_result", kept.at, task.name, sentence)


def right_end(story: Story) -> Iterator[Violation]:
    """Each task ends as its kind should, or CANCELLED if somebody asked; for DEQUEUED, CANCELLED only."""
    for task in story.tasks.values():
        if task.plan is None:
            continue
        may = ends_of(task.plan)
        if task.cancels_asked:
            may = may | {"CANCELLED"}
        if any(cancel.outcome == "DEQUEUED" for cancel in task.cancels):
            may = {"CANCELLED"}
        elif any(cancel.outcome == "SIGNALLED" for cancel in task.cancels):
            may = {"CANCELLED", "COMPLETED"}
        for logged in task.logged:
            ending = logged.ending
            if ending.status not in may:
                sentence = f"ended {ending.status} {ending.reason}, not {' or '.join(sorted(may))}"
                yield Violation("right_end", logged.at, task.name, sentence)
            elif ending.status == "FAILED" and ending.reason not in (DOOMED, "WORKER_LOST"):
                yield Violation("right_end", logged.at, task.name, f"failed for {ending.reason!r}")


def one_answer(story: Story) -> Iterator[Violation]:
    """What ExecuteTask answered is what the log says."""
    for task in story.tasks.values():
        for answer in task.answers:
            for logged in task.logged:
                if answer.ending != logged.ending:
                    sentence = f"ExecuteTask said {answer.ending}, the log {logged.ending}"
                    yield Violation("one_answer", answer.at, task.name, sentence)


def one_task_per_key(story: Story) -> Iterator[Violation]:
    """Whatever was registered again, under its id or its key, is one task and was created once."""
    for task in story.tasks.values():
        ids = {answer.id for answer in task.acknowledged} | {logged.ending.id for logged in task.logged}
        created = [answer for answer in task.acknowledged if answer.created]
        at = task.acknowledged[-1].at if task.acknowledged else 0.0
        if len(ids) > 1:
            yield Violation("one_task_per_key", at, task.name, f"is {len(ids)} tasks: {sorted(ids)}")
        if len(created) > 1:
            sentence = f"was created {len(created)} times"
            yield Violation("one_task_per_key", created[1].at, task.name, sentence)


def none_refused(story: Story) -> Iterator[Violation]:
    """No well-formed registration is refused for good."""
    for refusal in story.refused:
        yield Violation("none_refused", refusal.at, refusal.name, f"was refused: {refusal.error}")


def advice_given(story: Story) -> Iterator[Violation]:
    """Whoever is told that the store is unavailable is told when to try again."""
    for unanswered in story.unanswered:
        if unanswered.error == "STORE_UNAVAILABLE" and not unanswered.advised:
            yield Violation("advice_given", unanswered.at, unanswered.name, "was not told when to try again")


def _statuses(task: TaskStory) -> str:
    return " and ".join(logged.ending.status for logged in task.logged)
