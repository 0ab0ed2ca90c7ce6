"""Clocks, randomness, timers and locks on CPython."""

from __future__ import annotations

import asyncio

import pytest

from app.platform import native
from app.platform.native.basics import (
    LocalLocks,
    ManualClock,
    ManualScheduler,
    SystemClock,
    SystemEntropy,
)


def test_the_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(now_ns=5)
    assert (clock.now_ns(), clock.monotonic_ns()) == (5, 0)
    clock.advance(10)
    assert (clock.now_ns(), clock.monotonic_ns()) == (15, 10)
    clock.set_wall(3)
    assert (clock.now_ns(), clock.monotonic_ns()) == (3, 10)
    with pytest.raises(ValueError):
        clock.advance(-1)


def test_the_system_clock_is_in_nanoseconds_since_1970() -> None:
    clock = SystemClock()
    first = clock.monotonic_ns()
    assert clock.now_ns() > 1_700_000_000 * 10**9
    assert clock.monotonic_ns() >= first


def test_entropy_has_the_length_asked_for() -> None:
    assert len(SystemEntropy().random_bytes(70_000)) == 70_000
    assert SystemEntropy().random_bytes(16) != SystemEntropy().random_bytes(16)


def test_manual_timers_fire_in_order_also_those_set_up_while_firing() -> None:
    clock = ManualClock()
    scheduler = ManualScheduler(clock)
    fired: list[tuple[str, int]] = []

    def note(name: str) -> None:
        fired.append((name, clock.monotonic_ns()))

    def first() -> None:
        note("first")
        scheduler.call_later(0.5, lambda: note("nested"))
        scheduler.call_soon(lambda: note("soon"))

    scheduler.call_later(2, lambda: note("second"))
    scheduler.call_later(1, first)
    cancelled = scheduler.call_later(1.5, lambda: note("cancelled"))
    cancelled.cancel()
    cancelled.cancel()
    scheduler.run_for(1_900_000_000)
    assert fired == [("first", 10**9), ("soon", 10**9), ("nested", 1_500_000_000)]
    scheduler.run_for(100_000_000)
    assert fired[-1] == ("second", 2 * 10**9) and clock.monotonic_ns() == 2 * 10**9


async def test_the_loop_scheduler_runs_timers_and_tasks() -> None:
    platform = native.build()
    done = asyncio.get_running_loop().create_future()
    order: list[str] = []
    platform.scheduler.call_soon(lambda: order.append("soon"))
    platform.scheduler.call_later(0.001, lambda: done.set_result(None))
    platform.scheduler.call_later(0.0005, lambda: order.append("never")).cancel()

    async def work() -> str:
        order.append("task")
        return "worked"

    assert await platform.scheduler.create_task(work()) == "worked"  # type: ignore[misc]
    await done
    assert order == ["soon", "task"]


async def test_locks_are_exclusive_and_given_back_once() -> None:
    locks = LocalLocks()
    lease = await locks.acquire("desk")
    assert lease is not None
    assert await locks.acquire("desk", if_available=True) is None
    other = await locks.acquire("other", if_available=True)
    assert other is not None
    waiting = asyncio.ensure_future(locks.acquire("desk"))
    await asyncio.sleep(0)
    assert not waiting.done()
    lease.release()
    lease.release()
    second = await waiting
    assert second is not None and await locks.acquire("desk", if_available=True) is None


async def test_a_stolen_lock_goes_to_the_thief_before_those_who_wait() -> None:
    locks = LocalLocks()
    first = await locks.acquire("desk")
    waiting = asyncio.ensure_future(locks.acquire("desk"))
    await asyncio.sleep(0)
    thief = await locks.acquire("desk", steal=True)
    assert first is not None and thief is not None
    first.release()
    await asyncio.sleep(0)
    assert not waiting.done(), "what was stolen cannot be given back"
    thief.release()
    assert await waiting is not None
