"""The router over the accounts of a desk, paper and the emulated exchange: named by the trader, armed, told before and after, a journal each."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest

from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.journal import decode
from tests.unit.desk.conftest import BUY
from tests.venues.exec_desk import SYMBOL, with_paper
from tests.venues.live_desk import until

D = Decimal
BOTH = {"accounts": "paper,binance"}


@pytest.fixture
async def two(tmp_path):
    async with with_paper(tmp_path) as desk:
        yield desk


@pytest.fixture
async def named(two):
    """The router may use both accounts."""
    said = await two.page.ask("routing", rules=BOTH)
    assert said["rules"]["accounts"] == "paper,binance", said
    return two


def paper_and_real(two):
    return two.desk.accounts.named("paper"), two.desk.accounts.named("binance")


def resting(two, qty: str = "2.5", how: str = "split") -> dict:
    """More than one account can pay, far below the market."""
    return {**BUY, "type": "limit", "tif": "gtc", "qty": qty, "price": str(two.bid - 500), "route": how}


def of_route(account, made: dict) -> list:
    """The routed orders of an account that a press has made."""
    ids = {row["client_order_id"] for row in made["accounts"]}
    return [routed for cid, routed in account.trade.engine.routed.by_id.items() if cid in ids]


async def is_settled(two, made: dict, status: str) -> None:
    for account in paper_and_real(two):
        for routed in of_route(account, made):
            await until(lambda routed=routed: routed.status.value == status, f"{account.name} {status}")


async def replays(account) -> None:
    """The journal alone gives the account again, to the bit."""
    trade = account.trade
    entries = [entry for record in await trade.writer.recorder.read_all() for entry in decode(record)]
    assert state_hash(Engine.replay(trade.engine.account, trade._clock, entries, trade.view)) == state_hash(trade.engine)


class Journal:
    """An account's journal whose next record waits, or fails."""

    def __init__(self, account) -> None:
        self._recorder = account.trade.writer.recorder
        self._append = self._recorder.append
        self.began, self.go, self.error = asyncio.Event(), asyncio.Event(), None
        self.before = lambda: None
        self._recorder.append = self.append

    async def append(self, first: int, record: bytes) -> None:
        self._recorder.append = self._append
        self.began.set()
        await self.go.wait()
        self.before()
        if self.error is not None:
            raise self.error
        await self._append(first, record)

    def fail(self) -> None:
        self.error = OSError("the disk is full")
        self.go.set()


async def test_without_a_rule_only_the_account_that_is_shown_is_used(two):
    paper, real = paper_and_real(two)
    ticket = {**BUY, "route": "best"}
    seen = await two.page.ask("order.preview", **ticket)
    assert "parts" not in seen["route"] and all("account" not in leg for leg in seen["route"]["legs"])
    await two.page.ask("order.submit", token="a", **ticket)
    assert len(paper.trade.engine.orders) == 1 and not real.trade.engine.orders
    said = await two.page.ask("routing")
    assert said["accounts"] == [
        {"name": "paper", "title": "Paper", "real": False, "named": False},
        {"name": "binance", "title": "Binance", "real": True, "named": False},
    ]
    await two.page.ask("routing", rules={"accounts": "binance"})
    seen = await two.page.ask("order.preview", **ticket)
    assert "parts" not in seen["route"], "an order of an account that is not named stays in it"


async def test_the_rule_is_written_into_every_journal_and_names_accounts_of_the_desk(two):
    paper, real = paper_and_real(two)
    wrong = await two.page.ask("routing", rules={"accounts": "paper,alpaca"})
    assert wrong["error"]["code"] == "unknown_account" and wrong["error"]["field"] == "accounts"
    wrong = await two.page.ask("routing", rules={**BOTH, "max_share": "x"})
    assert wrong["error"]["field"] == "max_share" and not paper.trade.engine.routed.rules and not real.trade.engine.routed.rules
    await two.page.ask("routing", rules={**BOTH, "max_share": "60"})
    assert paper.trade.engine.routed.rules == {**BOTH, "max_share": "60"} and real.trade.engine.routed.rules == BOTH
    await two.page.ask("routing", rules={"accounts": None})
    assert "accounts" not in paper.trade.engine.routed.rules and not real.trade.engine.routed.rules


async def test_an_account_whose_own_journal_does_not_name_it_is_left_out(two):
    paper, _real = paper_and_real(two)
    await paper.trade.writer.command(lambda: paper.trade.engine.routing_rule("accounts", "paper,binance"))
    seen = await two.page.ask("order.preview", **BUY, route="best")
    assert [part["account"] for part in seen["route"]["parts"]] == ["paper"]
    assert any("Account Binance (real money) is left out: its own journal does not name it" in line for line in seen["why"])


