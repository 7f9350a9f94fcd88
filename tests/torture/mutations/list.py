"""How the server is broken on purpose: one promise at a time, by a change of a few words in one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutation:
    """A change of `file`, in which `old` occurs exactly once."""

    name: str
    breaks: str
    file: str
    old: str
    new: str

    def apply(self, tree: Path) -> None:
        """Changes the file in a copy of the source tree.

        Raises:
            LookupError: the file is no longer what this mutation was made for.
        """
        path = tree / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise LookupError(f"{self.name}: {self.file} has its old text {text.count(self.old)} times")
        path.write_text(text.replace(self.old, self.new))


_STORE = "server/millhand_server/store/sqlite"

MUTATIONS = (
    Mutation(
        "fence",
        "An outcome is taken from whoever brings it, whatever became of the task meanwhile.",
        "server/millhand_server/core/transition.py",
        "    return row.owner is not None and row.owner.epoch == key.epoch and row.attempt == key.attempt\n",
        "    return True\n",
    ),
    Mutation(
        "commit-wait",
        "A group is answered before it is committed. The disk of a torture takes no time to commit, so the "
        "commit waits for as long as a real one would.",
        f"{_STORE}/writer.py",
        '            execute("COMMIT")\n',
        "            self._thread._answer(group)\n"
        '            __import__("time").sleep(0.005)\n'
        '            execute("COMMIT")\n',
    ),
    Mutation(
        "stored-cancel",
        "A request to cancel running code is passed on to it, and not stored.",
        f"{_STORE}/changing.py",
        "                changed = self._change(row, cancel_requested(row, reason, now_us=self._now_us))\n",
        "                changed = cancel_requested(row, reason, now_us=self._now_us)\n"
        "                changed = self._change(row, changed) if changed.is_final else changed\n",
    ),
    Mutation(
        "cursor-epoch",
        "A file that went back in time keeps the name of its log.",
        f"{_STORE}/opening.py",
        "        elif not self._is_continued(mark, *read_ledger(self.writing)):\n",
        "        elif False:\n",
    ),
)
