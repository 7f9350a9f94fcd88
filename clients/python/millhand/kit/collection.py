"""Handlers: the collection that a server is given."""

from collections.abc import Callable, Iterator
from typing import Any, Unpack

from millhand.kit.definition import Function, Handler, HandlerOptions, handler, handler_of
from millhand.kit.signature import describe


class Handlers:
    """Handlers by name, in the order they were added. Fill it while starting: it takes no locks."""

    def __init__(self, *functions: Callable[..., Any]) -> None:
        """Takes decorated functions.

        Raises:
            TypeError: one of them is not decorated.
            ValueError: two of them have the same name.
        """
        self._by_name: dict[str, Handler] = {}
        for function in functions:
            self.add(function)

    def add(self, function: Callable[..., Any]) -> None:
        """Adds one decorated function; raises like the constructor."""
        self._insert(handler_of(function))

    def handler(self, name: str, **options: Unpack[HandlerOptions]) -> Callable[[Function], Function]:
        """The `handler` decorator, which also adds the function to this collection."""
        decorate = handler(name, **options)

        def register(function: Function) -> Function:
            decorated = decorate(function)
            self.add(decorated)
            return decorated

        return register

    def merge(self, other: "Handlers") -> None:
        """Adds all of `other`, or none of it when a name is in both (ValueError)."""
        for definition in other:
            self._refuse_duplicate(definition)
        for definition in other:
            self._insert(definition)

    def get(self, name: str) -> Handler | None:
        return self._by_name.get(name)

    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    def __getitem__(self, name: str) -> Handler:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Handler]:
        return iter(tuple(self._by_name.values()))

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return f"Handlers({', '.join(self._by_name)})"

    def _insert(self, definition: Handler) -> None:
        self._refuse_duplicate(definition)
        self._by_name[definition.name] = definition

    def _refuse_duplicate(self, definition: Handler) -> None:
        known = self._by_name.get(definition.name)
        if known is not None:
            raise ValueError(
                f"Two handlers are called {definition.name!r}: "
                f"{describe(known.function)} and {describe(definition.function)}."
            )
