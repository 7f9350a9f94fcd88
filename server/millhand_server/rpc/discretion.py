"""Keeps what callers send out of the lines that gRPC itself writes into the log."""

from __future__ import annotations

import logging

#: Of gRPC's Python side; it tells of metadata that are not UTF-8 by quoting them, tokens included.
_LOGGER = "grpc._cython.cygrpc"


def withhold_metadata() -> None:
    """Makes gRPC's lines about undecodable metadata say no more than that. May be called several times."""
    # A logger knows its filters by identity: the same one is added once.
    logging.getLogger(_LOGGER).addFilter(_without_values)


def _without_values(record: logging.LogRecord) -> bool:
    if str(record.msg).startswith("Invalid encoding on"):
        record.msg, record.args = "metadata of a call are not UTF-8 (withheld)", ()
        record.exc_info = record.exc_text = None
    return True
