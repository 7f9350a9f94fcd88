"""The mutations fit the tree that they are made for."""

import shutil
from pathlib import Path

import pytest
from tests.torture.mutations.list import MUTATIONS, Mutation

_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_a_mutation_applies_and_leaves_code_that_compiles(mutation: Mutation, tmp_path: Path) -> None:
    for change in mutation.changes:
        copy = tmp_path / change.file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_ROOT / change.file, copy)

        change.apply(tmp_path)

        compile(copy.read_text(), change.file, "exec")
