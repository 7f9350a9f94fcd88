"""Takes tasks in: checks what they mean, and stores them once."""

from __future__ import annotations

import itertools
import secrets
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from millhand_server.core import errors
from millhand_server.core.errors import MillhandError, StoreOutcomeUnknown, StoreUnavailable, Violation
from millhand_server.core.ports import Conflict, Full, Inserted, InsertResult, RequestType, Withheld
from millhand_server.core.task import NewTask, Task, TaskSpec
from millhand_server.core.trace import first_traceparent
from millhand_server.engine.repeating import until_known
from millhand_server.engine.shared import Shared

_NAMED_HANDLERS = 20


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the principal scopes ids and keys, the session labels tasks for its own stream.

    `traceparent` is for tasks that have none themselves; what is not of the W3C's form is left out.
    """

    principal: str = "anonymous"
    session_id: str = ""
    traceparent: str = ""


ANONYMOUS = Caller()


class Acceptance:
    """Turns specifications into stored tasks. Belongs to the engine's loop."""

    def __init__(
        self,
        shared: Shared,
        new_id: Callable[[], str],
        *,
        on_accepted: Callable[[Sequence[Task]], None],
        on_unsettled: Callable[[], None],
    ) -> None:
        """Takes whom to tell of new tasks, and of tasks that may have been stored or not."""
        self._new_id = new_id
        # Tokens differ between calls and between nodes, and need not be secret.
        self._tokens = itertools.count(secrets.randbits(61))
        self._store = shared.store
        self._catalogue = shared.catalogue
        self._clock = shared.clock
        self._arrivals = shared.arrivals
        self._observing = shared.observing
        self._max_queued = shared.options.limits.max_queued
        self._max_batch = shared.options.limits.max_batch_tasks
        self._on_accepted = on_accepted
        self._on_unsettled = on_unsettled

    async def accept(
        self, spec: TaskSpec, caller: Caller, *, before: Callable[[str], None] | None = None
    ) -> Inserted:
        """Stores one task; raises what refuses it, naming fields below `task`.

        `before` is called with the task's id before it is stored: who waits for its result can be in place.
        """
        new = self._prepare(spec, caller, next(self._tokens), "task")
        if before is not None:
            before(new.spec.id)
        [result] = await self._insert([new], atomic=True)
        if isinstance(result, Inserted):
            return result
        raise _refusal(result, "task")

    async def accept_many(
        self, specs: Sequence[TaskSpec | MillhandError], caller: Caller, *, atomic: bool
    ) -> list[Inserted | MillhandError]:
        """Stores a batch, in order; what was refused before it came here stands as its refusal.

        With `atomic` all or nothing: the first refusal is raised, with the fields of all that are like it.
        """
        self._check_size(specs)
        token = next(self._tokens)
        prepared = [self._prepared(spec, caller, token, i) for i, spec in enumerate(specs)]
        good = [new for new in prepared if isinstance(new, NewTask)]
        if atomic and len(good) < len(prepared):
            _raise_first([new for new in prepared if isinstance(new, MillhandError)])
        results = await self._insert(good, atomic=atomic) if good else []
        stored = iter(results)
        answers = [
            new if isinstance(new, MillhandError) else _answer(next(stored), i)
            for i, new in enumerate(prepared)
        ]
        if atomic:
            refused = zip(answers, results, strict=True)
            _raise_first([a for a, r in refused if isinstance(a, MillhandError) and type(r) is not Withheld])
        return answers

    def _check_size(self, specs: Sequence[TaskSpec | MillhandError]) -> None:
        if not specs:
            raise errors.InvalidArgument("a batch has at least one task", field="tasks")
        if len(specs) > self._max_batch:
            raise errors.InvalidArgument(
                f"a batch has at most {self._max_batch} tasks, not {len(specs)}; send several", field="tasks"
            )

    def _prepared(
        self, spec: TaskSpec | MillhandError, caller: Caller, token: int, place: int
    ) -> NewTask | MillhandError:
        if isinstance(spec, MillhandError):
            return spec
        try:
            return self._prepare(spec, caller, token, f"tasks[{place}]")
        except MillhandError as error:
            return error

    def _prepare(self, spec: TaskSpec, caller: Caller, token: int, path: str) -> NewTask:
        entry = self._catalogue.get(spec.handler)
        if entry is None:
            raise errors.InvalidTaskFunc(
                f"no handler is called {spec.handler!r}; known are {self._known()}",
                field=f"{path}.handler",
                metadata={"handler": spec.handler},
            )
        if entry.request is not None:
            _check_payload(entry.request, spec, f"{path}.payload")
        id_given = bool(spec.id)
        if not id_given or spec.traceparent or caller.traceparent:
            trace = first_traceparent(spec.traceparent, caller.traceparent)
            spec = msgspec.structs.replace(spec, id=spec.id or self._new_id(), traceparent=trace)
        return NewTask(
            spec=spec,
            # Interned: a million queued tasks share the few names there are.
            queue=sys.intern(entry.queue_of(spec)),
            priority=entry.priority_of(spec),
            start_timeout_us=entry.start_timeout_of(spec) or None,
            principal=caller.principal,
            session_id=caller.session_id,
            token=token,
            id_given=id_given,
        )

    def _known(self) -> str:
        names = self._catalogue.names()
        shown = ", ".join(names[:_NAMED_HANDLERS]) or "none"
        more = len(names) - _NAMED_HANDLERS
        return f"{shown} and {more} more" if more > 0 else shown

    async def _insert(self, tasks: Sequence[NewTask], *, atomic: bool) -> list[InsertResult]:
        """Inserts, and settles an unknown outcome by inserting again: known rows are found, not doubled."""

        def insert() -> Awaitable[list[InsertResult]]:
            return self._store.insert(tasks, atomic=atomic, max_waiting=self._max_queued)

        self._arrivals.expect()
        try:
            try:
                results = await insert()
            except StoreOutcomeUnknown:
                results = _with_own(await self._settle(insert), tasks)
            self._observing.inserted(results)
            self._on_accepted([r.task for r in results if isinstance(r, Inserted) and r.created])
        finally:
            self._arrivals.came()
        return results

    async def _settle(self, insert: Callable[[], Awaitable[list[InsertResult]]]) -> list[InsertResult]:
        try:
            return await until_known(self._clock, insert)
        except StoreUnavailable:
            # The caller has no answer, but what may be there must not lie there unseen.
            self._on_unsettled()
            raise


