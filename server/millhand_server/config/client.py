"""Where the client commands find their server, and what they show it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from millhand_server.config.settings import PREFIX

DEFAULT_ADDRESS = "127.0.0.1:50051"


@dataclass(frozen=True)
class ClientOptions:
    """A server's address, and the token and authorities for it if it wants any."""

    address: str = DEFAULT_ADDRESS
    token: str | None = None
    tls_ca: str | None = None


def client_options(
    address: str | None = None,
    token: str | None = None,
    tls_ca: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
) -> ClientOptions:
    """Fills what no flag gave from MILLHAND_ADDRESS, _TOKEN and _TLS_CA, then from the defaults."""
    return ClientOptions(
        address=address or environ.get(PREFIX + "ADDRESS") or DEFAULT_ADDRESS,
        token=token or environ.get(PREFIX + "TOKEN") or None,
        tls_ca=tls_ca or environ.get(PREFIX + "TLS_CA") or None,
    )
