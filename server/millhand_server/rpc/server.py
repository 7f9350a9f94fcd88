"""The gRPC server: what it serves, its options, how it starts and stops."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import grpc.aio

from millhand.v1 import task_service_pb2
from millhand_server.engine.answers import CloseMode, Drained
from millhand_server.engine.manager import TaskManager
from millhand_server.rpc import health
from millhand_server.rpc.adapter import OpenCalls, generic_handler
from millhand_server.rpc.catalogue import Reach
from millhand_server.rpc.context import Interceptor
from millhand_server.rpc.credentials import ServerCertificates
from millhand_server.rpc.discretion import withhold_metadata
from millhand_server.rpc.interceptors.auth import TokenGuard
from millhand_server.rpc.interceptors.chain import standard_chain
from millhand_server.rpc.interceptors.door import Door
from millhand_server.rpc.reflection import reflection_handlers
from millhand_server.rpc.task_service import TaskService

logger = logging.getLogger(__name__)

_TASK_SERVICE = task_service_pb2.DESCRIPTOR.services_by_name["TaskService"]

#: How long callers may take to read their answers, before the connection under them goes.
_LAST_WORDS_S = 0.25

#: How long code of calls that gRPC has ended may take for its last steps.
_LAST_STEPS_S = 2.0


#: Hosts that one can listen on and not call.
_EVERY_ADDRESS = frozenset({"0.0.0.0", "[::]"})  # noqa: S104


class BindError(Exception):
    """The address cannot be listened on. The text is a sentence for whoever starts the server."""


class RpcServer:
    """Serves a manager. Belongs to one event loop; `start` it once, `stop` it once."""

    def __init__(
        self,
        manager: TaskManager,
        *,
        interceptors: Sequence[Interceptor | grpc.aio.ServerInterceptor] = (),
        on_shutdown: Callable[[CloseMode, int | None], Awaitable[Drained]],
        certificates: ServerCertificates | None = None,
        guard: Interceptor | None = None,
        counts: Interceptor | None = None,
    ) -> None:
        """Takes a manager, which must have started before the server does.

        Args:
            manager: who does the work.
            interceptors: the user's own, first is outermost: `async f(call_next, request, context)`, which
                stand in our chain, or gRPC's `ServerInterceptor`, which stand around it.
            on_shutdown: closes the manager and lets the process end, for the RPC Shutdown.
            certificates: what TLS is served with; None serves without.
            guard: decides who may call what; None lets everybody.
            counts: keeps the numbers for metrics; None when nobody wants them.
        """
        withhold_metadata()
        self._certificates = certificates
        self._guard = guard
        self._counts = counts
        self._manager = manager
        self._interceptors = interceptors
        self._on_shutdown = on_shutdown
        self._door = Door()
        self._address = ""

    async def start(self, host: str, port: int) -> str:
        """Listens, and returns the address in the form `host:port`; port 0 takes a free one.

        Raises:
            BindError: the address is taken, or is none of this machine's.
        """
        # Made here: everything of gRPC's asyncio side belongs to the loop that runs now.
        #: The calls whose code runs.
        self.open_calls = OpenCalls()
        self._health = health.HealthService()
        self._server = grpc.aio.server(
            interceptors=[own for own in self._interceptors if isinstance(own, grpc.aio.ServerInterceptor)],
            options=_options(self._manager.limits.max_message_bytes),
        )
        self._server.add_generic_rpc_handlers(self._handlers())
        bound = self._bind(host, port)
        self._address = _join(host, bound)
        await self._server.start()
        self._manager.readiness.subscribe(self._health.set_ready)
        return self._address

    async def answer_the_last(self, grace_s: float) -> None:
        """Refuses new calls as CLOSING, and lets the open ones end; they get `grace_s` seconds.

        The manager is closed by then, so that streams have had their last frame. The port stays open:
        whoever still calls is told to go elsewhere, until the process ends or `stop` is called. For gRPC's
        own stop cuts off those that call in its moment with CANCELLED, as if they had wanted it, while a
        connection that is closed is UNAVAILABLE, which callers know what to do about.
        """
        self._health.close()
        self._door.shut()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self.open_calls.until_idle()
        # What the code has answered is still to be sent.
        await asyncio.sleep(_LAST_WORDS_S)

    async def stop(self, grace_s: float) -> None:
        """Ends the server; calls that are open get `grace_s` seconds. The manager is closed by then.

        Health goes first, so that nobody is sent here any more and watchers hold up nothing. gRPC then
        refuses new calls and waits for the open ones: streams have had their last frame from the closed
        manager. What gRPC calls the end is not quite it: code of cancelled calls may still be in its last
        steps (grpc#37239), and the store must not be closed under it.
        """
        self._health.close()
        self._door.shut()
        await self._server.stop(grace_s)
        try:
            async with asyncio.timeout(_LAST_STEPS_S):
                await self.open_calls.until_idle()
        except TimeoutError:
            logger.warning("the code of %d calls has not ended; going on without it", len(self.open_calls))

    def _handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        own = [layer for layer in self._interceptors if not isinstance(layer, grpc.aio.ServerInterceptor)]
        chain = standard_chain(self._manager.limits, own, self._guard, self._counts, self._door)
        tasks = TaskService(self._manager, reach=self._reach, on_shutdown=self._on_shutdown)
        return (
            generic_handler(_TASK_SERVICE, tasks, chain, self.open_calls),
            generic_handler(health.SERVICE, self._health, chain, self.open_calls),
            *reflection_handlers(chain, self.open_calls),
        )

    def _reach(self) -> Reach:
        host, _, port = self._address.rpartition(":")
        address = f"localhost:{port}" if host in _EVERY_ADDRESS else self._address
        options = ["-plaintext"] if self._certificates is None else []
        if self._certificates is not None and self._certificates.asks_clients:
            options.append("-cert client.pem -key client.key")
        if isinstance(self._guard, TokenGuard):
            options.append('-H "authorization: Bearer $MILLHAND_TOKEN"')
        return Reach(address, " ".join(options))

    def _bind(self, host: str, port: int) -> int:
        try:
            if self._certificates is None:
                return self._server.add_insecure_port(_join(host, port))
            return self._server.add_secure_port(_join(host, port), self._certificates.credentials())
        except RuntimeError:
            raise BindError(f"cannot listen on {_join(host, port)}: {_why_not(host, port)}") from None


def _options(max_message_bytes: int) -> list[tuple[str, int]]:
    return [
        # On by default: a second server on the port would start without a word and steal connections.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        # Finds callers that vanished without a word, and lets theirs find us: our clients ping every 30 s,
        # and a server that counts such pings as abuse cuts them off. The key says "without data" although
        # the constant behind it does not; other spellings are ignored silently.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 2),
        # Streams of one connection that are over this wait in silence. `StreamCap` is the limit that speaks.
        ("grpc.max_concurrent_streams", 1_000_000),
    ]


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _why_not(host: str, port: int) -> str:
    # gRPC does not say; asking the system the same question does.
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except OSError as error:
        return f"{error.strerror or error}; choose another port or host"
    return "another program has it; choose another port or host"
