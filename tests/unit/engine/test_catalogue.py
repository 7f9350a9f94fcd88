from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import FunctionType
from typing import Any

import pytest
from tests.fakes.codec import JsonCodec

from millhand.kit import Handlers, handler
from millhand_server.core.execution import Isolation
from millhand_server.core.retry import Retries
from millhand_server.core.task import SECOND_US, RetryPolicy, TaskSpec
from millhand_server.engine.catalogue import Catalogue, CatalogueEntry, UnsupportedHandler
from millhand_server.engine.options import ManagerOptions

SERVER = ManagerOptions(timeout_us=300 * SECOND_US, retry_delay_us=SECOND_US, max_retries=3)


def entry(**options: Any) -> CatalogueEntry:
    handlers = Handlers()

    @handlers.handler("h", **options)
    def h() -> None: ...

    return Catalogue(handlers, SERVER, JsonCodec())["h"]


def spec(**fields: Any) -> TaskSpec:
    return TaskSpec(handler="h", **fields)


def test_what_neither_task_nor_handler_sets_is_the_server_s() -> None:
    plain, unset = entry(), spec()

    assert plain.queue_of(unset) == "default"
    assert plain.priority_of(unset) == 0
    assert plain.timeout_of(unset) == 300 * SECOND_US
    assert plain.start_timeout_of(unset) == 0
    assert plain.retries_of(unset) == Retries(3, SECOND_US, RetryPolicy())


def test_what_the_task_does_not_set_is_the_handler_s() -> None:
    own = entry(
        queue="q", priority=-5, timeout=30, start_timeout=9, retries=7, retry_delay=timedelta(minutes=1)
    )
    unset = spec()

    assert own.queue_of(unset) == "q"
    assert own.priority_of(unset) == -5
    assert own.timeout_of(unset) == 30 * SECOND_US
    assert own.start_timeout_of(unset) == 9 * SECOND_US
    assert own.retries_of(unset) == Retries(7, 60 * SECOND_US, RetryPolicy())


def test_what_the_task_sets_is_in_force() -> None:
    own = entry(queue="q", priority=-5, timeout=30, start_timeout=9, retries=7, retry_delay=60)
    policy = RetryPolicy(backoff=3.0)
    task = spec(
        queue="mine",
        priority=4,
        timeout_us=1,
        start_timeout_us=2,
        retries=1,
        retry_delay_us=3,
        retry_policy=policy,
    )

    assert own.queue_of(task) == "mine"
    assert own.priority_of(task) == 4
    assert own.timeout_of(task) == 1
    assert own.start_timeout_of(task) == 2
    assert own.retries_of(task) == Retries(1, 3, policy)


def test_zero_is_a_setting_and_not_unset() -> None:
    own = entry(timeout=30, start_timeout=9, retries=7, retry_delay=60)
    task = spec(timeout_us=0, start_timeout_us=0, retries=0, retry_delay_us=0)

    assert own.timeout_of(task) == 0
    assert own.start_timeout_of(task) == 0
    assert own.retries_of(task) == Retries(0, 0, RetryPolicy())
    assert entry(timeout=0, retries=0).timeout_of(spec()) == 0
    assert entry(retries=0).retries_of(spec()).limit == 0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"retries": 1}, Retries(1, 60 * SECOND_US, RetryPolicy()), id="limit"),
        pytest.param({"retry_delay_us": 5}, Retries(7, 5, RetryPolicy()), id="delay"),
        pytest.param(
            {"retry_policy": RetryPolicy(jitter=0.0)},
            Retries(7, 60 * SECOND_US, RetryPolicy(jitter=0.0)),
            id="policy",
        ),
    ],
)
def test_a_task_may_set_a_part_of_its_retries(fields: dict[str, Any], expected: Retries) -> None:
    assert entry(retries=7, retry_delay=60).retries_of(spec(**fields)) == expected


def test_the_default_queue_named_by_a_task_is_the_handler_s_queue() -> None:
    assert entry(queue="q").queue_of(spec(queue="default")) == "q"


def test_a_catalogue_knows_its_handlers_in_order_and_how_each_runs() -> None:
    handlers = Handlers()

    @handlers.handler("plain")
    def plain() -> None: ...

    @handlers.handler("async")
    async def coroutine() -> None: ...

    catalogue = Catalogue(handlers, SERVER, JsonCodec())

    assert catalogue.names() == ("plain", "async")
    assert [one.isolation for one in catalogue] == [Isolation.THREAD, Isolation.ASYNC]
    assert catalogue.get("nobody") is None


def test_process_isolation_is_refused_by_name_while_there_is_none() -> None:
    with pytest.raises(UnsupportedHandler, match="'h' asks for isolation 'process'"):
        entry(isolation="process")


def test_the_go_library_s_numbers_are_kept_for_those_who_ask() -> None:
    options = ManagerOptions.with_defaults()

    assert (options.max_tasks, options.tasks_per_second, options.timeout_us) == (10, 5.0, 300 * SECOND_US)
    assert (options.retry_delay_us, options.max_retries) == (SECOND_US, 3)


def typed(function: Callable[..., object], **options: Any) -> Catalogue:
    return Catalogue(Handlers(handler("h", **options)(_copy(function))), SERVER, JsonCodec())


def test_types_are_made_once_from_the_annotations() -> None:
    def plain(request: object) -> None: ...
    def number(request: int) -> int:
        return request

    assert typed(plain)["h"].request is None
    assert typed(number)["h"].request is not None
    assert typed(number)["h"].result.schema == {"type": "integer"}


def _takes_complex(request: complex) -> None: ...
def _returns_complex() -> complex:
    return 1j


def _takes_nobody(request: Nobody) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def _returns_nobody() -> Nobody: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (_takes_complex, "Handler 'h' takes complex: JSON has no complex numbers."),
        (_returns_complex, "Handler 'h' returns complex: JSON has no complex numbers."),
        (_takes_nobody, "Handler 'h' takes Nobody, a name that means nothing in its module"),
        (_returns_nobody, "Handler 'h' returns Nobody, a name that means nothing in its module"),
    ],
)
def test_an_annotation_that_cannot_be_honoured_is_refused_by_handler_and_type(
    function: Callable[..., object], sentence: str
) -> None:
    with pytest.raises(UnsupportedHandler) as refusal:
        typed(function)

    assert str(refusal.value).startswith(sentence)


def test_the_example_is_the_handler_s_own_or_else_one_made_up_for_its_type() -> None:
    def plain(request: object) -> None: ...
    def number(request: int) -> None: ...

    assert typed(number, example=7)["h"].example == b"7"
    assert typed(number)["h"].example == b"1"
    assert typed(plain, example="x")["h"].example == b'"x"'
    assert typed(plain)["h"].example == b""


@pytest.mark.parametrize("example", ["x", object()], ids=["of another type", "no payload"])
def test_an_example_that_the_handler_could_not_be_called_with_is_refused(example: object) -> None:
    def number(request: int) -> None: ...

    with pytest.raises(UnsupportedHandler, match="'h' has an example that it could not be called with"):
        typed(number, example=example)


def _copy(function: Callable[..., object]) -> FunctionType:
    """Returns the same function undecorated: each may be a handler only once."""
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__, function.__globals__, function.__name__)
    copy.__annotations__ = dict(function.__annotations__)
    return copy
