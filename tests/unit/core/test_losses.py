from __future__ import annotations

import pytest

from millhand_server.core.losses import FATAL_LOSSES, MOST_LOSSES, is_fatal
from millhand_server.core.task import SECOND_US


@pytest.mark.parametrize(
    ("losses", "runs_s"),
    [
        pytest.param(5, [0, 0, 0, 0, 0], id="dies at once"),
        pytest.param(5, [0, 0, 0], id="two starts left no trace"),
        pytest.param(5, [1.0, 1.1, 1.2, 1.05, 1.1], id="dies after a second"),
        pytest.param(5, [300, 310, 305, 322, 300], id="dies after minutes, within a tenth"),
        pytest.param(6, [9, 1, 1, 1, 1, 1], id="only the last ones count"),
        pytest.param(7, [0.2, 0, 0.1, 0], id="dies at once, and its start was not always stored"),
        pytest.param(MOST_LOSSES, [1, 2], id="often enough"),
    ],
)
def test_a_task_that_is_lost_at_the_same_point_again_and_again_is_at_fault(
    losses: int, runs_s: list[float]
) -> None:
    assert is_fatal(losses, [int(run_s * SECOND_US) for run_s in runs_s])


@pytest.mark.parametrize(
    ("losses", "runs_s"),
    [
        pytest.param(FATAL_LOSSES - 1, [0, 0, 0, 0], id="not often enough"),
        pytest.param(5, [0.1, 2.9, 1.3, 0.6, 2.2], id="at any point"),
        pytest.param(5, [300, 310, 305, 340, 300], id="more than a tenth apart"),
        pytest.param(5, [1.22, 1.34, 1.16], id="at one point by chance, but it had died at once before"),
        pytest.param(MOST_LOSSES - 1, [0.1, 2.9, 1.3, 0.6, 2.2], id="often, at any point"),
    ],
)
def test_a_task_that_is_lost_at_any_point_was_killed_with_its_server(
    losses: int, runs_s: list[float]
) -> None:
    assert not is_fatal(losses, [int(run_s * SECOND_US) for run_s in runs_s])
