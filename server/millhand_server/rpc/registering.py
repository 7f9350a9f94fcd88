"""A batch of tasks on its way in, for RegisterTasks and for a Session."""

from __future__ import annotations

from collections.abc import Sequence

from millhand.v1 import task_pb2, task_service_pb2
from millhand_server.core.errors import MillhandError
from millhand_server.core.ports import Inserted
from millhand_server.engine.manager import Caller, TaskManager
from millhand_server.rpc import validation
from millhand_server.rpc.convert_task import TaskWriter, task_spec
from millhand_server.rpc.status import status_of


async def register_batch(
    manager: TaskManager,
    tasks: Sequence[task_pb2.TaskSpec],
    mode: task_service_pb2.RegisterMode,
    caller: Caller,
) -> list[Inserted | MillhandError]:
    """Registers a batch whose size was checked, and, unless items fail one by one, its tasks too.

    Raises:
        MillhandError: in the mode ATOMIC, when one of the tasks is refused: then none was registered.
    """
    if mode != task_service_pb2.REGISTER_MODE_PER_ITEM:
        specs = [task_spec(task) for task in tasks]
        return await manager.register_tasks(specs, atomic=True, caller=caller)
    checked = [
        validation.task_error(task, manager.limits, f"tasks[{i}].") or task_spec(task)
        for i, task in enumerate(tasks)
    ]
    return await manager.register_tasks(checked, atomic=False, caller=caller)


def write_results(
    message: task_service_pb2.RegisterTasksResponse | task_service_pb2.SessionRegistered,
    answers: Sequence[Inserted | MillhandError],
    writer: TaskWriter,
) -> None:
    """Writes what became of a batch; texts that would make the answer too large are left out of its tasks."""
    message.SetInParent()
    for answer in answers:
        result = message.results.add()
        if isinstance(answer, MillhandError):
            result.error.CopyFrom(status_of(answer))
        else:
            result.task.CopyFrom(writer.task(answer.task))
            result.created = answer.created
    writer.lighten(message, [result.task for result in message.results if result.HasField("task")])
