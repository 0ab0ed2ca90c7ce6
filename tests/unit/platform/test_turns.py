"""Turns of a browser's loop: all in order; what is urgent does not wait for what the browser has queued, and does not shut it out either."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from app.platform import scheduler
from app.platform.scheduler import MOST_URGENT, Turns, begun, hurried, hurry


class Browser:
    """A loop whose turns come when the test says so."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.asked: list[str] = []
        self.turns = Turns(self.loop, lambda: self.asked.append("later"), lambda: self.asked.append("soon"))
        self.loop.call_soon = self.turns.call_soon

    def soon(self) -> int:
        """Nothing of ours runs: all that goes on at once; how many turns that were."""
        count = 0
        while "soon" in self.asked:
            self.asked.remove("soon")
            self.turns.come_soon()
            count += 1
        return count

    def later(self) -> None:
        """A task of the browser's."""
        self.asked.remove("later")
        self.turns.come_later()


@pytest.fixture
def browser() -> Iterator[Browser]:
    """With its loop running, as Pyodide's always is."""
    made = Browser()
    asyncio._set_running_loop(made.loop)
    yield made
    asyncio._set_running_loop(None)
    made.loop.close()


def test_what_is_not_urgent_waits_for_the_browser_and_asks_it_once(browser: Browser) -> None:
    ran: list[int] = []
    for number in range(3):
        browser.turns.call_soon(ran.append, number)
    assert browser.asked == ["later"] and browser.soon() == 0 and ran == []
    browser.later()
    assert ran == [0, 1, 2] and browser.asked == []


def test_what_is_urgent_goes_on_at_once_after_all_that_waited_before_it(browser: Browser) -> None:
    ran: list[str] = []
    browser.turns.call_soon(ran.append, "first")
    browser.turns.call_soon(ran.append, "order", context=hurried())
    browser.turns.call_soon(ran.append, "after it")
    assert browser.soon() == 1 and ran == ["first", "order", "after it"]
    browser.later()
    assert len(ran) == 3, "the browser's turn finds nothing left"
    browser.turns.call_soon(ran.append, "next")
    assert browser.asked == ["later"]


def test_an_order_and_what_it_begins_wait_for_what_they_wait_for_and_nothing_else(browser: Browser) -> None:
    steps: list[str] = []
    disk, key = browser.loop.create_future(), browser.loop.create_future()

    async def sends() -> None:
        await key
        steps.append("sent")

    async def order() -> None:
        hurry()
        await disk
        steps.append("written")
        begun(sends())

    task = begun(order())
    while "later" in browser.asked:  # where tasks cannot begin at once, the first step is an ordinary one
        browser.later()
    disk.set_result(None)
    browser.soon()
    assert steps == ["written"] and task.done()
    key.set_result(None)
    browser.soon()
    assert steps == ["written", "sent"] and "later" not in browser.asked


def test_what_never_ends_leaves_the_browser_its_turns(browser: Browser) -> None:
    count = 0

    async def spins() -> None:
        nonlocal count
        while count < 10 * MOST_URGENT:
            count += 1
            await asyncio.sleep(0)

    task = browser.loop.create_task(spins(), context=hurried())
    turns = 0
    while not task.done():
        assert browser.soon() <= MOST_URGENT
        if "later" in browser.asked:
            browser.later()
            turns += 1
    assert turns >= 9


def test_what_goes_on_for_long_after_an_order_is_not_urgent(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    context, then = hurried(), scheduler.time.monotonic() + scheduler.URGENT_S
    monkeypatch.setattr(scheduler.time, "monotonic", lambda: then + 0.01)
    browser.turns.call_soon(print, context=context)
    assert browser.asked == ["later"]


def test_one_that_was_cancelled_does_not_run_and_one_that_ends_the_program_loses_no_others(browser: Browser) -> None:
    ran: list[int] = []

    def ends() -> None:
        raise SystemExit

    browser.turns.call_soon(ran.append, 1).cancel()
    browser.turns.call_soon(ends)
    browser.turns.call_soon(ran.append, 2)
    with pytest.raises(SystemExit):
        browser.later()
    assert ran == []
    browser.later()
    assert ran == [2]
