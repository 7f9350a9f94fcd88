"""A batch of tasks on its way in: how RegisterTasks reads it, and the answer about it, also on a Session."""

from __future__ import annotations

from collections.abc import Sequence

from millhand.v1 import task_service_pb2
from millhand_server.core.errors import MillhandError
from millhand_server.core.ports import Inserted
from millhand_server.engine.manager import Caller, TaskManager
from millhand_server.rpc import validation
from millhand_server.rpc.aside import aside
from millhand_server.rpc.convert_task import TaskWriter, task_spec
from millhand_server.rpc.status import status_of


async def register_batch(
    manager: TaskManager, request: task_service_pb2.RegisterTasksRequest, caller: Caller, *, size: int
) -> list[Inserted | MillhandError]:
    """Registers a batch whose size was checked, and, unless items fail one by one, its tasks too.

    `size` is about that of the request, in bytes.

    Raises:
        MillhandError: in the mode ATOMIC, when one of the tasks is refused: then none was registered.
    """
    if request.mode != task_service_pb2.REGISTER_MODE_PER_ITEM:
        specs = await aside(size, lambda: [task_spec(task) for task in request.tasks])
        return await manager.register_tasks(specs, atomic=True, caller=caller)
    read = await aside(size, lambda: validation.read_each(request.tasks, manager.limits))
    return await manager.register_tasks(read, atomic=False, caller=caller)


async def write_results(
    message: task_service_pb2.RegisterTasksResponse | task_service_pb2.SessionRegistered,
    answers: Sequence[Inserted | MillhandError],
    writer: TaskWriter,
    *,
    size: int,
) -> None:
    """Writes what became of a batch; texts that would make the answer too large are left out of its tasks."""
    await aside(size, lambda: _write_results(message, answers, writer))


def _write_results(
    message: task_service_pb2.RegisterTasksResponse | task_service_pb2.SessionRegistered,
    answers: Sequence[Inserted | MillhandError],
    writer: TaskWriter,
) -> None:
    message.SetInParent()
    for answer in answers:
        result = message.results.add()
        if isinstance(answer, MillhandError):
            result.error.CopyFrom(status_of(answer))
        else:
            writer.write_task(result.task, answer.task)
            result.created = answer.created
    writer.lighten(message, lambda: [result.task for result in message.results if result.HasField("task")])
