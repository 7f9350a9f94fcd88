from __future__ import annotations

import pytest
from tests.engine.bench import FAILED, Bench, ids_of, read_all, read_results, soon, spec, succeeded
from tests.engine.conftest import OpenBench
from tests.fakes.store import Fail, Slow, Unknown, Well

from millhand_server.core.errors import AlreadyExists, StoreUnavailable
from millhand_server.core.execution import Stopped
from millhand_server.core.query import EVERYTHING, Page
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US
from millhand_server.engine.answers import CancelOutcome, EndFrame, EndReason, StreamFrame

DONE_OR_NOT = pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])


async def test_nothing_is_answered_or_dispatched_before_a_task_is_stored(bench: Bench) -> None:
    slow = Slow()
    bench.script.next("insert", slow)
    call = bench.spawn(bench.manager.register_task(spec("a")))
    await soon(slow.entered.wait())
    await bench.settle()
    meanwhile = (call.done(), bench.granted)

    slow.release.set()
    inserted = await soon(call)
    await bench.settle()

    assert meanwhile == (False, [])
    assert inserted.created
    assert bench.granted == ["a"]


async def test_nothing_is_answered_before_the_store_has_said_that_a_task_is_stored(bench: Bench) -> None:
    slow = Slow(answer_late=True)
    bench.script.next("insert", slow)
    call = bench.spawn(bench.manager.register_task(spec("a")))
    await soon(slow.entered.wait())
    await bench.settle()
    meanwhile = (call.done(), bench.granted)

    slow.release.set()
    await soon(call)

    assert meanwhile == (False, [])


async def test_nothing_begins_before_its_claim_is_stored(bench: Bench) -> None:
    slow = Slow(answer_late=True)
    bench.script.next("claim", slow)
    await bench.put("a")
    meanwhile = bench.granted

    slow.release.set()
    await bench.settle()

    assert meanwhile == []
    assert bench.granted == ["a"]


async def test_tasks_that_arrive_while_a_claim_is_slow_are_not_forgotten(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=10)
    slow = Slow(answer_late=True)
    bench.script.next("claim", slow)
    await bench.put("a")
    await soon(slow.entered.wait())
    await bench.put("b")
    await bench.put("c", handler="other")

    slow.release.set()
    await bench.settle()

    assert sorted(bench.granted) == ["a", "b", "c"]


async def test_no_end_is_published_before_it_is_stored(bench: Bench) -> None:
    call = bench.spawn(bench.manager.execute_task(spec("a")))
    reader = await bench.reader(after="0", follow=True)
    await soon(reader.read())
    reading = bench.spawn(reader.read())
    await bench.begin("a")
    slow = Slow()
    bench.script.next("apply", slow)
    bench.threads.finish(bench.key("a"), succeeded(b"42"))
    await soon(slow.entered.wait())
    await bench.settle()
    meanwhile = (call.done(), reading.done(), await bench.status("a"))

    slow.release.set()

    assert (await soon(call)).output == b"42"
    assert ids_of(await soon(reading)) == ["a"]
    assert meanwhile == (False, False, TaskStatus.RUNNING)


async def test_no_worker_gets_a_new_task_before_the_end_of_the_last_one_is_stored(bench: Bench) -> None:
    await bench.start("a")
    await bench.put("b")
    slow = Slow()
    bench.script.next("apply", slow)
    bench.threads.finish(bench.key("a"))
    await soon(slow.entered.wait())
    meanwhile = bench.granted

    slow.release.set()
    await bench.settle()

    assert (meanwhile, bench.granted) == (["a"], ["a", "b"])


async def test_no_code_is_signalled_before_the_request_to_cancel_it_is_stored(bench: Bench) -> None:
    await bench.start("a")
    slow = Slow()
    bench.script.next("cancel", slow)
    call = bench.spawn(bench.manager.cancel_task("a"))
    await soon(slow.entered.wait())
    await bench.settle()
    meanwhile = (call.done(), list(bench.threads.signals))

    slow.release.set()
    await soon(call)

    assert meanwhile == (False, [])
    assert len(bench.threads.signals) == 1


async def test_a_reader_that_does_not_follow_has_all_that_was_final_though_the_tail_is_slow(
    bench: Bench,
) -> None:
    slow = Slow()
    bench.script.next("read_log", slow)
    await _end_elsewhere(bench, "other")
    await bench.put("a")
    await bench.run("a")
    await soon(slow.entered.wait())

    reader = await bench.reader()
    frames = await read_all(reader, until=lambda frames: len(ids_of(frames)) == 2)
    slow.release.set()

    assert ids_of(frames) == ["other", "a"]


