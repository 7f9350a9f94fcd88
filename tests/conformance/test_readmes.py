"""The example of each client's README, pasted into an empty project outside of the repository."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest
from tests.acceptance.conftest import PATIENCE_S
from tests.conformance.conftest import ServerOf, give_up
from tests.conformance.programs import LANGUAGES, ROOT

_CLIENTS = [
    language.name for language in LANGUAGES if (ROOT / "clients" / language.name / "Makefile").exists()
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("client", _CLIENTS)
def test_the_example_works_in_an_empty_project(client: str, server_of: ServerOf) -> None:
    make = _make_of(client)
    if make("tools").returncode:
        give_up(f"the toolchain of clients/{client} is not there")
    address = server_of("shared").connection().address

    pasted = make("paste", MILLHAND_ADDRESS=address)

    assert pasted.returncode == 0, pasted.stderr
    assert pasted.stdout.split()[0] == "6"


def _make_of(client: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    def make(target: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "-s", "-C", str(ROOT / "clients" / client), target],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=9 * PATIENCE_S,
            check=False,
        )

    return make
