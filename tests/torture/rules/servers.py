"""Promises about the server's own lives: what ends it, what it says then, how soon it works again."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from tests.torture.rules.violation import Violation
from tests.torture.story import Life, Story

#: The longest time from the start of a server to the first code of a task that it took over.
RECOVERY_S = 5.0


def no_death_of_its_own(story: Story) -> Iterator[Violation]:
    """The server ends by our hand only: killed, by SIGTERM with status 0, or refusing a bad disk."""
    for life in story.lives:
        if life.status is not None and not _is_our_doing(story, life):
            yield Violation("no_death_of_its_own", life.died, _name(life), f"ended with status {life.status}")


def one_server_per_file(story: Story) -> Iterator[Violation]:
    """A second server on the same file is refused."""
    for act in story.acts:
        if act.name == "second" and act.detail != "refused":
            yield Violation("one_server_per_file", act.at, "a second server", act.detail)


def no_traceback(story: Story) -> Iterator[Violation]:
    """No log has a traceback: whatever happens is said in a sentence."""
    for life in story.lives:
        if life.complaint:
            yield Violation("no_traceback", life.died, _name(life), f"logged: {life.complaint}")


def quick_recovery(story: Story) -> Iterator[Violation]:
    """Within 5 s of its start a server runs a task that it took over."""
    for life, seconds in recoveries(story):
        if seconds > RECOVERY_S:
            sentence = f"ran the first task that it took over after {seconds:.1f} s"
            yield Violation("quick_recovery", life.spawned + seconds, _name(life), sentence)


def recoveries(story: Story) -> list[tuple[Life, float]]:
    """Returns for each life that took over tasks how long it took until the first of them ran.

    Taken over is what was acknowledged before the life began, and had no further time to wait for.
    """
    found = []
    for pid, attempts in story.attempts_by_pid().items():
        life = story.life_of(pid)
        for attempt in attempts if life is not None else ():
            task = story.task_of(attempt)
            if task.acknowledged and task.plan is not None and life is not None:
                waited = task.acknowledged[0].at < life.spawned and not task.plan.retries
                if waited and task.due - story.wall_offset < life.spawned:
                    found.append((life, life.active_s(life.spawned, attempt.began)))
                    break
    return found


def _is_our_doing(story: Story, life: Life) -> bool:
    acts = {act.name for act in story.acts if act.pid == life.pid}
    if life.status == -signal.SIGKILL:
        return bool(acts & {"kill", "end"})
    if life.status == 0:
        return "term" in acts
    return life.ready is None and not life.complaint and _met_a_bad_disk(story, life)


def _met_a_bad_disk(story: Story, life: Life) -> bool:
    """Whether the disk was full or read-only at some time between a life's beginning and its end."""
    for begins, ends in (("full", "room"), ("readonly", "writable")):
        begin = max((act.at for act in story.acts if act.name == begins and act.at < life.died), default=None)
        if begin is not None:
            end = min(
                (act.at for act in story.acts if act.name == ends and act.at > begin), default=life.died
            )
            if life.spawned < end:
                return True
    return False


def _name(life: Life) -> str:
    return f"server {life.pid}"
