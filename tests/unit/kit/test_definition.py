"""The decorator: what it attaches, what it infers, what it refuses."""

import functools
import inspect
from collections.abc import Callable
from datetime import timedelta
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pytest

from millhand.kit import Blob, Handler, HandlerOptions, Handlers, TaskContext, Unresolved, handler, handler_of

if TYPE_CHECKING:
    from decimal import Decimal


def test_a_decorated_function_can_still_be_called_directly() -> None:
    @handler("double")
    def double(request: int) -> int:
        return 2 * request

    assert double(4) == 8


def test_options_are_kept_and_durations_become_timedeltas() -> None:
    @handler(
        "work",
        retries=3,
        retry_delay=0.5,
        timeout=timedelta(minutes=1),
        start_timeout=0,
        queue="slow",
        priority=-5,
        raise_on_cancel=False,
        example={"n": 1},
    )
    def work() -> None: ...

    definition = handler_of(work)

    assert definition.retries == 3
    assert definition.retry_delay == timedelta(milliseconds=500)
    assert definition.timeout == timedelta(minutes=1)
    assert definition.start_timeout == timedelta(0)
    assert (definition.queue, definition.priority) == ("slow", -5)
    assert definition.raise_on_cancel is False
    assert definition.example == {"n": 1}


def test_options_left_out_are_none_and_not_a_default_of_the_kit() -> None:
    @handler("work")
    def work() -> None: ...

    definition = handler_of(work)

    unset = [definition.retries, definition.retry_delay, definition.timeout, definition.start_timeout]
    assert unset == [None] * 4
    assert (definition.queue, definition.priority) == (None, None)


def test_the_options_type_has_the_keywords_of_the_decorator() -> None:
    keywords = set(inspect.signature(handler).parameters) - {"name"}

    assert keywords == set(HandlerOptions.__annotations__)


def test_the_description_defaults_to_the_first_line_of_the_docstring() -> None:
    @handler("work")
    def work() -> None:
        """Does the work.

        In detail.
        """

    assert handler_of(work).description == "Does the work."


def test_isolation_is_inferred_from_async_def() -> None:
    @handler("plain")
    def plain() -> None: ...

    @handler("awaited")
    async def awaited() -> None: ...

    assert handler_of(plain).isolation == "thread"
    assert handler_of(awaited).isolation == "async"


def _nothing() -> None: ...
def _request_only(request: dict[str, Any]) -> None: ...
def _task_by_name(task) -> None: ...  # type: ignore[no-untyped-def]
def _context_by_name(context) -> None: ...  # type: ignore[no-untyped-def]
def _context_by_annotation(t: TaskContext) -> None: ...
def _context_or_none(t: TaskContext | None = None) -> None: ...
def _request_called_task(task: dict[str, Any]) -> None: ...
def _second_position(job, whatever) -> None: ...  # type: ignore[no-untyped-def]
def _extra_with_default(job, task, limit=3, *, clock=None) -> None: ...  # type: ignore[no-untyped-def]


