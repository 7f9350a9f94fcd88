"""The promises, as rules over the story of a run. Pure functions: each yields what breaks it.

What a rule says is in its docstring, which the report prints.
"""

from __future__ import annotations

from tests.torture.rules import attempts, readings, servers, tasks
from tests.torture.rules.violation import Rule, Violation
from tests.torture.story import Story

RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        tasks.all_at_rest,
        tasks.none_lost,
        tasks.none_stuck,
        tasks.one_result,
        tasks.right_end,
        tasks.one_answer,
        tasks.one_task_per_key,
        tasks.none_refused,
        tasks.advice_given,
        readings.in_order,
        readings.none_twice,
        readings.none_missing,
        readings.no_gap,
        readings.restore_announced,
        attempts.none_after_cancel,
        attempts.one_at_a_time,
        attempts.none_early,
        attempts.none_stale,
        attempts.retries_kept,
        attempts.order_kept,
        attempts.limits_kept,
        servers.no_death_of_its_own,
        servers.one_server_per_file,
        servers.no_traceback,
        servers.quick_recovery,
    )
}


def check(story: Story) -> list[Violation]:
    """Returns all that is wrong, earliest first."""
    found = [violation for rule in RULES.values() for violation in rule(story)]
    return sorted(found, key=lambda violation: violation.at)
