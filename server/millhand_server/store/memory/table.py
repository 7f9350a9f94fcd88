"""The rows of the memory store and the indexes that find them. What a change means is decided elsewhere."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from millhand_server.core.status import WAITING
from millhand_server.core.task import NewTask, Task
from millhand_server.store.memory.weight import burden

#: Rows a block of the order of acceptance; small, because removing one looks through its block.
_BLOCK = 256

#: What a heap holds of a row: what it sorts by, then sequence, revision and id.
Entry = tuple[*tuple[int, ...], int, int, str]


class Table:
    """Rows by id; also by idempotency key, in order of acceptance, and by whether they wait or are held.

    `waiting` has the ids of tasks that wait for their code to begin, each with its burden in bytes when it
    began to wait, and `waiting_bytes` the sum of these. `held` has the ids of tasks that a node holds: one
    that is claimed ahead is in both, a running one in `held` alone, a final one in neither.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Task] = {}
        self.waiting: dict[str, int] = {}
        self.waiting_bytes = 0
        self.held: set[str] = set()
        self.last_sequence = 0
        self._keys: dict[tuple[str, str], str] = {}
        self._accepted = _AcceptanceOrder()

    def by_key(self, new: NewTask) -> Task | None:
        """Returns the row with the new task's principal and idempotency key, None when it has no key."""
        key = new.spec.idempotency_key
        task_id = self._keys.get((new.principal, key)) if key else None
        return None if task_id is None else self.rows[task_id]

    def add(self, row: Task) -> None:
        """Adds a row, whose sequence must follow that of the last one."""
        self.rows[row.id] = row
        self._begin_to_wait(row)
        self.last_sequence = row.sequence
        self._accepted.append(row)
        if row.spec.idempotency_key:
            self._keys[row.principal, row.spec.idempotency_key] = row.id

    def replace(self, old: Task, new: Task) -> None:
        """Puts a changed row in the place of the old one."""
        self.rows[new.id] = new
        if old.status is not new.status:
            self.waiting_bytes -= self.waiting.pop(new.id, 0)
            if new.status in WAITING:
                self._begin_to_wait(new)
        if old.owner is not new.owner:
            (self.held.discard if new.owner is None else self.held.add)(new.id)

    def remove(self, row: Task) -> None:
        """Removes a final row; its id and its key are free again."""
        del self.rows[row.id]
        self._accepted.remove(row)
        self._keys.pop((row.principal, row.spec.idempotency_key), None)

    def _begin_to_wait(self, row: Task) -> None:
        size = self.waiting[row.id] = burden(row)
        self.waiting_bytes += size

    def is_current(self, entry: Entry) -> bool:
        """Tells whether an entry was made of its row as it is now; what is not will not be again."""
        row = self.rows.get(entry[-1])
        return row is not None and row.revision == entry[-2] and row.sequence == entry[-3]

    def blocks(self, after: int | None, *, descending: bool) -> Iterator[list[Task]]:
        """Iterates over the rows in order of acceptance, in small lists.

        It begins somewhat before the one with the sequence `after`, and may be resumed after changes.
        """
        for ids in self._accepted.blocks(after, descending=descending):
            rows = [self.rows[task_id] for task_id in ids]
            yield rows[::-1] if descending else rows


class _AcceptanceOrder:
    """Ids in order of acceptance, in blocks of neighbouring sequences, so that a gap costs nothing."""

    def __init__(self) -> None:
        self._blocks: dict[int, list[str]] = {}
        self._numbers: list[int] = []

    def append(self, row: Task) -> None:
        number = row.sequence // _BLOCK
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = []
            self._numbers.append(number)
        block.append(row.id)

    def remove(self, row: Task) -> None:
        number = row.sequence // _BLOCK
        block = self._blocks[number]
        block.remove(row.id)
        if not block:
            del self._blocks[number]
            del self._numbers[bisect_left(self._numbers, number)]

    def blocks(self, after: int | None, *, descending: bool) -> Iterator[list[str]]:
        numbers = self._numbers
        if not numbers:
            return
        number = (numbers[-1] if descending else numbers[0]) if after is None else after // _BLOCK
        while True:
            at = bisect_right(numbers, number) - 1 if descending else bisect_left(numbers, number)
            if not 0 <= at < len(numbers):
                return
            number = numbers[at]
            yield self._blocks[number]
            number += -1 if descending else 1
