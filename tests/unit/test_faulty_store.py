from __future__ import annotations

import asyncio

import pytest
from tests.fakes.store import Fail, FaultyStore, Script, Slow, Unknown, Well
from tests.fakes.tasks import new_task

from millhand_server.core.errors import StoreOutcomeUnknown, StoreUnavailable
from millhand_server.store.memory import MemoryStore
from millhand_server.testing.clock import FakeClock

DEADLINE_S = 5


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def store(script: Script) -> FaultyStore:
    return FaultyStore(MemoryStore(FakeClock()), script)


async def _insert(store: FaultyStore) -> None:
    await store.insert([new_task("a")], atomic=True, max_waiting=0)


async def _is_there(store: FaultyStore) -> bool:
    return await store.inner.get(["a"]) != [None]


async def test_a_call_that_fails_changes_nothing_and_the_next_goes_well(
    store: FaultyStore, script: Script
) -> None:
    script.next("insert", Fail())

    with pytest.raises(StoreUnavailable) as raised:
        await _insert(store)
    was_there = await _is_there(store)
    await _insert(store)

    assert not isinstance(raised.value, StoreOutcomeUnknown)
    assert (was_there, await _is_there(store)) == (False, True)


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
async def test_an_unknown_outcome_is_settled_only_by_reading_back(
    store: FaultyStore, script: Script, done: bool
) -> None:
    script.next("insert", Unknown(done=done))

    with pytest.raises(StoreOutcomeUnknown):
        await _insert(store)

    assert await _is_there(store) is done


@pytest.mark.parametrize("answer_late", [True, False], ids=["done, answers late", "not begun"])
async def test_a_slow_call_waits_until_the_test_lets_it_go(
    store: FaultyStore, script: Script, answer_late: bool
) -> None:
    slow = Slow(answer_late=answer_late)
    script.next("insert", slow)

    async with asyncio.timeout(DEADLINE_S):
        call = asyncio.create_task(_insert(store))
        await slow.entered.wait()
        while_slow = await _is_there(store)
        slow.release.set()
        await call

    assert while_slow is answer_late
    assert await _is_there(store)


async def test_verbs_have_their_scripts_apart_and_faults_may_come_later(
    store: FaultyStore, script: Script
) -> None:
    script.next("insert", Well(), Fail())

    await _insert(store)
    await store.get(["a"])
    with pytest.raises(StoreUnavailable):
        await _insert(store)

    assert store.calls == ["insert", "get", "insert"]


async def test_a_constant_fault_lasts_until_it_is_healed(store: FaultyStore, script: Script) -> None:
    script.from_now_on("insert", Fail())

    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await _insert(store)
    script.heal()
    await _insert(store)

    assert await _is_there(store)
