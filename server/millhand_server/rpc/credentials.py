"""What the server shows and asks for when a connection is made: TLS, and certificates of clients."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import NoReturn

import grpc

from millhand_server.rpc.rereading import UnusableFile, read_all


class ServerCertificates:
    """The server's certificate and key, and the authorities of its clients' if those must show theirs.

    New connections get what is in force; open ones go on. TLS 1.2 is the least that gRPC agrees to.
    """

    def __init__(self, certificate: str, key: str, client_ca: str | None = None) -> None:
        """Reads the files (PEM).

        Raises:
            UnusableFile: one cannot be read, is no PEM, or the key is not the certificate's.
        """
        self._files = (certificate, key)
        self.asks_clients = client_ca is not None
        self.paths: Sequence[str] = (certificate, key, *([client_ca] if client_ca is not None else []))
        self.adopt(read_all(self.paths))

    def credentials(self) -> grpc.ServerCredentials:
        """Returns what a port of a gRPC server is made with."""
        self._handed_over = self._current
        return grpc.dynamic_ssl_server_credentials(
            self._current,
            self._fetch,  # type: ignore[arg-type] # None is what its documentation asks for when nothing changed
            require_client_authentication=self.asks_clients,
        )

    def adopt(self, contents: Sequence[bytes]) -> None:
        certificate, key, *authorities = contents
        _check_chain(*self._files)
        for path, data in zip(self.paths[2:], authorities, strict=True):
            _check_authorities(path, data)
        # What was checked must be what is used: Python's ssl takes a chain by its path alone.
        if read_all(self.paths) != list(contents):
            raise UnusableFile(f"{' and '.join(self._files)} are being changed just now")
        self._current = grpc.ssl_server_certificate_configuration(
            [(key, certificate)], authorities[0] if authorities else None
        )

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC's threads before every handshake; None leaves things as they are."""
        current = self._current
        if current is self._handed_over:
            return None
        self._handed_over = current
        return current


def _check_chain(certificate: str, key: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_refuse_password)
    except _Encrypted:
        raise UnusableFile(f"{key} is encrypted, and nobody is there to type its password") from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise UnusableFile(f"{key} is not the key of {certificate}") from None
        reason = error.reason or "they do not parse"
        raise UnusableFile(f"{certificate} and {key} are no certificate and key in PEM: {reason}") from None
    except OSError as error:
        raise UnusableFile(f"{certificate} and {key} cannot be read: {error.strerror}") from None


def _check_authorities(path: str, data: bytes) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=data.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise UnusableFile(f"{path} holds no certificates in PEM") from None


class _Encrypted(Exception):
    """A key wants a password."""


def _refuse_password() -> NoReturn:
    raise _Encrypted
