"""The bench's own arithmetic: bars, medians, and what it accepts as right."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from tests.bench.case import Bar, Figure, Measured, Prepared
from tests.bench.figures import CaseResult
from tests.bench.load.specs import SPEC_BYTES, Specs, field
from tests.bench.load.window import WrongResults, check_once, percentiles
from tests.bench.plot import draw
from tests.bench.rounds import run_rounds, summarise, values_of

from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

SEED = 1


@pytest.mark.parametrize(
    ("bar", "figure", "verdict"),
    [
        pytest.param(Bar(0.6, goal=0.84), 0.59, "MISSED", id="below a lower bound"),
        pytest.param(Bar(0.6, goal=0.84), 0.6, "met", id="at a lower bound"),
        pytest.param(Bar(0.6, goal=0.84), 0.9, "goal", id="beyond the goal"),
        pytest.param(Bar(700, goal=506, at_most=True), 701, "MISSED", id="above an upper bound"),
        pytest.param(Bar(700, goal=506, at_most=True), 506, "goal", id="at the goal of an upper bound"),
        pytest.param(Bar(0.9), 5.0, "met", id="no goal to reach"),
    ],
)
def test_a_figure_is_judged_by_its_bar_and_goal(bar: Bar, figure: float, verdict: str) -> None:
    assert bar.verdict(figure) == verdict


def test_a_score_above_one_is_better_than_the_bar_whichever_way_the_bar_goes() -> None:
    assert Bar(0.5).score(1.0) == Bar(2.0, at_most=True).score(1.0) == 2.0


def test_every_arm_has_one_turn_a_round_in_changing_order() -> None:
    turns: list[str] = []

    def arm(name: str) -> Callable[[], Measured]:
        def turn() -> Measured:
            turns.append(name)
            return {"rate": 1.0}

        return turn

    prepared = Prepared("", "call", {name: arm(name) for name in "abc"}, [])

    kept = run_rounds(prepared, 20, random.Random(SEED), lambda _: None)

    rounds = [tuple(turns[begin : begin + 3]) for begin in range(0, len(turns), 3)]
    assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
    assert len(set(rounds)) > 1
    # One more than is kept: the first is to warm up.
    assert len(rounds) == 21
    assert {len(one) for one in kept.values()} == {20}


def test_a_ratio_is_taken_within_each_round() -> None:
    # The machine was ten times slower in the second round, for both.
    kept = {"ours": [{"rate": 60.0}, {"rate": 6.0}], "bare": [{"rate": 100.0}, {"rate": 10.0}]}
    figure = Figure("ours / bare", "ours", "rate", over="bare", bar=Bar(0.5))
    prepared = Prepared("", "call", {}, [figure])

    [row] = CaseResult("case", prepared, kept, random.Random(SEED), seconds=1, others_cores=0).rows

    assert row.rounds == pytest.approx([0.6, 0.6])
    assert row.verdict == "met"


def test_the_interval_of_a_median_holds_it_and_stays_within_what_was_measured() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 100.0]

    summary = summarise(values, random.Random(SEED))

    assert summary.median == 3.0
    assert 1.0 <= summary.low <= 3.0 <= summary.high <= 100.0


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentiles([0.001 * number for number in range(1, 101)]) == {
        "p50_ms": pytest.approx(50),
        "p99_ms": pytest.approx(99),
    }


@pytest.mark.parametrize(
    "came",
    [
        pytest.param(["a"], id="one is missing"),
        pytest.param(["a", "b", "b"], id="one came twice"),
        pytest.param(["a", "c"], id="one is strange"),
    ],
)
def test_ids_that_did_not_come_exactly_once_are_refused(came: list[str]) -> None:
    with pytest.raises(WrongResults):
        check_once(["a", "b"], came)


def test_spliced_tasks_parse_are_of_the_size_meant_and_differ_in_their_ids_only() -> None:
    specs = Specs()

    ids, [first, second] = specs.take(2)
    request = pb.ExecuteTaskRequest.FromString(field(2, first))

    assert {len(first), len(second)} == {SPEC_BYTES}
    assert request.task.id == ids[0]
    other = task_pb2.TaskSpec.FromString(second)
    other.id = ids[0]
    assert other == request.task


def test_a_task_can_be_made_by_the_size_of_its_argument() -> None:
    _, [spec] = Specs(argument_bytes=100).take(1)

    assert task_pb2.TaskSpec.FromString(spec).payload.json.string_value == "x" * 100


def test_a_batch_parses_as_its_tasks() -> None:
    ids, request = next(Specs(priority=50).batches(3))

    parsed = pb.RegisterTasksRequest.FromString(request)

    assert [task.id for task in parsed.tasks] == ids
    assert {task.priority for task in parsed.tasks} == {50}


def test_a_figure_is_taken_within_each_round_without_one_arm_and_over_another() -> None:
    kept = {
        "call": [{"p50_ms": 1.6}, {"p50_ms": 2.0}],
        "echo": [{"p50_ms": 0.6}, {"p50_ms": 0.5}],
        "commit": [{"p50_ms": 0.25}, {"p50_ms": 0.5}],
    }

    in_commits = Figure("", "call", "p50_ms", less="echo", over="commit")
    beyond = Figure("", "call", "p50_ms", less="echo")

    assert values_of(in_commits, kept) == pytest.approx([4.0, 3.0])
    assert values_of(beyond, kept) == pytest.approx([1.0, 1.5])


def test_what_must_be_known_of_a_comparison_stands_with_its_figures_and_in_the_data() -> None:
    prepared = Prepared("", "call", {}, [], notes=["Their broker forgets."], versions={"celery": "5"})

    result = CaseResult(
        "case", prepared, {"a": [{"rate": 1.0}]}, random.Random(SEED), seconds=1, others_cores=0
    )

    assert result.notes()[0] == "Their broker forgets."
    assert result.as_data()["versions"] == {"celery": "5"}


def test_arms_whose_client_was_the_busier_side_are_named() -> None:
    busy = {"rate": 1.0, "server_cores": 0.5, "client_cores": 0.97}
    idle = busy | {"client_cores": 0.4}
    prepared = Prepared("", "call", {}, [])

    kept = {"hurried": [busy], "calm": [idle]}
    result = CaseResult("case", prepared, kept, random.Random(SEED), seconds=1, others_cores=0)

    assert "LIMITED BY THE CLIENT, compare server CPU instead: hurried." in result.notes()


def test_the_plot_has_a_line_of_text_for_each_figure_and_escapes_it() -> None:
    kept = {"ours": [{"rate": 1.0}]}
    figures = [Figure("ours < theirs", "ours", "rate", bar=Bar(2.0, goal=4.0))]
    prepared = Prepared("", "call", {}, figures)
    result = CaseResult("case", prepared, kept, random.Random(SEED), seconds=1, others_cores=0)

    svg = draw(result.rows, "here & now")

    assert "ours &lt; theirs" in svg
    assert "here &amp; now" in svg
