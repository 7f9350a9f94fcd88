"""A writer: `python -m tests.torture.generators NAME ADDRESS SEED LIFE`.

It registers tasks, asks again for what had no answer, as long as it takes, and cancels some. What a killed
predecessor left without an answer is asked for again, too. A name that begins with `session` does it in
batches over one stream and reads the results of its own tasks there; others call for each task.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.torture.histories import (
    Acknowledged,
    Answered,
    Asked,
    CancelAnswered,
    CancelAsked,
    Finished,
    History,
    Plan,
    Refused,
    Unanswered,
    read,
)
from tests.torture.kinds import draw, spec_of
from tests.torture.processes import HISTORIES_VARIABLE, stay_with_parent, stop_on_sigterm
from tests.torture.records import ending_of_result, event_of

from millhand import Client, Session
from millhand.errors import DeadlineExceeded, MillhandError, ResourceExhausted, Unavailable
from millhand.v1 import task_pb2

_THREADS = 12
_CALLS_PER_S = 120.0
_BATCH = 20
#: Now and then a batch is so large that it takes the server a while, and is cut in two by the next kill.
_LARGE_BATCH = 200
_LARGE = 0.1
_BATCHES_PER_S = 5.0
_EXECUTED = 0.3
_ASKED_TWICE = 0.3
_LONGEST_WAIT_TO_CANCEL_S = 1.5

_TIMEOUT_S = 10.0
_RETRY_S = 0.2

#: Answers after which nobody knows.
_UNKNOWN = (Unavailable, DeadlineExceeded, ResourceExhausted)


def main() -> None:
    """Writes until SIGTERM, and then until nothing that was asked is without an answer."""
    stay_with_parent()
    name, address, seed, life = sys.argv[1:]
    path = Path(os.environ[HISTORIES_VARIABLE]) / f"{name}.jsonl"
    history, stopping = History(path), stop_on_sigterm()
    chance = random.Random(f"{seed} {name} {life}")
    writer = Writer(f"{name}.{life}", history, stopping, chance)
    left = unanswered(path)
    with Client(address, timeout=_TIMEOUT_S, reconnect_timeout=None, name=name) as client:
        if name.startswith("session"):
            write_batches(writer, client, left)
        else:
            write_calls(writer, client, left)


def unanswered(path: Path) -> list[Plan]:
    """Returns what a history has asked for and has no answer to."""
    plans: dict[str, Plan] = {}
    for event in read(path):
        if isinstance(event, Asked):
            plans[event.plan.name] = event.plan
        elif isinstance(event, Acknowledged | Refused):
            plans.pop(event.name, None)
    return list(plans.values())


class Writer:
    """What both ways of writing share: names, chance, the history, and when to stop."""

    def __init__(self, name: str, history: History, stopping: threading.Event, chance: random.Random) -> None:
        self.name = name
        self.history = history
        self.stopping = stopping
        self.chance = chance
        self._lock = threading.Lock()
        self._number = 0

    def plan(self) -> Plan:
        with self._lock:
            self._number += 1
            return draw(self.chance, f"{self.name}-{self._number}")

    def pause(self, per_s: float) -> None:
        self.stopping.wait(self.chance.expovariate(per_s))

    def asked(self, plans: Iterable[Plan]) -> None:
        self.history.write(*(Asked(plan=plan) for plan in plans))

    def acknowledged(self, plan: Plan, task: task_pb2.Task, created: bool | None) -> None:
        due = task.due_time.ToMicroseconds() / 1e6
        self.history.write(Acknowledged(name=plan.name, id=task.id, due=due, created=created))

    def failed(self, plan: Plan, error: MillhandError) -> bool:
        """Writes an error down; returns whether to ask again, after a pause."""
        if isinstance(error, _UNKNOWN):
            self.history.write(
                Unanswered(
                    name=plan.name,
                    error=error.reason or error.code.name,
                    advised=error.retry_after is not None,
                )
            )
            time.sleep(_RETRY_S)
            return True
        self.history.write(Refused(name=plan.name, error=str(error)))
        return False


def write_calls(writer: Writer, client: Client, left: Sequence[Plan]) -> None:
    """Registers, executes and cancels by unary calls, a few at once."""
    for plan in left:
        _register(writer, client, plan)

    def write() -> None:
        while not writer.stopping.is_set():
            _write_one(writer, client, writer.plan())
            writer.pause(_CALLS_PER_S / _THREADS)

    threads = [threading.Thread(target=write, name=f"writer-{number}") for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _write_one(writer: Writer, client: Client, plan: Plan) -> None:
    if plan.kind in ("quick", "keyed", "flaky") and writer.chance.random() < _EXECUTED:
        _execute(writer, client, plan)
        return
    task_id = _register(writer, client, plan)
    if plan.keyed and writer.chance.random() < _ASKED_TWICE:
        _register(writer, client, plan)
    if task_id and plan.kind == "cancelled":
        writer.stopping.wait(_wait_to_cancel(writer))
        _cancel(writer, client, task_id)


def _register(writer: Writer, client: Client, plan: Plan) -> str:
    """Asks until there is an answer; returns the task's id, empty if it was refused."""
    while True:
        writer.asked([plan])
        try:
            [registered] = client.register_many([spec_of(plan)])
        except MillhandError as error:
            if not writer.failed(plan, error):
                return ""
            continue
        assert registered.task is not None
        writer.acknowledged(plan, registered.task, registered.created)
        return registered.task.id


