"""Running a task and waiting for it, across lost connections and full queues."""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

from millhand import errors
from millhand.protocol import records, requests, times
from millhand.protocol.full_queue import FullQueue
from millhand.protocol.reconnect import Reconnect
from millhand.protocol.specs import TaskOptions, task_spec, with_id
from millhand.protocol.steps import Call, Operation, Sleep, Terms
from millhand.protocol.typed import converter
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

#: How long a caller who was interrupted is held up for the sake of cancelling its task.
INTERRUPTED_DEADLINE_S = 2.0


class WaitOptions(TypedDict, total=False):
    """How to wait for a task."""

    #: How long to wait; without it, however long the task takes. One attempt's limit is `attempt_timeout`.
    timeout: times.Seconds | None
    #: Whether a task that was not done in time is cancelled or goes on.
    cancel_on_timeout: bool
    #: Whether the task is cancelled when this wait is broken off: by asyncio's cancellation, by Ctrl-C.
    cancel_on_interrupt: bool


class ExecuteOptions(TaskOptions, WaitOptions, total=False):
    """How to wait, beside what the task may have."""

    #: For how long to try again while the queue is full, within `timeout`.
    retry_when_full: times.Seconds | None


def execute(
    terms: Terms,
    handler: str,
    payload: object,
    result_type: Any,
    *,
    timeout: times.Seconds | None = None,
    cancel_on_timeout: bool = False,
    cancel_on_interrupt: bool = False,
    retry_when_full: times.Seconds | None = None,
    **options: Unpack[TaskOptions],
) -> Operation[Any]:
    """Runs a task and returns its output, as a `result_type` unless that is None. See `Client.execute`."""
    if result_type is not None:
        converter(result_type)
    result = yield from execute_task(
        terms,
        task_spec(handler, payload, **options),
        timeout=timeout,
        cancel_on_timeout=cancel_on_timeout,
        cancel_on_interrupt=cancel_on_interrupt,
        retry_when_full=retry_when_full,
    )
    return result.unwrap(result_type)


def execute_registered(
    terms: Terms, task_id: str, result_type: Any, **options: Unpack[WaitOptions]
) -> Operation[Any]:
    """Runs a registered task now and returns its output. See `Client.execute_registered`."""
    if result_type is not None:
        converter(result_type)
    result = yield from execute_task(terms, task_id, **options)
    return result.unwrap(result_type)


def execute_task(
    terms: Terms,
    target: task_pb2.TaskSpec | str,
    *,
    timeout: times.Seconds | None = None,
    cancel_on_timeout: bool = False,
    cancel_on_interrupt: bool = False,
    retry_when_full: times.Seconds | None = None,
    full: bool = False,
) -> Operation[records.Result]:
    """Runs a spec, or a registered task by its id ahead of its turn; the result says how it ended.

    A lost connection is no end: the call joins the same task again, as long as that makes sense. Nor is the
    end of this wait the task's: see `ExecuteOptions` for what can be asked for instead.
    """
    target = target if isinstance(target, str) else with_id(target)
    timeout_s = times.optional_s(timeout, "timeout")
    retry_s = times.optional_s(retry_when_full, "retry_when_full")
    if retry_s is not None and timeout_s is not None:
        retry_s = min(retry_s, timeout_s)
    queueing = FullQueue(retry_s, terms.now)
    try:
        return (yield from _until_done(terms, target, timeout_s, cancel_on_timeout, full, queueing))
    except (Exception, GeneratorExit):
        raise
    except BaseException as interruption:
        if cancel_on_interrupt:
            yield from _cancel_for(interruption, _id_of(target))
        raise


def _until_done(
    terms: Terms,
    target: task_pb2.TaskSpec | str,
    timeout_s: float | None,
    cancel_on_timeout: bool,
    full: bool,
    queueing: FullQueue,
) -> Operation[records.Result]:
    give_up_at = None if timeout_s is None else terms.now() + timeout_s
    reconnect = Reconnect(terms.patience_s)
    while True:
        left_s = None if give_up_at is None else max(0.0, give_up_at - terms.now())
        request = requests.execute(target, left_s, cancel_on_timeout, full)
        try:
            response: pb.ExecuteTaskResponse = yield Call("ExecuteTask", request, terms.deadline_s(left_s))
            return records.Result(response.result)
        except errors.QueueFull as refusal:
            delay_s = queueing.delay_after(refusal)
        except errors.MillhandError as error:
            if "task_id" in error.metadata:
                # The server had taken the task before the connection broke.
                reconnect.progressed()
            error.metadata.setdefault("task_id", _id_of(target))
            delay_s = reconnect.delay_after(error, terms.now())
        yield Sleep(delay_s)


def _cancel_for(interruption: BaseException, task_id: str) -> Operation[None]:
    """Cancels what an interrupted caller waited for. If that fails, the interruption's notes say so."""
    if not task_id:
        interruption.add_note("its task was not cancelled: it has a key and no id that is known here")
        return
    request = pb.CancelTaskRequest(id=task_id, reason="the caller was interrupted")
    try:
        yield Call("CancelTask", request, INTERRUPTED_DEADLINE_S)
    except errors.MillhandError as error:
        interruption.add_note(f"task {task_id} was not cancelled: {error}")


def _id_of(target: task_pb2.TaskSpec | str) -> str:
    return target if isinstance(target, str) else target.id
