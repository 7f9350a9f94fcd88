"""Every setting of the server, once: its flag, variable and TOML key, what it reads, what it means.

The command line is built from this table and the sources are read by it, so that the three cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millhand_server.config import values
from millhand_server.config.store_url import DEFAULT_URL, parse_store_url
from millhand_server.config.values import Parse

#: What the names of our environment variables begin with.
PREFIX = "MILLHAND_"


@dataclass(frozen=True)
class Setting:
    """One setting. `default` is in the program's terms; None means unset, which `help` then explains.

    `awaited` settings are known by name and refused until code honours them: a server that looked as if it
    used TLS would be worse than one that says that it cannot.
    """

    name: str
    parse: Parse
    help: str
    metavar: str = ""
    default: Any = None
    repeated: bool = False
    switch: bool = False
    awaited: bool = False

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()


_MAX_INT32 = 2**31 - 1

_SETTINGS = (
    Setting(
        "handlers",
        values.reference,
        "Where the handlers are; may be given several times. Unset: the handlers shipped with Millhand.",
        "MODULE:ATTR",
        default=(),
        repeated=True,
    ),
    Setting(
        "handlers_entry_point",
        values.text,
        "Handlers of an installed package, by their entry point; may be given several times.",
        "NAME",
        default=(),
        repeated=True,
    ),
    Setting("host", values.host, "Address to listen on.", "HOST", "127.0.0.1"),
    Setting("port", values.integer(0, 65535), "Port to listen on; 0 picks a free one.", "PORT", 50051),
    Setting(
        "store",
        parse_store_url,
        f"Where tasks are kept: sqlite:///PATH, or memory: until the process ends. Unset: {DEFAULT_URL}.",
        "URL",
    ),
    Setting(
        "max_workers",
        values.integer(1, 10_000),
        "Worker threads. Unset: the number of CPUs, at least 4.",
        "N",
    ),
    Setting(
        "max_tasks", values.integer(1, 100_000), "Attempts running at once. Unset: as many as workers.", "N"
    ),
    Setting("max_queued", values.integer(1, _MAX_INT32), "Tasks that may wait.", "N", 100_000),
    Setting(
        "max_queued_bytes",
        values.integer(1, 2**63 - 1),
        "Bytes of payloads and texts of tasks that may wait.",
        "N",
        268_435_456,
    ),
    Setting("tasks_per_second", values.rate, "Attempts started per second; 0 is no limit.", "X", 0.0),
    Setting(
        "timeout",
        values.duration_us,
        "How long an attempt may run if neither task nor handler say; 0 is no limit.",
        "D",
        300_000_000,
    ),
    Setting(
        "retry_delay",
        values.duration_us,
        "Delay before the first retry if neither task nor handler say.",
        "D",
        1_000_000,
    ),
    Setting(
        "max_retries",
        values.integer(0, _MAX_INT32),
        "Attempts after the first if neither task nor handler say.",
        "N",
        3,
    ),
    Setting(
        "grace",
        values.duration_us,
        "How long running tasks may go on at shutdown before they are told to stop.",
        "D",
        20_000_000,
    ),
    Setting(
        "retention",
        values.duration_us,
        "How long results are kept (FAILED tasks at least 7 days); 0 is no limit.",
        "D",
        86_400_000_000,
    ),
    Setting(
        "retention_count",
        values.integer(0, _MAX_INT32),
        "How many results are kept; 0 is no limit.",
        "N",
        1_000_000,
    ),
    Setting("files_root", values.path, "Folder below which handlers may read files. Unset: none.", "DIR"),
    Setting("node_id", values.text, "This server's name among others. Unset: the host's name.", "ID"),
    Setting(
        "tls_cert", values.path, "Certificate chain (PEM); turns TLS on. Read again when it changes.", "FILE"
    ),
    Setting("tls_key", values.path, "Private key of the certificate (PEM).", "FILE"),
    Setting(
        "client_ca",
        values.path,
        "Who signs clients' certificates (PEM); callers must then show one.",
        "FILE",
    ),
    Setting(
        "tokens",
        values.path,
        "File of name:scopes:sha256 lines (see `millhand token`); callers must then send a token.",
        "FILE",
    ),
    Setting(
        "insecure",
        values.switch,
        "Allow a host that is not loopback without TLS.",
        default=False,
        switch=True,
    ),
    Setting(
        "interceptor",
        values.reference,
        "An interceptor around every call; several times, the first is outermost.",
        "MODULE:ATTR",
        default=(),
        repeated=True,
    ),
    Setting(
        "log_level",
        values.choice("debug", "info", "warning", "error"),
        "How much is logged: debug, info, warning or error.",
        "LEVEL",
        "info",
    ),
    Setting("log_format", values.choice("text", "json"), "text or json.", "FORMAT", "text"),
    Setting(
        "output",
        values.choice("text", "json"),
        "How the address is announced on standard output: text or json.",
        "FORMAT",
        "text",
    ),
    Setting(
        "metrics_port",
        values.integer(0, 65535),
        "Port that metrics are served on, for Prometheus; 0 picks a free one. Unset: none.",
        "PORT",
    ),
    Setting("metrics_host", values.host, "Address that metrics are served on.", "HOST", "127.0.0.1"),
    Setting("channelz", values.switch, "Serve gRPC channelz.", default=False, switch=True, awaited=True),
)

#: By name, in the order in which help shows them.
SETTINGS: dict[str, Setting] = {setting.name: setting for setting in _SETTINGS}
