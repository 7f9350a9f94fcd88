from __future__ import annotations

from tests.engine.bench import FAILED, Bench, soon, spec
from tests.engine.conftest import OpenBench
from tests.fakes.store import Fail
from tests.fakes.tasks import new_task

from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US
from millhand_server.engine.answers import Block, BlockReason, Explanation


async def explain(bench: Bench, task_id: str) -> Explanation:
    await bench.settle()
    return await soon(bench.manager.explain_task(task_id))


async def reasons(bench: Bench, task_id: str) -> list[BlockReason]:
    return [block.reason for block in (await explain(bench, task_id)).reasons]


async def block(bench: Bench, task_id: str, reason: BlockReason) -> Block:
    """Returns one reason of the explanation, which must be there."""
    [found] = [one for one in (await explain(bench, task_id)).reasons if one.reason is reason]
    assert found.message
    return found


async def test_a_final_task_needs_no_explanation(bench: Bench) -> None:
    await bench.put("a")
    await bench.run("a")

    assert await explain(bench, "a") == Explanation(TaskStatus.COMPLETED)


async def test_a_running_task_needs_no_explanation(bench: Bench) -> None:
    await bench.start("a")

    assert await explain(bench, "a") == Explanation(TaskStatus.RUNNING)


async def test_a_scheduled_task_is_not_due(bench: Bench) -> None:
    await bench.put("a", delay_us=60 * SECOND_US)
    await bench.advance(20)

    explanation = await explain(bench, "a")

    assert [(one.reason, one.wait_us) for one in explanation.reasons] == [
        (BlockReason.NOT_DUE, 40 * SECOND_US)
    ]
    assert explanation.estimated_start_us == bench.clock.now_us() + 40 * SECOND_US


async def test_a_failed_attempt_waits_for_its_retry(bench: Bench) -> None:
    await bench.put("a", retry_delay_us=60 * SECOND_US)
    await bench.run("a", FAILED)

    found = await block(bench, "a", BlockReason.RETRY_WAIT)

    assert (found.used, found.wait_us) == (1, 60 * SECOND_US)


async def test_a_task_waits_behind_others_for_a_busy_worker(bench: Bench) -> None:
    await bench.start("running")
    await bench.put("urgent", priority=-1)
    await bench.put("before", handler="other")
    await bench.put("a", "after")
    await bench.put("elsewhere", queue="mail", priority=-1)

    busy = await block(bench, "a", BlockReason.WORKERS_BUSY)
    position = await block(bench, "a", BlockReason.QUEUE_POSITION)

    assert await reasons(bench, "a") == [BlockReason.WORKERS_BUSY, BlockReason.QUEUE_POSITION]
    assert (busy.name, busy.limit, busy.used) == ("max_workers", 1, 1)
    assert (position.name, position.ahead) == ("default", 2)


async def test_the_first_in_the_queue_waits_for_a_worker_alone(bench: Bench) -> None:
    await bench.start("running")
    await bench.put("a")

    assert await reasons(bench, "a") == [BlockReason.WORKERS_BUSY]


async def test_without_workers_that_is_the_reason(bench: Bench) -> None:
    await bench.manager.start_workers(0)
    await bench.put("a")

    found = await block(bench, "a", BlockReason.WORKERS_BUSY)

    assert found.limit == 0
    assert "StartWorkers" in found.message


async def test_a_task_waits_for_the_rate_limit(open_bench: OpenBench) -> None:
    bench = await open_bench(tasks_per_second=2, max_workers=10)
    await bench.start("takes the token")
    await bench.put("a")

    found = await block(bench, "a", BlockReason.RATE_LIMIT)

    assert (found.name, found.limit) == ("tasks_per_second", 2)
    assert found.wait_us is not None
    assert abs(found.wait_us - SECOND_US // 2) <= 1


async def test_a_task_waits_for_max_tasks_though_workers_are_free(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=4, max_tasks=1)
    await bench.start("running")
    await bench.put("a")

    found = await block(bench, "a", BlockReason.CONCURRENCY_LIMIT)

    assert (found.name, found.limit, found.used) == ("max_tasks", 1, 1)


async def test_stuck_workers_are_a_reason(bench: Bench) -> None:
    await bench.start("stuck", timeout_us=SECOND_US, retries=0)
    await bench.put("a")
    await bench.advance(12)

    found = await block(bench, "a", BlockReason.WORKERS_STUCK)

    assert (found.limit, found.used) == (1, 1)
    assert (await reasons(bench, "a"))[0] is BlockReason.WORKERS_STUCK


async def test_a_task_whose_handler_nobody_has_says_so(bench: Bench) -> None:
    await bench.memory.insert([new_task("a", handler="gone")], atomic=True, max_waiting=0)

    explanation = await explain(bench, "a")

    assert [(one.reason, one.name) for one in explanation.reasons] == [(BlockReason.NO_HANDLER, "gone")]


async def test_a_store_that_does_not_answer_is_a_reason(bench: Bench) -> None:
    bench.script.from_now_on("claim", Fail())
    await bench.put("a")

    assert (await reasons(bench, "a"))[0] is BlockReason.STORE_UNAVAILABLE


async def test_a_manager_that_closes_starts_nothing_new(bench: Bench) -> None:
    await bench.start("running")
    await bench.put("a")
    bench.spawn(bench.manager.close())

    explanation = await explain(bench, "a")

    assert explanation.reasons[0].reason is BlockReason.DRAINING
    assert explanation.estimated_start_us is None


async def test_the_start_is_estimated_from_what_is_ahead_and_how_long_it_takes(bench: Bench) -> None:
    await bench.start("measured")
    await bench.advance(10)
    await bench.end("measured")
    await bench.start("running")
    await bench.put("before", "before too", "a")

    explanation = await explain(bench, "a")

    assert explanation.estimated_start_us == bench.clock.now_us() + 20 * SECOND_US


async def test_nobody_can_estimate_behind_tasks_that_were_never_measured(bench: Bench) -> None:
    await bench.register(spec("running"), spec("before"), spec("a"))

    assert (await explain(bench, "a")).estimated_start_us is None
