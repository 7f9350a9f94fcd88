"""Whole servers behind tokens and certificates, and callers that send what they like."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from tests.fakes.authority import Authority

from millhand_server.app import App, serving
from millhand_server.config.options import ListenOptions, SecurityOptions, ServeOptions
from millhand_server.engine.answers import CloseMode
from millhand_server.rpc import tokens
from millhand_server.rpc.scopes import Scope
from millhand_server.rpc.status import DETAILS_KEY

#: How long anything may take here.
SOON_S = 10

TASKS = "/millhand.v1.TaskService/"

Metadata = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Ended:
    """How a call ended, and what it answered before that."""

    code: grpc.StatusCode
    message: str
    reason: str
    answers: list[bytes]


class Caller:
    """Sends bytes to any method on one channel, with any metadata."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        # Its types think of messages, and bytes are sent here.
        self.channel: Any = channel

    async def call(self, path: str, data: bytes = b"", metadata: Metadata = ()) -> Ended:
        """Calls, whatever kind of method it is: on the wire all are streams. At most one answer is read."""
        call = self.channel.stream_stream(path)(
            iter([data]), timeout=SOON_S, metadata=tuple(metadata), wait_for_ready=False
        )
        answers = []
        try:
            answer = await call.read()
            if answer is not grpc.aio.EOF:
                answers.append(answer)
                if path.endswith("/Watch"):
                    return Ended(grpc.StatusCode.OK, "", "", answers)
                await call.read()
            code, message = await call.code(), await call.details()
            return Ended(code, message, _reason(await call.trailing_metadata()), answers)
        except grpc.aio.AioRpcError as error:
            return Ended(error.code(), error.details() or "", _reason(error.trailing_metadata()), answers)
        finally:
            call.cancel()


def bearer(secret: str) -> Metadata:
    return (("authorization", f"Bearer {secret}"),)


def _reason(metadata: Any) -> str:
    for key, value in metadata or ():
        if key == DETAILS_KEY:
            info = error_details_pb2.ErrorInfo()
            status_pb2.Status.FromString(value).details[0].Unpack(info)
            return str(info.reason)
    return ""


NewAuthority = Callable[[str], Authority]


@pytest.fixture(scope="session")
def new_authority(tmp_path_factory: pytest.TempPathFactory) -> NewAuthority:
    """Makes authorities by name. Without openssl the test is skipped, and fails under CI."""
    if shutil.which("openssl") is None:
        if os.environ.get("MILLHAND_CI"):
            pytest.fail("there is no openssl to make certificates with")
        pytest.skip("there is no openssl to make certificates with")
    folder = tmp_path_factory.mktemp("authorities")
    made: dict[str, Authority] = {}

    def make(name: str) -> Authority:
        if name not in made:
            made[name] = Authority(folder / name)
        return made[name]

    return make


class TokenFile:
    """A file of tokens, and the tokens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.secrets: dict[str, str] = {}
        self._scopes: dict[str, Scope] = {}

    def put(self, **scopes: Scope) -> None:
        """Gives the named principals a scope each; those that had a token keep it."""
        self._scopes |= scopes
        for name in scopes:
            self.secrets.setdefault(name, tokens.new_secret())
        self._write()

    def remove(self, name: str) -> None:
        del self._scopes[name]
        self._write()

    def of(self, name: str) -> Metadata:
        """Returns the metadata that a principal's calls carry."""
        return bearer(self.secrets[name])

    def _write(self) -> None:
        lines = [tokens.line_of(name, [scope], self.secrets[name]) for name, scope in self._scopes.items()]
        finished = self.path.with_suffix(".new")
        finished.write_text("\n".join(lines) + "\n")
        finished.rename(self.path)


@pytest.fixture
def token_file(tmp_path: Path) -> TokenFile:
    """Tokens of three principals, which are named as their scopes."""
    file = TokenFile(tmp_path / "tokens")
    file.put(read=Scope.READ, run=Scope.RUN, admin=Scope.ADMIN)
    return file


@dataclass(frozen=True)
class Serving:
    """A server, and a caller on a plaintext channel to it."""

    app: App
    caller: Caller


Serve = Callable[[SecurityOptions], AbstractAsyncContextManager[Serving]]


@pytest.fixture
def serve() -> Serve:
    """Runs a whole server with the handlers shipped."""

    @asynccontextmanager
    async def run(security: SecurityOptions) -> AsyncIterator[Serving]:
        options = ServeOptions(node="node-1", listen=ListenOptions(port=0), security=security)
        async with (
            serving(options, mode=CloseMode.NOW) as app,
            grpc.aio.insecure_channel(app.address, options=OWN_CONNECTION) as channel,
        ):
            yield Serving(app, Caller(channel))

    return run


@pytest.fixture
async def guarded(serve: Serve, token_file: TokenFile) -> AsyncIterator[Serving]:
    """A server that asks for the tokens of `token_file`."""
    async with serve(SecurityOptions(tokens=str(token_file.path))) as running:
        yield running


#: Channels of one process share connections, which here would hide what a new one meets.
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]
