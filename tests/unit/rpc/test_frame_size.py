from __future__ import annotations

from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand_server.rpc.frame_size import in_frames, lighten


def _answer(*tasks: task_pb2.Task) -> pb.RegisterTasksResponse:
    return pb.RegisterTasksResponse(results=[pb.RegisterResult(task=task) for task in tasks])


def _lightened(answer: pb.RegisterTasksResponse, limit: int) -> list[task_pb2.Task]:
    tasks = [result.task for result in answer.results]
    lighten(answer, tasks, limit)
    return tasks


def test_parts_are_left_out_of_all_tasks_one_kind_after_the_other_until_they_fit() -> None:
    task = task_pb2.Task(id="t", labels={"k": "v" * 200}, description="d" * 200)

    first, second = _lightened(_answer(task, task), 600)

    assert first == second == task_pb2.Task(id="t", description="d" * 200)


def test_a_task_that_is_too_large_alone_costs_the_others_nothing() -> None:
    large = task_pb2.Task(id="large", labels={"k": "v" * 1_000}, description="d" * 100)
    small = task_pb2.Task(id="small", labels={"k": "v"})

    first, second = _lightened(_answer(large, small), 600)

    assert first == task_pb2.Task(id="large", description="d" * 100)
    assert second == small


def test_messages_are_grouped_up_to_the_limit_and_a_larger_one_goes_alone() -> None:
    sizes = [40, 40, 200, 40]

    groups = in_frames((task_pb2.Task(name="n" * size) for size in sizes), 110)

    assert [[len(task.name) for task in group] for group in groups] == [[40, 40], [200], [40]]
