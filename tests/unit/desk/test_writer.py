"""The single writer at its ends: what is being written when it closes, or when another tab takes the lead."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from app.desk.errors import Refusal
from app.desk.recorder import MemoryRecorder
from app.desk.writer import Writer
from app.trading.engine import Engine
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
