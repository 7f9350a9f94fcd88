"""The endpoint of metrics on a real socket, with a page that is a test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from millhand_server.app.metrics_endpoint import MetricsEndpoint, Render
from millhand_server.rpc.server import BindError

SOON_S = 10

Start = Callable[..., Awaitable[int]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts endpoints on free ports; all are stopped at the end."""
    started: list[MetricsEndpoint] = []

    async def start_one(render: Render | None = None) -> int:
        endpoint = MetricsEndpoint(render or _page)
        started.append(endpoint)
        url = await endpoint.start("127.0.0.1", 0)
        return int(url.removesuffix("/metrics").rpartition(":")[2])

    yield start_one
    for endpoint in started:
        await endpoint.stop()


async def test_the_page_is_made_for_what_the_scraper_accepts(start: Start) -> None:
    port = await start()

    head, body = await _ask(port, "GET /metrics HTTP/1.1\r\nHost: x\r\nACCEPT:  text/plain \r\n\r\n")

    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert "Content-Type: text/page" in head
    assert "Content-Length: 21" in head
    assert body == "a page for text/plain"


async def test_a_query_is_no_other_page(start: Start) -> None:
    head, _ = await _ask(await start(), "GET /metrics?name[]=x HTTP/1.0\r\n\r\n")

    assert head.startswith("HTTP/1.1 200")


async def test_a_head_has_no_body(start: Start) -> None:
    head, body = await _ask(await start(), "HEAD /metrics HTTP/1.1\r\n\r\n")

    assert ("200 OK" in head, "Content-Length: 11" in head, body) == (True, True, "")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET / HTTP/1.1\r\n\r\n", 404),
        ("GET /metrics/x HTTP/1.1\r\n\r\n", 404),
        ("POST /metrics HTTP/1.1\r\n\r\n", 405),
        ("PRI * HTTP/2.0\r\n\r\n", 404),
        ("\r\n\r\n", 404),
        ("\x00\xff\xfe\r\n\r\n", 404),
        ("GET /metrics HTTP/1.1\r\nX: " + "x" * 10_000, 431),
    ],
    ids=["root", "below", "post", "http2", "nothing", "bytes", "too long"],
)
async def test_whatever_else_is_asked_is_answered(start: Start, request_: str, status: int) -> None:
    port = await start()

    head, _ = await _ask(port, request_)
    again, _ = await _ask(port, "GET /metrics HTTP/1.1\r\n\r\n")

    assert head.startswith(f"HTTP/1.1 {status} ")
    assert again.startswith("HTTP/1.1 200")


async def test_a_page_that_cannot_be_made_is_an_error_that_says_nothing_of_itself(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(accept: str) -> tuple[bytes, str]:
        raise ValueError("secret")

    head, body = await _ask(await start(broken), "GET /metrics HTTP/1.1\r\n\r\n")

    assert head.startswith("HTTP/1.1 500 ")
    assert "secret" not in head + body
    assert "secret" in caplog.text


async def test_scrapers_wait_for_each_other(start: Start) -> None:
    at_once: list[int] = []
    under_way = 0

    async def slow(accept: str) -> tuple[bytes, str]:
        nonlocal under_way
        under_way += 1
        at_once.append(under_way)
        for _ in range(20):
            await asyncio.sleep(0)
        under_way -= 1
        return b"", "text/page"

    port = await start(slow)
    await asyncio.gather(*(_ask(port, "GET /metrics HTTP/1.1\r\n\r\n") for _ in range(5)))

    assert at_once == [1, 1, 1, 1, 1]


async def test_connections_beyond_the_bound_are_cut_off(start: Start) -> None:
    port = await start()
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    assert await asyncio.wait_for(reader.read(), SOON_S) == b""

    writer.close()
    for _, one in silent:
        one.close()


async def test_who_is_silent_does_not_hold_up_the_stop(start: Start) -> None:
    endpoint = MetricsEndpoint(_page)
    url = await endpoint.start("127.0.0.1", 0)
    port = int(url.removesuffix("/metrics").rpartition(":")[2])
    await _ask(port, "GET /metrics HTTP/1.1\r\n\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    await asyncio.wait_for(endpoint.stop(), SOON_S)

    assert await asyncio.wait_for(reader.read(), SOON_S) == b""
    writer.close()


async def test_a_port_that_is_taken_is_told_in_a_sentence(start: Start) -> None:
    port = await start()

    with pytest.raises(BindError, match=f"cannot serve metrics on 127.0.0.1 port {port}: "):
        await MetricsEndpoint(_page).start("127.0.0.1", port)


async def _page(accept: str) -> tuple[bytes, str]:
    return f"a page for {accept}".encode(), "text/page"


async def _ask(port: int, request: str) -> tuple[str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode("latin-1"))
    data = await asyncio.wait_for(reader.read(), SOON_S)
    writer.close()
    head, _, body = data.decode("latin-1").partition("\r\n\r\n")
    return head, body
