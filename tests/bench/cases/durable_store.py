"""The SQLite store alone: what else a task costs would hide how the store takes to long queues."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from tests.bench.case import Bar, Figure, Prepared, Preparing, Scale
from tests.bench.processes import start_bare_store

_SHALLOW = 10_000

#: By how many tasks a verb has.
_CYCLE_BARS = {1: Bar(0.8), 100: Bar(0.4)}

#: Of the tasks that wait, one in ten can run.
_RUNNABLE = 0.1

_URGENT, _LESS_URGENT = 1, 50

_DAY_S = 24 * 3600

_NONE = "none beside"

_BLOCKED_BAR = Bar(2, at_most=True)

#: What those are that cannot run.
_KINDS: Mapping[str, Mapping[str, Any]] = {
    "scheduled": {"delay_s": _DAY_S},
    "of an absent handler": {"handler": "absent"},
}


@contextmanager
def durable_cycle(scale: Scale) -> Preparing:
    """Measures tasks that are claimed, ended and made up for by new ones at the end of the queue."""
    depths = (_SHALLOW, scale.deep)
    with ExitStack() as stack:
        arms = {}
        for queued in depths:
            store = stack.enter_context(start_bare_store(scale.scratch / f"cycle-{queued}.db"))
            store.ask(do="fill", number=queued, priority=0)
            for size in _CYCLE_BARS:
                arms[f"{size} a verb, {queued:,} queued"] = partial(
                    store.ask, do="cycle", size=size, seconds=scale.window_s
                )
        shallow, deep = (f"{queued:,} queued" for queued in depths)
        figures = [
            Figure(
                f"SQLite store: rate, {size} a verb, {deep} / {shallow}",
                f"{size} a verb, {deep}",
                "rate",
                over=f"{size} a verb, {shallow}",
                bar=bar,
            )
            for size, bar in _CYCLE_BARS.items()
        ]
        yield Prepared("Claim, end and insert in SQLite", "task", arms, figures)


@contextmanager
def durable_blocked(scale: Scale) -> Preparing:
    """Measures claims, each with its commit, while more urgent tasks wait that must not run."""
    runnable = round(_RUNNABLE * scale.deep)
    blocked = scale.deep - runnable
    kinds = {_NONE: None} | {f"{blocked:,} {kind}": beside for kind, beside in _KINDS.items()}
    with ExitStack() as stack:
        arms = {}
        for number, (arm, beside) in enumerate(kinds.items()):
            store = stack.enter_context(start_bare_store(scale.scratch / f"blocked-{number}.db"))
            store.ask(do="fill", number=runnable, priority=_LESS_URGENT)
            if beside is not None:
                store.ask(do="fill", number=blocked, priority=_URGENT, **beside)
            arms[arm] = partial(store.ask, do="claim", priority=_LESS_URGENT, seconds=scale.window_s)
        figures = [
            Figure(f"SQLite store: claim p50, {arm} / none", arm, "p50_ms", over=_NONE, bar=_BLOCKED_BAR)
            for arm in kinds
            if arm != _NONE
        ]
        yield Prepared("A claim from SQLite while more urgent tasks must not run", "claim", arms, figures)
