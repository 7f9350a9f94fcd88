"""A heap whose entries may die in its middle. Which ones live, and when to sweep, its owner knows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Generic, Protocol, TypeVar


class Ordered(Protocol):
    """What a heap can sort."""

    def __lt__(self, other: Any, /) -> bool: ...


EntryT = TypeVar("EntryT", bound=Ordered)
OfT = TypeVar("OfT")


class LazyHeap(Generic[EntryT]):
    """Dead entries are dropped when they come to the top, and by sweeping.

    Entries that come in order, as most do, stand in a queue beside the heap, whose length costs nothing.

    A sweep goes on for many calls, so that none of them pays for the whole heap: it takes entries off the
    ends of the queue and of the heap, where taking one leaves a heap a heap, and pushes the living onto
    a second heap, which replaces the first once that is empty.
    """

    __slots__ = ("_in_order", "_is_live", "_swept", "_unswept")

    def __init__(self, is_live: Callable[[EntryT], bool]) -> None:
        self._is_live = is_live
        self._in_order: deque[EntryT] = deque()
        self._unswept: list[EntryT] = []
        self._swept: list[EntryT] = []

    def __len__(self) -> int:
        """The entries held, dead ones included."""
        return len(self._in_order) + len(self._unswept) + len(self._swept)

    def push(self, entry: EntryT) -> None:
        in_order = self._in_order
        if not in_order or in_order[-1] < entry:
            in_order.append(entry)
        else:
            heappush(self._unswept, entry)

    def peek(self) -> EntryT | None:
        """Returns the lowest living entry, None when there is none."""
        is_live = self._is_live
        while (part := self._lowest()) and not is_live(part[0]):
            self.pop()
        return part[0] if part else None

    def pop(self) -> EntryT:
        """Takes the lowest entry, dead or living: right after `peek` it is the one that was returned.

        Raises:
            IndexError: there is none.
        """
        part = self._lowest()
        if part is self._in_order:
            return self._in_order.popleft()
        return heappop(self._unswept if part is self._unswept else self._swept)

    def take(self, limit: int, of: Callable[[EntryT], OfT | None]) -> list[OfT]:
        """Takes the lowest living entries, and returns what `of` says of each: of a dead one nothing."""
        in_order = self._in_order
        taken: list[OfT] = []
        while len(taken) < limit and (in_order or self._unswept or self._swept):
            entry = self.pop() if self._unswept or self._swept else in_order.popleft()
            if (one := of(entry)) is not None:
                taken.append(one)
        return taken

    def sweep(self, entries: int) -> None:
        """Looks at this many entries and drops the dead among them."""
        for _ in range(min(entries, len(self))):
            if not self._in_order and not self._unswept:
                self._unswept, self._swept = self._swept, self._unswept
            entry = (self._in_order or self._unswept).pop()
            if self._is_live(entry):
                heappush(self._swept, entry)

    def clear(self) -> None:
        """Drops all entries."""
        self._in_order.clear()
        self._unswept.clear()
        self._swept.clear()

    def entries(self) -> list[EntryT]:
        """Returns a copy of the entries in no order, dead ones included."""
        return [*self._in_order, *self._unswept, *self._swept]

    def _lowest(self) -> deque[EntryT] | list[EntryT]:
        """Returns the part whose first entry is the lowest of all; an empty one when there is none."""
        in_order, unswept, swept = self._in_order, self._unswept, self._swept
        if not unswept and not swept:
            return in_order
        heap = swept if swept and (not unswept or swept[0] < unswept[0]) else unswept
        return in_order if in_order and in_order[0] < heap[0] else heap
