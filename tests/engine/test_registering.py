from __future__ import annotations

from typing import Any

import pytest
from tests.engine.bench import FAILED, Bench, spec, succeeded
from tests.engine.conftest import OpenBench
from tests.fakes.codec import JsonCodec

from millhand.kit import Handlers, handler
from millhand_server.core.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidTaskFunc,
    MillhandError,
    QueueFull,
)
from millhand_server.core.execution import Stopped
from millhand_server.core.ports import Inserted
from millhand_server.core.status import TaskStatus
from millhand_server.engine.acceptance import Caller
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.options import ManagerOptions

ALICE, BOB = Caller("alice"), Caller("bob")


async def test_a_registered_task_waits_in_the_queue_with_an_id_of_its_own(bench: Bench) -> None:
    first, second = await bench.register(spec(), spec())

    assert first.status is TaskStatus.QUEUED
    assert len({first.id, second.id, ""}) == 3


async def test_a_task_keeps_who_registered_it_and_in_which_session(bench: Bench) -> None:
    inserted = await bench.manager.register_task(spec("a"), caller=Caller("alice", "session-1"))

    assert (inserted.task.principal, inserted.task.session_id) == ("alice", "session-1")


@pytest.mark.parametrize(
    ("first", "again"),
    [
        pytest.param({"task_id": "a"}, {"task_id": "a"}, id="known id"),
        pytest.param({"task_id": "a", "traceparent": "00-1"}, {"task_id": "a"}, id="other traceparent"),
        pytest.param({"task_id": "a", "idempotency_key": "k"}, {"idempotency_key": "k"}, id="key, no id"),
        pytest.param(
            {"task_id": "a", "idempotency_key": "k"},
            {"task_id": "a", "idempotency_key": "k"},
            id="key and its id",
        ),
    ],
)
async def test_registering_the_same_again_finds_the_task(
    bench: Bench, first: dict[str, Any], again: dict[str, Any]
) -> None:
    await bench.register(spec(**first))

    found = await bench.manager.register_task(spec(**again))

    assert (found.task.id, found.created) == ("a", False)


@pytest.mark.parametrize(
    ("again", "caller", "field"),
    [
        pytest.param({"task_id": "a", "payload": b"2"}, ALICE, "task.id", id="known id, other content"),
        pytest.param({"task_id": "a"}, BOB, "task.id", id="known id of another principal"),
        pytest.param(
            {"idempotency_key": "k", "payload": b"2"}, ALICE, "task.idempotency_key", id="key, other content"
        ),
        pytest.param(
            {"task_id": "b", "idempotency_key": "k"}, ALICE, "task.idempotency_key", id="key, other id"
        ),
    ],
)
async def test_a_taken_id_or_key_is_refused_with_the_id_of_its_task(
    bench: Bench, again: dict[str, Any], caller: Caller, field: str
) -> None:
    first = spec("a", idempotency_key="k" if "idempotency_key" in again else "")
    await bench.manager.register_task(first, caller=ALICE)

    with pytest.raises(AlreadyExists) as raised:
        await bench.manager.register_task(spec(**again), caller=caller)

    assert raised.value.metadata["task_id"] == "a"
    assert [violation.field for violation in raised.value.violations] == [field]


async def test_keys_of_two_principals_are_apart(bench: Bench) -> None:
    keyed = spec(idempotency_key="k")

    mine = await bench.manager.register_task(keyed, caller=ALICE)
    theirs = await bench.manager.register_task(keyed, caller=BOB)

    assert mine.created
    assert theirs.created
    assert mine.task.id != theirs.task.id


async def test_a_final_task_is_found_again_by_its_id(bench: Bench) -> None:
    await bench.put("a")
    await bench.run("a", succeeded(b"1"))

    found = await bench.manager.register_task(spec("a"))

    assert (found.task.status, found.created) == (TaskStatus.COMPLETED, False)


async def test_an_unknown_handler_is_refused_naming_the_known_ones(bench: Bench) -> None:
    with pytest.raises(InvalidTaskFunc) as raised:
        await bench.manager.register_task(spec(handler="wrok"))

    assert "work, other, mailer, loop" in raised.value.message
    assert [violation.field for violation in raised.value.violations] == ["task.handler"]


async def test_a_long_catalogue_is_named_in_part(bench: Bench) -> None:
    many = Handlers()
    for number in range(25):

        @handler(f"h{number}")
        def nothing() -> None: ...

        many.add(nothing)
    crowded = Bench(ManagerOptions(), catalogue=Catalogue(many, ManagerOptions(), JsonCodec()))
    await crowded.manager.start()

    with pytest.raises(InvalidTaskFunc, match="h19 and 5 more"):
        await crowded.manager.register_task(spec())
    await crowded.tear_down()


async def test_an_atomic_batch_with_unknown_handlers_registers_nothing_and_names_each(bench: Bench) -> None:
    batch = [spec("a"), spec("b", "nope"), spec("c"), spec("d", "nope")]

    with pytest.raises(InvalidTaskFunc) as raised:
        await bench.manager.register_tasks(batch)

    assert [violation.field for violation in raised.value.violations] == [
        "tasks[1].handler",
        "tasks[3].handler",
    ]
    assert await bench.memory.get(["a", "c"]) == [None, None]


