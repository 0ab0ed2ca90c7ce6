"""The single writer at its ends: what is being written when it closes, or when another tab takes the lead."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from app.desk.errors import Refusal
from app.desk.recorder import MemoryRecorder
from app.desk.writer import Writer
from app.model.events import OrderSent, OrderTriggered
from app.trading.engine import Engine
from app.trading.journal import decode, encode, number
from tests.unit.desk.conftest import BUY
from tests.unit.desk.test_desk import quoted
from tests.unit.manual import ManualTime


class Slow(MemoryRecorder):
    """Writes when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.go = asyncio.Event(), asyncio.Event()

    async def append(self, first: int, record: bytes) -> None:
        self.began.set()
        await self.go.wait()
        await super().append(first, record)


@pytest.fixture
async def writing():
    """(writer, recorder, engine, the command that is being written)."""
    writer, recorder, engine = Writer(lambda _effects: None, lambda _events: None, lambda _error: None), Slow(), Engine("paper-test", ManualTime())
    writer.open(engine, recorder)
    command = asyncio.create_task(writer.command(lambda: engine.open_account("USDT", Decimal(100))))
    await recorder.began.wait()
    return writer, recorder, engine, command


async def test_closing_waits_for_the_command_that_is_being_written(writing):
    writer, recorder, engine, command = writing
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    assert not closing.done() and writer.engine is engine
    recorder.go.set()
    await closing
    assert engine.opened and len(recorder.records) == 1 and await command and writer.engine is None


class Unhurried(MemoryRecorder):
    """Takes a moment, as a vault does."""

    async def append(self, first: int, record: bytes) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        await super().append(first, record)


async def test_an_account_is_open_once_what_was_found_at_the_start_is_durable(desk_page):
    await quoted(desk_page)
    touch = BUY | {"type": "market_if_touched", "tif": "gtc", "stop": "30000"}
    cid = (await desk_page.ask("order.submit", token="touch", **touch))["client_order_id"]
    trade, kept = desk_page.desk.trade, desk_page.desk.keeping.shown
    recorder, last = Unhurried(), trade.engine.last_seq + 1
    triggered = number([OrderTriggered(desk_page.desk.around.clock.now_ns(), cid, Decimal(30000))], last)
    recorder.records = [*kept.memory.records, (str(last), encode(triggered))]
    await trade.close()
    await trade.open([record for _, record in recorder.records], recorder, last)
    assert trade.engine.orders[cid].sent_ns is not None and not trade.writer.queued, "its release was due at the start"
    journalled = [entry.event for _, record in recorder.records for entry in decode(record)]
    assert any(isinstance(event, OrderSent) and event.client_order_id == cid for event in journalled)


async def test_it_says_while_it_works_on_something(writing):
    writer, recorder, engine, command = writing
    said = []
    writer.on_busy = said.append
    recorder.go.set()
    await command
    await asyncio.sleep(0)
    assert said == [False], "it was at work before the test listened"
    await asyncio.gather(*(writer.command(lambda: engine.recover(0)) for _ in range(2)))
    await asyncio.sleep(0)
    assert said == [False, True, False], "once for all that waits"


async def test_closing_while_it_is_held_lets_others_go_on(writing):
    writer, recorder, engine, first = writing
    held = asyncio.Event()
    taken = asyncio.create_task(writer.exclusively(held.wait))
    recorder.go.set()
    await first
    await asyncio.sleep(0)
    second = asyncio.create_task(writer.command(lambda: engine.recover(0)))
    closing = asyncio.create_task(writer.close())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not closing.done()
    held.set()
    await asyncio.wait_for(closing, 5)
    await second
    await taken


async def test_a_command_that_is_being_written_when_the_lead_is_lost_is_refused(writing):
    writer, recorder, engine, command = writing
    writer.abandon()
    recorder.go.set()
    with pytest.raises(Refusal, match="another tab"):
        await asyncio.wait_for(command, 5)
    assert not engine.opened


async def test_nobody_waits_for_an_answer_in_an_account_that_was_closed(desk_page):
    await desk_page.desk.keeping._close_accounts()
    async with asyncio.timeout(1):
        await desk_page.desk.trade.settled(["x"], lambda _order: False, 60.0)


async def test_what_follows_is_made_ready_while_it_is_being_written_and_never_afterwards():
    done: list[str] = []
    writer, recorder = Writer(lambda _effects: None, lambda _events: done.append("applied"), lambda _error: None), Slow()
    engine = Engine("paper-test", ManualTime())
    writer.meanwhile = lambda events: done.append(f"ready for {len(events)}")
    writer.open(engine, recorder)
    command = asyncio.create_task(writer.command(lambda: engine.open_account("USDT", Decimal(100))))
    await recorder.began.wait()
    for _ in range(3):
        await asyncio.sleep(0)
    assert done == ["ready for 1"]
    recorder.go.set()
    await command
    assert done == ["ready for 1", "applied"]
    recorder.append = MemoryRecorder().append  # durable at once: there is no meanwhile
    await writer.command(lambda: [OrderSent(1, "kt-1")])
    await asyncio.sleep(0)
    assert done == ["ready for 1", "applied", "applied"]
