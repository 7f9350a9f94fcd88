"""Where a client connects to and as whom: options, certificates, the rule about tokens in the clear."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import grpc
from google.protobuf.message import Message

from millhand.protocol import times
from millhand.protocol.steps import Stream, Terms

_Path = str | os.PathLike[str]

#: What a file for TLS must have in it.
_CERTIFICATE, _KEY = "certificate", "private key"


class UselessFile(ValueError):
    """A file for TLS does not have in it what its option is for."""

    def __init__(self, option: str, path: _Path, lacks: str) -> None:
        super().__init__(f"{option} {os.fspath(path)} has no {lacks} in PEM")
        self.option = option
        self.path = os.fspath(path)
        self.lacks = lacks


class ClientOptions(TypedDict, total=False):
    """What both clients are made with, beside the address; all of it may be left out."""

    #: Sent with every call as a bearer token. Without TLS, only to this machine: see `insecure_token`.
    token: str | None
    #: Sends the token in the clear over the network, where everybody on the way can read and use it.
    insecure_token: bool
    #: A PEM file with the authority that signed the server's certificate; turns TLS on.
    tls_ca: _Path | None
    #: PEM files with this client's own certificate and its key, for mutual TLS; they turn TLS on, too.
    tls_cert: _Path | None
    tls_key: _Path | None
    #: gRPC's own, instead of the files.
    credentials: grpc.ChannelCredentials | None
    #: How long one call may take, 30 s if not given; None: no limit. What waits (execute, wait, a cancel's
    #: `wait`) has its own limit, to which this is added for the way there and back.
    timeout: times.Seconds | None
    #: How long results, sessions and `execute` try to get a lost server back, 120 s if not given; None: for
    #: ever.
    reconnect_timeout: times.Seconds | None
    #: What this program calls itself in a session.
    name: str


@dataclass(frozen=True)
class Connection:
    """`ClientOptions` with their defaults, checked."""

    address: str
    token: str | None = None
    insecure_token: bool = False
    tls_ca: _Path | None = None
    tls_cert: _Path | None = None
    tls_key: _Path | None = None
    credentials: grpc.ChannelCredentials | None = None
    timeout: times.Seconds | None = 30.0
    reconnect_timeout: times.Seconds | None = 120.0
    name: str = ""

    def __post_init__(self) -> None:
        files = self.tls_ca, self.tls_cert, self.tls_key
        if self.credentials is not None and any(files):
            raise ValueError("give credentials or files for TLS, not both")
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("tls_cert and tls_key go together: give both, or neither")

    @classmethod
    def of(cls, address: str, options: ClientOptions) -> Connection:
        given: dict[str, Any] = dict(options)
        if unknown := given.keys() - ClientOptions.__annotations__.keys():
            raise TypeError(f"a client has no option {', '.join(sorted(unknown))}")
        return cls(address, **given)

    def terms(self, now: Callable[[], float], open_stream: Callable[[str, Message | None], Stream]) -> Terms:
        """What operations are told of a client with this connection."""
        return Terms(
            timeout_s=times.optional_s(self.timeout, "timeout"),
            patience_s=times.optional_s(self.reconnect_timeout, "reconnect_timeout"),
            name=self.name,
            now=now,
            open=open_stream,
        )

    def channel_credentials(self) -> grpc.ChannelCredentials | None:
        """What to secure the channel with; None if it is to be plain text.

        Raises:
            OSError: If a file cannot be read.
            UselessFile: If a file has no certificate, or no key.
            ValueError: If a token would travel in the clear.
        """
        if self.credentials is not None:
            return self.credentials
        if self.tls_ca or self.tls_cert:
            return grpc.ssl_channel_credentials(
                _content("tls_ca", self.tls_ca, _CERTIFICATE),
                _content("tls_key", self.tls_key, _KEY),
                _content("tls_cert", self.tls_cert, _CERTIFICATE),
            )
        if self.token and not self.insecure_token and not is_loopback(self.address):
            raise ValueError(
                f"a token for {self.address} would cross the network in the clear, where anybody on the way "
                "can read and use it: turn TLS on with tls_ca, or say insecure_token=True"
            )
        return None


def is_loopback(address: str) -> bool:
    """Whether a gRPC address, for all one can tell without asking a name server, is on this machine."""
    scheme, _, rest = address.partition(":")
    if scheme in ("unix", "unix-abstract"):
        return True
    if scheme in ("dns", "ipv4", "ipv6"):
        # dns:[//authority/]host:port
        address = rest.rpartition("/")[2]
    host = address[1:].partition("]")[0] if address.startswith("[") else address.rpartition(":")[0] or address
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _content(option: str, path: _Path | None, wanted: str) -> bytes | None:
    if not path:
        return None
    content = Path(path).read_bytes()
    # gRPC takes any file, and then says of every server that it does not answer.
    if re.search(rb"-----BEGIN [A-Z ]*" + wanted.upper().encode() + b"-----", content) is None:
        raise UselessFile(option, path, wanted)
    return content
