from __future__ import annotations

from typing import Any

import pytest

from millhand_server.engine.acceptance import Caller
from millhand_server.engine.middleware import CallNext, Middleware, Operation, compose

CALLER = Caller("anonymous")


def named(name: str, events: list[str]) -> Middleware:
    async def layer(call_next: CallNext, operation: Operation, caller: Caller) -> Any:
        events.append(f"{name} in")
        try:
            return await call_next(operation, caller)
        finally:
            events.append(f"{name} out")

    return layer


async def test_the_first_middleware_is_the_outermost() -> None:
    events: list[str] = []

    async def innermost(operation: Operation, _: Caller) -> str:
        events.append(operation.name)
        return "done"

    chain = compose([named("a", events), named("b", events)], innermost)

    assert await chain(Operation("get_task", (), {}), CALLER) == "done"
    assert events == ["a in", "b in", "get_task", "b out", "a out"]


async def test_without_middleware_the_operation_is_called_as_it_is() -> None:
    async def innermost(operation: Operation, caller: Caller) -> tuple[Operation, Caller]:
        return operation, caller

    operation = Operation("get_task", ("t1",), {"view": "full"})

    assert await compose([], innermost)(operation, CALLER) == (operation, CALLER)


async def test_a_middleware_may_change_what_goes_in_and_what_comes_out() -> None:
    async def doubles(call_next: CallNext, operation: Operation, _: Caller) -> Any:
        changed = Operation(operation.name, (operation.args[0] * 2,), operation.kwargs)
        return [await call_next(changed, Caller("someone else"))]

    async def innermost(operation: Operation, caller: Caller) -> tuple[int, str]:
        return operation.args[0], caller.principal

    answer = await compose([doubles], innermost)(Operation("x", (21,), {}), CALLER)

    assert answer == [(42, "someone else")]


async def test_a_middleware_may_answer_by_itself() -> None:
    async def refuses(_: CallNext, __: Operation, ___: Caller) -> Any:
        raise PermissionError("not today")

    async def innermost(_: Operation, __: Caller) -> None:
        pytest.fail("it was refused")

    with pytest.raises(PermissionError):
        await compose([refuses], innermost)(Operation("x", (), {}), CALLER)


async def test_an_error_passes_through_every_middleware_on_its_way_out() -> None:
    events: list[str] = []

    async def innermost(_: Operation, __: Caller) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await compose([named("a", events), named("b", events)], innermost)(Operation("x", (), {}), CALLER)

    assert events == ["a in", "b in", "b out", "a out"]
