"""Schedules of two accounts with one order over both: every seed kills the desk elsewhere, most of all between the writes of the two journals.

`make test` runs 300, `make soak` 3,000 (KONTOR_SCHEDULES); KONTOR_SEED is the first. A failure prints the command that replays it. Each mutation
breaks what one account's journal owes to the other's; the schedules have to catch every one.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter

import pytest

from app.desk.routedsending import RoutedSending
from app.desk.writer import Writer
from app.trading.engine import Engine
from app.trading.journal import encode, number
from app.trading.routing import accounts
from tests.simulation import accounts_world
from tests.simulation.accounts_world import run
from tests.simulation.fault_venue import Broken
from tests.simulation.fault_world import many

SCHEDULES = max(300, int(os.environ.get("KONTOR_SCHEDULES", "0")) * 3 // 10)
FIRST = int(os.environ.get("KONTOR_SEED", "0"))
MUTANT_SEEDS = 150


@pytest.fixture(autouse=True)
def many_schedules():
    with many():
        yield


def test_no_schedule_breaks_either_account():
    seen, faults = Counter(), Counter()
    for seed in range(FIRST, FIRST + SCHEDULES):
        world = run(seed)
        seen.update(world.counts)
        for each in world.sides:
            faults.update(each.line.faults)
        world.let_go()
    assert seen["whole"] > SCHEDULES / 2 and seen["half"] > SCHEDULES / 6, seen
    assert seen["recalled"] > SCHEDULES / 10, "the desk was never killed between the writes of two journals"
    assert seen["told"] > SCHEDULES / 50 and seen["crash while 1 were written"] > SCHEDULES / 6, seen
    assert set(faults) >= {"lost_ack", "duplicate", "stale", "429", "5xx", "cut", "disconnect"}


def test_a_seed_is_one_schedule_and_a_failure_says_how_to_replay_it(monkeypatch):
    first, second = run(7), run(7)
    assert [each.disk.records for each in first.sides] == [each.disk.records for each in second.sides]
    first.let_go(), second.let_go()

    def broken(self) -> None:
        raise Broken("on purpose")

    monkeypatch.setattr(accounts_world.AccountsWorld, "check_settled", broken)
    with pytest.raises(Broken, match=r"python -m tests\.simulation\.accounts_world 7"):
        run(7)


def it_is_sent_while_its_journal_is_being_written(patch) -> None:
    async def hasty(self, found):
        entries = number(found, self.engine.last_seq + 1)
        if entries:
            asyncio.get_running_loop().create_task(self.recorder.append(entries[0].seq, encode(entries)))
        return entries

    patch.setattr(Writer, "_write", hasty)


def the_other_account_is_written_first(patch) -> None:
    submit = accounts.submit
    patch.setattr(accounts, "submit", lambda *given: submit(*given)[::-1])


def both_journals_are_written_at_once(patch) -> None:
    async def write(self, sends, under_way):
        work = [self._account(each.part.account).trade.writer.command(lambda each=each: self._decide(each, under_way)) for each in sends]
        done = await asyncio.gather(*work, return_exceptions=True)
        for each, error in zip(sends, done, strict=True):
            if isinstance(error, Exception):
                each.abandon()
        return next((error for error in done if isinstance(error, Exception)), None)

    patch.setattr(RoutedSending, "_write", write)


def a_start_does_not_look_for_halves(patch) -> None:
    async def recall(self) -> None:
        return

    patch.setattr(RoutedSending, "recall", recall)


def a_half_is_told_on_the_page_alone(patch) -> None:
    async def note(self, trade, order_id, words) -> None:
        return

    patch.setattr(RoutedSending, "_note_half", note)


def what_was_not_written_is_not_let_go(patch) -> None:
    patch.setattr(accounts.Sending, "abandon", lambda self: None)


def a_start_sends_what_is_missing(patch) -> None:
    recall = RoutedSending.recall

    async def again(self) -> None:
        await recall(self)
        for account in self._desk.accounts.all:
            for order in [*account.trade.engine.working.values()]:
                account.trade.execution.submit(order.intent)

    patch.setattr(RoutedSending, "recall", again)


def a_press_is_forgotten(patch) -> None:
    patch.setattr(Engine, "order_for", lambda self, token: None)
    patch.setattr(Engine, "remember", lambda self, token, order_id: None)


MUTATIONS = [
    it_is_sent_while_its_journal_is_being_written,
    the_other_account_is_written_first,
    both_journals_are_written_at_once,
    a_start_does_not_look_for_halves,
    a_half_is_told_on_the_page_alone,
    what_was_not_written_is_not_let_go,
    a_start_sends_what_is_missing,
    a_press_is_forgotten,
]


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_the_schedules_catch_a_desk_that_is_broken(mutation, monkeypatch):
    mutation(monkeypatch)
    with pytest.raises(Broken):
        for seed in range(MUTANT_SEEDS):
            run(seed).let_go()
