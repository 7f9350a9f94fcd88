"""The patterns of the conformance cases let through what they say, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.matching import mismatch


@pytest.mark.parametrize(
    ("pattern", "seen"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, id="what is not said is free"),
        pytest.param({}, None, id="nothing is an empty mapping"),
        pytest.param("", None, id="nothing is an empty text"),
        pytest.param(False, None, id="nothing is false"),
        pytest.param(5, "5", id="a large integer is text"),
        pytest.param([1, "..."], [1, 2, 3], id="the rest of a list is free"),
        pytest.param([], None, id="nothing is an empty list"),
        pytest.param("<any>", 0, id="zero is there"),
        pytest.param({"<set>": [{"a": 2}, {"a": 1}]}, [{"a": 1}, {"a": 2}], id="a set has no order"),
        pytest.param({"<each>": {"a": 1}, "<count>": 2}, [{"a": 1}, {"a": 1, "b": 2}], id="each matches"),
        pytest.param({"<among>": [2]}, [1, 2], id="one is among others"),
        pytest.param({"<alike>": {"a": "<any>"}}, [{"a": "x"}, {"a": "x"}], id="all are the same"),
        pytest.param({"<one-of>": [1, 2]}, 2, id="one of two"),
        pytest.param({"<json>": {"a": [1]}}, '{"a": [1]}', id="text in JSON"),
        pytest.param({"<has>": "b"}, "abc", id="a part of a text"),
    ],
)
def test_a_pattern_lets_through_what_it_says(pattern: Any, seen: Any) -> None:
    assert mismatch(pattern, seen) == ""


@pytest.mark.parametrize(
    ("pattern", "seen"),
    [
        pytest.param({"a": 1}, {"a": 2}, id="another value"),
        pytest.param({"a": 1}, {}, id="a key that is absent"),
        pytest.param({"a": 1}, None, id="a mapping that is absent"),
        pytest.param({"a": {"b": 0}}, {"a": {"b": 1}}, id="another value further down"),
        pytest.param({"a": None}, {"a": "x"}, id="something where nothing is expected"),
        pytest.param(True, 1, id="a number that is no boolean"),
        pytest.param(1, True, id="a boolean that is no number"),
        pytest.param("5", 5, id="a number that is no text"),
        pytest.param([1], [1, 2], id="an item too many"),
        pytest.param([1, 2], [1], id="an item too few"),
        pytest.param([1, 2, "..."], [1], id="too few before the rest"),
        pytest.param([1, 2], [2, 1], id="another order"),
        pytest.param("<any>", "", id="an empty text"),
        pytest.param("<any>", None, id="nothing"),
        pytest.param({"<set>": [1, 1]}, [1, 2], id="a set with another item"),
        pytest.param({"<set>": [1]}, [1, 1], id="a set with an item twice"),
        pytest.param({"<each>": 1, "<count>": 2}, [1, 2], id="one that does not match"),
        pytest.param({"<each>": 1, "<count>": 2}, [1], id="another count"),
        pytest.param({"<each>": 1, "<count>": 2}, [], id="none of them"),
        pytest.param({"<among>": [3]}, [1, 2], id="one that is not among them"),
        pytest.param({"<among>": [3]}, None, id="one among none"),
        pytest.param({"<alike>": {}}, [{"a": 1}, {"a": 2}], id="two that differ"),
        pytest.param({"<alike>": {"a": 2}}, [{"a": 1}, {"a": 1}], id="two that are the same and wrong"),
        pytest.param({"<alike>": {}}, [{}], id="one alone"),
        pytest.param({"<one-of>": [1, 2]}, 3, id="neither of two"),
        pytest.param({"<json>": {"a": [1]}}, '{"a": [2]}', id="other text in JSON"),
        pytest.param({"<has>": "b"}, None, id="a part of nothing"),
    ],
)
def test_a_pattern_stops_what_it_does_not_say(pattern: Any, seen: Any) -> None:
    assert mismatch(pattern, seen) != ""


def test_a_mismatch_says_where_it_is() -> None:
    fault = mismatch([{"a": {"b": [1, 2]}}], [{"a": {"b": [1, 3]}}], "step")

    assert fault == "step[0].a.b[1]: 3 instead of 2"
