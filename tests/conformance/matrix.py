"""Which case passed in which language, and how long it took."""

from __future__ import annotations

from pathlib import Path

_NOTHING = "-"


class Matrix:
    """Cases by language. Filled by the tests."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], str] = {}

    def note(self, case: str, language: str, *, passed: bool, seconds: float) -> None:
        self._cells[case, language] = f"{seconds:.2f}" if passed else "FAILED"

    def lines(self) -> list[str]:
        """Returns the table, in Markdown; nothing when nothing was played."""
        languages = sorted({language for _, language in self._cells})
        if not languages:
            return []
        rows = [
            "| case | " + " | ".join(f"{language} (s)" for language in languages) + " |",
            "|---" * (len(languages) + 1) + "|",
        ]
        for case in sorted({case for case, _ in self._cells}):
            cells = [self._cells.get((case, language), _NOTHING) for language in languages]
            rows.append(f"| {case} | " + " | ".join(cells) + " |")
        totals = [self._total(language) for language in languages]
        return [*rows, "| **all** | " + " | ".join(totals) + " |"]

    def write(self, path: Path) -> None:
        """Writes the table to a file."""
        path.write_text("\n".join(self.lines()) + "\n")

    def _total(self, language: str) -> str:
        cells = [cell for (_, of), cell in self._cells.items() if of == language]
        passed = [float(cell) for cell in cells if cell != "FAILED"]
        return f"{len(passed)} of {len(cells)} in {sum(passed):.1f}"
