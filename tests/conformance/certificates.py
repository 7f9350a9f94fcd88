"""Certificates for the servers and clients of the suite, made once a run."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.authority import Authority


class Certificates:
    """An authority, and what it has signed. Made when it is first needed: it takes openssl."""

    def __init__(self, folder: Path) -> None:
        self._authority = Authority(folder / "authority")
        self._stranger = Authority(folder / "stranger")
        self._server = self._authority.issue("server")
        self._client = self._authority.issue("client", subject="/CN=conformance")
        self.authority_path = self._authority.certificate
        self.server_path = self._server.certificate
        self.server_key_path = self._server.key

    @property
    def authority(self) -> bytes:
        return self.authority_path.read_bytes()

    @property
    def stranger(self) -> bytes:
        """The certificate of an authority that has signed nothing here."""
        return self._stranger.certificate.read_bytes()

    @property
    def client(self) -> tuple[bytes, bytes]:
        """The client's certificate and its key."""
        return self._client.certificate.read_bytes(), self._client.key.read_bytes()
