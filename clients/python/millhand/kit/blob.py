"""Bytes as a request or a result."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blob:
    """Raw bytes with their media type; `content_type` is empty when nobody named one."""

    data: bytes
    content_type: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.data, bytes):
            raise TypeError(f"Blob.data is bytes, not {type(self.data).__name__}.")
        if not isinstance(self.content_type, str):
            raise TypeError(f"Blob.content_type is a string, not {type(self.content_type).__name__}.")

    def __repr__(self) -> str:
        # Payloads never go into logs, and a repr is how they would.
        return f"Blob({len(self.data)} bytes, content_type={self.content_type!r})"