async def test_real_money_is_used_only_while_it_is_armed(named):
    paper, real = paper_and_real(named)
    await named.page.ask("execution.disarm", account="binance")
    ticket = resting(named)
    seen = await named.page.ask("order.preview", **ticket)
    assert seen["error"]["code"] == "route_depth" and "Left out: Binance (real money) (real orders are not armed)" in seen["error"]["reason"]
    small = resting(named, "1")
    seen = await named.page.ask("order.preview", **small)
    assert [leg["account"] for leg in seen["route"]["legs"]] == ["paper"]
    assert "Account Binance (real money) is left out: real orders are not armed." in seen["why"]
    made = await named.page.ask("order.submit", token="a", **small)
    assert [row["account"] for row in made["accounts"]] == ["paper"] and not real.trade.engine.orders and len(paper.trade.engine.orders) == 1
    told = (await named.page.ask("order.why", client_order_id=made["client_order_id"]))["lines"]
    assert "Account Binance (real money) is left out: real orders are not armed." in told


async def test_an_account_that_is_not_reconciled_is_left_out(named):
    named.real.execution.reconnect("the network is gone")
    seen = await named.page.ask("order.preview", **resting(named, "1"))
    assert [leg["account"] for leg in seen["route"]["legs"]] == ["paper"]
    assert any(line.startswith("Account Binance (real money) is left out: the Binance account is ") for line in seen["why"]), seen["why"]


async def test_one_ticket_over_both_is_told_before_and_after_and_cancelled_in_both(named):
    paper, real = paper_and_real(named)
    ticket = resting(named)
    seen = await named.page.ask("order.preview", **ticket)
    assert {(leg["account"], leg["symbol"]) for leg in seen["route"]["legs"]} == {("paper", SYMBOL), ("binance", SYMBOL)}
    assert sum(D(leg["qty"]) for leg in seen["route"]["legs"]) == D("2.5")
    assert [(part["account"], part["real"]) for part in seen["route"]["parts"]] == [("paper", False), ("binance", True)]
    made = await named.page.ask("order.submit", token="a", **ticket)
    assert [(row["account"], row["real"], row["sent"]) for row in made["accounts"]] == [("paper", False, True), ("binance", True, True)]
    assert sum(D(row["qty"]) for row in made["accounts"]) == D("2.5")
    await is_settled(named, made, "accepted")
    (ours,), (theirs,) = of_route(paper, made), of_route(real, made)
    assert ours.event.plan == theirs.event.plan and made["client_order_id"] == ours.client_order_id
    assert [order.name for order in named.account.orders] == theirs.leg_ids, "the exchange has the real part alone"
    row = named.page.latest("routed")["rows"][-1]
    assert [(part["account"], part["client_order_id"]) for part in row["parts"]] == [("paper", ours.client_order_id), ("binance", theirs.client_order_id)]
    assert any("Sent: " in message["text"] and "in Binance (real money)" in message["text"] for message in named.page.messages if message["t"] == "toast")
    told = [(await named.page.ask("order.why", client_order_id=each.client_order_id))["lines"] for each in (ours, theirs)]
    assert told[0] == told[1] and "in Paper" in told[0][1] and "in Binance (real money)" in told[0][1]
    assert await named.page.ask("order.cancel", client_order_id=made["client_order_id"], account="paper") == {}
    await is_settled(named, made, "cancelled")
    again = await named.page.ask("order.cancel", client_order_id=made["client_order_id"], account="paper")
    assert again["error"]["code"] == "not_working"
    for account in (paper, real):
        await replays(account)


async def test_cancelling_many_reaches_what_routed_orders_have_elsewhere(named):
    paper, real = paper_and_real(named)
    made = await named.page.ask("order.submit", token="a", **resting(named))
    await is_settled(named, made, "accepted")
    (ours,), (theirs,) = of_route(paper, made), of_route(real, made)
    said = await named.page.ask("order.cancel_many", account="paper", client_order_ids=ours.leg_ids, routed=[ours.client_order_id])
    assert {row["client_order_id"]: row["outcome"] for row in said["rows"]} == dict.fromkeys([*ours.leg_ids, *theirs.leg_ids], "cancelled")
    wrong = await named.page.ask("order.cancel_many", account="paper", client_order_ids=ours.leg_ids, routed="x")
    assert wrong["error"]["field"] == "routed"


