"""From what was given to ServeOptions: precedence, parsing, and the rules that span several settings."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from millhand_server.config.options import (
    SHIPPED_HANDLERS,
    ListenOptions,
    LogOptions,
    PluginOptions,
    SecurityOptions,
    ServeOptions,
    StoreOptions,
)
from millhand_server.config.settings import SETTINGS, Setting
from millhand_server.config.sources import (
    CONFIG_VARIABLE,
    Given,
    SourceError,
    from_environment,
    from_file,
    from_flags,
)
from millhand_server.config.store_url import DEFAULT_URL, StoreChoice, parse_store_url
from millhand_server.core.ports import Retention
from millhand_server.engine.options import Limits, ManagerOptions, default_workers


class ConfigError(Exception):
    """The server cannot be started so. `problems` has a sentence for each thing that is wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def load(
    flags: Mapping[str, object], *, config: str | None = None, environ: Mapping[str, str] = os.environ
) -> ServeOptions:
    """Reads and checks all settings. A flag goes before the environment, that before the file, then defaults.

    Args:
        flags: what the command line gave, by name of the setting; None where a flag was absent.
        config: a TOML file; None takes the one that MILLHAND_CONFIG names, if any.
        environ: the environment.

    Raises:
        ConfigError: with every problem found, not only the first.
    """
    given, problems = _gather(flags, config or environ.get(CONFIG_VARIABLE), environ)
    values = {name: setting.default for name, setting in SETTINGS.items()}
    for name, value in given.items():
        try:
            values[name] = _parse(SETTINGS[name], value.value)
        except ValueError as refusal:
            problems.append(f"{value.origin}{'' if str(refusal).startswith(':') else ' '}{refusal}")
    problems += _not_honoured(given, values)
    if not problems:
        problems += _contradictions(given, values)
    if problems:
        raise ConfigError(problems)
    return _build(values)


def _gather(
    flags: Mapping[str, object], config: str | None, environ: Mapping[str, str]
) -> tuple[dict[str, Given], list[str]]:
    given: dict[str, Given] = {}
    problems: list[str] = []
    weakest_first: tuple[Callable[[], dict[str, Given]], ...] = (
        lambda: from_file(config) if config else {},
        lambda: from_environment(environ),
        lambda: from_flags(flags),
    )
    for read in weakest_first:
        try:
            given |= read()
        except SourceError as refusal:
            problems += refusal.problems
    return given, problems


def _parse(setting: Setting, value: object) -> Any:
    if not setting.repeated:
        return setting.parse(value)
    if not isinstance(value, tuple | list):
        raise ValueError(f"must be a list, not {value!r}")  # noqa: TRY004 - a fault of the text, like the others
    return tuple(setting.parse(item) for item in value)


def _not_honoured(given: Mapping[str, Given], values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        if SETTINGS[name].awaited and values[name] is not None and values[name] is not False:
            yield f"{value.origin} is not supported yet: nothing honours it, so it is refused and not ignored"


def _contradictions(given: Mapping[str, Given], values: Mapping[str, Any]) -> Iterator[str]:
    yield from _insecurities(given, values)
    yield from _metrics_refusals(given, values)
    if "max_queued_bytes" in given and _store(values).kind != "memory":
        yield (
            f"{given['max_queued_bytes'].origin} bounds what waits in memory, and in this store nothing does:"
            " leave it out, or choose --store memory:"
        )
    root = values["files_root"]
    if root is not None and not os.path.isdir(root):
        yield f"{given['files_root'].origin}: {root} is not a folder"


def _insecurities(given: Mapping[str, Given], values: Mapping[str, Any]) -> Iterator[str]:
    security = _security(values)
    for name, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert"), ("client_ca", "tls_cert")):
        if values[name] is not None and values[other] is None:
            yield f"{given[name].origin} is of no use without {SETTINGS[other].flag}"
    listen = ListenOptions(values["host"], values["port"])
    if listen.is_loopback or security.tls_cert is not None:
        return
    origin = given["host"].origin
    if security.tokens is not None:
        yield (
            f"{origin}: {listen.host} can be reached from other machines, and without TLS the tokens would"
            " travel there in the clear; add --tls-cert and --tls-key, or listen on loopback behind a proxy"
        )
    elif not values["insecure"]:
        yield (
            f"{origin}: {listen.host} can be reached from other machines, and without TLS anybody there could"
            " run tasks; add --tls-cert and --tls-key, or --insecure if that is what you want"
        )


def _metrics_refusals(given: Mapping[str, Given], values: Mapping[str, Any]) -> Iterator[str]:
    listen = _metrics(values)
    if "metrics_host" not in given:
        return
    origin = given["metrics_host"].origin
    if listen is None:
        yield f"{origin} is of no use without {SETTINGS['metrics_port'].flag}"
    elif not listen.is_loopback and not values["insecure"]:
        yield (
            f"{origin}: {listen.host} can be reached from other machines, and metrics are served without TLS"
            " or tokens: anybody there could read the names of queues and handlers and how busy they are;"
            " add --insecure if that is what you want"
        )


def _metrics(values: Mapping[str, Any]) -> ListenOptions | None:
    port = values["metrics_port"]
    return None if port is None else ListenOptions(values["metrics_host"], port)


def _security(values: Mapping[str, Any]) -> SecurityOptions:
    return SecurityOptions(
        tls_cert=values["tls_cert"],
        tls_key=values["tls_key"],
        client_ca=values["client_ca"],
        tokens=values["tokens"],
    )


def _build(values: Mapping[str, Any]) -> ServeOptions:
    return ServeOptions(
        node=values["node_id"] or platform.node() or "millhand",
        listen=ListenOptions(values["host"], values["port"]),
        security=_security(values),
        store=StoreOptions(
            choice=_store(values),
            max_queued_bytes=values["max_queued_bytes"],
            retention=_retention(values["retention"], values["retention_count"], _store(values)),
        ),
        plugins=PluginOptions(
            handlers=values["handlers"] or (() if values["handlers_entry_point"] else (SHIPPED_HANDLERS,)),
            handlers_entry_points=values["handlers_entry_point"],
            interceptors=values["interceptor"],
            files_root=values["files_root"],
        ),
        manager=_manager(values),
        log=LogOptions(values["log_level"], values["log_format"]),
        metrics=_metrics(values),
        announce=values["output"],
    )


def _store(values: Mapping[str, Any]) -> StoreChoice:
    return values["store"] or parse_store_url(DEFAULT_URL)


def _retention(age_us: int, count: int, store: StoreChoice) -> Retention:
    # Failures are what people come back for: they are never kept shorter than other results.
    failed_age_us = max(age_us, Retention().failed_age_us) if age_us else 0
    # Bytes are scarce in memory only.
    in_bytes = Retention().bytes if store.kind == "memory" else 0
    return Retention(age_us=age_us, failed_age_us=failed_age_us, count=count, bytes=in_bytes)


def _manager(values: Mapping[str, Any]) -> ManagerOptions:
    return ManagerOptions(
        max_workers=values["max_workers"] or default_workers(),
        max_tasks=values["max_tasks"],
        tasks_per_second=values["tasks_per_second"],
        timeout_us=values["timeout"],
        retry_delay_us=values["retry_delay"],
        max_retries=values["max_retries"],
        grace_us=values["grace"],
        limits=Limits(max_queued=values["max_queued"]),
    )
