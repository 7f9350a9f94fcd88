"""What an address may look like. gRPC takes almost anything, and then finds no server there."""

from __future__ import annotations

import re

_FORM = "an address is HOST:PORT, such as 127.0.0.1:50051"


def check_address(address: str) -> None:
    """Refuses what cannot be meant.

    Raises:
        ValueError: with a sentence that says what to write instead.
    """
    scheme, separator, rest = address.partition("://")
    if separator and scheme in ("http", "https", "grpc", "grpcs"):
        raise ValueError(f"{_FORM}, not a URL: write {rest.strip('/')}, and --tls-ca FILE if it serves TLS")
    if address.startswith(("unix:", "unix-abstract:")):
        return
    # dns:///host:port and its like are gRPC's own way to say how a name is looked up.
    target = re.sub(r"^(dns|ipv4|ipv6):(//[^/]*/)?", "", address)
    host, colon, port = target.rpartition(":")
    if not colon or target.endswith("]") or (":" in host and not host.endswith("]")):
        # Without a port gRPC would try that of https.
        raise ValueError(f"{_FORM}, and {address!r} has no port")
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ValueError(f"{_FORM}, and {port!r} is no port: those are 1 to 65535")
