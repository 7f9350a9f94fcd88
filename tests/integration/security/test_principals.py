"""Who calls is known behind the edge, and keys, ids and sessions are each principal's own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from tests.integration.security.conftest import SOON_S, TASKS, Ended, Serve, Serving, TokenFile

from millhand.v1 import task_service_pb2 as pb
from millhand_server.config.options import SecurityOptions
from millhand_server.rpc.scopes import Scope


@pytest.fixture
async def two(serve: Serve, token_file: TokenFile) -> AsyncIterator[Serving]:
    """A server that ann and bob may use."""
    token_file.put(ann=Scope.RUN, bob=Scope.RUN)
    async with serve(SecurityOptions(tokens=str(token_file.path))) as running:
        yield running


async def test_the_principal_is_stored_with_the_task(two: Serving, token_file: TokenFile) -> None:
    await _register(two, token_file, "ann", id="a")

    assert (await two.app.manager.get_task("a")).principal == "ann"


async def test_without_tokens_the_principal_is_anonymous(serve: Serve, token_file: TokenFile) -> None:
    async with serve(SecurityOptions()) as running:
        await _register(running, token_file, "run", id="a")

        assert (await running.app.manager.get_task("a")).principal == "anonymous"


async def test_an_idempotency_key_is_each_principals_own(two: Serving, token_file: TokenFile) -> None:
    answers = [
        _registered(await _register(two, token_file, name, idempotency_key="key"))
        for name in ("ann", "bob", "ann")
    ]

    assert [answer.created for answer in answers] == [True, True, False]
    assert answers[0].task.id == answers[2].task.id != answers[1].task.id


async def test_an_id_of_another_principal_is_taken_also_with_the_same_content(
    two: Serving, token_file: TokenFile
) -> None:
    await _register(two, token_file, "ann", id="a")

    again = await _register(two, token_file, "ann", id="a")
    other = await _register(two, token_file, "bob", id="a")

    assert not _registered(again).created
    assert other.code is grpc.StatusCode.ALREADY_EXISTS


async def test_a_session_is_each_principals_own_under_the_same_id(
    two: Serving, token_file: TokenFile
) -> None:
    anns = await _session(two, token_file, "ann", pb.SessionRequest(register=_batch("of-ann")))
    bobs = await _session(two, token_file, "bob", pb.SessionRequest(register=_batch("of-bob")))

    assert (anns, bobs) == ({"of-ann"}, {"of-bob"})


async def _session(two: Serving, token_file: TokenFile, name: str, *requests: pb.SessionRequest) -> set[str]:
    """Runs a whole session with the id that all use here, and returns the ids of its results."""
    hello = pb.SessionRequest(hello=pb.SessionHello(session_id="shared"))
    subscribe = pb.SessionRequest(subscribe=pb.SessionSubscribe(scope=pb.SUBSCRIBE_SCOPE_OWN))
    sent = [message.SerializeToString() for message in (hello, *requests, subscribe)]
    call = two.caller.channel.stream_stream(TASKS + "Session")(
        iter(sent), metadata=token_file.of(name), timeout=SOON_S
    )
    found: set[str] = set()
    async with asyncio.timeout(SOON_S):
        async for data in call:
            answer = pb.SessionResponse.FromString(data)
            found.update(result.task.id for result in answer.results.results)
    return found


def _batch(task_id: str) -> pb.SessionRegister:
    batch = pb.SessionRegister()
    batch.tasks.add(id=task_id, handler="echo")
    return batch


async def _register(running: Serving, token_file: TokenFile, name: str, **fields: Any) -> Ended:
    request = pb.RegisterTaskRequest()
    request.task.handler = "echo"
    for field, value in fields.items():
        setattr(request.task, field, value)
    return await running.caller.call(TASKS + "RegisterTask", request.SerializeToString(), token_file.of(name))


def _registered(ended: Ended) -> pb.RegisterTaskResponse:
    return pb.RegisterTaskResponse.FromString(ended.answers[0])
