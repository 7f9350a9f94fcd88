"""How the server is broken on purpose: one promise at a time, by a change of a few words in one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Change:
    """A change of `file`, in which `old` occurs exactly once."""

    file: str
    old: str
    new: str

    def apply(self, tree: Path) -> None:
        """Changes the file in a copy of the source tree.

        Raises:
            LookupError: the file is no longer what this change was made for.
        """
        path = tree / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise LookupError(f"{self.file} has {text.count(self.old)} times: {self.old.strip()}")
        path.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True)
class Mutation:
    """A broken promise, and the changes that break it. `only` is what happens while it is looked for."""

    name: str
    breaks: str
    changes: tuple[Change, ...]
    only: str = ""


_STORE = "server/millhand_server/store/sqlite"

MUTATIONS = (
    Mutation(
        "fence",
        "An outcome is taken from whoever brings it, whatever became of the task meanwhile: by the store, "
        "whose guard lets it pass, and by the engine, which drops what late code says.",
        (
            Change(
                "server/millhand_server/core/transition.py",
                "    return row.owner is not None and row.owner.epoch == key.epoch and",
                "    return True or",
            ),
            Change(
                "server/millhand_server/engine/settler.py",
                "                    if not live.settled:\n",
                "                    if True:\n",
            ),
        ),
    ),
    Mutation(
        "commit-wait",
        "A group is answered before it is committed. The disk of a torture takes no time to commit, so the "
        "commit waits for as long as a real one would.",
        (
            Change(
                f"{_STORE}/writer.py",
                '            execute("COMMIT")\n',
                "            self._thread._answer(group)\n"
                '            __import__("time").sleep(0.005)\n'
                '            execute("COMMIT")\n',
            ),
        ),
        only="kill",
    ),
    Mutation(
        "stored-cancel",
        "A request to cancel running code is passed on to it, and not stored.",
        (
            Change(
                f"{_STORE}/changing.py",
                "self._change(row, cancel_requested(row, reason, now_us=self._now_us))\n",
                "cancel_requested(row, reason, now_us=self._now_us)\n"
                "                changed = self._change(row, changed) if changed.is_final else changed\n",
            ),
        ),
        only="kill",
    ),
    Mutation(
        "cursor-epoch",
        "A file that went back in time keeps the name of its log.",
        (
            Change(
                f"{_STORE}/opening.py",
                "        elif not self._is_continued(mark, *read_ledger(self.writing)):\n",
                "        elif False:\n",
            ),
        ),
    ),
    Mutation(
        "lock",
        "A second server on the same file is let in.",
        (
            Change(
                f"{_STORE}/lock.py",
                "            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
                "            pass\n",
            ),
        ),
        only="second",
    ),
    Mutation(
        "recovery",
        "What a server held when it was killed is never taken back.",
        (
            Change(
                "server/millhand_server/engine/manager.py",
                "        await self._engine.recovery.run()\n",
                "        pass\n",
            ),
        ),
        only="kill",
    ),
    Mutation(
        "interruption",
        "An attempt that was lost with its server uses a retry.",
        (
            Change(
                "server/millhand_server/core/transition.py",
                "(_ended(row.key, status, attempt, NOTHING_REPORTED), is_loss=True)",
                "(_ended(row.key, status, attempt, NOTHING_REPORTED, uses_retry=True), is_loss=True)",
            ),
        ),
        only="kill",
    ),
    Mutation(
        "cursor-place",
        "Reading after a cursor begins with the result after the next.",
        (
            Change(
                "server/millhand_server/core/cursor.py",
                "    return Cursor(form[1], int(form[2]))\n",
                "    return Cursor(form[1], int(form[2]) + 1)\n",
            ),
        ),
        only="kill,readers",
    ),
)
