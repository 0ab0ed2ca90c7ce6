"""The router over paper and the emulated accounts of Binance and Alpaca at once: what both real accounts list goes nowhere by mistake, an equity to
paper and Alpaca, a pair to paper and Binance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.desk.conftest import BUY, start_desk
from tests.unit.tcp import cut_off
from tests.venues import alpaca_desk
from tests.venues.alpaca_sim.server import Emulator as Broker
from tests.venues.exec_desk import PASSPHRASE, SYMBOL, RealDesk
from tests.venues.exec_sdks import KEY, SECRET, open_accounts
from tests.venues.live_desk import emulating, until
from tests.venues.test_routing_accounts import of_route, replays

D = Decimal
ALL = "paper,binance,alpaca"
STOCK, PAIR = "AAPL.ALPACA", f"{SYMBOL}.BINANCE"


class Three(RealDesk):
    """The desk of all three, and both emulators."""

    broker: Broker

    @property
    def stock(self):
        return self.broker.broker.stocks["AAPL"]

    @property
    def theirs_there(self):
        return self.broker.broker.accounts[alpaca_desk.KEY]

    def named(self, name: str):
        return self.desk.accounts.named(name)


@asynccontextmanager
async def three_desks(tmp_path: Path) -> AsyncIterator[Three]:
    async with emulating() as exchange:
        open_accounts(exchange)
        broker = await Broker().start()
        broker.open(alpaca_desk.KEY, alpaca_desk.SECRET)
        store = tmp_path / "vault.sqlite"
        addresses = {"binance_ws": exchange.ws, "binance_rest": exchange.http, "binance_trade": exchange.api}
        addresses |= {"alpaca_ws": broker.ws, "alpaca_rest": broker.http, "alpaca_trade": broker.http}
        symbols = {"binance": (SYMBOL,), "alpaca": alpaca_desk.SYMBOLS}
        page = await start_desk(store, venue="binance,alpaca", account=ALL, addresses=addresses, symbols=symbols)
        desk = Three(exchange, page, store, accounts=ALL)
        desk.broker = broker
        try:
            yield desk
        finally:
            await desk.desk.stop()
            await desk.desk.around.http.close()
            await broker.close()
            await cut_off()


@pytest.fixture
async def three(tmp_path) -> AsyncIterator[Three]:
    """All armed, and named in the rule."""
    async with three_desks(tmp_path) as desk:
        page = desk.page
        await page.ask("vault.create", secret=bytearray(PASSPHRASE))
        there = {"api_key": alpaca_desk.KEY, "algorithm": "sent-as-is", "live": False, "account": "alpaca"}
        answers = [
            await page.ask("execution.key", secret=bytearray(SECRET.encode()), api_key=KEY, algorithm="HMAC-SHA256", account="binance"),
            await page.ask("execution.key", secret=bytearray(alpaca_desk.SECRET.encode()), **there),
        ]
        assert not any("error" in answer for answer in answers), answers

        def ready() -> bool:
            desk.emulator.player.step(5)
            accounts = [desk.named(name) for name in ("binance", "alpaca")]
            if not all(each.real.view()["state"] == "ready" and each.trade.engine.balanced for each in accounts):
                return False
            return all(desk.desk.market.book(symbol).is_trusted for symbol in (STOCK, PAIR))

        await until(ready, "both ready, with books")
        for name in ("binance", "alpaca"):
            armed = await page.ask("execution.arm", confirmed=True, account=name)
            assert armed["armed"], armed
        said = await page.ask("routing", rules={"accounts": ALL})
        assert said["rules"]["accounts"] == ALL, said
        yield desk


def shares(three: Three, qty: str, **more) -> dict:
    """A purchase of the stock, 10 below the market."""
    return {**BUY, "symbol": STOCK, "type": "limit", "tif": "day", "qty": qty, "price": str(three.stock.bid - 10), "route": "split", **more}


def status_in(three: Three, made: dict) -> dict[str, str]:
    return {name: routed.status.value for name in ALL.split(",") for routed in of_route(three.named(name), made)}


async def test_what_one_account_does_not_list_is_left_out_of_it_with_the_reason(three):
    seen = await three.page.ask("order.preview", **shares(three, "5"))
    assert "error" not in seen, seen
    against = {row["account"]: row for row in seen["route"]["verdicts"]}
    assert against["binance"]["code"] == "no_account" and "does not trade there" in against["binance"]["words"]
    assert {leg["account"] for leg in seen["route"]["legs"]} <= {"paper", "alpaca"}
    pair = {**BUY, "symbol": PAIR, "type": "limit", "tif": "gtc", "qty": "0.1", "price": str(three.bid - 500), "route": "split"}
    seen = await three.page.ask("order.preview", **pair)
    against = {row["account"]: row["code"] for row in seen["route"]["verdicts"]}
    assert against["alpaca"] == "no_account" and {leg["account"] for leg in seen["route"]["legs"]} <= {"paper", "binance"}


async def test_an_equity_is_split_over_paper_and_alpaca_and_cancelled_in_both(three):
    made = await three.page.ask("order.submit", token="a", **shares(three, "700"))
    assert "error" not in made, made
    assert {row["account"]: row["sent"] for row in made["accounts"]} == {"paper": True, "alpaca": True}
    assert sum(D(row["qty"]) for row in made["accounts"]) == 700
    await until(lambda: status_in(three, made) == {"paper": "accepted", "alpaca": "accepted"}, "both work")
    (theirs,) = of_route(three.named("alpaca"), made)
    assert [order.name for order in three.theirs_there.orders] == theirs.leg_ids and not three.account.orders
    assert await three.page.ask("order.cancel", client_order_id=made["client_order_id"], account="paper") == {}
    await until(lambda: status_in(three, made) == {"paper": "cancelled", "alpaca": "cancelled"}, "cancelled in both")
    for name in ("paper", "alpaca"):
        await replays(three.named(name))


async def test_whole_shares_till_cancelled_are_split_into_whole_shares(three):
    made = await three.page.ask("order.submit", token="a", **shares(three, "700", tif="gtc"))
    assert "error" not in made, made
    assert {row["account"]: row["qty"] for row in made["accounts"]} == {"paper": "555", "alpaca": "145"}, "the broker takes fractions for the day only"
    await until(lambda: status_in(three, made) == {"paper": "accepted", "alpaca": "accepted"}, "both work")


async def test_what_alpaca_has_not_is_not_rehearsed_on_paper_there(three):
    for more, words in (({"tif": "gtd", "expires_ns": three.desk.around.clock.now_ns() + 10**15}, "GTD"), ({"post_only": True}, "post-only")):
        seen = await three.page.ask("order.preview", **shares(three, "5", route="best", **more))
        assert seen["error"]["code"] == "route_nowhere" and f"Alpaca has no {words} orders" in seen["error"]["reason"], seen


async def test_a_leg_that_the_broker_rejects_is_told_and_not_sent_elsewhere(three):
    three.broker.faults.add("answer", match="POST /v2/orders", status=403, text='{"code": 40310000, "message": "insufficient buying power"}')
    made = await three.page.ask("order.submit", token="a", **shares(three, "700"))
    assert {row["account"]: row["sent"] for row in made["accounts"]} == {"paper": True, "alpaca": True}, made
    await until(lambda: status_in(three, made) == {"paper": "accepted", "alpaca": "rejected"}, "one rejected")
    (theirs,), (ours,) = of_route(three.named("alpaca"), made), of_route(three.named("paper"), made)
    assert "insufficient buying power" in theirs.reason and not three.theirs_there.orders
    assert [order.client_order_id for order in three.named("paper").trade.engine.orders.values()] == ours.leg_ids, "nothing is sent elsewhere by itself"
    elsewhere = [row for message in three.page.messages if message["t"] == "elsewhere" for row in message["rows"]]
    assert elsewhere[-1]["account"] == "alpaca" and elsewhere[-1]["status"] == "rejected"
    assert await three.page.ask("order.cancel", client_order_id=made["client_order_id"], account="paper") == {}
    await until(lambda: ours.status.value == "cancelled", "the other part is cancelled")


async def test_selling_what_one_account_holds_goes_there(three):
    bought = await three.page.ask("order.submit", token="a", account="alpaca", **shares(three, "10", type="market", price=None, route="this"))
    assert "error" not in bought, bought
    alpaca = three.named("alpaca")
    await until(lambda: alpaca.trade.engine.portfolio.qty(STOCK) == 10, "held at the broker")
    ticket = shares(three, "10", side="sell", type="market", price=None, reduce_only=True, route="best")
    seen = await three.page.ask("order.preview", **ticket)
    assert [leg["account"] for leg in seen["route"]["legs"]] == ["alpaca"], seen
    made = await three.page.ask("order.submit", token="b", **ticket)
    assert [row["account"] for row in made["accounts"]] == ["alpaca"]
    await until(lambda: alpaca.trade.engine.portfolio.qty(STOCK) == 0, "sold there")


async def test_a_pair_is_split_over_paper_and_binance_beside_the_broker(three):
    pair = {**BUY, "symbol": PAIR, "type": "limit", "tif": "gtc", "qty": "2.5", "price": str(three.bid - 500), "route": "split"}
    made = await three.page.ask("order.submit", token="a", **pair)
    assert {row["account"]: row["sent"] for row in made["accounts"]} == {"paper": True, "binance": True}, made
    await until(lambda: status_in(three, made) == {"paper": "accepted", "binance": "accepted"}, "both work")
    assert not three.theirs_there.orders
    await three.page.ask("order.cancel", client_order_id=made["client_order_id"], account="paper")
    await until(lambda: status_in(three, made) == {"paper": "cancelled", "binance": "cancelled"}, "cancelled in both")
