from __future__ import annotations

from collections.abc import Iterator

import pytest

from millhand.v1 import errors_pb2
from millhand_server.core import errors
from millhand_server.core.errors import MillhandError


def _below(base: type[MillhandError]) -> Iterator[type[MillhandError]]:
    for child in base.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from _below(child)


CLASSES = sorted(set(_below(MillhandError)), key=lambda error: error.__name__)
LEAVES = [error for error in CLASSES if not list(_below(error))]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_reason_is_one_of_the_wire_contract(error: type[MillhandError]) -> None:
    assert f"ERROR_REASON_{error.reason}" in errors_pb2.ErrorReason.keys()  # noqa: SIM118 (not a dict)


def test_no_two_kinds_of_error_share_a_reason() -> None:
    # An unknown outcome is a store that is unavailable, to callers.
    reasons = [error.reason for error in LEAVES if error is not errors.StoreOutcomeUnknown]

    assert len(reasons) == len(set(reasons))
    assert errors.StoreOutcomeUnknown.reason == errors.StoreUnavailable.reason


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_has_a_sentence_and_a_place_in_the_tree(error: type[MillhandError]) -> None:
    assert error.__doc__
    assert errors.__doc__ is not None
    assert error.__name__ in errors.__doc__


def test_a_field_becomes_a_violation_that_names_it() -> None:
    error = errors.InvalidArgument("must be positive", field="task.retries")

    assert error.violations == (errors.Violation("task.retries", "must be positive"),)
    assert str(error) == "must be positive"


def test_an_internal_error_says_nothing_of_its_cause() -> None:
    assert "internal error" in errors.InternalError().message
    assert errors.InternalError().metadata == {}
