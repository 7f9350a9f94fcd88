"""Every case in every language."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.conformance.cases import CaseFile, all_cases
from tests.conformance.conftest import ServerOf, now, wanted_languages
from tests.conformance.known import known_failure
from tests.conformance.matching import mismatch
from tests.conformance.matrix import Matrix
from tests.conformance.programs import Language, Program
from tests.conformance.wire import conformance_pb2 as wire

_PAIRS = [
    pytest.param(language, case, id=f"{language.name}-{case.name}")
    for language in wanted_languages()
    for case in all_cases()
]


@pytest.mark.parametrize(("language", "case"), _PAIRS)
def test_a_case(
    language: Language,
    case: CaseFile,
    programs: Callable[[Language], Program],
    server_of: ServerOf,
    matrix: Matrix,
) -> None:
    program = programs(language)
    server = server_of(case.server)
    told, expected = case.play()
    told.connection.CopyFrom(server.connection())
    told.connection.MergeFrom(wire.Connection(**case.connection))

    began = now()
    shown = program.play(told, at_pause=lambda pause: _at_pause(server.fault, case.faults.get(pause)))
    took_s = now() - began

    faults = [fault for step, pattern in expected.items() if (fault := mismatch(pattern, shown[step], step))]
    reason = known_failure(language.name, case.name)
    matrix.note(case.name, language.name, passed=not faults, seconds=took_s)
    if reason is not None:
        assert faults, f"it passes, and is listed as a known failure: {reason}"
        pytest.xfail(reason)
    assert not faults, "\n".join(faults)


def _at_pause(fault: Callable[[str], None], name: str | None) -> None:
    if name is not None:
        fault(name)
