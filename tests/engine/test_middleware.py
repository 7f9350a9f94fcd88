from __future__ import annotations

from typing import Any

import pytest
from tests.engine.bench import Bench, spec

from millhand_server.core.errors import Unsupported
from millhand_server.engine.acceptance import Caller
from millhand_server.engine.middleware import CallNext, Middleware, Operation


def recording(name: str, log: list[str]) -> Middleware:
    async def layer(call_next: CallNext, operation: Operation, caller: Caller) -> Any:
        log.append(f"{name} in: {operation.name} of {caller.principal}")
        answer = await call_next(operation, caller)
        log.append(f"{name} out")
        return answer

    return layer


async def test_middleware_lies_around_every_operation_the_first_outermost(bench: Bench) -> None:
    log: list[str] = []
    bench.manager.register_middleware(recording("outer", log), recording("inner", log))

    inserted = await bench.manager.register_task(spec("a"), caller=Caller("alice"))

    assert inserted.created
    assert log == [
        "outer in: register_task of alice",
        "inner in: register_task of alice",
        "inner out",
        "outer out",
    ]


async def test_middleware_that_refuses_keeps_the_operation_from_happening(bench: Bench) -> None:
    async def refuse(call_next: CallNext, operation: Operation, caller: Caller) -> Any:
        raise Unsupported("not on Sundays")

    bench.manager.register_middleware(refuse)

    with pytest.raises(Unsupported):
        await bench.manager.register_task(spec("a"))

    assert await bench.memory.get(["a"]) == [None]
