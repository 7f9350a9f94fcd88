"""Where the client commands find their server, and what they show it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from millhand_server.config.settings import PREFIX

DEFAULT_ADDRESS = "127.0.0.1:50051"


@dataclass(frozen=True)
class ClientOptions:
    """A server's address; the token, authorities, and certificate and key of ours if it wants any.

    Of `token` and `token_file`, where one is to be read from, at most one is given.
    """

    address: str = DEFAULT_ADDRESS
    token: str | None = None
    token_file: str | None = None
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None


def client_options(
    address: str | None = None,
    token: str | None = None,
    token_file: str | None = None,
    tls_ca: str | None = None,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
) -> ClientOptions:
    """Fills what no flag gave from the environment, then from the defaults.

    The variables are MILLHAND_ADDRESS, _TOKEN, _TOKEN_FILE, _TLS_CA, _CLIENT_CERT and _CLIENT_KEY: _TLS_CERT
    and _TLS_KEY are a server's, and a server may run in the same environment.
    """
    if not token and not token_file:
        token = environ.get(PREFIX + "TOKEN")
        token_file = None if token else environ.get(PREFIX + "TOKEN_FILE")
    return ClientOptions(
        address=address or environ.get(PREFIX + "ADDRESS") or DEFAULT_ADDRESS,
        token=token or None,
        token_file=token_file or None,
        tls_ca=tls_ca or environ.get(PREFIX + "TLS_CA") or None,
        tls_cert=tls_cert or environ.get(PREFIX + "CLIENT_CERT") or None,
        tls_key=tls_key or environ.get(PREFIX + "CLIENT_KEY") or None,
    )