def _answer(result: InsertResult, place: int) -> Inserted | MillhandError:
    return result if isinstance(result, Inserted) else _refusal(result, f"tasks[{place}]")


def _refusal(result: Conflict | Full | Withheld, path: str) -> MillhandError:
    match result:
        case Conflict():
            return errors.AlreadyExists(
                f"the {result.field} is taken by task {result.task_id!r}, which has other content",
                task_id=result.task_id,
                field=f"{path}.{result.field}",
            )
        case Full():
            return errors.QueueFull(result.limit, in_bytes=result.in_bytes)
        case Withheld():
            return errors.InvalidArgument("another task of the batch was refused", field=path)


def _check_payload(request: RequestType, spec: TaskSpec, path: str) -> None:
    """Decodes the payload as a worker will, and throws the request away: a task may wait for days."""
    try:
        request.decode(spec.payload)
    except errors.InvalidPayload as error:
        raise errors.InvalidPayload(
            f"the payload does not fit the handler {spec.handler!r}: {error.message}",
            field=path,
            violations=tuple(_below(path, violation) for violation in error.violations),
            metadata={"handler": spec.handler},
        ) from None


def _below(path: str, violation: Violation) -> Violation:
    return Violation(f"{path}.{violation.field}" if violation.field else path, violation.description)


def _with_own(results: Sequence[InsertResult], tasks: Sequence[NewTask]) -> list[InsertResult]:
    """Returns a repeated insert's results, with what the one before had created said to be created."""
    answers: list[InsertResult] = []
    seen: set[str] = set()
    for result, new in zip(results, tasks, strict=True):
        answer = result
        if isinstance(result, Inserted):
            # This call's own by its token; a duplicate inside the batch found the first one.
            created = result.task.token == new.token and result.task.id not in seen
            seen.add(result.task.id)
            answer = Inserted(result.task, created)
        answers.append(answer)
    return answers


def _raise_first(refusals: Sequence[MillhandError]) -> None:
    """Raises the first refusal of an atomic batch, with the fields of the others of its kind."""
    if not refusals:
        return
    first = refusals[0]
    alike = [error for error in refusals if error.reason == first.reason]
    first.violations = tuple(violation for error in alike for violation in error.violations)
    raise first
