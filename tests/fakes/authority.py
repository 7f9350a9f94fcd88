"""An authority for TLS, whose certificates are real."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates, with openssl."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        folder.mkdir()
        self._openssl(
            "req", "-x509", *_NEW_KEY, "-keyout", self._key, "-out", self.certificate, "-subj", "/CN=ours"
        )

    def issue(
        self, name: str, subject: str = "/CN=localhost", alternative: str = "DNS:localhost,IP:127.0.0.1"
    ) -> Issued:
        issued = Issued(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\n")
        self._openssl("req", *_NEW_KEY, "-keyout", issued.key, "-out", request, "-subj", subject)
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key),
            *("-CAcreateserial", "-extfile", extensions, "-days", "2", "-out", issued.certificate),
        )
        return issued

    def encrypt(self, key: Path) -> Path:
        """Returns a copy of a key that wants a password."""
        encrypted = key.with_suffix(".encrypted")
        self._openssl("pkey", "-in", key, "-aes256", "-passout", "pass:word", "-out", encrypted)
        return encrypted

    def _openssl(self, *arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=self._folder)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
