"""The rows of the memory store and the indexes that find them. What a change means is decided elsewhere."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from millhand_server.core.status import WAITING
from millhand_server.core.task import NewTask, Task
from millhand_server.store.memory.packing import Packed, Packer, unpack
from millhand_server.store.weight import happened

#: Rows a block of the order of acceptance; small, because removing one looks through its block.
_BLOCK = 256

#: How many may wait before rows are packed, so that a short queue pays nothing for it; and the payload above
#: which packing would save little and copy much.
_UNPACKED = 1_000
_PACKABLE_BYTES = 4_096


class Entry(Protocol):
    """What a heap holds of a row, beside what it sorts by."""

    @property
    def sequence(self) -> int: ...
    @property
    def revision(self) -> int: ...
    @property
    def id(self) -> str: ...


class Table:
    """Rows by id; also by idempotency key, in order of acceptance, and by whether a node holds them.

    `waiting` counts the tasks that wait for their code to begin, and `waiting_bytes` is the sum of their
    burdens. `held` has the ids of tasks that a node holds, claimed ahead or running.

    In a long queue rows are kept packed until they change: what waits there is most of a server's memory.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self.waiting_bytes = 0
        self.held: set[str] = set()
        self.last_sequence = 0
        self._rows: dict[str, Task | Packed] = {}
        self._keys: dict[tuple[str, str], str] = {}
        self._accepted = _AcceptanceOrder()
        self._packer = Packer()

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, task_id: str) -> Task | None:
        """Returns the row with this id, None when there is none."""
        stored = self._rows.get(task_id)
        return unpack(stored, task_id) if isinstance(stored, Packed) else stored

    def __getitem__(self, task_id: str) -> Task:
        stored = self._rows[task_id]
        return unpack(stored, task_id) if isinstance(stored, Packed) else stored

    def by_key(self, new: NewTask) -> Task | None:
        """Returns the row with the new task's principal and idempotency key, None when it has no key."""
        key = new.spec.idempotency_key
        task_id = self._keys.get((new.principal, key)) if key else None
        return None if task_id is None else self[task_id]

    def add(self, rows: Mapping[str, Task], size: int, keys: Mapping[tuple[str, str], str]) -> None:
        """Adds new rows by id, whose sequences must follow the last one's.

        `size` is the sum of their burdens, and `keys` has their ids by principal and idempotency key.
        """
        new = len(rows)
        if self.waiting + new <= _UNPACKED:
            self._rows.update(rows)
        else:
            self._add_far_back(rows)
        self._accepted.extend(self.last_sequence + 1, list(rows))
        self.last_sequence += new
        self.waiting += new
        self.waiting_bytes += size
        if keys:
            self._keys.update(keys)

    def hold(self, rows: Sequence[Task]) -> None:
        """Puts rows that a node has just claimed in the place of the old ones; they go on waiting."""
        for row in rows:
            task_id = row.spec.id
            self._rows[task_id] = row
            self.held.add(task_id)

    def replace(self, old: Task, new: Task, asked_bytes: int) -> None:
        """Puts a changed row in the place of the old one; `asked_bytes` is what `asked` says of both."""
        task_id = new.spec.id
        self._rows[task_id] = new
        if old.status in WAITING:
            self.waiting -= 1
            self.waiting_bytes -= asked_bytes + _happened_waiting(old)
        if new.status in WAITING:
            self.waiting += 1
            self.waiting_bytes += asked_bytes + _happened_waiting(new)
        if old.owner is not new.owner:
            (self.held.discard if new.owner is None else self.held.add)(task_id)

    def remove(self, row: Task) -> None:
        """Removes a final row; its id and its key are free again."""
        spec = row.spec
        del self._rows[spec.id]
        self._accepted.remove(row.sequence, spec.id)
        if spec.idempotency_key:
            del self._keys[row.principal, spec.idempotency_key]

    def is_current(self, entry: Entry) -> bool:
        """Tells whether an entry was made of its row as it is now; what is not will not be again."""
        row = self._rows.get(entry.id)
        return row is not None and row.revision == entry.revision and row.sequence == entry.sequence

    def current(self, entry: Entry) -> Task | None:
        """Returns the row that an entry was made of, None when that has changed since."""
        row = self._rows.get(entry.id)
        if row is None or row.revision != entry.revision or row.sequence != entry.sequence:
            return None
        return unpack(row, entry.id) if isinstance(row, Packed) else row

    def blocks(self, after: int | None, *, descending: bool) -> Iterator[list[Task]]:
        """Iterates over the rows in order of acceptance, in small lists.

        It begins somewhat before the one with the sequence `after`, and may be resumed after changes.
        """
        for ids in self._accepted.blocks(after, descending=descending):
            rows = [self[task_id] for task_id in ids]
            yield rows[::-1] if descending else rows

    def _add_far_back(self, rows: Mapping[str, Task]) -> None:
        for ahead, (task_id, row) in enumerate(rows.items(), self.waiting):
            is_packed = ahead >= _UNPACKED and len(row.spec.payload) <= _PACKABLE_BYTES
            self._rows[task_id] = self._packer.pack(row) if is_packed else row


def _happened_waiting(row: Task) -> int:
    # Nothing has happened to most that wait.
    return happened(row) if row.attempts or row.cancel_us is not None else 0


class _AcceptanceOrder:
    """Ids in order of acceptance, in blocks of neighbouring sequences, so that a gap costs nothing."""

    def __init__(self) -> None:
        self._blocks: dict[int, list[str]] = {}
        self._numbers: list[int] = []

    def extend(self, sequence: int, ids: Sequence[str]) -> None:
        """Adds ids, the first of which has this sequence, which follows the last one's; the others go on."""
        start = 0
        while start < len(ids):
            number, place = divmod(sequence + start, _BLOCK)
            block = self._blocks.get(number)
            if block is None:
                block = self._blocks[number] = []
                self._numbers.append(number)
            end = start + _BLOCK - place
            block += ids[start:end]
            start = end

    def remove(self, sequence: int, task_id: str) -> None:
        number = sequence // _BLOCK
        block = self._blocks[number]
        block.remove(task_id)
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
