"""The histories put together: what happened to each task, each reading and each life of the server."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tests.torture.histories import (
    Acknowledged,
    Act,
    Answered,
    AnyEvent,
    Asked,
    CancelAnswered,
    CancelAsked,
    Died,
    Ended,
    Finished,
    GapRead,
    Kept,
    Logged,
    Plan,
    Read,
    Ready,
    Refused,
    Restored,
    Settled,
    Spawned,
    Started,
    Unanswered,
)


@dataclass
class Life:
    """A server process. `pauses` are the times in which it was stopped."""

    pid: int
    spawned: float
    ready: float | None = None
    died: float = float("inf")
    status: int | None = None
    complaint: str = ""
    pauses: list[tuple[float, float]] = field(default_factory=list)

    def active_s(self, since: float, until: float) -> float:
        """Returns for how long, between two moments, it was there and not stopped."""
        since, until = max(since, self.spawned), min(until, self.died)
        paused = sum(max(0.0, min(until, end) - max(since, begin)) for begin, end in self.pauses)
        return max(0.0, until - since) - paused


@dataclass
class Attempt:
    """One run of a handler. `until` is its end, or the death of its process."""

    id: str
    number: int
    pid: int
    began: float
    wall: float
    until: float
    how: str = ""


@dataclass
class TaskStory:
    """All that concerns one task, by the name that its writer gave it."""

    name: str
    plan: Plan | None = None
    acknowledged: list[Acknowledged] = field(default_factory=list)
    cancels_asked: list[CancelAsked] = field(default_factory=list)
    cancels: list[CancelAnswered] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    logged: list[Logged] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    @cached_property
    def due(self) -> float:
        """When it may start, in seconds since 1970; 0 if nobody knows."""
        return self.acknowledged[0].due if self.acknowledged else 0.0


@dataclass
class Reading:
    """What one reader saw, in its order. `is_finished`: it was told that nothing more comes."""

    stream: str
    seen: list[Read | GapRead] = field(default_factory=list)
    is_finished: bool = False


class Story:
    """A whole run. Nothing in it changes once it is made."""

    def __init__(self, histories: Mapping[str, Iterable[AnyEvent]]) -> None:
        self.lives: list[Life] = []
        self.tasks: dict[str, TaskStory] = {}
        self.readings: dict[str, Reading] = {}
        self.acts: list[Act] = []
        self.refused: list[Refused] = []
        self.unanswered: list[Unanswered] = []
        self.settled: Settled | None = None
        self.restored: list[Restored] = []
        self.log: list[Logged] = []
        self._names: dict[str, str] = {}
        self._attempts: dict[tuple[int, float], Attempt] = {}
        events = [event for history in histories.values() for event in history]
        for event in events:
            self._take_life(event)
        # Names before everything that knows a task by its id only.
        for event in events:
            self._take_task(event)
        for event in events:
            self._take_reading(event)
            self._take_deed(event)
        for task in self.tasks.values():
            task.attempts.sort(key=lambda attempt: attempt.began)
        self._end_attempts(event for event in events if isinstance(event, Ended))

    @cached_property
    def began(self) -> float:
        """When the first server was started."""
        return min((life.spawned for life in self.lives), default=0.0)

    @cached_property
    def ended(self) -> float:
        """When the nemesis did its last act."""
        return max((act.at for act in self.acts), default=self.began)

    @cached_property
    def wall_offset(self) -> float:
        """What to add to a moment for the seconds since 1970."""
        return next((attempt.wall - attempt.began for attempt in self._attempts.values()), 0.0)

    @cached_property
    def deaths(self) -> list[float]:
        return sorted(life.died for life in self.lives)

    def life_at(self, at: float) -> Life | None:
        """Returns the server process that there was at a moment."""
        number = bisect_right([life.spawned for life in self.lives], at) - 1
        return self.lives[number] if number >= 0 and at <= self.lives[number].died else None

    def life_of(self, pid: int) -> Life | None:
        return self._lives_by_pid.get(pid)

    def death_after(self, at: float) -> float:
        """Returns when a server died first after a moment; that moment if none did."""
        number = bisect_right(self.deaths, at)
        return self.deaths[number] if number < len(self.deaths) else at

    def attempts_by_pid(self) -> dict[int, list[Attempt]]:
        """Returns the attempts of each server process, as they began."""
        by_pid: dict[int, list[Attempt]] = {}
        for attempt in sorted(self._attempts.values(), key=lambda attempt: attempt.began):
            by_pid.setdefault(attempt.pid, []).append(attempt)
        return by_pid

    def task_of(self, attempt: Attempt) -> TaskStory:
        return self._by_id(attempt.id)

    def acknowledged(self) -> list[TaskStory]:
        return [task for task in self.tasks.values() if task.acknowledged]

    @cached_property
    def _lives_by_pid(self) -> dict[int, Life]:
        return {life.pid: life for life in self.lives}

    def _take_life(self, event: AnyEvent) -> None:
        match event:
            case Spawned():
                self.lives.append(Life(event.pid, event.at))
            case Ready():
                self.lives[-1].ready = event.at
            case Died():
                life = self.lives[-1]
                life.died, life.status, life.complaint = event.at, event.status, event.complaint

    def _take_task(self, event: AnyEvent) -> None:
        match event:
            case Asked():
                self._task(event.plan.name).plan = event.plan
            case Acknowledged():
                self._names[event.id] = event.name
                self._task(event.name).acknowledged.append(event)
            case Logged():
                self.log.append(event)
                self._names.setdefault(event.ending.id, event.ending.name)
                self._task(event.ending.name).logged.append(event)
            case Kept():
                self._names.setdefault(event.id, event.name)
                self._task(event.name).kept.append(event)
            case Answered():
                self._task(event.ending.name).answers.append(event)
            case Refused():
                self.refused.append(event)
            case Unanswered():
                self.unanswered.append(event)

    def _take_reading(self, event: AnyEvent) -> None:
        match event:
            case Read() | GapRead():
                self._reading(event.stream).seen.append(event)
            case Finished():
                self._reading(event.stream).is_finished = True

    def _take_deed(self, event: AnyEvent) -> None:
        match event:
            case CancelAsked():
                self._by_id(event.id).cancels_asked.append(event)
            case CancelAnswered():
                self._by_id(event.id).cancels.append(event)
            case Started():
                self._start(event)
            case Act():
                self._act(event)
            case Settled():
                self.settled = event
            case Restored():
                self.restored.append(event)

    def _act(self, act: Act) -> None:
        self.acts.append(act)
        life = self.life_of(act.pid)
        if life is not None and act.name == "stop":
            life.pauses.append((act.at, float("inf")))
        if life is not None and act.name == "continue":
            begin, _ = life.pauses.pop()
            life.pauses.append((begin, act.at))

    def _start(self, event: Started) -> None:
        life = self.life_of(event.pid)
        attempt = Attempt(
            event.id,
            event.attempt,
            event.pid,
            event.at,
            event.wall,
            until=life.died if life is not None else float("inf"),
        )
        self._attempts[event.pid, event.at] = attempt
        self._by_id(event.id).attempts.append(attempt)

    def _end_attempts(self, ends: Iterable[Ended]) -> None:
        for end in ends:
            attempt = self._attempts.get((end.pid, end.began))
            if attempt is not None:
                attempt.until, attempt.how = end.at, end.how

    def _task(self, name: str) -> TaskStory:
        return self.tasks.setdefault(name, TaskStory(name))

    def _by_id(self, task_id: str) -> TaskStory:
        return self._task(self._names.get(task_id, task_id))

    def _reading(self, stream: str) -> Reading:
        return self.readings.setdefault(stream, Reading(stream))
