"""What a connection must bring before any call is heard."""

import asyncio
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest
from tests.fakes.authority import Authority, Issued
from tests.integration.security.conftest import (
    OWN_CONNECTION,
    TASKS,
    Caller,
    Metadata,
    NewAuthority,
    Serve,
    TokenFile,
)

from millhand.v1 import task_service_pb2 as pb
from millhand_server.config.options import SecurityOptions
from millhand_server.engine.manager import TaskManager
from millhand_server.rpc.credentials import ServerCertificates
from millhand_server.rpc.rereading import UnusableFile

_INFO = TASKS + "GetServerInfo"
_HEALTH = "/grpc.health.v1.Health/Check"
_OK = grpc.StatusCode.OK
_NO_CONNECTION = grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def ours(new_authority: NewAuthority) -> Authority:
    return new_authority("ours")


@pytest.fixture
def server(ours: Authority) -> Issued:
    return ours.issue("server")


@pytest.fixture
def client(ours: Authority) -> Issued:
    return ours.issue("client", "/O=Example/CN=ci,bot")


async def test_calls_are_served_over_tls(serve: Serve, ours: Authority, server: Issued) -> None:
    async with serve(_tls(server)) as running, _connect(running.app.address, ours) as caller:
        assert (await caller.call(_INFO)).code is _OK


async def test_plaintext_is_not_understood_by_a_server_with_tls(serve: Serve, server: Issued) -> None:
    async with serve(_tls(server)) as running:
        assert (await running.caller.call(_HEALTH)).code is _NO_CONNECTION


async def test_a_server_of_another_authority_is_not_trusted(
    serve: Serve, server: Issued, new_authority: NewAuthority
) -> None:
    async with (
        serve(_tls(server)) as running,
        _connect(running.app.address, new_authority("other")) as caller,
    ):
        assert (await caller.call(_INFO)).code is _NO_CONNECTION


