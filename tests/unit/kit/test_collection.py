"""Handlers: a collection by name, in order, without duplicates."""

import pytest

from millhand.kit import Handlers, handler, handler_of


@handler("one")
def one() -> None: ...


@handler("two")
def two() -> None: ...


@handler("one")
def another_one() -> None: ...


def test_handlers_are_found_by_name_and_iterated_in_order() -> None:
    handlers = Handlers(two, one)

    assert handlers.names() == ("two", "one")
    assert list(handlers) == [handler_of(two), handler_of(one)]
    assert handlers["one"] is handler_of(one)
    assert handlers.get("one") is handler_of(one)
    assert len(handlers) == 2


def test_an_unknown_name_is_not_contained() -> None:
    handlers = Handlers(one)

    assert "one" in handlers
    assert "two" not in handlers
    assert handlers.get("two") is None
    with pytest.raises(KeyError):
        handlers["two"]


def test_the_collections_decorator_defines_and_adds() -> None:
    handlers = Handlers()

    @handlers.handler("three", retries=2)
    def three() -> int:
        return 3

    assert three() == 3
    assert handlers["three"].retries == 2


def test_a_duplicate_name_names_both_functions() -> None:
    handlers = Handlers(one)

    with pytest.raises(ValueError, match=r"called 'one': .*\.one and .*\.another_one\.$"):
        handlers.add(another_one)


def test_merge_adds_all_of_the_other() -> None:
    handlers = Handlers(one)

    handlers.merge(Handlers(two))

    assert handlers.names() == ("one", "two")


def test_a_merge_with_a_duplicate_adds_nothing() -> None:
    handlers = Handlers(one)

    with pytest.raises(ValueError, match="Two handlers are called 'one'"):
        handlers.merge(Handlers(two, another_one))

    assert handlers.names() == ("one",)


def test_an_undecorated_function_is_refused() -> None:
    def plain() -> None: ...

    with pytest.raises(TypeError, match="is not a handler"):
        Handlers(plain)
