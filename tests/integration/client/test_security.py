"""TLS, mutual TLS and tokens, from the side of both clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.authority import Authority, Issued
from tests.integration.client.driving import driven
from tests.integration.security.conftest import NewAuthority

from millhand import AsyncClient, Client, Unavailable
from millhand_server.app import serving
from millhand_server.config.options import ListenOptions, SecurityOptions, ServeOptions


@pytest.fixture
def authority(new_authority: NewAuthority) -> Authority:
    return new_authority("clients")


@pytest.fixture
async def address(authority: Authority) -> AsyncIterator[str]:
    """A server that wants to see a certificate."""
    shown = authority.issue("server")
    security = SecurityOptions(
        tls_cert=str(shown.certificate), tls_key=str(shown.key), client_ca=str(authority.certificate)
    )
    async with serving(ServeOptions(node="n", listen=ListenOptions(port=0), security=security)) as app:
        yield app.address


@pytest.fixture
def own(authority: Authority) -> Issued:
    return authority.issue("client", "/CN=a client")


async def test_a_client_shows_its_certificate(
    which: str, threads: ThreadPoolExecutor, address: str, authority: Authority, own: Issued
) -> None:
    files = {"tls_ca": authority.certificate, "tls_cert": own.certificate, "tls_key": own.key}

    async with driven(which, threads, address, **files) as client:
        assert await client.execute("echo", 1) == 1


async def test_a_client_without_one_does_not_get_in(
    which: str, threads: ThreadPoolExecutor, address: str, authority: Authority
) -> None:
    async with driven(which, threads, address, tls_ca=authority.certificate) as client:
        with pytest.raises(Unavailable):
            await client.info()


async def test_a_client_without_tls_is_told_that_the_server_may_want_it(
    which: str, threads: ThreadPoolExecutor, address: str
) -> None:
    async with driven(which, threads, address) as client:
        with pytest.raises(Unavailable, match="if the server serves TLS, give tls_ca, and tls_cert and"):
            await client.info()


async def test_a_client_does_not_talk_to_a_server_that_it_does_not_know(
    which: str,
    threads: ThreadPoolExecutor,
    address: str,
    new_authority: NewAuthority,
    own: Issued,
) -> None:
    other = new_authority("others").certificate
    files = {"tls_ca": other, "tls_cert": own.certificate, "tls_key": own.key}

    async with driven(which, threads, address, **files) as client:
        with pytest.raises(Unavailable):
            await client.info()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_file_that_cannot_be_read_is_told_at_once(kind: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kind("127.0.0.1:1", tls_ca=tmp_path / "nothing")
