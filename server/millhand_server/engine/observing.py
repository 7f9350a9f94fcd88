"""Tells observers what the engine has stored. What is made of it (logs, counts) lives in the observers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from millhand_server.core.ports import Applied, CancelMark, Change, Inserted, InsertResult, Observer
from millhand_server.core.task import Task
from millhand_server.core.transition import Transition
from millhand_server.engine.attempts import LiveAttempts

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Observing:
    """All observers of one engine, told in order. Belongs to the engine's loop.

    Without observers nothing is built for them. One that raises is logged, and misses what it was told then.
    """

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._observers = tuple(observers)

    def inserted(self, results: Sequence[InsertResult]) -> None:
        """Tells of the tasks that an insert has created."""
        if self._observers:
            created = [result.task for result in results if isinstance(result, Inserted) and result.created]
            self._tell(created, lambda observer: observer.accepted)

    def settled(
        self, transitions: Sequence[Transition], applied: Sequence[Applied], live: LiveAttempts
    ) -> None:
        """Tells of changes of tasks that this node holds; `live` still has them as they were."""
        if not self._observers:
            return
        self._tell(
            [
                Change(transition, attempt.task, row)
                for transition, result in zip(transitions, applied, strict=True)
                if (row := result.task) is not None
                and (result.changed or _had_effect(transition, row))
                and (key := transition.key) is not None
                and (attempt := live.get(key)) is not None
            ],
            lambda observer: observer.changed,
        )

    def expired(
        self, transitions: Sequence[Transition], applied: Sequence[Applied], before: Sequence[Task]
    ) -> None:
        """Tells of changes of tasks that no node held."""
        if not self._observers:
            return
        self._tell(
            [
                Change(transition, earlier, row)
                for transition, result, earlier in zip(transitions, applied, before, strict=True)
                if (row := result.task) is not None and (result.changed or _had_effect(transition, row))
            ],
            lambda observer: observer.changed,
        )

    def cancelled(self, marks: Sequence[CancelMark]) -> None:
        """Tells of requests to cancel."""
        if self._observers:
            found = [mark for mark in marks if mark.task is not None and not mark.already_final]
            self._tell(found, lambda observer: observer.cancelled)

    def recovered(self, tasks: Sequence[Task]) -> None:
        """Tells of tasks that were taken back."""
        self._tell(tasks, lambda observer: observer.recovered)

    def _tell(self, what: Sequence[T], method: Callable[[Observer], Callable[[Sequence[T]], None]]) -> None:
        if not what:
            return
        for observer in self._observers:
            try:
                method(observer)(what)
            except Exception:
                logger.exception("an observer failed: %s", type(observer).__name__)


def _had_effect(transition: Transition, row: Task) -> bool:
    """Tells whether a transition that changes nothing now had changed its row when its outcome was unknown.

    One that is offered again finds its own guard gone. What it did then is known by its mark on the row.
    """
    if transition.attempt is not None:
        return row.attempts[-1:] == (transition.attempt,)
    return transition.error is not None and (row.status, row.error) == (transition.status, transition.error)
