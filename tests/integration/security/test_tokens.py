"""Attacks on the header that carries the token, and changes of the file while the server runs."""

import asyncio
from typing import Any

import grpc
import pytest
from tests.integration.security.conftest import (
    SOON_S,
    TASKS,
    Metadata,
    Serving,
    TokenFile,
    bearer,
)

from millhand.v1 import task_service_pb2 as pb
from millhand_server.rpc.interceptors.auth import TokenGuard
from millhand_server.rpc.rereading import UnusableFile
from millhand_server.rpc.scopes import Scope

_INFO = TASKS + "GetServerInfo"
_STREAM = TASKS + "StreamResults"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "{token}",
        "Basic {token}",
        "Bearer{token}",
        "Bearer {token} {token}",
        "Bearer {token},Bearer {token}",
        "Bearer {token}x",
        "Bearer {token}" + "x" * 5_000,
        "Bearer " + " " * 5_000 + "{token}",
        "Bearer 'or 1=1",
    ],
    ids=lambda header: header[:24] or "empty",
)
async def test_a_header_that_is_not_quite_right_is_refused_and_not_repeated(
    guarded: Serving, token_file: TokenFile, header: str
) -> None:
    token = token_file.secrets["admin"]

    ended = await guarded.caller.call(_INFO, metadata=(("authorization", header.format(token=token)),))

    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert token not in ended.message
    assert "1=1" not in ended.message


@pytest.mark.parametrize("header", ["Bearer {token}", "bearer {token}", "BEARER   {token}"])
async def test_the_scheme_may_be_written_in_any_case(
    guarded: Serving, token_file: TokenFile, header: str
) -> None:
    metadata = (("authorization", header.format(token=token_file.secrets["read"])),)

    assert (await guarded.caller.call(_INFO, metadata=metadata)).code is grpc.StatusCode.OK


@pytest.mark.parametrize("first", ["read", "unknown"])
async def test_two_headers_are_refused_whichever_is_good(
    guarded: Serving, token_file: TokenFile, first: str
) -> None:
    good, bad = token_file.of("read"), bearer("mh_unknown")
    both = (*good, *good) if first == "read" else (*bad, *good)

    ended = await guarded.caller.call(_INFO, metadata=both)

    assert ended.code is grpc.StatusCode.UNAUTHENTICATED
    assert "more than once" in ended.message


@pytest.mark.parametrize("key", ["authorization-bin", "x-authorization", "token"])
async def test_a_token_counts_in_its_own_place_alone(
    guarded: Serving, token_file: TokenFile, key: str
) -> None:
    value = f"Bearer {token_file.secrets['admin']}"
    metadata: Metadata = ((key, value.encode() if key.endswith("-bin") else value),)

    assert (await guarded.caller.call(_INFO, metadata=metadata)).code is grpc.StatusCode.UNAUTHENTICATED


async def test_the_digest_in_the_file_is_no_token(guarded: Serving, token_file: TokenFile) -> None:
    for part in token_file.path.read_text().split("\n")[0].split(":"):
        assert (
            await guarded.caller.call(_INFO, metadata=bearer(part))
        ).code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_stream_whose_token_is_withdrawn_ends_and_others_go_on(
    guarded: Serving, token_file: TokenFile
) -> None:
    token_file.put(leaver=Scope.READ)
    async with asyncio.timeout(SOON_S):
        leaving = await _open_stream(guarded, token_file, "leaver")
        staying = await _open_stream(guarded, token_file, "read")

        token_file.remove("leaver")

        assert await leaving.code() is grpc.StatusCode.UNAUTHENTICATED
    assert await leaving.details() == "the token was withdrawn while the stream was open"
    assert not staying.done()
    staying.cancel()


async def test_a_session_ends_when_its_token_may_only_read_from_now_on(
    guarded: Serving, token_file: TokenFile
) -> None:
    session = guarded.caller.channel.stream_stream(TASKS + "Session")(metadata=token_file.of("run"))
    await session.write(pb.SessionRequest(ping=pb.SessionPing()).SerializeToString())
    await session.read()

    token_file.put(run=Scope.READ)

    async with asyncio.timeout(SOON_S):
        assert await session.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_new_token_is_good_without_a_restart_and_a_removed_one_is_not(token_file: TokenFile) -> None:
    guard = TokenGuard(str(token_file.path))
    old = token_file.secrets["read"]

    token_file.put(new=Scope.RUN)
    token_file.remove("read")
    guard.adopt([token_file.path.read_bytes()])

    assert guard._tokens.find(token_file.secrets["new"]) is not None
    assert guard._tokens.find(old) is None


async def test_a_file_that_breaks_keeps_every_good_token(guarded: Serving, token_file: TokenFile) -> None:
    guard = guarded.app._rpc._guard
    assert isinstance(guard, TokenGuard)
    stream = await _open_stream(guarded, token_file, "read")

    for broken in (b"", b"ci:run:oops\n", b"\xff", token_file.path.read_bytes()[:-5]):
        with pytest.raises(UnusableFile):
            guard.adopt([broken])

    for name in token_file.secrets:
        ended = await guarded.caller.call(_INFO, metadata=token_file.of(name))
        assert ended.code is grpc.StatusCode.OK
    assert not stream.done()
    stream.cancel()


async def _open_stream(guarded: Serving, token_file: TokenFile, name: str) -> Any:
    """Follows results, once the server knows the principal."""
    request = pb.StreamResultsRequest(follow=True).SerializeToString()
    while True:
        stream = guarded.caller.channel.unary_stream(_STREAM)(request, metadata=token_file.of(name))
        try:
            await stream.read()
        except grpc.aio.AioRpcError as refusal:
            if refusal.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
        else:
            return stream
