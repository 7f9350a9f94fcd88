"""Every case in every language."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from tests.conformance.cases import CaseFile, all_cases
from tests.conformance.conftest import ServerOf, now, wanted_languages
from tests.conformance.known import known_failure
from tests.conformance.matching import mismatch
from tests.conformance.matrix import Matrix
from tests.conformance.programs import Language, Program
from tests.conformance.scripted import Scripted, scripted
from tests.conformance.servers import Running

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
    with ExitStack() as stack:
        server = stack.enter_context(scripted(case.answers)) if case.answers else server_of(case.server)
        began = now()
        faults = _play(programs(language), case, server)
        took_s = now() - began

    reason = known_failure(language.name, case.name)
    matrix.note(case.name, language.name, passed=not faults, seconds=took_s)
    if reason is not None:
        assert faults, f"it passes, and is listed as a known failure: {reason}"
        pytest.xfail(reason)
    assert not faults, "\n".join(faults)


def _play(program: Program, case: CaseFile, server: Running | Scripted) -> list[str]:
    """Plays a case and returns in what it was not as expected."""
    told, expected = case.play()
    told.connection.CopyFrom(server.connection())
    for name, value in case.connection.items():
        told.connection.ClearField(name)
        if value is not None:
            setattr(told.connection, name, value)
    try:
        shown = program.play(told, at_pause=lambda pause: _at_pause(server.fault, case.faults.get(pause)))
    except AssertionError as fault:
        if case.fault and re.search(case.fault, str(fault)):
            return []
        raise
    faults = [mismatch(pattern, shown[step], step) for step, pattern in expected.items()]
    if isinstance(server, Scripted):
        faults.append(mismatch(case.calls, server.heard(), "calls"))
    if case.fault:
        faults.append("it could be played")
    return [fault for fault in faults if fault]


def _at_pause(fault: Callable[[str], None], name: str | None) -> None:
    if name is not None:
        fault(name)