async def _end_elsewhere(bench: Bench, task_id: str) -> None:
    """Lets a task end behind the tail's back, as one of another node does: the tail has to read it."""
    await bench.put(task_id, delay_us=3_600 * SECOND_US)
    await bench.store.inner.cancel([task_id], "")


async def test_a_registration_that_fails_says_so_and_leaves_nothing(bench: Bench) -> None:
    bench.script.next("insert", Fail())

    with pytest.raises(StoreUnavailable) as raised:
        await bench.manager.register_task(spec("a"))

    assert raised.value.retry_after_s
    assert (await bench.manager.get_tasks(EVERYTHING, Page(limit=1))).total == 0


@DONE_OR_NOT
async def test_a_registration_whose_outcome_is_unknown_is_settled_as_created(
    bench: Bench, done: bool
) -> None:
    bench.script.next("insert", Unknown(done=done))
    batch = [spec("a"), spec(idempotency_key="k"), spec("a")]
    call = bench.spawn(bench.manager.register_tasks(batch))

    await bench.advance(0.1)
    answers = await soon(call)

    assert [getattr(answer, "created", None) for answer in answers] == [True, True, False]
    assert (await bench.manager.get_tasks(EVERYTHING, Page(limit=10))).total == 2
    assert bench.granted == ["a"]


async def test_a_settled_registration_does_not_take_an_older_task_for_its_own(bench: Bench) -> None:
    await bench.put("a")
    await bench.put("b", payload=b"1")
    bench.script.next("insert", Unknown(done=False))
    batch = [spec("a"), spec("b", payload=b"2"), spec("c")]
    call = bench.spawn(bench.manager.register_tasks(batch, atomic=False))

    await bench.advance(1)
    answers = await soon(call)

    assert [getattr(answer, "created", None) for answer in answers] == [False, None, True]
    assert isinstance(answers[1], AlreadyExists)


async def test_a_registration_that_could_not_be_settled_runs_once_it_is_sent_again(bench: Bench) -> None:
    bench.script.next("insert", Unknown(done=True), Fail())
    first = bench.spawn(bench.manager.register_task(spec("a")))
    await bench.advance(0.1)
    with pytest.raises(StoreUnavailable):
        await soon(first)

    await bench.register(spec("a"))

    assert bench.granted == ["a"]


async def test_claims_go_on_when_the_store_is_back(bench: Bench) -> None:
    bench.script.from_now_on("claim", Fail())
    await bench.put("a")
    await bench.advance(1)
    meanwhile = (bench.granted, bench.manager.is_ready())

    bench.script.heal()
    await bench.advance(0.1)

    assert meanwhile == ([], False)
    assert bench.granted == ["a"]
    assert bench.manager.is_ready()


async def test_ends_are_stored_when_the_store_is_back(bench: Bench) -> None:
    call = bench.spawn(bench.manager.execute_task(spec("a")))
    await bench.begin("a")
    bench.script.from_now_on("apply", Fail())
    bench.threads.finish(bench.key("a"), succeeded(b"42"))
    await bench.advance(1)
    meanwhile = (call.done(), bench.manager.is_ready())

    bench.script.heal()
    await bench.advance(0.1)

    assert meanwhile == (False, False)
    assert (await soon(call)).output == b"42"
    assert bench.manager.is_ready()
    assert await bench.results() == ["a"]


async def test_those_who_ask_for_readiness_are_told_that_the_store_went_and_came(bench: Bench) -> None:
    told: list[bool] = []
    bench.manager.readiness.subscribe(told.append)
    bench.script.from_now_on("claim", Fail())
    await bench.put("a")
    await bench.advance(1)

    bench.script.heal()
    await bench.advance(1)

    assert told == [True, False, True]


@DONE_OR_NOT
async def test_a_claim_whose_outcome_is_unknown_is_read_back(open_bench: OpenBench, done: bool) -> None:
    bench = await open_bench(max_workers=2)
    bench.script.next("claim", Unknown(done=done))
    await bench.manager.register_tasks([spec(task_id) for task_id in "abc"])

    await bench.advance(1)
    for task_id in "abc":
        await bench.run(task_id)

    assert sorted(set(bench.granted)) == ["a", "b", "c"]
    assert sorted(await bench.results()) == ["a", "b", "c"]
    assert {(await bench.task(task_id)).attempt for task_id in "abc"} == {1}


