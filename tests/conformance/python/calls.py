"""The steps that a case may have, each by the client's own means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import grpc.aio
from tests.conformance.python import showing
from tests.conformance.python.tasks import filter_options, payload, spec_of, task_options
from tests.conformance.wire import conformance_pb2 as wire

import millhand
from millhand.v1 import task_service_pb2 as pb

if TYPE_CHECKING:
    from tests.conformance.python.player import Player


async def execute(player: Player, step: wire.Step) -> None:
    call = step.execute
    options = task_options(call.task) | _wait_options(call)
    if call.HasField("retry_when_full"):
        options["retry_when_full"] = call.retry_when_full.ToTimedelta()
    output = await player.client.execute(call.task.spec.handler, payload(call.task), **options)
    player.show(step, output=showing.value(output))


async def execute_registered(player: Player, step: wire.Step) -> None:
    call = step.execute_registered
    output = await player.client.execute_registered(call.id, **_wait_options(call))
    player.show(step, output=showing.value(output))


async def register(player: Player, step: wire.Step) -> None:
    call = step.register
    task = await player.client.register(call.spec.handler, payload(call), **task_options(call))
    player.show(step, task=task)


async def register_many(player: Player, step: wire.Step) -> None:
    call = step.register_many
    answers = await player.client.register_many([spec_of(task) for task in call.tasks], _mode(call.mode))
    for answer in answers:
        player.show(step, registered=showing.registered(answer))


async def get(player: Player, step: wire.Step) -> None:
    player.show(step, task=await player.client.get(step.get.id, full=_is_full(step.get.view)))


async def list_tasks(player: Player, step: wire.Step) -> None:
    call = step.list
    request = call.request
    listing = player.client.list(
        page_size=request.page_size,
        order_by=request.order_by,
        full=_is_full(request.view),
        **filter_options(request.filter),
    )
    count = 0
    async for task in listing:
        player.show(step, task=task)
        count += 1
        if count == 1 and call.pause:
            await player.pause(step, call.pause)
        if count == call.at_most:
            break
    player.show(step, ended=wire.Ended())


async def active(player: Player, step: wire.Step) -> None:
    async for task in player.client.active():
        player.show(step, task=task)
    player.show(step, ended=wire.Ended())


async def cancel(player: Player, step: wire.Step) -> None:
    call = step.cancel
    wait = call.wait.ToTimedelta() if call.HasField("wait") else None
    answer = await player.client.cancel(call.id, call.reason, wait=wait)
    shown = wire.CancelAnswer(id=call.id, outcome=showing.outcome(answer.outcome), task=answer.task)
    player.show(step, cancel=shown)


async def cancel_all(player: Player, step: wire.Step) -> None:
    call = step.cancel_all
    answer = await player.client.cancel_all(call.reason, **filter_options(call.filter))
    player.show(step, cancelled_all=showing.cancelled_all(answer))


async def cancel_all_and_wait(player: Player, step: wire.Step) -> None:
    call = step.cancel_all_and_wait
    answer = await player.client.cancel_all_and_wait(
        call.reason, timeout=_optional(call, "timeout"), **filter_options(call.filter)
    )
    player.show(step, cancelled_all=showing.cancelled_all(answer))


async def wait(player: Player, step: wire.Step) -> None:
    call = step.wait
    answer = await player.client.wait(timeout=_optional(call, "timeout"), **filter_options(call.filter))
    player.show(step, waited=showing.waited(answer))


async def results(player: Player, step: wire.Step) -> None:
    call, request = step.results, step.results.request
    reader = player.client.results(
        after=player.after(request.after),
        follow=request.follow or request.close_on_completion,
        close_on_completion=request.close_on_completion,
        include_progress=request.include_progress,
        full=_is_full(request.view),
        **filter_options(request.filter),
    )
    async with reader:
        player.show(step, begun=wire.Begun(cursor=reader.cursor))
        await _show_records(player, step, reader, call)
    player.show(step, ended=wire.Ended(cursor=reader.cursor))


async def results_page(player: Player, step: wire.Step) -> None:
    call = step.results_page
    page = await player.client.results_page(
        after=player.after(call.after),
        page_size=call.page_size,
        full=_is_full(call.view),
        **filter_options(call.filter),
    )
    if page.gap is not None:
        player.show(step, gap=page.gap.message)
    for one in page.results:
        player.show(step, result=showing.result(one, brief=False))
    player.show(step, page=wire.Page(next_cursor=page.next_cursor))


async def cancelled(player: Player, step: wire.Step) -> None:
    call = step.cancelled
    reader = player.client.cancelled(after=player.after(call.request.after), follow=call.request.follow)
    async with reader:
        player.show(step, begun=wire.Begun(cursor=reader.cursor))
        count = 0
        async for one in reader:
            if isinstance(one, millhand.CancelledTask):
                player.show(step, cancelled_task=wire.CancelledTask(task=one.task, cursor=one.cursor))
                count += 1
            else:
                player.show(step, gap=one.message)
            if count == call.at_most > 0:
                break
    player.show(step, ended=wire.Ended(cursor=reader.cursor))


async def session(player: Player, step: wire.Step) -> None:
    call = step.session
    session = player.client.session(call.session_id)
    try:
        if call.HasField("subscribe"):
            await _subscribe(player, session, call.subscribe)
        player.show(step, begun=wire.Begun(cursor=session.cursor, session_id=session.id))
        soon = [task for act in call.acts if (task := await _act(player, step, session, act)) is not None]
        if call.finish:
            session.finish()
        if call.finish or call.at_most:
            await _show_records(player, step, session.results(), call)
        await asyncio.gather(*soon)
    finally:
        await session.close(drain=False)
    player.show(step, ended=wire.Ended(cursor=session.cursor))


async def handlers(player: Player, step: wire.Step) -> None:
    for handler in await player.client.handlers():
        player.show(step, handler=handler)
    player.show(step, ended=wire.Ended())


async def info(player: Player, step: wire.Step) -> None:
    player.show(step, info=await player.client.info())


async def explain(player: Player, step: wire.Step) -> None:
    player.show(step, explanation=await player.client.explain(step.explain.id))


async def start_workers(player: Player, step: wire.Step) -> None:
    call = step.start_workers
    count = call.count if call.HasField("count") else None
    player.show(step, workers=await player.client.start_workers(count, node_id=call.node_id))


async def shutdown(player: Player, step: wire.Step) -> None:
    call = step.shutdown
    answer = await player.client.shutdown(
        now=call.mode == pb.SHUTDOWN_MODE_NOW, timeout=_optional(call, "timeout"), node_id=call.node_id
    )
    player.show(step, waited=showing.waited(answer))


async def cancel_step(player: Player, step: wire.Step) -> None:
    player.cancel(step.cancel_step)
    player.show(step, ended=wire.Ended())


async def pause(player: Player, step: wire.Step) -> None:
    await player.pause(step, step.pause)


async def close(player: Player, step: wire.Step) -> None:
    await player.client.close()
    player.show(step, ended=wire.Ended())


async def load(player: Player, step: wire.Step) -> None:
    began = time.perf_counter()
    end = began + showing.seconds(step.load.duration)
    measure = _unary_load if step.load.batch == 0 else _session_load
    count = await measure(player.client, step.load, end)
    player.show(step, rate=wire.Rate(tasks=count, seconds=time.perf_counter() - began))


async def _unary_load(client: millhand.AsyncClient, call: wire.Load, end: float) -> int:
    async def caller() -> int:
        count = 0
        while time.perf_counter() < end:
            assert await client.execute("echo", "x") == "x"
            count += 1
        return count

    return sum(await asyncio.gather(*(caller() for _ in range(call.in_flight))))


async def _session_load(client: millhand.AsyncClient, call: wire.Load, end: float) -> int:
    async with client.session() as session:
        await session.subscribe()
        came: set[str] = set()
        sent = 0

        async def read() -> None:
            async for one in session.results():
                assert isinstance(one, millhand.Result)
                assert one.output == "x"
                came.add(one.task.id)
                room.set()

        room = asyncio.Event()
        reading = asyncio.create_task(read())
        while time.perf_counter() < end:
            while sent + call.batch - len(came) > call.in_flight:
                room.clear()
                await room.wait()
            await session.register_soon([millhand.task_spec("echo", "x") for _ in range(call.batch)])
            sent += call.batch
        session.finish()
        await reading
    assert len(came) == sent
    return sent


async def _show_records(
    player: Player, step: wire.Step, records: Any, call: wire.Results | wire.Session
) -> None:
    count = 0
    async for one in records:
        if isinstance(one, millhand.Result):
            player.show(step, result=showing.result(one, brief=call.brief))
            count += 1
            if call.pause and count == call.pause_after:
                await player.pause(step, call.pause)
            if count == call.at_most > 0:
                break
        elif isinstance(one, millhand.Gap):
            player.show(step, gap=one.message)
        else:
            player.show(step, progress=showing.progress(one))


async def _act(
    player: Player, step: wire.Step, session: millhand.AsyncSession, act: wire.SessionAct
) -> asyncio.Task[None] | None:
    """Does one thing; what is pipelined is shown by the task that is returned."""
    match act.WhichOneof("kind"):
        case "register":
            specs, mode = [spec_of(task) for task in act.register.tasks], _mode(act.register.mode)
            answer = await session.register_soon(specs, mode)
            showing_answer = asyncio.create_task(_show_registered(player, step, answer))
            if act.pipelined:
                return showing_answer
            await showing_answer
        case "cancel":
            for one in await session.cancel(act.cancel.ids, act.cancel.reason):
                shown = wire.CancelAnswer(id=one.id, outcome=showing.outcome(one.outcome))
                if one.error is not None:
                    shown.failure.CopyFrom(showing.failure(one.error))
                player.show(step, cancel=shown)
        case "subscribe":
            await _subscribe(player, session, act.subscribe)
        case "unsubscribe":
            player.show(step, begun=wire.Begun(cursor=await session.unsubscribe()))
    return None


async def _show_registered(
    player: Player, step: wire.Step, answer: asyncio.Future[list[millhand.Registered]]
) -> None:
    try:
        for one in await answer:
            player.show(step, registered=showing.registered(one))
    except millhand.MillhandError as error:
        player.show(step, registered=wire.Registered(failure=showing.failure(error)))


async def _subscribe(player: Player, session: millhand.AsyncSession, call: pb.SessionSubscribe) -> None:
    await session.subscribe(
        everyone=call.scope == pb.SUBSCRIBE_SCOPE_FILTER,
        after=player.after(call.after),
        include_progress=call.include_progress,
        full=_is_full(call.view),
        **filter_options(call.filter),
    )


def _wait_options(call: wire.Execute | wire.ExecuteRegistered) -> dict[str, Any]:
    return {"timeout": _optional(call, "timeout"), "cancel_on_timeout": call.cancel_on_timeout}


def _optional(message: Any, field: str) -> Any:
    return getattr(message, field).ToTimedelta() if message.HasField(field) else None


def _mode(mode: pb.RegisterMode) -> Any:
    return "per_item" if mode == pb.REGISTER_MODE_PER_ITEM else "atomic"


def _is_full(view: pb.TaskView) -> bool:
    return view == pb.TASK_VIEW_FULL


async def raw(player: Player, step: wire.Step) -> None:
    # The Python client hides its channel: whoever wants the generated code makes one.
    async with grpc.aio.insecure_channel(player.address) as channel:
        method: Any = channel.unary_unary(f"/millhand.v1.TaskService/{step.raw.method}")
        player.show(step, raw=await method(step.raw.request))


CALLS: Mapping[str, Callable[[Player, wire.Step], Awaitable[None]]] = {
    "active": active,
    "cancel": cancel,
    "cancel_all": cancel_all,
    "cancel_all_and_wait": cancel_all_and_wait,
    "cancel_step": cancel_step,
    "cancelled": cancelled,
    "close": close,
    "execute": execute,
    "execute_registered": execute_registered,
    "explain": explain,
    "get": get,
    "handlers": handlers,
    "info": info,
    "list": list_tasks,
    "load": load,
    "pause": pause,
    "raw": raw,
    "register": register,
    "register_many": register_many,
    "results": results,
    "results_page": results_page,
    "session": session,
    "shutdown": shutdown,
    "start_workers": start_workers,
    "wait": wait,
}