async def test_a_part_that_has_ended_does_not_keep_the_other_from_being_cancelled(named):
    paper, _real = paper_and_real(named)
    made = await named.page.ask("order.submit", token="a", **resting(named))
    await is_settled(named, made, "accepted")
    (ours,) = of_route(paper, made)
    await named.page.ask("order.cancel", client_order_id=ours.leg_ids[0], account="paper")
    await until(lambda: not ours.is_working, "its own leg cancelled")
    await named.page.ask("order.cancel", client_order_id=made["client_order_id"], account="paper")
    await is_settled(named, made, "cancelled")


async def test_reducing_goes_to_the_account_that_holds_the_position(named):
    paper, real = paper_and_real(named)
    ticket = {**BUY, "side": "sell", "reduce_only": True, "route": "best"}
    seen = await named.page.ask("order.preview", **ticket)
    assert [leg["account"] for leg in seen["route"]["legs"]] == ["binance"]
    made = await named.page.ask("order.submit", token="a", **ticket)
    assert [row["account"] for row in made["accounts"]] == ["binance"] and not paper.trade.engine.orders
    (routed,) = of_route(real, made)
    await until(lambda: routed.status.value == "filled", "sold for real")
    assert (await named.page.ask("order.why", client_order_id=made["client_order_id"]))["lines"][1] == "Of it 0.01 BTC in Binance (real money)."


async def test_an_account_that_is_halted_is_left_out(named):
    await named.page.ask("risk.set", scope="account", state="halted")
    seen = await named.page.ask("order.preview", **resting(named, "1"))
    assert [leg["account"] for leg in seen["route"]["legs"]] == ["binance"]
    assert any(line.startswith("Account Paper is left out: the account is halted") for line in seen["why"])
    await named.page.ask("account.choose", account="binance")
    await named.page.ask("risk.set", scope="account", state="halted")
    seen = await named.page.ask("order.preview", **resting(named, "1"))
    assert seen["error"]["code"] == "route_nowhere" and "Paper (" in seen["error"]["reason"] and "Binance (real money) (" in seen["error"]["reason"]


async def test_the_same_press_never_sends_twice_in_any_account(named):
    paper, real = paper_and_real(named)
    ticket = resting(named)
    first, second = await asyncio.gather(*(named.page.ask("order.submit", token="a", **ticket) for _ in range(2)))
    assert first == second
    third = await named.page.ask("order.submit", token="a", **ticket)
    assert third["client_order_id"] == first["client_order_id"] and third["accounts"][1]["client_order_id"] == first["accounts"][1]["client_order_id"]
    for account in ("binance", "paper"):
        plain = await named.page.ask("order.submit", token="a", account=account, **{**ticket, "route": "this", "qty": "0.1"})
        assert plain["client_order_id"] == first["client_order_id"]
    assert len(paper.trade.engine.orders) == 1 and len(real.trade.engine.orders) == 1 and len(named.account.orders) == 1
    await named.page.ask("order.submit", token="b", account="binance", **{**ticket, "route": "this", "qty": "0.1"})
    await named.page.ask("order.submit", token="b", account="paper", **{**ticket, "route": "this", "qty": "0.1"})
    assert len(paper.trade.engine.orders) == 1 and len(real.trade.engine.orders) == 2


async def test_a_second_journal_that_fails_is_told(named):
    paper, real = paper_and_real(named)
    journal = Journal(real)
    journal.fail()
    made = await named.page.ask("order.submit", token="a", **resting(named))
    assert [(row["account"], row["sent"]) for row in made["accounts"]] == [("paper", True), ("binance", False)]
    assert made["accounts"][1]["reason"] == "the disk is full"
    assert made["reason"].startswith("Only a part was sent. Not sent: ") and "in Binance (real money) (the disk is full)." in made["reason"]
    assert named.page.latest("toast")["code"] == "route_half" and named.page.latest("toast")["level"] == "error"
    assert not real.trade.engine.orders and not real.trade.engine.claims() and not named.account.orders, "nothing is sent before its journal is durable"
    (ours,) = of_route(paper, made)
    note = paper.trade.engine.notes[f"order:{ours.leg_ids[0]}"]
    assert note.tags == "half" and "not sent" in note.text.lower()
    told = (await named.page.ask("order.why", client_order_id=ours.client_order_id))["lines"]
    assert told[-1].endswith("in Binance is in that account's journal: it was not sent.")
    again = await named.page.ask("order.submit", token="a", **resting(named))
    assert [row["sent"] for row in again["accounts"]] == [True, False] and not real.trade.engine.orders, "nothing is sent later by itself"
    # The next order of the account gets the id that was not used: it is another one all the same.
    await named.page.ask("account.choose", account="binance")
    await named.page.ask("routing", rules={"accounts": None})
    other = await named.page.ask("order.submit", token="b", account="binance", **resting(named, "0.1", "best"))
    assert other["client_order_id"] == made["accounts"][1]["client_order_id"]
    assert (await named.page.ask("order.why", client_order_id=ours.client_order_id))["lines"] == told
    await named.page.ask("order.cancel", client_order_id=made["client_order_id"], account="paper")
    await until(lambda: not ours.is_working, "the part that was sent is cancelled")
    (theirs,) = real.trade.engine.routed.by_id.values()
    assert theirs.is_working and theirs.legs[0].cancel_requested_ns is None
    for account in (paper, real):
        await replays(account)