def _execute(writer: Writer, client: Client, plan: Plan) -> None:
    while True:
        writer.asked([plan])
        try:
            result = client.execute_task(spec_of(plan), timeout=_TIMEOUT_S)
        except MillhandError as error:
            if not writer.failed(plan, error):
                return
            continue
        writer.acknowledged(plan, result.task, None)
        writer.history.write(Answered(ending=ending_of_result(result)))
        return


def _cancel(writer: Writer, client: Client, task_id: str) -> None:
    """Asks once: a cancel without an answer stays unknown, and the task may end either way."""
    writer.history.write(CancelAsked(id=task_id))
    try:
        answer = client.cancel(task_id, reason="by the torture")
    except _UNKNOWN:
        return
    writer.history.write(CancelAnswered(id=task_id, outcome=answer.outcome.name, attempt=answer.task.attempt))


def write_batches(writer: Writer, client: Client, left: Sequence[Plan]) -> None:
    """Registers and cancels in batches over a session, and reads its results beside."""
    with _opened(client) as session:
        reading = threading.Thread(target=_read_own, args=(writer, session), name="reading")
        reading.start()
        _register_batch(writer, session, left)
        while not writer.stopping.is_set():
            largest = _LARGE_BATCH if writer.chance.random() < _LARGE else _BATCH
            batch = [writer.plan() for _ in range(writer.chance.randint(1, largest))]
            ids = _register_batch(writer, session, batch)
            _cancel_batch(writer, session, ids)
            writer.pause(_BATCHES_PER_S)
        session.finish()
        reading.join()
    writer.history.write(Finished(stream=writer.name))


def _opened(client: Client) -> Session:
    """Returns a session that has begun: only then does it outlive its server by itself."""
    while True:
        session = client.session()
        try:
            session.subscribe(after="0")
            return session
        except _UNKNOWN:
            session.close(drain=False)
            time.sleep(_RETRY_S)


def _register_batch(writer: Writer, session: Session, plans: Sequence[Plan]) -> list[str]:
    """Asks until all are answered; returns the ids of those that are to be cancelled."""
    waiting, ids = list(plans), []
    while waiting:
        writer.asked(waiting)
        try:
            answers = session.register_many([spec_of(plan) for plan in waiting], "per_item")
        except MillhandError as error:
            waiting = [plan for plan in waiting if writer.failed(plan, error)]
            continue
        again = []
        for plan, answer in zip(waiting, answers, strict=True):
            if answer.task is not None:
                writer.acknowledged(plan, answer.task, answer.created)
                ids += [answer.task.id] if plan.kind == "cancelled" else []
            elif answer.error is not None and writer.failed(plan, answer.error):
                again.append(plan)
        waiting = again
    return ids


def _cancel_batch(writer: Writer, session: Session, ids: Sequence[str]) -> None:
    if not ids:
        return
    writer.stopping.wait(_wait_to_cancel(writer) / 4)
    writer.history.write(*(CancelAsked(id=task_id) for task_id in ids))
    try:
        answers = session.cancel(ids, reason="by the torture")
    except _UNKNOWN:
        return
    for answer in answers:
        # The answer to a batch has no task in it, and so no attempt.
        writer.history.write(CancelAnswered(id=answer.id, outcome=answer.outcome.name))


def _read_own(writer: Writer, session: Session) -> None:
    for record in session.results():
        event = event_of(record, writer.name)
        if event is not None:
            writer.history.write(event)


def _wait_to_cancel(writer: Writer) -> float:
    return _LONGEST_WAIT_TO_CANCEL_S * writer.chance.random() ** 2


if __name__ == "__main__":
    main()