async def test_an_atomic_batch_with_a_taken_id_registers_nothing_and_names_it(bench: Bench) -> None:
    await bench.put("b", payload=b"1")

    with pytest.raises(AlreadyExists) as raised:
        await bench.manager.register_tasks([spec("a"), spec("b", payload=b"2"), spec("c")])

    assert [violation.field for violation in raised.value.violations] == ["tasks[1].id"]
    assert await bench.memory.get(["a", "c"]) == [None, None]


async def test_a_batch_per_item_registers_what_it_can_and_answers_in_order(bench: Bench) -> None:
    await bench.put("b", payload=b"1")
    batch = [spec("a"), spec("b", payload=b"2"), spec("c", "nope"), spec("d"), spec("b", payload=b"1")]

    answers = await bench.manager.register_tasks(batch, atomic=False)

    assert [_answer(answer) for answer in answers] == [
        "a created",
        "AlreadyExists tasks[1].id",
        "InvalidTaskFunc tasks[2].handler",
        "d created",
        "b found",
    ]


@pytest.mark.parametrize("atomic", [True, False], ids=["atomic", "per item"])
async def test_a_duplicate_inside_a_batch_is_found(bench: Bench, atomic: bool) -> None:
    answers = await bench.manager.register_tasks([spec("a"), spec("a")], atomic=atomic)

    assert [_answer(answer) for answer in answers] == ["a created", "a found"]


async def test_a_duplicate_with_other_content_is_refused_alone_or_with_its_batch(bench: Bench) -> None:
    batch = [spec("a"), spec("a", payload=b"2")]

    with pytest.raises(AlreadyExists) as raised:
        await bench.manager.register_tasks(batch)
    left = await bench.memory.get(["a"])
    answers = await bench.manager.register_tasks(batch, atomic=False)

    assert [violation.field for violation in raised.value.violations] == ["tasks[1].id"]
    assert left == [None]
    assert [_answer(answer) for answer in answers] == ["a created", "AlreadyExists tasks[1].id"]


@pytest.mark.parametrize("size", [0, 1_001], ids=["empty", "too large"])
async def test_a_batch_has_one_to_a_thousand_tasks(bench: Bench, size: int) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await bench.manager.register_tasks([spec()] * size)

    assert [violation.field for violation in raised.value.violations] == ["tasks"]


async def test_a_full_queue_refuses_new_tasks_and_says_when_to_try_again(open_bench: OpenBench) -> None:
    bench = await open_bench(max_queued=1)
    await bench.put("a")

    with pytest.raises(QueueFull) as raised:
        await bench.manager.register_task(spec("b"))

    assert raised.value.retry_after_s
    assert raised.value.metadata["limit"] == "1"


async def test_known_tasks_are_found_while_the_queue_is_full(open_bench: OpenBench) -> None:
    bench = await open_bench(max_queued=1)
    await bench.put("a")

    found = await bench.manager.register_task(spec("a"))

    assert not found.created


async def test_a_batch_that_does_not_fit_is_refused_whole_or_in_part(open_bench: OpenBench) -> None:
    bench = await open_bench(max_queued=2)
    batch = [spec("a"), spec("b"), spec("c")]

    with pytest.raises(QueueFull):
        await bench.manager.register_tasks(batch)
    left = await bench.memory.get(["a", "b", "c"])
    answers = await bench.manager.register_tasks(batch, atomic=False)

    assert left == [None, None, None]
    assert [_answer(answer) for answer in answers] == ["a created", "b created", "QueueFull "]


async def test_a_retry_never_meets_a_full_queue(open_bench: OpenBench) -> None:
    bench = await open_bench(max_queued=1)
    await bench.start("a")
    await bench.put("fills the queue")

    after = await bench.end("a", FAILED)

    assert after.status is TaskStatus.RETRYING


async def test_a_claim_that_is_given_back_never_meets_a_full_queue(open_bench: OpenBench) -> None:
    bench = await open_bench(max_queued=2)
    await bench.put("a", "fills the queue")

    bench.threads.give_back(bench.key("a"))
    await bench.settle()

    assert await bench.statuses("a", "fills the queue") == [TaskStatus.QUEUED] * 2
    assert bench.granted == ["a", "a"]


async def test_an_interrupted_attempt_never_meets_a_full_queue(open_bench: OpenBench) -> None:
    bench = await open_bench(max_queued=1)
    await bench.start("a")
    await bench.put("fills the queue")
    closing = bench.spawn(bench.manager.close(timeout_us=0))
    await bench.advance(0.001)

    after = await bench.end("a", Stopped())
    await closing

    assert (after.status, after.retries_used) == (TaskStatus.QUEUED, 0)


def _answer(answer: Inserted | MillhandError) -> str:
    if isinstance(answer, Inserted):
        return f"{answer.task.id} {'created' if answer.created else 'found'}"
    return f"{type(answer).__name__} {','.join(violation.field for violation in answer.violations)}"