async def test_a_first_journal_that_fails_sends_nothing_and_frees_the_press(named):
    paper, real = paper_and_real(named)
    journal = Journal(paper)
    journal.fail()
    refused = await named.page.ask("order.submit", token="a", **resting(named))
    assert "the disk is full" in refused["error"]["reason"]
    for account in (paper, real):
        assert not account.trade.engine.orders and not account.trade.engine.claims()
    made = await named.page.ask("order.submit", token="a", **resting(named))
    assert [row["sent"] for row in made["accounts"]] == [True, True]


async def test_an_account_that_is_disarmed_while_the_first_is_written_gets_nothing(named):
    paper, real = paper_and_real(named)
    journal = Journal(paper)
    journal.before = real.real.disarm
    journal.go.set()
    made = await named.page.ask("order.submit", token="a", **resting(named))
    assert [(row["account"], row["sent"], row["reason"]) for row in made["accounts"]][1] == ("binance", False, "real orders are not armed")
    assert not real.trade.engine.orders and not named.account.orders


async def test_a_cancel_reaches_a_part_that_is_being_written(named):
    paper, real = paper_and_real(named)
    journal = Journal(real)
    pressed = asyncio.create_task(named.page.ask("order.submit", token="a", **resting(named)))
    await journal.began.wait()
    (ours,) = paper.trade.engine.routed.by_id.values()
    cancelled = asyncio.create_task(named.page.ask("order.cancel", client_order_id=ours.client_order_id, account="paper"))
    await until(lambda: not ours.is_working, "the part that was sent first is cancelled at once")
    journal.go.set()
    assert await cancelled == {}
    await is_settled(named, await pressed, "cancelled")
    assert len(real.trade.engine.routed.by_id) == 1


async def test_a_cancel_before_a_part_is_written_keeps_it_back(named):
    paper, real = paper_and_real(named)
    journal = Journal(real)
    note = asyncio.create_task(real.trade.writer.command(lambda: real.trade.engine.note("day:2026-01-01", "", "busy")))
    await journal.began.wait()
    pressed = asyncio.create_task(named.page.ask("order.submit", token="a", **resting(named)))
    await until(lambda: paper.trade.engine.routed.by_id, "the first part")
    (ours,) = paper.trade.engine.routed.by_id.values()
    cancelled = asyncio.create_task(named.page.ask("order.cancel", client_order_id=ours.client_order_id, account="paper"))
    await until(lambda: not ours.is_working, "cancelled")
    journal.go.set()
    await note
    assert await cancelled == {}
    made = await pressed
    assert made["accounts"][1]["sent"] is False and made["accounts"][1]["reason"] == "it was cancelled before it was sent"
    assert not real.trade.engine.orders and not named.account.orders and named.page.latest("toast")["level"] == "warn"


async def test_a_restart_brings_both_parts_back_with_their_reasons(named):
    made = await named.page.ask("order.submit", token="a", **resting(named))
    await is_settled(named, made, "accepted")
    before = {account.name: json.loads(of_route(account, made)[0].event.plan) for account in paper_and_real(named)}
    await named.restart()
    await until(lambda: named.desk.accounts.named("binance").trade.engine.balanced, "reconciled")
    for account in paper_and_real(named):
        (routed,) = of_route(account, made)
        assert json.loads(routed.event.plan) == before[account.name]
        assert account.trade.engine.routed.rules["accounts"] == "paper,binance"
        await replays(account)
    await named.page.ask("order.cancel", client_order_id=made["client_order_id"], account="paper")
    await is_settled(named, made, "cancelled")
    await named.market()
    seen = await named.page.ask("order.preview", **resting(named, "1"))
    assert "Account Binance (real money) is left out: real orders are not armed." in seen["why"], "a start arms nothing"


