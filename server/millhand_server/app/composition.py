"""Builds a server from its options, and takes it up and down in a fixed order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from millhand.kit import Handlers
from millhand_server.app.plugins import PluginError, load_handlers, load_interceptors
from millhand_server.config.options import ListenOptions, SecurityOptions, ServeOptions, StoreOptions
from millhand_server.core.ports import Clock, TaskStore
from millhand_server.core.query import Page, Seen, TaskFilter
from millhand_server.core.status import WAITING, TaskStatus
from millhand_server.engine.answers import CloseMode, Drained
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.clock import SystemClock
from millhand_server.engine.executors.aio import AsyncExecutor
from millhand_server.engine.executors.thread import ThreadExecutor
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.observing_log import TransitionLog
from millhand_server.handlers import files
from millhand_server.rpc.codec import ProtoCodec
from millhand_server.rpc.credentials import ServerCertificates
from millhand_server.rpc.interceptors.auth import CertificateGuard, TokenGuard
from millhand_server.rpc.rereading import Rereading
from millhand_server.rpc.server import RpcServer
from millhand_server.store.memory import MemoryStore
from millhand_server.store.sqlite import SqliteOptions, SqliteStore

if TYPE_CHECKING:
    from millhand_server.app.metrics import Metrics

#: How many of the tasks that a memory store drops are named.
_NAMED = 20

#: How long calls may take to deliver their last answers once the manager has closed.
_LAST_ANSWERS_S = 2.0

_UNFINISHED = WAITING | {TaskStatus.RUNNING}


@dataclass(frozen=True)
class Stopped:
    """How a server ended: the tasks that ended with it, by status, and the ids of some of them.

    `broken`: nobody asked it to stop; a part of the engine or the store had failed, as the log says.
    """

    dropped: dict[TaskStatus, int]
    named: tuple[str, ...] = ()
    broken: bool = False


class App:
    """One server. Belongs to one event loop; `start` it once, then `run_until_stopped`."""

    def __init__(self, options: ServeOptions, *, handlers: Handlers | None = None) -> None:
        """Builds every part; nothing runs yet.

        Args:
            options: all settings.
            handlers: what it can run; None loads those that the options name.

        Raises:
            PluginError: a handler or an interceptor that the options name cannot be used.
            UnsupportedHandler: a handler asks for what this server cannot do.
            UnusableFile: a certificate, a key or the tokens cannot be read, or are not good.
        """
        files.configure(options.plugins.files_root)
        limits = options.manager.limits
        self._clock = SystemClock()
        codec = ProtoCodec(max_bytes=limits.max_payload_bytes, max_depth=limits.max_json_depth)
        plugins = options.plugins
        if handlers is None:
            handlers = load_handlers(plugins.handlers, plugins.handlers_entry_points)
        catalogue = Catalogue(handlers, options.manager, codec)
        self._metrics = _metrics(options.metrics, catalogue)
        self._store_failed = asyncio.Event()
        self._store = _store(options.store, self._clock, on_fatal=lambda _: self._store_failed.set())
        self.manager = TaskManager(
            store=self._store,
            executors=[
                ThreadExecutor(catalogue, codec, self._clock),
                AsyncExecutor(catalogue, codec, self._clock),
            ],
            catalogue=catalogue,
            clock=self._clock,
            options=options.manager,
            retention=options.store.retention,
            node=options.node,
            observers=[TransitionLog(), *([self._metrics.tasks] if self._metrics else [])],
        )
        certificates, guard = _certificates(options.security), _guard(options.security)
        self._rpc = RpcServer(
            self.manager,
            interceptors=load_interceptors(options.plugins.interceptors),
            on_shutdown=self.stop,
            certificates=certificates,
            guard=guard,
            counts=self._metrics.calls if self._metrics else None,
        )
        watched = [one for one in (certificates, guard) if isinstance(one, ServerCertificates | TokenGuard)]
        self._rereading = Rereading(self._clock, watched)
        self._listen = options.listen
        self._asked_to_stop = asyncio.Event()
        #: Where it serves, `host:port`, once it has started.
        self.address = ""
        #: The URL of the page of metrics, empty when there is none.
        self.metrics_url = ""

    async def start(self) -> None:
        """Takes the server up: store, manager, metrics, port, in this order.

        The manager stands on the store, and the page of metrics looks at it. The port comes last, so that
        nobody can reach a server that would have to refuse; with it health says SERVING, which is what load
        balancers wait for.

        Raises:
            BindError: a port cannot be had; nothing is left running.
            StoreUnavailable: the store cannot be opened.
        """
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._store.close)
            await self.manager.start()
            undo.push_async_callback(self.manager.close, CloseMode.NOW)
            if self._metrics is not None:
                undo.push_async_callback(self._metrics.stop)
                self.metrics_url = await self._metrics.start(self.manager)
            self.address = await self._rpc.start(self._listen.host, self._listen.port)
            self._rereading.start()
            undo.pop_all()

    async def stop(self, mode: CloseMode, timeout_us: int | None = None) -> Drained:
        """Asks the server to stop and waits until its manager has; `run_until_stopped` does the rest.

        May be called again while it drains: every caller gets the same answer, and NOW ends the grace.
        """
        self._asked_to_stop.set()
        return await self.manager.close(mode, timeout_us=timeout_us)

    async def run_until_stopped(self, *, then_exit: bool = False) -> Stopped:
        """Serves until `stop` is called, or the engine or its store fails, then takes the server down.

        With `then_exit` the port is left to the end of the process, which must follow at once: that tells
        last callers better what happened (see `RpcServer.answer_the_last`).

        Health turns NOT_SERVING with the first step of the manager's closing, so that no new caller comes.
        The manager stops taking work, lets what runs finish within the grace, tells the rest to stop, and
        ends the streams when all they have to say is in the log. Only then are the last answers sent (that
        to Shutdown among them) and the port closed. Until then metrics show how it drains. The store goes
        last: all before it may still write, or read.
        """
        broken = await self._until_asked_or_broken()
        # Whoever asked has chosen how, and this call only waits for it. A broken engine has no use for grace.
        await self.manager.close(CloseMode.NOW if broken else CloseMode.GRACEFUL)
        stopped = replace(await self._what_is_left(), broken=broken)
        await self._rereading.stop()
        await (self._rpc.answer_the_last if then_exit else self._rpc.stop)(_LAST_ANSWERS_S)
        if self._metrics is not None:
            await self._metrics.stop()
        await self._store.close()
        return stopped

    async def _until_asked_or_broken(self) -> bool:
        waits = [
            asyncio.create_task(event.wait())
            for event in (self._asked_to_stop, self.manager.readiness.broken, self._store_failed)
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return not self._asked_to_stop.is_set()

    async def _what_is_left(self) -> Stopped:
        if self._store.durable:
            return Stopped({})
        unfinished = TaskFilter(statuses=_UNFINISHED)
        seen = Seen(self._clock.now_us())
        counts = await self._store.count(unfinished, seen, limit=0)
        found = await self._store.find(unfinished, Page(limit=_NAMED), seen)
        return Stopped(counts, tuple(task.id for task in found.tasks))


def _store(options: StoreOptions, clock: Clock, *, on_fatal: Callable[[str], None]) -> TaskStore:
    choice = options.choice
    if choice.path is None:
        return MemoryStore(clock, options.retention, max_waiting_bytes=options.max_queued_bytes)
    return SqliteStore(
        SqliteOptions(choice.path, choice.synchronous), clock, options.retention, on_fatal=on_fatal
    )


def _metrics(listen: ListenOptions | None, catalogue: Catalogue) -> Metrics | None:
    if listen is None:
        return None
    try:
        from millhand_server.app.metrics import Metrics
    except ModuleNotFoundError as missing:
        if missing.name != "prometheus_client":
            raise
        raise PluginError(
            "--metrics-port needs prometheus-client, which is not installed: install millhand[metrics]"
        ) from None
    return Metrics(listen, catalogue)


def _certificates(security: SecurityOptions) -> ServerCertificates | None:
    if security.tls_cert is None or security.tls_key is None:
        return None
    return ServerCertificates(security.tls_cert, security.tls_key, security.client_ca)


def _guard(security: SecurityOptions) -> TokenGuard | CertificateGuard | None:
    # A token says more than a certificate, which is then only asked for to connect.
    if security.tokens is not None:
        return TokenGuard(security.tokens)
    return CertificateGuard() if security.client_ca is not None else None


@asynccontextmanager
async def serving(
    options: ServeOptions, *, handlers: Handlers | None = None, mode: CloseMode = CloseMode.GRACEFUL
) -> AsyncIterator[App]:
    """Runs a server for the length of a block; `app.address` says where. For tests and for embedding.

    Args:
        options: all settings; `ListenOptions(port=0)` picks a free port.
        handlers: what it can run; None loads those that the options name.
        mode: how it stops at the end of the block.

    Raises:
        PluginError, BindError: it cannot be started.
    """
    app = App(options, handlers=handlers)
    await app.start()
    running = asyncio.create_task(app.run_until_stopped(), name="millhand server")
    try:
        yield app
    finally:
        await app.stop(mode)
        await running
