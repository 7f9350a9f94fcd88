"""What people and programs get to see of a run: lines while it goes on, then figures, JSON and a plot."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.bench.machine import describe_machine
from tests.torture.checker import RULES
from tests.torture.plot import draw
from tests.torture.rules.servers import recoveries
from tests.torture.rules.violation import Violation
from tests.torture.story import Story

#: How many violations of one rule are printed, and how many go into the JSON.
_SHOWN = 5
_WRITTEN = 500


class Report:
    """One run's. Safe to use from any thread."""

    def __init__(self, folder: Path, arguments: Mapping[str, object]) -> None:
        self._folder = folder
        self._arguments = dict(arguments)
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def say(self, sentence: str) -> None:
        """Prints a line with its time."""
        with self._lock:
            sys.stdout.write(f"{time.monotonic() - self._began:7.1f} s  {sentence}\n")
            sys.stdout.flush()

    def finish(self, story: Story, violations: Sequence[Violation]) -> bool:
        """Prints the verdict and writes the files; returns whether all promises were kept."""
        figures = figures_of(story, violations)
        self._print("")
        for name, value in figures.items():
            self._print(f"{name.replace('_', ' '):44} {value}")
        self._print("")
        for name, rule in RULES.items():
            broken = [violation for violation in violations if violation.rule == name]
            self._print(f"{'RED' if broken else 'ok':4}{(rule.__doc__ or '').strip()}")
            for violation in broken[:_SHOWN]:
                at_s = violation.at - story.began
                self._print(f"      {name} at {at_s:.1f} s: {violation.subject} {violation.sentence}")
            if len(broken) > _SHOWN:
                self._print(f"      and {len(broken) - _SHOWN} more")
        self._write(story, violations, figures)
        is_green = not violations
        self._print(f"\n{'GREEN' if is_green else 'RED'}; seed {self._arguments['seed']}; {self._folder}")
        return is_green

    def _write(self, story: Story, violations: Sequence[Violation], figures: Mapping[str, object]) -> None:
        summary = {
            "arguments": self._arguments,
            "machine": describe_machine(),
            "figures": figures,
            "violations": [
                asdict(violation) | {"at": round(violation.at - story.began, 3)}
                for violation in _first_of_each(violations)
            ],
        }
        (self._folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        (self._folder / "plot.svg").write_text(draw(story, violations))

    def _print(self, line: str) -> None:
        sys.stdout.write(line + "\n")


def _first_of_each(violations: Sequence[Violation]) -> Iterator[Violation]:
    written: Counter[str] = Counter()
    for violation in violations:
        written[violation.rule] += 1
        if written[violation.rule] <= _WRITTEN:
            yield violation


def figures_of(story: Story, violations: Sequence[Violation]) -> dict[str, object]:
    """Returns the numbers of a run, by name."""
    red = Counter(violation.rule for violation in violations)
    acts = Counter(act.name for act in story.acts)
    tasks = story.acknowledged()
    starts = [life.ready - life.spawned for life in story.lives if life.ready is not None]
    took_over = [seconds for _, seconds in recoveries(story)]
    attempts = sum(len(task.attempts) for task in story.tasks.values())
    return {
        "tasks_acknowledged": len(tasks),
        "tasks_by_kind": dict(Counter(task.plan.kind for task in tasks if task.plan is not None)),
        "results_by_status": dict(Counter(logged.ending.status for logged in story.log)),
        "lost": red["none_lost"],
        "stuck": red["none_stuck"],
        "results_twice": red["one_result"] + red["none_twice"],
        "results_missing": red["none_missing"],
        "gaps": red["no_gap"],
        "stale_writes": red["none_stale"],
        "attempts": attempts,
        "attempts_cut_off": sum(not one.how for task in story.tasks.values() for one in task.attempts),
        "answers_unknown": dict(Counter(unanswered.error for unanswered in story.unanswered)),
        "cancels_answered": sum(len(task.cancels) for task in story.tasks.values()),
        "kills": acts["kill"],
        "acts": dict(acts),
        "lives_of_the_server": len(story.lives),
        "longest_start_s": round(max(starts, default=0.0), 3),
        "longest_to_first_recovered_task_s": round(max(took_over, default=0.0), 3),
        "recoveries_measured": len(took_over),
        "settled_in_s": round(story.settled.seconds, 1) if story.settled is not None else None,
        "violations": dict(red),
        "first_red_s": round(violations[0].at - story.began, 1) if violations else None,
    }
