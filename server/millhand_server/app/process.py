"""The server as a process of its own: event loop, signals, what it prints, how it ends."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from millhand_server.app import ending, logs, standard_streams
from millhand_server.app.composition import App, Stopped
from millhand_server.app.plugins import PluginError
from millhand_server.config.options import ServeOptions
from millhand_server.core.errors import StoreUnavailable
from millhand_server.engine.answers import CloseMode
from millhand_server.engine.catalogue import UnsupportedHandler
from millhand_server.rpc.rereading import UnusableFile
from millhand_server.rpc.server import BindError

#: How often threads take turns. The default of 5 ms lets a few busy handlers make every call slow.
_SWITCH_INTERVAL_S = 0.0005

#: How many files the server wants to be allowed to have open.
_OPEN_FILES = 65_536

#: Whoever sends one more than this wants the end and nothing else.
_SIGNALS_ENOUGH = 2

logger = logging.getLogger(__name__)


class StartError(Exception):
    """The server cannot be started. The text is a sentence, below the user's own traceback if any."""


def check(options: ServeOptions) -> None:
    """Builds a server without starting it.

    Raises:
        StartError: it could not be started so.
    """
    asyncio.run(_build(options))


def run(options: ServeOptions) -> NoReturn:
    """Serves until a signal or a Shutdown call, then ends the process: 0 after a clean drain, else 1.

    Raises:
        StartError: the server cannot be started.
    """
    standard_streams.fill_gaps()
    logs.configure(options.log)
    logs.withhold_texts_of_uncaught()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    _allow_connections()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(options))
    raise AssertionError("the process ends before its loop does")


def _allow_connections() -> None:
    """Lets the process have more files open, if it may: each connection is one.

    Many systems start programs with 1,024 and leave it to them to ask for more. Past its limit a server that
    is well otherwise answers nobody new.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as error:
            # Some systems have a lower limit than the one that they tell.
            logger.warning("no more than %d files can be open, connections included: %s", soft, error)


async def _build(options: ServeOptions) -> App:
    try:
        return App(options)
    except PluginError as failure:
        raise StartError(f"{failure.details}{failure.sentence}") from None
    except (UnsupportedHandler, UnusableFile) as failure:
        raise StartError(str(failure)) from None


async def _serve(options: ServeOptions) -> NoReturn:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix=ending.LOOPS_OWN))
    app = await _build(options)
    try:
        await app.start()
    except BindError as failure:
        raise StartError(str(failure)) from None
    except StoreUnavailable as failure:
        raise StartError(f"the store cannot be opened: {failure.message}") from None
    _stop_on_signals(app)
    try:
        _announce(app, options)
    except OSError as failure:
        await app.stop(CloseMode.NOW)
        await app.run_until_stopped()
        why = failure.strerror or failure
        raise StartError(f"the address cannot be written to standard output: {why}") from None
    stopped = await app.run_until_stopped(then_exit=True)
    status = 1 if _report(stopped) else 0
    if left := await asyncio.to_thread(ending.left_running):
        logger.warning("ending with code still running that does not stop: %s", ", ".join(left))
    # Here, for the loop would cancel the calls of those who still hear from it that the server closes.
    ending.end(status)


def _stop_on_signals(app: App) -> None:
    """The first signal drains, the second stops what runs, the third ends the process as it is.

    By themselves gRPC and Python would cut calls off.
    """
    loop = asyncio.get_running_loop()
    stopping: list[asyncio.Task[object]] = []

    def stop(number: signal.Signals) -> None:
        if len(stopping) == _SIGNALS_ENOUGH:
            logger.error("%s: ending at once", number.name)
            ending.end(1)
        mode = CloseMode.NOW if stopping else CloseMode.GRACEFUL
        logger.info("%s: stopping %s", number.name, "at once" if stopping else "after the running work")
        stopping.append(asyncio.create_task(app.stop(mode)))

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)


def _announce(app: App, options: ServeOptions) -> None:
    choice = options.store.choice
    logger.info("tasks are kept in %s", choice.path or "memory, and end with this process")
    if not options.listen.is_loopback and not options.security.knows_callers:
        logger.warning("there are neither --tokens nor --client-ca: whoever reaches this port can run tasks")
    if app.metrics_url:
        logger.info("metrics on %s", app.metrics_url)
    if options.announce == "json":
        metrics = {"metrics": app.metrics_url} if app.metrics_url else {}
        line = json.dumps({"address": app.address, "node": options.node, "pid": os.getpid(), **metrics})
    else:
        line = f"millhand serving on {app.address}"
    standard_streams.say(line)


def _report(stopped: Stopped) -> bool:
    """Logs how the server ended, and tells whether that was bad."""
    if stopped.broken:
        logger.critical("a part of the server failed, see above; it ends rather than pretend to work")
    total = sum(stopped.dropped.values())
    if not total:
        logger.info("stopped; no task was dropped")
        return stopped.broken
    counts = ", ".join(f"{count} {status.name}" for status, count in sorted(stopped.dropped.items()))
    names = ", ".join(stopped.named)
    more = f" and {total - len(stopped.named)} more" if total > len(stopped.named) else ""
    what = "1 task was" if total == 1 else f"{total} tasks were"
    logger.error("%s dropped with the memory store (%s): %s%s", what, counts, names, more)
    return True


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        # It does not exist for every platform, and the loop of asyncio does the same, slower.
        return None
    return uvloop.new_event_loop
