"""The engine's part of types: it asks the codec's, at registration and again before the handler is called."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.engine.bench import Bench, spec
from tests.fakes.codec import JsonCodec

from millhand.kit import Handlers
from millhand_server.core.errors import InvalidPayload, MillhandError
from millhand_server.core.task import TaskSpec
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.options import ManagerOptions


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    handlers = Handlers()

    @handlers.handler("number")
    def number(request: int) -> int:
        return request

    @handlers.handler("free")
    def free(request: object) -> object:
        return request

    bench = Bench(ManagerOptions(), catalogue=Catalogue(handlers, ManagerOptions(), JsonCodec()))
    await bench.manager.start()
    yield bench
    await bench.tear_down()


async def test_a_task_whose_payload_does_not_fit_is_refused_and_not_stored(bench: Bench) -> None:
    with pytest.raises(InvalidPayload) as refused:
        await bench.manager.register_task(spec("a", "number", payload=b'"x"'))

    assert refused.value.message == "the payload does not fit the handler 'number': json must be an integer"
    assert [violation.field for violation in refused.value.violations] == ["task.payload.json"]
    assert refused.value.metadata == {"handler": "number"}
    assert await bench.memory.get(["a"]) == [None]


async def test_bytes_that_are_no_payload_are_refused_naming_the_payload(bench: Bench) -> None:
    with pytest.raises(InvalidPayload) as refused:
        await bench.manager.register_task(spec("a", "number", payload=b"{"))

    assert [violation.field for violation in refused.value.violations] == ["task.payload"]


async def test_a_task_of_a_handler_without_a_type_is_stored_unread(bench: Bench) -> None:
    inserted = await bench.manager.register_task(spec("a", "free", payload=b"{"))

    assert inserted.created


async def test_an_item_that_was_refused_before_keeps_its_place(bench: Bench) -> None:
    before = InvalidPayload("refused before")
    batch: list[TaskSpec | MillhandError] = [
        before,
        spec("a", "number", payload=b"1"),
        spec("b", "number", payload=b'"x"'),
    ]

    first, second, third = await bench.manager.register_tasks(batch, atomic=False)

    assert first is before
    assert not isinstance(second, InvalidPayload)
    assert isinstance(third, InvalidPayload)
    assert third.violations[0].field == "tasks[2].payload.json"


async def test_an_atomic_batch_with_one_refused_before_stores_nothing(bench: Bench) -> None:
    with pytest.raises(InvalidPayload, match="refused before"):
        await bench.manager.register_tasks(
            [spec("a", "number", payload=b"1"), InvalidPayload("refused before")]
        )

    assert await bench.memory.get(["a"]) == [None]
