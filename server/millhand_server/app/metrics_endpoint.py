"""A very small HTTP server for one page, on the server's own loop. What the page says is not known here."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from millhand_server.rpc.server import BindError

logger = logging.getLogger(__name__)

#: Makes the page; takes the value of the header Accept, returns body and content type.
Render = Callable[[str], Awaitable[tuple[bytes, str]]]

_PATH = "/metrics"
_MAX_HEAD_BYTES = 8_192

#: A scraper that has not said what it wants, or not taken it, by then is cut off.
_PATIENCE_S = 10.0

#: Connections at once. A scraper needs one.
_MOST_OPEN = 20


class MetricsEndpoint:
    """Answers `GET /metrics`, one request a connection. Belongs to one event loop."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._open: set[asyncio.Task[None]] = set()
        # Several scrapers wait for each other: a page costs time that calls need.
        self._turn = asyncio.Lock()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> str:
        """Listens, and returns the page's URL; port 0 takes a free one.

        Raises:
            BindError: the address is taken, or is none of this machine's.
        """
        try:
            self._server = await asyncio.start_server(self._accept, host, port, limit=_MAX_HEAD_BYTES)
        except OSError as error:
            reason = error.strerror or str(error)
            raise BindError(f"cannot serve metrics on {host} port {port}: {reason}") from None
        listening: socket.socket = self._server.sockets[0]
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{listening.getsockname()[1]}{_PATH}"

    async def stop(self) -> None:
        """Stops listening and ends what is open. Does nothing when it never started."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._open:
            connection.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= _MOST_OPEN:
            writer.close()
            return
        connection = asyncio.create_task(self._serve(reader, writer))
        self._open.add(connection)
        connection.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                writer.write(await self._answer(reader))
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            # Whoever it was has gone, or says nothing: there is nobody to answer.
            logger.debug("a connection for metrics ended early")
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        request, *headers = head.decode("latin-1").split("\r\n")
        method, _, rest = request.partition(" ")
        if rest.partition(" ")[0].partition("?")[0] != _PATH:
            return _response(HTTPStatus.NOT_FOUND)
        if method not in ("GET", "HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, headers=("Allow: GET, HEAD",))
        try:
            async with self._turn:
                body, kind = await self._render(_value_of("accept", headers))
        except Exception:
            logger.exception("the page of metrics could not be made")
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR)
        return _response(HTTPStatus.OK, body, kind, with_body=method == "GET")


def _value_of(name: str, headers: list[str]) -> str:
    for header in headers:
        key, _, value = header.partition(":")
        if key.strip().lower() == name:
            return value.strip()
    return ""


def _response(
    status: HTTPStatus,
    body: bytes | None = None,
    kind: str = "text/plain; charset=utf-8",
    *,
    headers: tuple[str, ...] = (),
    with_body: bool = True,
) -> bytes:
    body = f"{status.phrase}\n".encode() if body is None else body
    lines = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    )
    head = "".join(f"{line}\r\n" for line in lines) + "\r\n"
    return head.encode("latin-1") + (body if with_body else b"")
