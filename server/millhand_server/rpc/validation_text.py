"""The shape of texts: how long they may be, and what may stand in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized

from millhand_server.core.errors import InvalidArgument, MillhandError
from millhand_server.rpc.faults import Faults

MAX_NAME_BYTES = 256
MAX_TEXT_BYTES = 4_096
MAX_LABELS = 32

#: So many characters are not too many, whatever they are: UTF-8 has at most four bytes for one.
_SURELY_SHORT = MAX_NAME_BYTES // 4


def check_text(faults: Faults, field: str, text: str, limit: int = MAX_NAME_BYTES) -> None:
    """Notes a text that is too long; the limit is in bytes of UTF-8."""
    if _is_too_long(text, limit):
        faults.add(field, _too_long(text, limit))


def is_short(text: str) -> bool:
    """Tells whether an identifying text is no longer than it may be."""
    return not _is_too_long(text, MAX_NAME_BYTES)


def check_identifier(
    faults: Faults, field: str, text: str, kind: type[MillhandError] = InvalidArgument
) -> None:
    """Notes a name that is empty, too long, or holds characters that cannot be printed."""
    if 0 < len(text) <= _SURELY_SHORT and text.isprintable():
        return
    if not text:
        faults.add(field, "is empty", kind)
    elif _is_too_long(text, MAX_NAME_BYTES):
        faults.add(field, _too_long(text, MAX_NAME_BYTES), kind)
    elif not text.isprintable():
        faults.add(field, "has characters that cannot be printed", kind)


def check_names(faults: Faults, field: str, names: Sequence[str], most: int) -> None:
    """Notes names that are too many; else looks at each as an identifier."""
    if is_too_many(faults, field, names, most):
        return
    for index, name in enumerate(names):
        check_identifier(faults, f"{field}[{index}]", name)
        if faults.are_enough:
            return


def is_too_many(faults: Faults, field: str, items: Sized, most: int) -> bool:
    """Notes a list that is too long, and tells whether it is: nobody then looks at what is in it."""
    if len(items) > most:
        faults.add(field, f"has {len(items)} entries; at most {most} are allowed")
    return len(items) > most


def check_labels(faults: Faults, field: str, labels: Mapping[str, str]) -> None:
    """Notes labels that are too many, too long, or have no key."""
    if len(labels) > MAX_LABELS:
        faults.add(field, f"has {len(labels)} labels; at most {MAX_LABELS} are allowed")
        return
    # A map of protobuf's looks a key up three times as fast as it makes pairs.
    for key in labels:
        if 0 < len(key) <= _SURELY_SHORT and len(labels[key]) <= _SURELY_SHORT:
            continue
        if not key:
            faults.add(field, "has a label with an empty key")
        elif _is_too_long(key, MAX_NAME_BYTES):
            faults.add(field, f"has a key that {_too_long(key, MAX_NAME_BYTES)}")
        if _is_too_long(labels[key], MAX_NAME_BYTES):
            faults.add(f"{field}[{key[:64]!r}]", _too_long(labels[key], MAX_NAME_BYTES))


def _is_too_long(text: str, limit: int) -> bool:
    # Encoding is only needed for what is long enough for it to matter.
    return len(text) * 4 > limit and len(text.encode()) > limit


def _too_long(text: str, limit: int) -> str:
    return f"is {len(text.encode())} bytes; at most {limit} are allowed"
