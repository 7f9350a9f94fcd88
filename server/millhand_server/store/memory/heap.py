"""A heap whose entries may die in its middle. Which ones live, and when to sweep, its owner knows."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Generic, Protocol, TypeVar


class Ordered(Protocol):
    """What a heap can sort."""

    def __lt__(self, other: Any, /) -> bool: ...


EntryT = TypeVar("EntryT", bound=Ordered)


class LazyHeap(Generic[EntryT]):
    """Dead entries are dropped when they come to the top, and by sweeping.

    A sweep goes on for many calls, so that none of them pays for the whole heap: it takes entries off the
    list's end, where taking one leaves a heap a heap, and pushes the living onto a second heap, which
    replaces the first once that is empty.
    """

    __slots__ = ("_is_live", "_swept", "_unswept")

    def __init__(self, is_live: Callable[[EntryT], bool]) -> None:
        self._is_live = is_live
        self._unswept: list[EntryT] = []
        self._swept: list[EntryT] = []

    def __len__(self) -> int:
        """The entries held, dead ones included."""
        return len(self._unswept) + len(self._swept)

    def push(self, entry: EntryT) -> None:
        heappush(self._unswept, entry)

    def peek(self) -> EntryT | None:
        """Returns the lowest living entry, None when there is none."""
        heap = self._lower()
        return heap[0] if heap else None

    def pop(self) -> EntryT:
        """Takes the lowest living entry.

        Raises:
            IndexError: none lives.
        """
        return heappop(self._lower())

    def sweep(self, entries: int) -> None:
        """Looks at this many entries and drops the dead among them."""
        for _ in range(min(entries, len(self))):
            if not self._unswept:
                self._unswept, self._swept = self._swept, self._unswept
            entry = self._unswept.pop()
            if self._is_live(entry):
                heappush(self._swept, entry)

    def entries(self) -> list[EntryT]:
        """Returns a copy of the entries in no order, dead ones included."""
        return self._unswept + self._swept

    def _lower(self) -> list[EntryT]:
        unswept, swept = self._unswept, self._swept
        self._drop_dead(unswept)
        if not swept:
            return unswept
        self._drop_dead(swept)
        return swept if swept and (not unswept or swept[0] < unswept[0]) else unswept

    def _drop_dead(self, heap: list[EntryT]) -> None:
        is_live = self._is_live
        while heap and not is_live(heap[0]):
            heappop(heap)
