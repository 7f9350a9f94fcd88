"""The servers of the cases: real processes, shared where a case leaves no trace that others see."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from tests.acceptance.conftest import ServerProcess
from tests.conformance.certificates import Certificates
from tests.conformance.programs import ROOT
from tests.conformance.proxy import Proxy
from tests.conformance.wire import conformance_pb2 as wire

_HANDLERS = (
    *("--handlers", "millhand_server.handlers:handlers"),
    *("--handlers", "millhand_server.handlers.faults:handlers"),
    *("--handlers", "tests.conformance.handlers:handlers"),
)

#: Tokens of the kinds with `--tokens`, by scope.
TOKENS = {"read": "token-of-a-reader", "run": "token-of-a-runner", "admin": "token-of-an-admin"}

#: What each kind is started with beside a port, a store and handlers.
KINDS: dict[str, tuple[str, ...]] = {
    "shared": ("--retry-delay", "10ms", "--max-workers", "8"),
    "own": ("--retry-delay", "10ms", "--grace", "0"),
    "sqlite": ("--retry-delay", "10ms", "--grace", "0"),
    "one-worker": ("--max-workers", "1", "--retry-delay", "10ms", "--grace", "0"),
    "small": ("--max-queued", "3", "--max-workers", "1", "--grace", "0"),
    "short-log": ("--retention-count", "5", "--grace", "0"),
    "tls": (),
    "tls-of-a-stranger": (),
    "mutual-tls": (),
    "tokens": (),
    "tls-tokens": (),
}

#: Cases on these are played against the same server.
SHARED = frozenset({"shared", "tls", "tls-of-a-stranger", "mutual-tls", "tokens", "tls-tokens"})


def _free_port() -> int:
    # Kept for the server's whole life, over restarts; nobody else is given it in the moment between.
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Running:
    """A server that runs, behind a proxy of ours. What `fault` does, the clients have to live with."""

    kind: str
    home: Path
    certificates: Certificates
    port: int = field(default_factory=_free_port)

    def __post_init__(self) -> None:
        self._process = self._start()
        self._proxy = Proxy(("127.0.0.1", self.port))

    def direct_connection(self) -> wire.Connection:
        """How a client reaches it without the proxy, which costs speed."""
        found = self.connection()
        found.address = f"127.0.0.1:{self.port}"
        return found

    def connection(self) -> wire.Connection:
        """How a client reaches it."""
        found = wire.Connection(address=f"127.0.0.1:{self._proxy.port}")
        if "tls" in self.kind:
            found.ca_pem = self.certificates.authority
        if self.kind == "tls-of-a-stranger":
            found.ca_pem = self.certificates.stranger
        if self.kind == "mutual-tls":
            found.certificate_pem, found.key_pem = self.certificates.client
        if "tokens" in self.kind:
            found.token = TOKENS["run"]
        return found

    def fault(self, name: str) -> None:
        """Does what a case asks for at a pause.

        `restart` is a kill and a new start, `roll` a clean end and one, `drop` breaks all connections.
        """
        match name:
            case "restart":
                self.stop()
                self._process = self._start()
            case "drop":
                self._proxy.drop()
            case "roll":
                self._process.process.terminate()
                self._process.process.wait()
                self._process = self._start()
            case "nothing":
                pass
            case _:
                raise ValueError(f"no fault is called {name}")

    def stop(self) -> None:
        """Kills the server, as nobody should."""
        self._process.process.kill()
        self._process.process.wait()

    def close(self) -> None:
        self._proxy.close()
        self.stop()

    def _start(self) -> ServerProcess:
        store = f"sqlite:///{self.home / 'tasks.db'}" if self.kind == "sqlite" else "memory:"
        server = ServerProcess(
            *("--port", str(self.port), "--store", store, *_HANDLERS, *KINDS[self.kind], *self._security()),
            cwd=self.home,
            variables={
                "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
            },
        )
        assert server.address
        return server

    def _security(self) -> Iterator[str]:
        certificates = self.certificates
        if "tls" in self.kind:
            yield from (
                "--tls-cert",
                str(certificates.server_path),
                "--tls-key",
                str(certificates.server_key_path),
            )
        if self.kind == "mutual-tls":
            yield from ("--client-ca", str(certificates.authority_path))
        if "tokens" in self.kind:
            yield from ("--tokens", str(_tokens_file(self.home)))


@contextmanager
def running(kind: str, home: Path, certificates: Certificates) -> Iterator[Running]:
    """Runs a server of a kind in a folder of its own."""
    server = Running(kind, home, certificates)
    try:
        yield server
    finally:
        server.close()


def _tokens_file(home: Path) -> Path:
    path = home / "tokens"
    lines = [f"{scope}:{scope}:{sha256(token.encode()).hexdigest()}\n" for scope, token in TOKENS.items()]
    path.write_text("".join(lines))
    path.chmod(0o600)
    return path
