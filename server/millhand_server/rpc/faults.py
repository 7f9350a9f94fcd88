"""Collects what is wrong with one request, so that its sender learns all of it at once."""

from __future__ import annotations

from millhand_server.core.errors import InvalidArgument, MillhandError, Violation

#: Who has found this many looks for no more: a hostile request must cost neither memory nor time.
ENOUGH = 200


class Faults:
    """The violations of one request, or of a part of one."""

    def __init__(self) -> None:
        self._violations: list[Violation] = []
        self._kinds: set[type[MillhandError]] = set()
        self._metadata: dict[str, str] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    @property
    def are_enough(self) -> bool:
        """Whether there are so many that nobody needs to look for more."""
        return self._count >= ENOUGH

    def add(
        self,
        field: str,
        description: str,
        kind: type[MillhandError] = InvalidArgument,
        metadata: dict[str, str] | None = None,
    ) -> None:
        """Notes that the value of `field` is wrong; `description` continues the sentence "task.id ..."."""
        self._count += 1
        self._kinds.add(kind)
        self._metadata.update(metadata or {})
        if len(self._violations) < ENOUGH:
            self._violations.append(Violation(field, description))

    def include(self, other: Faults, prefix: str) -> None:
        """Takes over the faults of a part, whose fields are then named with `prefix` before them."""
        self._count += other._count
        self._kinds |= other._kinds
        self._metadata.update(other._metadata)
        for violation in other._violations[: ENOUGH - len(self._violations)]:
            self._violations.append(Violation(prefix + violation.field, violation.description))

    def error(self) -> MillhandError:
        """Returns the error to raise; there must be at least one fault.

        It is of the kind that all faults have in common, else InvalidArgument.
        """
        first = self._violations[0]
        message = f"{first.field} {first.description}" if first.field else first.description
        if self._count > 1:
            more = f"at least {ENOUGH - 1}" if self.are_enough else self._count - 1
            message = f"{message} (and {more} more)"
        kind = next(iter(self._kinds)) if len(self._kinds) == 1 else InvalidArgument
        return kind(message, violations=tuple(self._violations), metadata=self._metadata)

    def check(self) -> None:
        """Raises the error if there is any fault."""
        if self._count:
            raise self.error()
