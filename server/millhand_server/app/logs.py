"""How the server's log is written: text for people or JSON for machines, with ids that tie lines together."""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from millhand_server.config.options import LogOptions
from millhand_server.rpc.context import current_request_id

logger = logging.getLogger(__name__)

#: What lines about a task carry beside their message, those that handlers write among them.
_OF_A_TASK = (
    *("transition", "task_id", "attempt", "handler", "queue", "correlation_id", "trace_id"),
    *("worker", "wait_ms", "run_ms", "reason"),
)

#: What lines about a call carry; a person reads it in their message.
_OF_A_CALL = ("method", "code", "took_ms")

#: What parts a message from the frames of a traceback below it, and what Python writes above them.
_FRAMES = '\n  File "'
_HEAD = "Traceback (most recent call last):"


def configure(options: LogOptions) -> None:
    """Sends every logger of the process to standard error, replacing what was configured before."""
    handler = _Handler(sys.stderr)
    handler.setFormatter(JsonFormatter() if options.format == "json" else TextFormatter())
    logging.basicConfig(level=options.level.upper(), handlers=[handler], force=True)
    # asyncio's debug lines, one per slow callback, are about this program's inside and not its work.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # So are gRPC's, about the loops and pollers that it uses.
    logging.getLogger("grpc").setLevel(max(logging.INFO, logging.getLogger().level))


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to a stream that a handler may close: then there is no log, and everything else goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's own name
        with suppress(ValueError):
            super().handleError(record)


def withhold_texts_of_uncaught() -> None:
    """Logs what handlers' own threads raise as what handlers raise: its text may quote a payload."""
    threading.excepthook = _log_dead_thread
    sys.unraisablehook = _log_unraisable


def _log_dead_thread(death: threading.ExceptHookArgs) -> None:
    name = death.thread.name if death.thread is not None else "that is gone"
    if not issubclass(death.exc_type, SystemExit):
        _log_uncaught(f"the thread {name}", death.exc_type, death.exc_value, death.exc_traceback)


def _log_unraisable(failure: sys.UnraisableHookArgs) -> None:
    _log_uncaught("code that has no caller", failure.exc_type, failure.exc_value, failure.exc_traceback)


def _log_uncaught(
    what: str, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    frames = "".join(traceback.format_tb(trace))
    logger.error("%s raised %s\n%s", what, kind.__name__, frames)
    logger.debug("the text of that exception", exc_info=error)


class TextFormatter(logging.Formatter):
    """`2026-11-24T18:00:00.123Z INFO millhand.handler.echo: message [task_id=... attempt=1]`."""

    def format(self, record: logging.LogRecord) -> str:
        ids = " ".join(f"{name}={_shown(value)}" for name, value in _ids_of(record).items())
        message, trace = _told(self, record)
        line = f"{_time_of(record)} {record.levelname} {record.name}: {message}"
        return "\n".join(filter(None, [f"{line} [{ids}]" if ids else line, trace]))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and ids and traceback where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        message, trace = _told(self, record)
        entry: dict[str, object] = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
            **_ids_of(record),
            **_named(record, _OF_A_CALL),
        }
        if trace:
            entry["error"] = trace
        return json.dumps(entry, ensure_ascii=False, default=str)


def _ids_of(record: logging.LogRecord) -> dict[str, object]:
    request_id = current_request_id.get()
    return {**({"request_id": request_id} if request_id else {}), **_named(record, _OF_A_TASK)}


def _named(record: logging.LogRecord, names: Sequence[str]) -> dict[str, object]:
    found = {name: getattr(record, name, None) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _shown(value: object) -> str:
    # Callers choose some of them: none may begin a line of its own, or look like two.
    text = str(value)
    return text if text.isprintable() and " " not in text else json.dumps(text)


def _time_of(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _told(formatter: logging.Formatter, record: logging.LogRecord) -> tuple[str, str]:
    """Returns the message, and the traceback or nothing.

    What a handler raised is logged as a message with the frames alone below it: the text of an exception may
    quote a payload.
    """
    message, frames, below = record.getMessage().partition(_FRAMES)
    trace = f"{_HEAD}{frames}{below}".rstrip("\n") if frames else ""
    if record.exc_info:
        trace = formatter.formatException(record.exc_info)
    return message, trace