async def test_a_half_that_a_crash_left_is_told_by_the_next_start(named):
    paper, real = paper_and_real(named)
    journal = Journal(real)
    pressed = asyncio.create_task(named.page.ask("order.submit", token="a", **resting(named)))
    await journal.began.wait()
    (ours,) = paper.trade.engine.routed.by_id.values()
    for account in (paper, real):
        account.trade.abandon()  # the tab dies while the second journal is being written
    journal.fail()
    await pressed
    await named.restart()
    paper, real = paper_and_real(named)
    (again,) = paper.trade.engine.routed.by_id.values()
    about = f"order:{again.leg_ids[0]}"
    await until(lambda: about in paper.trade.engine.notes, "told in the journal that has a part")
    note = paper.trade.engine.notes[about]
    assert note.tags == "half" and "Not sent: " in note.text and "the desk was stopped before it was journalled there" in note.text
    assert again.client_order_id == ours.client_order_id and not real.trade.engine.routed.by_id and not named.account.orders
    said = [message for message in named.page.messages if message["t"] == "toast" and message["code"] == "route_half"]
    assert len(said) == 1 and said[0]["text"] == note.text
    await named.restart()
    paper, _real = paper_and_real(named)
    await until(lambda: paper.trade.engine is not None and about in paper.trade.engine.notes, "open again")
    assert not [message for message in named.page.messages if message["t"] == "toast" and message["code"] == "route_half"], "once is enough"
    await named.page.ask("journal.note", about=about, tags="", text="")

    def taken_away(desk) -> bool:
        engine = paper_and_real(desk)[0].trade.engine
        return engine is not None and about in engine.unnoted and about not in engine.notes

    for _ in range(2):  # the second start may read a snapshot
        await named.restart()
        await until(lambda: taken_away(named), "open, and knows that the note was taken away")
        await named.desk.accounts.sending.recall()
        assert taken_away(named)
        assert not [message for message in named.page.messages if message["t"] == "toast" and message["code"] == "route_half"], "it stays away"


async def test_legs_in_other_accounts_stand_under_the_routed_order_and_are_cancelled_from_there(named):
    paper, real = paper_and_real(named)
    made = await named.page.ask("order.submit", token="a", **resting(named))
    await is_settled(named, made, "accepted")
    (ours,), (theirs,) = of_route(paper, made), of_route(real, made)

    def there() -> dict:
        rows = {}
        for message in named.page.messages:
            if message["t"] == "elsewhere":
                rows = {} if message["reset"] else rows
                rows |= {row["client_order_id"]: row for row in message["rows"]}
        return rows

    await until(lambda: [row["status"] for row in there().values()] == ["accepted"], "the leg elsewhere is told as it stands")
    (row,) = there().values()
    assert (row["client_order_id"], row["account"], row["title"], row["real"]) == (theirs.leg_ids[0], "binance", "Binance", True)
    assert row["whole"] == ours.client_order_id and row["qty"] == made["accounts"][1]["qty"]
    shown = {row["client_order_id"] for message in named.page.messages if message["t"] == "orders" for row in message["rows"]}
    assert shown == set(ours.leg_ids), "and is none of the shown account's orders"
    lower = str(Decimal(row["price"]) - 10)
    found = await named.page.ask("order.amend", account="binance", client_order_id=row["client_order_id"], qty=None, price=lower, stop=None, trail=None)
    assert found.get("outcome") == "amended", found
    await until(lambda: [row["price"] for row in there().values()] == [lower], "the change is told too")
    said = await named.page.ask("order.cancel_many", account="paper", client_order_ids=[], elsewhere={"binance": theirs.leg_ids})
    assert [row["outcome"] for row in said["rows"]] == ["cancelled"]
    await until(lambda: [row["status"] for row in there().values()] == ["cancelled"], "its end is told too")
    assert ours.is_working
    wrong = await named.page.ask("order.cancel_many", account="paper", client_order_ids=[], elsewhere={"alpaca": ["x"]})
    assert wrong["error"]["code"] == "unknown_account"
    await named.page.ask("account.choose", account="binance")
    await until(lambda: [*there()] == ours.leg_ids, "seen from the other account it is the other leg")
    assert there()[ours.leg_ids[0]]["account"] == "paper" and there()[ours.leg_ids[0]]["whole"] == theirs.client_order_id
    assert await named.page.ask("order.cancel", client_order_id=ours.leg_ids[0], account="paper") == {}
    await until(lambda: there()[ours.leg_ids[0]]["status"] == "cancelled", "cancelled from there")
