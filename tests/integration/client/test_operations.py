"""What the sync client does, the asyncio client does, too: each of these runs on both."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from tests.integration.client.conftest import Server
from tests.integration.client.driving import collect, settled

from millhand import (
    AsyncClient,
    AsyncLogReader,
    AsyncSession,
    CancelledTask,
    CancelOutcome,
    Client,
    ClientClosed,
    InvalidArgument,
    InvalidTaskFunc,
    LogReader,
    Progress,
    Session,
    TaskCancelledError,
    TaskCompleted,
    TaskFailed,
    TaskNotFound,
    TaskStatus,
    WaitTimedOut,
    task_spec,
)


@pytest.mark.parametrize(
    ("blocking", "awaiting"),
    [
        pytest.param(Client, AsyncClient, id="client"),
        pytest.param(LogReader, AsyncLogReader, id="reader"),
        pytest.param(Session, AsyncSession, id="session"),
    ],
)
def test_both_clients_have_the_same_methods_with_the_same_parameters(blocking: type, awaiting: type) -> None:
    renamed = {"aclose": "close"}

    ours = {renamed.get(name, name): _parameters(awaiting, name) for name in _public(awaiting)}

    assert ours == {name: _parameters(blocking, name) for name in _public(blocking)}


@pytest.mark.parametrize("payload", [{"a": [1, 2.5, None]}, b"\x00\xff", "text", None], ids=repr)
async def test_execute_returns_what_the_handler_returned(client: Any, payload: Any) -> None:
    assert await client.execute("echo", payload) == payload


async def test_a_registered_task_is_run_before_its_time(client: Any) -> None:
    await client.register("echo", {"a": 1}, id="late", delay=3600)

    assert await client.execute_registered("late", result_type=dict, timeout=20) == {"a": 1}


async def test_only_a_task_that_waits_can_be_run_now(client: Any) -> None:
    await client.register("echo", 1, id="once", delay=3600)
    await client.execute_registered("once")

    with pytest.raises(TaskCompleted):
        await client.execute_registered("once")
    with pytest.raises(TaskNotFound):
        await client.execute_registered("nobody")


async def test_a_type_that_a_registered_task_cannot_give_is_told_before_it_is_run(client: Any) -> None:
    await client.register("echo", 1, id="still late", delay=3600)

    with pytest.raises(TypeError):
        await client.execute_registered("still late", result_type=7)

    assert TaskStatus((await client.get("still late")).status) is TaskStatus.SCHEDULED


async def test_an_answer_to_a_cancel_has_the_status_by_name(client: Any) -> None:
    await client.register("echo", 1, id="gone", delay=3600)

    assert (await client.cancel("gone")).status is TaskStatus.CANCELLED


async def test_execute_raises_how_the_task_ended(client: Any) -> None:
    with pytest.raises(TaskFailed, match="the tray is empty") as raised:
        await client.execute("fail", id="f")

    assert raised.value.reason == "NO_PAPER"
    assert raised.value.metadata["task_id"] == "f"


async def test_a_wait_that_is_over_leaves_the_task_running(client: Any) -> None:
    with pytest.raises(WaitTimedOut) as raised:
        await client.execute("gated", id="g", timeout=0.05)

    assert raised.value.metadata["task_id"] == "g"
    assert not TaskStatus((await client.get("g")).status).final


async def test_a_registered_task_can_be_executed_by_its_id(client: Any) -> None:
    task = await client.register("echo", 7, delay=60)

    result = await client.execute_task(task.id)

    assert result.unwrap() == 7


async def test_a_batch_is_answered_in_order_with_each_items_own_error(client: Any) -> None:
    specs = [task_spec("echo", 1, id="a"), task_spec("nope", 2, id="b"), task_spec("echo", 3, id="c")]

    first, second, third = await client.register_many(specs, mode="per_item")

    assert [first.task.id, third.task.id] == ["a", "c"]
    assert isinstance(second.error, InvalidTaskFunc)


async def test_listings_are_read_page_by_page(client: Any, server: Server) -> None:
    await client.register_many([task_spec("gated", n, id=f"t{n}", labels={"k": "v"}) for n in range(7)])

    listed = await collect(client.list(page_size=2, labels={"k": "v"}))

    assert {task.id for task in listed} == {f"t{n}" for n in range(7)}


def test_a_listing_is_checked_when_it_is_asked_for() -> None:
    with pytest.raises(InvalidArgument, match="every task"):
        AsyncClient().list(ids=[])
    with pytest.raises(InvalidArgument, match="every task"):
        Client().list(ids=[])


async def test_a_running_task_is_active_and_is_cancelled_as_a_fact(client: Any) -> None:
    async with client.results(include_progress=True) as reader:
        await client.register("hold", id="h")
        records = aiter(reader)
        assert isinstance(await anext(records), Progress)
        active = await collect(client.active())
        answer = await client.cancel("h", "no longer wanted", wait=10)
        result = await anext(records)
    [cancelled] = await collect(client.cancelled(after="0", follow=False))

    assert [task.id for task in active] == ["h"]
    assert answer.outcome is CancelOutcome.STOPPED
    assert isinstance(result.error, TaskCancelledError)
    assert cancelled == CancelledTask(cancelled.task, result.cursor)
    assert cancelled.task.id == "h"


async def test_everything_can_be_cancelled_and_waited_for(client: Any) -> None:
    await client.register_many([task_spec("hold", id=f"h{n}") for n in range(4)])

    stopped = await client.cancel_all_and_wait("enough", timeout=10, handlers=["hold"])
    waited = await client.wait(timeout=10)

    assert sum(stopped.counts.values()) == 4
    assert stopped.still_running_ids == ()
    assert waited.done
    assert waited.counts == {TaskStatus.CANCELLED: 4}


async def test_counts_of_a_cancel_are_by_outcome(client: Any) -> None:
    await client.register("echo", delay=60)

    assert (await client.cancel_all()).counts == {CancelOutcome.DEQUEUED: 1}


async def test_a_task_that_waits_says_why(client: Any) -> None:
    task = await client.register("echo", delay=60)

    why = await client.explain(task.id)

    assert why.status == TaskStatus.SCHEDULED
    assert why.reasons


async def test_what_is_not_there_is_said_not_to_be(client: Any) -> None:
    with pytest.raises(TaskNotFound):
        await client.get("nowhere")


async def test_the_server_tells_of_itself_and_is_told(client: Any) -> None:
    assert {"echo", "hold"} <= {handler.name for handler in await client.handlers()}
    assert (await client.info()).node_id == "n"
    assert (await client.start_workers(3)).after == 3


async def test_results_are_followed_from_when_reading_began(client: Any) -> None:
    await client.execute("echo", 1, id="before")
    async with client.results() as reader:
        await client.execute("echo", 2, id="after")
        record = await anext(aiter(reader))

    assert record.task.id == "after"
    assert record.output == 2
    assert reader.cursor == record.cursor


async def test_progress_comes_before_the_result(client: Any, server: Server) -> None:
    async with client.results(include_progress=True) as reader:
        await client.register("gated", 1)
        records = aiter(reader)
        progress = await anext(records)
        server.gate.set()
        result = await anext(records)

    assert isinstance(progress, Progress)
    assert (progress.fraction, progress.message) == (0.5, "at the gate")
    assert result.output == 1


async def test_a_page_of_the_log_names_the_next_one(client: Any) -> None:
    for n in range(3):
        await client.execute("echo", n)

    first = await client.results_page(after="0", page_size=2)
    second = await client.results_page(after=first.next_cursor)

    assert [result.output for result in (*first.results, *second.results)] == [0, 1, 2]


async def test_a_session_registers_many_and_gives_each_result_once(client: Any) -> None:
    async with client.session() as session:
        await session.subscribe()
        registered = await session.register_many(task_spec("echo", n) for n in range(500))
        await settled(session.finish())
        results = await collect(session.results())

    assert all(item.created for item in registered)
    assert sorted(result.output for result in results) == list(range(500))


async def test_a_session_refuses_cancels_and_sends_without_waiting(client: Any, server: Server) -> None:
    async with client.session("s") as session:
        with pytest.raises(InvalidTaskFunc):
            await session.register("nope")
        await session.register("gated", id="g")
        await session.register("echo", id="e", delay=60)
        [answer] = await session.cancel(["e"], "enough")
        soon = await session.register_soon([task_spec("echo", 1)])
        server.gate.set()
        [sent] = await asyncio.wrap_future(soon)

    assert session.id == "s"
    assert answer.outcome is CancelOutcome.DEQUEUED
    assert sent.created


async def test_a_session_unsubscribes_where_its_results_came_to(client: Any) -> None:
    async with client.session() as session:
        await session.subscribe()
        await session.register("echo", 1)
        result = await anext(aiter(session.results()))
        cursor = await session.unsubscribe()

    assert result.output == 1
    assert cursor


async def test_an_exception_in_a_sessions_block_hangs_up_at_once(client: Any) -> None:
    async def fail_in_the_midst() -> None:
        async with client.session() as session:
            await session.register("hold", id="h")
            raise KeyError

    with pytest.raises(KeyError):
        await fail_in_the_midst()

    assert not TaskStatus((await client.get("h")).status).final


async def test_a_closed_client_says_so(client: Any) -> None:
    await client.info()
    await client.close()

    with pytest.raises(ClientClosed):
        await client.info()


def _public(kind: type) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


def _parameters(kind: type, name: str) -> Any:
    member = inspect.getattr_static(kind, name)
    if not callable(member):
        return None
    return [str(parameter) for parameter in inspect.signature(member).parameters.values()]
