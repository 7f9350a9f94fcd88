"""Celery's worker: one task, which returns its argument. Everything else is as Celery has it by default."""

from __future__ import annotations

import os

from celery import Celery  # type: ignore[import-not-found]

_URL = os.environ["BENCH_REDIS"]

app = Celery("bench", broker=_URL, backend=_URL)


def _echo(argument: str) -> str:
    return argument


echo = app.task(name="echo")(_echo)