async def test_a_claim_that_cannot_be_read_back_at_once_is_read_back_later(bench: Bench) -> None:
    bench.script.next("claim", Unknown(done=True))
    bench.script.next("find", Fail())
    await bench.put("a")
    meanwhile = bench.granted

    await bench.advance(0.2)

    assert (meanwhile, bench.granted) == ([], ["a"])


async def test_a_task_that_ends_while_claims_are_read_back_does_not_run_again(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench(max_workers=2)
    await bench.start("a")
    slow = Slow(answer_late=True)
    bench.script.next("claim", Unknown(done=True))
    bench.script.next("find", slow)
    await bench.put("b")
    await soon(slow.entered.wait())

    bench.threads.finish(bench.key("a"))
    await bench.settle()
    slow.release.set()
    await bench.settle()

    assert bench.granted == ["a", "b"]


@DONE_OR_NOT
@pytest.mark.parametrize("retries", [0, 1], ids=["final", "retried"])
async def test_an_end_whose_outcome_is_unknown_is_stored_once(bench: Bench, done: bool, retries: int) -> None:
    call = bench.spawn(bench.manager.execute_task(spec("a", retries=retries)))
    await bench.begin("a")
    bench.script.next("apply", Unknown(done=done))

    bench.threads.finish(bench.key("a"), FAILED)
    await bench.advance(1.2)
    if retries:
        await bench.run("a", FAILED)

    task = await soon(call)
    assert (task.status, task.attempt, len(task.attempts)) == (TaskStatus.FAILED, retries + 1, retries + 1)
    assert await bench.results() == ["a"]


@DONE_OR_NOT
async def test_a_start_whose_outcome_is_unknown_is_stored_once(bench: Bench, done: bool) -> None:
    bench.script.next("apply", Unknown(done=done))
    await bench.start("a")
    await bench.advance(0.1)

    assert await bench.status("a") is TaskStatus.RUNNING
    assert (await bench.end("a")).status is TaskStatus.COMPLETED


@DONE_OR_NOT
async def test_a_cancel_of_a_waiting_task_whose_outcome_is_unknown_is_settled(
    bench: Bench, done: bool
) -> None:
    await bench.start("running")
    waiting = bench.spawn(bench.manager.execute_task(spec("a")))
    await bench.settle()
    bench.script.next("cancel", Unknown(done=done))
    call = bench.spawn(bench.manager.cancel_task("a", "not needed"))

    await bench.advance(1)

    assert (await soon(call)).outcome is CancelOutcome.DEQUEUED
    assert (await soon(waiting)).status is TaskStatus.CANCELLED
    assert await bench.results() == ["a"]


@DONE_OR_NOT
async def test_a_cancel_of_a_retried_task_whose_outcome_is_unknown_is_settled(
    bench: Bench, done: bool
) -> None:
    await bench.put("a", retry_delay_us=60 * SECOND_US)
    await bench.run("a", FAILED)
    bench.script.next("cancel", Unknown(done=done))
    call = bench.spawn(bench.manager.cancel_task("a"))

    await bench.advance(1)

    assert (await soon(call)).outcome is CancelOutcome.DEQUEUED


@DONE_OR_NOT
async def test_a_cancel_of_a_running_task_whose_outcome_is_unknown_is_settled(
    bench: Bench, done: bool
) -> None:
    await bench.start("a")
    bench.script.next("cancel", Unknown(done=done))
    call = bench.spawn(bench.manager.cancel_task("a"))

    await bench.advance(1)

    assert (await soon(call)).outcome is CancelOutcome.SIGNALLED
    assert (await bench.end("a", Stopped())).status is TaskStatus.CANCELLED


async def test_a_final_task_is_not_taken_for_cancelled_by_a_request_that_was_repeated(bench: Bench) -> None:
    await bench.start("a")
    await soon(bench.manager.cancel_task("a"))
    bench.clock.advance(1)
    await bench.end("a", Stopped())
    bench.script.next("cancel", Unknown(done=True))
    call = bench.spawn(bench.manager.cancel_task("a"))

    await bench.advance(1)

    assert (await soon(call)).outcome is CancelOutcome.ALREADY_FINAL


async def test_a_cancel_that_fails_says_so_and_signals_nothing(bench: Bench) -> None:
    await bench.start("a")
    bench.script.next("cancel", Fail())

    with pytest.raises(StoreUnavailable):
        await bench.manager.cancel_task("a")

    assert bench.threads.signals == []
    assert (await bench.task("a")).cancel_us is None


@DONE_OR_NOT
async def test_executing_by_id_survives_an_unknown_outcome(bench: Bench, done: bool) -> None:
    await bench.put("a", delay_us=3600 * SECOND_US)
    bench.script.next("apply", Unknown(done=done))
    call = bench.spawn(bench.manager.execute_task("a"))

    await bench.advance(1)
    await bench.run("a")

    assert (await soon(call)).status is TaskStatus.COMPLETED


@pytest.mark.parametrize(
    "behaviour", [Unknown(done=True), Unknown(done=False), Fail()], ids=["done", "not done", "fails"]
)
async def test_a_deadline_ends_a_task_in_spite_of_the_store(bench: Bench, behaviour: Unknown | Fail) -> None:
    await bench.start("running")
    waiting = bench.spawn(bench.manager.execute_task(spec("a", deadline_us=bench.clock.now_us() + SECOND_US)))
    await bench.settle()
    bench.script.next("apply", behaviour)

    await bench.advance(2)

    assert (await soon(waiting)).status is TaskStatus.CONTEXT_DEADLINE_REACHED
    assert await bench.results() == ["a"]


async def test_a_deadline_that_comes_while_the_store_looks_for_overdue_tasks_is_kept(bench: Bench) -> None:
    await bench.start("running")
    slow = Slow(answer_late=True)
    bench.script.next("overdue", Well(), Well(), slow)
    await bench.put("sooner", deadline_us=bench.clock.now_us() + SECOND_US)
    await bench.advance(1)
    await soon(slow.entered.wait())

    await bench.put("later", deadline_us=bench.clock.now_us() + 9 * SECOND_US)
    slow.release.set()
    await bench.advance(9)

    assert await bench.status("later") is TaskStatus.CONTEXT_DEADLINE_REACHED


async def test_the_tail_reads_on_when_the_store_is_back(bench: Bench) -> None:
    reader = await bench.reader(after="0", follow=True)
    await soon(reader.read())
    reading = bench.spawn(read_results(reader, 2))
    await _end_elsewhere(bench, "other")
    bench.script.next("read_log", Fail())
    await bench.put("a")
    await bench.run("a")

    await bench.advance(1)

    assert await soon(reading) == ["other", "a"]


async def test_a_reader_whose_read_failed_reads_on_where_it_was(bench: Bench) -> None:
    await bench.put("a")
    await bench.run("a")
    reader = await bench.reader(after="0", follow=True)
    await soon(reader.read())
    bench.script.next("read_log", Fail())

    with pytest.raises(StoreUnavailable):
        await reader.read()

    assert await read_results(reader, 1) == ["a"]


async def test_readers_and_those_who_wait_have_it_all_before_the_manager_is_closed(bench: Bench) -> None:
    call = bench.spawn(bench.manager.execute_task(spec("a")))
    reader = await bench.reader(after="0", follow=True)
    reading = bench.spawn(read_all(reader, until=_ended))
    await bench.begin("a")
    closing = bench.spawn(bench.manager.close())
    await bench.settle()
    slow = Slow()
    bench.script.next("read_log", slow)
    bench.threads.finish(bench.key("a"), succeeded(b"42"))
    await soon(slow.entered.wait())
    await bench.settle()

    slow.release.set()
    await soon(closing)
    frames = await soon(reading)

    assert (await soon(call)).output == b"42"
    assert ids_of(frames) == ["a"]
    assert isinstance(frames[-1], EndFrame)
    assert frames[-1].reason is EndReason.SHUTDOWN


async def test_a_claim_that_comes_back_while_closing_does_not_begin(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=2)
    await bench.start("running")
    slow = Slow(answer_late=True)
    bench.script.next("claim", slow)
    await bench.put("a", handler="loop")
    await soon(slow.entered.wait())
    closing = bench.spawn(bench.manager.close())
    await bench.settle()

    slow.release.set()
    await bench.settle()
    await bench.end("running")
    await soon(closing)

    assert bench.loops.grants == []
    [row] = await bench.memory.get(["a"])
    assert row is not None
    assert row.owner is None


async def test_a_store_that_is_gone_does_not_keep_a_manager_from_closing(bench: Bench) -> None:
    waiting = bench.spawn(bench.manager.execute_task(spec("a")))
    await bench.begin("a")
    for verb in ("apply", "claim", "count", "read_log", "find", "lanes"):
        bench.script.from_now_on(verb, Fail())
    bench.threads.finish(bench.key("a"))
    closing = bench.spawn(bench.manager.close())

    await bench.advance(60)

    assert closing.done()
    assert waiting.done()


def _ended(frames: list[StreamFrame]) -> bool:
    return bool(frames) and isinstance(frames[-1], EndFrame)
