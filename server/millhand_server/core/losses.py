"""What a task is held responsible for when servers die while they run it. Every constant here is a judgement.

A task may have killed its server (a crash of native code, all of the memory), or have been killed with it.
Plain counting cannot tell: a long task in a bad hour is lost as often as a killer. But a killer dies where it
kills, at about the same point of each run, and who is killed from outside is lost at any point.
"""

from __future__ import annotations

from collections.abc import Sequence

#: Who was lost so often runs in quarantine: one such task at a time on a node, its start stored beforehand.
SUSPECT_AFTER = 2

#: So many losses fail a task if the last runs ended at the same point, and the most there may be in any case.
FATAL_LOSSES = 5
MOST_LOSSES = 20

#: What counts as the same point: so far apart, or by such a share of the longest run.
_NEAR_US = 250_000
_NEAR_SHARE = 0.1


def is_fatal(losses: int, runs_us: Sequence[int]) -> bool:
    """Tells whether a task was lost once too often.

    Args:
        losses: how often it was lost, this time included.
        runs_us: how long its lost attempts had run, in microseconds, as far as that is recorded. The others
            came before, and were over before their start could be stored: they count as no time at all.
    """
    if losses < FATAL_LOSSES:
        return False
    last = ([0] * (losses - len(runs_us)) + list(runs_us))[-FATAL_LOSSES:]
    return losses >= MOST_LOSSES or max(last) - min(last) <= max(_NEAR_US, _NEAR_SHARE * max(last))