@pytest.mark.parametrize(
    ("version", "served"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
    ids=lambda value: value.name if isinstance(value, ssl.TLSVersion) else None,
)
async def test_nothing_older_than_tls_1_2_is_agreed_to(
    serve: Serve, server: Issued, version: ssl.TLSVersion, served: bool
) -> None:
    async with serve(_tls(server)) as running:
        agreed = await asyncio.to_thread(_agrees_to, running.app.address, version)

    assert agreed is served


async def test_a_caller_with_a_good_certificate_is_known_by_its_subject(
    serve: Serve, ours: Authority, server: Issued, client: Issued
) -> None:
    async with serve(_mutual(server, ours)) as running, _connect(running.app.address, ours, client) as caller:
        assert await _principal_of(caller, running.app.manager) == "CN=ci\\,bot,O=Example"


async def test_a_certificate_without_a_subject_is_known_by_its_uri(
    serve: Serve, ours: Authority, server: Issued
) -> None:
    workload = ours.issue("workload", "/", "URI:spiffe://example.org/ci")
    async with (
        serve(_mutual(server, ours)) as running,
        _connect(running.app.address, ours, workload) as caller,
    ):
        assert await _principal_of(caller, running.app.manager) == "spiffe://example.org/ci"


async def test_a_certificate_that_names_nobody_is_refused(
    serve: Serve, ours: Authority, server: Issued
) -> None:
    nobody = ours.issue("nobody", "/", "DNS:somewhere")
    async with serve(_mutual(server, ours)) as running, _connect(running.app.address, ours, nobody) as caller:
        ended = await caller.call(_INFO)

    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


@pytest.mark.parametrize("method", [_INFO, _HEALTH], ids=["call", "health"])
async def test_without_a_certificate_there_is_no_connection(
    serve: Serve, ours: Authority, server: Issued, method: str
) -> None:
    async with serve(_mutual(server, ours)) as running, _connect(running.app.address, ours) as caller:
        assert (await caller.call(method)).code is _NO_CONNECTION


async def test_a_certificate_of_another_authority_is_none(
    serve: Serve, ours: Authority, server: Issued, new_authority: NewAuthority
) -> None:
    forged = new_authority("other").issue("client", "/O=Example/CN=ci,bot")
    async with serve(_mutual(server, ours)) as running, _connect(running.app.address, ours, forged) as caller:
        assert (await caller.call(_INFO)).code is _NO_CONNECTION


async def test_with_tokens_too_the_certificate_connects_and_the_token_says_who_it_is(
    serve: Serve, ours: Authority, server: Issued, client: Issued, token_file: TokenFile
) -> None:
    security = _mutual(server, ours, tokens=str(token_file.path))
    async with serve(security) as running, _connect(running.app.address, ours, client) as caller:
        without = await caller.call(_INFO)
        principal = await _principal_of(caller, running.app.manager, token_file.of("run"))

    assert without.code is grpc.StatusCode.UNAUTHENTICATED
    assert principal == "run"


async def test_new_connections_get_the_new_certificate_and_open_ones_go_on(
    serve: Serve, server: Issued, new_authority: NewAuthority, ours: Authority, tmp_path: Path
) -> None:
    live = _copy(server, tmp_path)
    next_authority = new_authority("next")
    async with serve(_tls(live)) as running, _connect(running.app.address, ours) as open_one:
        assert (await open_one.call(_INFO)).code is _OK

        _copy(next_authority.issue("server"), tmp_path)
        await running.app._rereading.look()

        async with _connect(running.app.address, next_authority) as new:
            assert (await new.call(_INFO)).code is _OK
        async with _connect(running.app.address, ours) as old_fashioned:
            assert (await old_fashioned.call(_INFO)).code is _NO_CONNECTION
        assert (await open_one.call(_INFO)).code is _OK


async def test_a_broken_certificate_leaves_the_good_one_in_force(
    serve: Serve, server: Issued, ours: Authority, client: Issued, tmp_path: Path
) -> None:
    live = _copy(server, tmp_path)
    async with serve(_tls(live)) as running:
        live.key.write_bytes(client.key.read_bytes())
        await running.app._rereading.look()

        async with _connect(running.app.address, ours) as new:
            assert (await new.call(_INFO)).code is _OK


async def test_other_authorities_of_clients_hold_for_new_connections(
    serve: Serve, server: Issued, ours: Authority, client: Issued, new_authority: NewAuthority, tmp_path: Path
) -> None:
    authorities = tmp_path / "clients.pem"
    authorities.write_bytes(ours.certificate.read_bytes())
    security = SecurityOptions(
        tls_cert=str(server.certificate), tls_key=str(server.key), client_ca=str(authorities)
    )
    other = new_authority("other")
    async with serve(security) as running:
        authorities.write_bytes(other.certificate.read_bytes())
        await running.app._rereading.look()

        async with _connect(running.app.address, ours, client) as old:
            assert (await old.call(_INFO)).code is _NO_CONNECTION
        async with _connect(running.app.address, ours, other.issue("client")) as new:
            assert (await new.call(_INFO)).code is _OK


def test_files_that_cannot_serve_are_refused_in_a_sentence_that_names_them(
    server: Issued, client: Issued, ours: Authority, tmp_path: Path
) -> None:
    cert, key, junk = str(server.certificate), str(server.key), tmp_path / "junk.pem"
    junk.write_text("not PEM at all")
    encrypted = ours.encrypt(server.key)

    assert _refusal(cert, str(client.key)) == f"{client.key} is not the key of {cert}"
    assert _refusal(cert, "/no/such") == "/no/such cannot be read: No such file or directory"
    assert _refusal(str(junk), key).startswith(f"{junk} and {key} are no certificate and key in PEM")
    assert _refusal(cert, str(encrypted)).startswith(f"{encrypted} is encrypted")
    assert _refusal(cert, key, str(junk)) == f"{junk} holds no certificates in PEM"
    assert _refusal(cert, key, key) == f"{key} holds no certificates in PEM"


def _refusal(*files: str) -> str:
    with pytest.raises(UnusableFile) as refusal:
        ServerCertificates(*files)
    return str(refusal.value)


def _tls(server: Issued) -> SecurityOptions:
    return SecurityOptions(tls_cert=str(server.certificate), tls_key=str(server.key))


def _mutual(server: Issued, authority: Authority, tokens: str | None = None) -> SecurityOptions:
    return SecurityOptions(
        tls_cert=str(server.certificate),
        tls_key=str(server.key),
        client_ca=str(authority.certificate),
        tokens=tokens,
    )


@asynccontextmanager
async def _connect(address: str, authority: Authority, client: Issued | None = None) -> AsyncIterator[Caller]:
    credentials = grpc.ssl_channel_credentials(
        authority.certificate.read_bytes(),
        client.key.read_bytes() if client else None,
        client.certificate.read_bytes() if client else None,
    )
    async with grpc.aio.secure_channel(address, credentials, options=OWN_CONNECTION) as channel:
        yield Caller(channel)


async def _principal_of(caller: Caller, manager: TaskManager, metadata: Metadata = ()) -> str:
    request = pb.RegisterTaskRequest()
    request.task.id, request.task.handler = "mine", "echo"
    ended = await caller.call(TASKS + "RegisterTask", request.SerializeToString(), metadata)
    assert ended.code is _OK, ended.message
    return (await manager.get_task("mine")).principal


def _agrees_to(address: str, version: ssl.TLSVersion) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    # Python's own default would refuse the old ones before the server is asked.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.set_alpn_protocols(["h2"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        try:
            with context.wrap_socket(plain) as secure:
                return secure.version() is not None
        except (ssl.SSLError, ConnectionError):
            return False


def _copy(issued: Issued, folder: Path) -> Issued:
    copy = Issued(folder / "live.pem", folder / "live.key")
    copy.certificate.write_bytes(issued.certificate.read_bytes())
    copy.key.write_bytes(issued.key.read_bytes())
    return copy
