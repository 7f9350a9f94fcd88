"""What a claim costs while many tasks are more urgent than those that can run, and must not run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from tests.bench.case import Bar, Figure, Prepared, Preparing, Scale
from tests.bench.processes import start_claims

#: Of the tasks that wait, nine in ten cannot run.
_RUNNABLE = 0.1

_URGENT, _LESS_URGENT = 1, 50

_DAY_S = 24 * 3600

_BAR = Bar(2, at_most=True)

_NONE = "none beside"

#: What those are that cannot run.
_KINDS: Mapping[str, Mapping[str, Any]] = {
    "scheduled": {"delay_s": _DAY_S},
    "of an absent handler": {"handler": "absent"},
}


@contextmanager
def durable_claims(scale: Scale) -> Preparing:
    """Measures the store alone, a claim and its commit: what else a task costs would hide the difference."""
    runnable = round(_RUNNABLE * scale.deep)
    blocked = scale.deep - runnable
    kinds = {_NONE: None} | {f"{blocked:,} {kind}": beside for kind, beside in _KINDS.items()}
    with ExitStack() as stack:
        arms = {}
        for number, (arm, beside) in enumerate(kinds.items()):
            child = stack.enter_context(start_claims(scale.scratch / f"claims-{number}.db"))
            child.ask(do="fill", number=runnable, priority=_LESS_URGENT)
            if beside is not None:
                child.ask(do="fill", number=blocked, priority=_URGENT, **beside)
            arms[arm] = partial(child.ask, do="claim", seconds=scale.window_s)
        figures = [
            Figure(f"claim p50, {arm}, more urgent / none", arm, "p50_ms", over=_NONE, bar=_BAR)
            for arm in kinds
            if arm != _NONE
        ]
        yield Prepared("A claim from SQLite beside what cannot run", "claim", arms, figures)
