"""What a server is started with, as plain frozen data. Reading and checking it is done beside this file."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from millhand_server.config.store_url import StoreChoice
from millhand_server.core.ports import Retention
from millhand_server.engine.options import ManagerOptions

#: The handlers of a server that is told of none.
SHIPPED_HANDLERS = "millhand_server.handlers:handlers"


@dataclass(frozen=True)
class ListenOptions:
    """Where the server listens. Port 0 picks a free one."""

    host: str = "127.0.0.1"
    port: int = 50051

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect. A name other than localhost is taken for a public one."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True)
class SecurityOptions:
    """The files, by path, that say who may connect and call. None: that protection is not used.

    The certificate and its key come together, and the authorities of clients only with them.
    """

    tls_cert: str | None = None
    tls_key: str | None = None
    client_ca: str | None = None
    tokens: str | None = None

    @property
    def knows_callers(self) -> bool:
        """Whether a caller must say who it is."""
        return self.client_ca is not None or self.tokens is not None


@dataclass(frozen=True)
class StoreOptions:
    """Where tasks are kept, how many bytes of those that wait in memory, and how long results."""

    choice: StoreChoice = field(default_factory=StoreChoice)
    max_queued_bytes: int = 256 * 1024 * 1024
    retention: Retention = field(default_factory=Retention)


@dataclass(frozen=True)
class PluginOptions:
    """Code that is not ours, by reference (`MODULE:ATTR`), and the folder that handlers may read.

    `handlers_entry_points` are names in the entry points of installed packages.
    """

    handlers: tuple[str, ...] = (SHIPPED_HANDLERS,)
    handlers_entry_points: tuple[str, ...] = ()
    interceptors: tuple[str, ...] = ()
    files_root: str | None = None


@dataclass(frozen=True)
class LogOptions:
    """How much is logged, and how it is written: `text` or `json`."""

    level: str = "info"
    format: str = "text"


@dataclass(frozen=True)
class ServeOptions:
    """Everything that a server is started with."""

    node: str
    listen: ListenOptions = ListenOptions()
    store: StoreOptions = StoreOptions()
    plugins: PluginOptions = PluginOptions()
    manager: ManagerOptions = field(default_factory=ManagerOptions)
    log: LogOptions = LogOptions()
    metrics: ListenOptions | None = None
    announce: str = "text"
    security: SecurityOptions = SecurityOptions()