@pytest.mark.parametrize(
    ("function", "takes_request", "takes_context"),
    [
        (_nothing, False, False),
        (_request_only, True, False),
        (_task_by_name, False, True),
        (_context_by_name, False, True),
        (_context_by_annotation, False, True),
        (_context_or_none, False, True),
        (_request_called_task, True, False),
        (_second_position, True, True),
        (_extra_with_default, True, True),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_request_and_context_are_told_apart(
    function: Callable[..., None], takes_request: bool, takes_context: bool
) -> None:
    signature = handler_of(handler("h")(_copy(function))).signature

    assert (signature.takes_request, signature.takes_context) == (takes_request, takes_context)


def test_call_passes_what_the_function_takes(context: TaskContext) -> None:
    @handler("both")
    def both(request: int, task: TaskContext) -> object:
        return (request, task)

    @handler("request")
    def only_request(request: int) -> object:
        return request

    @handler("task")
    def only_task(task: TaskContext) -> object:
        return task

    @handler("none")
    def neither() -> object:
        return "called"

    assert handler_of(both).call(7, context) == (7, context)
    assert handler_of(only_request).call(7, context) == 7
    assert handler_of(only_task).call(7, context) is context
    assert handler_of(neither).call(7, context) == "called"


def test_request_and_result_types_come_from_the_annotations() -> None:
    @handler("typed")
    def typed(request: "dict[str, int]") -> Blob:
        return Blob(bytes(request.values()))

    assert handler_of(typed).request_type == dict[str, int]
    assert handler_of(typed).result_type is Blob


def _bare(request, task):  # type: ignore[no-untyped-def]
    ...


def _any(request: Any, task: TaskContext) -> object: ...
def _for_type_checkers_only(request: "Decimal", task: "TaskContext") -> "Decimal":
    return request


@pytest.mark.parametrize("function", [_bare, _any], ids=lambda f: f.__name__)
def test_annotations_that_say_nothing_are_none(function: Callable[..., object]) -> None:
    definition = handler_of(handler("h")(_copy(function)))

    assert (definition.request_type, definition.result_type) == (None, None)
    assert definition.signature.takes_context


def test_annotations_that_do_not_resolve_are_told_as_text() -> None:
    definition = handler_of(handler("h")(_copy(_for_type_checkers_only)))

    assert definition.request_type == definition.result_type == Unresolved("Decimal")
    assert definition.signature.takes_context


def test_an_annotation_may_name_a_class_that_comes_later_in_its_module() -> None:
    namespace: dict[str, Any] = {}
    exec("def f(request: 'Later') -> int: ...", namespace)
    definition = handler_of(handler("h")(namespace["f"]))

    exec("class Later: ...", namespace)

    assert definition.request_type is namespace["Later"]
    assert definition.result_type is int


def test_an_annotation_that_does_not_resolve_leaves_the_others_alone() -> None:
    namespace: dict[str, Any] = {}
    exec("def f(request: dict[str, int]) -> 'Nobody': ...", namespace)

    definition = handler_of(handler("h")(namespace["f"]))

    assert (definition.request_type, definition.result_type) == (dict[str, int], Unresolved("Nobody"))


def test_a_context_imported_for_type_checkers_only_is_understood() -> None:
    namespace: dict[str, Any] = {}
    exec("def f(t: 'TaskContext') -> None: ...", namespace)

    assert handler_of(handler("h")(namespace["f"])).signature.takes_context


def _required_third(request, task, limit) -> None: ...  # type: ignore[no-untyped-def]
def _required_keyword(request, *, limit) -> None: ...  # type: ignore[no-untyped-def]
def _star_args(*args: object) -> None: ...
def _star_kwargs(**kwargs: object) -> None: ...
def _context_first(task: TaskContext, request: dict[str, Any]) -> None: ...
def _two_values(a: int, b: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (_required_third, "requires 'limit'"),
        (_required_keyword, "requires 'limit'"),
        (_star_args, "takes \\*args or \\*\\*kwargs"),
        (_star_kwargs, "takes \\*args or \\*\\*kwargs"),
        (_context_first, "takes the context first"),
        (_two_values, "'b' that is not a TaskContext"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_signature_that_cannot_be_called_is_a_type_error_in_a_sentence(
    function: Callable[..., None], sentence: str
) -> None:
    with pytest.raises(TypeError, match=rf"{function.__name__} .*{sentence}.*\.$"):
        handler("h")(_copy(function))


def test_generators_are_refused() -> None:
    def plain() -> Any:
        yield 1

    async def awaited() -> Any:
        yield 1

    for function in (plain, awaited):
        with pytest.raises(TypeError, match="yields"):
            handler("h")(function)


@pytest.mark.parametrize(
    "decorate", [handler, Handlers().handler], ids=["the decorator", "that of a collection"]
)
def test_a_decorator_without_parentheses_is_refused_at_once(decorate: Any) -> None:
    def nameless() -> None: ...

    with pytest.raises(TypeError, match=r'write @handler\("name"\) above .*nameless'):
        decorate(nameless)


def test_what_is_not_a_function_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a function"):
        handler("h")(len)


def test_isolation_that_does_not_fit_the_function_is_refused() -> None:
    async def awaited() -> None: ...

    def plain() -> None: ...

    with pytest.raises(TypeError, match="is async"):
        handler("h", isolation="thread")(awaited)
    with pytest.raises(TypeError, match="is not async"):
        handler("h", isolation="async")(plain)
    with pytest.raises(ValueError, match="not 'fork'"):
        handler("h", isolation="fork")(plain)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    ["", "x" * 257, "ä" * 129, "a\nb", "nul\0", "\ud800"],
    ids=["empty", "too long", "too many bytes", "newline", "NUL", "surrogate"],
)
def test_a_name_is_1_to_256_bytes_of_printable_text(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 256 bytes of printable text"):
        handler(name)(_copy(_nothing))


def test_a_name_may_fill_its_256_bytes() -> None:
    assert handler_of(handler("ä" * 128)(_copy(_nothing))).name == "ä" * 128


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"retries": -1}, ValueError),
        ({"retries": 1.5}, TypeError),
        ({"retries": True}, TypeError),
        ({"priority": 101}, ValueError),
        ({"priority": -101}, ValueError),
        ({"timeout": -1}, ValueError),
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": float("inf")}, ValueError),
        ({"timeout": 1e300}, ValueError),
        ({"retry_delay": "5s"}, TypeError),
        ({"start_timeout": True}, TypeError),
        ({"queue": ""}, ValueError),
        ({"queue": 3}, TypeError),
        ({"description": "x" * 4097}, ValueError),
    ],
    ids=str,
)
def test_an_option_out_of_range_is_refused_by_name(options: dict[str, Any], error: type[Exception]) -> None:
    (option,) = options

    with pytest.raises(error, match=option):
        handler("h", **options)(_copy(_nothing))


def test_a_function_is_one_handler_only() -> None:
    @handler("first")
    def work() -> None: ...

    with pytest.raises(TypeError, match="is a handler already and cannot be 'second' too"):
        handler("second")(work)


def test_a_wrapper_around_a_handler_is_refused_rather_than_dropped() -> None:
    @handler("work")
    def work() -> None: ...

    @functools.wraps(work)
    def wrapper() -> None:
        work()

    with pytest.raises(TypeError, match="put @handler above the other decorators"):
        handler_of(wrapper)


def test_an_undecorated_function_is_no_handler() -> None:
    with pytest.raises(TypeError, match="_nothing is not a handler; decorate it"):
        handler_of(_nothing)


def test_a_handler_is_frozen() -> None:
    definition = handler_of(handler("h")(_copy(_nothing)))

    with pytest.raises(AttributeError):
        definition.name = "other"  # type: ignore[misc]
    assert isinstance(definition, Handler)


def _copy(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function anew, so that decorating it does not mark the one that other tests use."""
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__annotations__ = dict(function.__annotations__)
    copy.__qualname__ = function.__qualname__
    return copy
