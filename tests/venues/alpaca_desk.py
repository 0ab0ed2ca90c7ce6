"""A whole desk in CPython on the emulated Alpaca account: vault, key, arming, and the broker's own view of orders, cash and positions."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alpaca.trading.client import TradingClient

from tests.unit.desk.conftest import Page, start_desk
from tests.unit.tcp import cut_off
from tests.venues.alpaca_sim.ledger import Account, Order
from tests.venues.alpaca_sim.server import Emulator
from tests.venues.live_desk import until

PASSPHRASE = b"correct horse battery"
KEY, SECRET = "PKTESTKEY0123456789A", "s3cretOfAnAlpacaAccount0123456789abcdEFG"
SYMBOL = "AAPL"
SYMBOLS = (SYMBOL, "PENY", "BRK.A")
BELOW = Decimal(10)
"""How far below the bid the orders of these tests rest, unless they say otherwise."""


class AlpacaDesk:
    """One desk and the broker it trades with."""

    def __init__(self, emulator: Emulator, page: Page, store: Path) -> None:
        self.emulator, self.page, self.store = emulator, page, store
        self._token = 0

    @property
    def desk(self):
        return self.page.desk

    @property
    def engine(self):
        return self.page.desk.trade.engine

    @property
    def account(self) -> Account:
        return self.emulator.broker.accounts[KEY]

    @property
    def state(self) -> str:
        return self.desk.real.view()["state"]

    @property
    def bid(self) -> Decimal:
        return self.emulator.broker.stocks[SYMBOL].bid

    def asked(self, name: str) -> int:
        """How often a request came."""
        return self.emulator.requests.count(name)

    def orders(self) -> dict[str, str]:
        """Status by client order id."""
        return {cid: order.status.value for cid, order in self.engine.orders.items()}

    def theirs(self, cid: str) -> list[Order]:
        """The broker's orders behind one of ours, the first one first."""
        return [order for order in self.account.orders if order.name.partition("_")[0] == cid]

    async def key(self, secret: str = SECRET, **more) -> dict:
        """Enter the key."""
        fields = {"api_key": KEY, "algorithm": "sent-as-is", "live": False, **more}
        return await self.page.ask("execution.key", secret=bytearray(secret.encode()), **fields)

    async def ready(self) -> None:
        """Reconciled, with balances in the journal, and quotes."""
        try:
            await until(lambda: self.state == "ready" and self.engine is not None and self.engine.balanced, "ready")
            await until(lambda: self.desk.market.book(SYMBOL).is_trusted, "quotes")
            await until(lambda: not self.desk.trade.writer.queued, "what was found is journalled")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.desk.real.view()} {self.desk.venue.connection}") from None

    async def armed(self) -> AlpacaDesk:
        """Vault, key, quotes, reconciled, armed."""
        await self.page.ask("vault.create", secret=bytearray(PASSPHRASE))
        answer = await self.key()
        assert "error" not in answer, answer
        await self.ready()
        answer = await self.page.ask("execution.arm", confirmed=True)
        assert answer["armed"], answer
        return self

    async def submit(self, **fields) -> dict:
        """A limit order to buy 10 below the market, unless ``fields`` say otherwise."""
        self._token += 1
        order = {"symbol": SYMBOL, "side": "buy", "type": "limit", "tif": "day", "qty": "10", "price": str(self.bid - BELOW), "stop": None}
        order |= {"post_only": False, "reduce_only": False, "token": f"t{self._token}"}
        return await self.page.ask("order.submit", **order | fields)

    async def market(self, side: str, qty: str) -> str:
        """A market order, filled."""
        answer = await self.submit(type="market", price=None, side=side, qty=qty)
        assert "error" not in answer, answer
        await self.status(answer["client_order_id"], "filled")
        await self.same_cash()
        return answer["client_order_id"]

    async def same_cash(self) -> None:
        """The desk has asked for what the account holds since the last execution."""
        await until(lambda: self.desk.real.balancing.compare() == {}, f"balances; {self.desk.real.balancing.compare()}")

    async def status(self, cid: str, status: str) -> None:
        """Wait for a status."""
        try:
            await until(lambda: self.orders().get(cid) == status, f"{cid} {status}")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.orders()} {self.desk.real.view()} {self.engine.orders[cid]}") from None

    def answers(self) -> list[str]:
        """The orders of which a whole answer comes from now on."""
        execution, found = self.desk.real.execution, []
        passed_on = execution.answered
        execution.answered = lambda cid, as_of_ns: (found.append(cid), passed_on(cid, as_of_ns))
        return found

    async def looked(self) -> None:
        """The desk has looked at its account again, from now on."""
        asked = self.asked("GET /v2/account")
        self.desk.real.execution.look_again()
        await until(lambda: self.asked("GET /v2/account") > asked, "the account was asked for")

    def fills(self, qty: str) -> None:
        """Somebody trades with what rests below the bid."""
        self.emulator.broker.trade(SYMBOL, self.bid - BELOW, Decimal(qty))

    async def agree(self) -> None:
        """Orders, fills, cash, positions and their average prices are the broker's."""

        def same() -> bool:
            if self.desk.trade.writer.queued or self.desk.real.balancing.compare() != {}:
                return False
            for cid, ours in self.engine.orders.items():
                parts = self.theirs(cid) if ours.intent.origin != "venue" else [each for each in self.account.orders if each.id == ours.venue_order_id]
                if not parts:
                    if ours.sent_ns is not None and ours.status.value not in ("rejected", "denied"):
                        return False
                    continue
                executed = sum((part.filled for part in parts), Decimal(0))
                if ours.filled != executed or ours.is_working != parts[-1].works or (ours.is_working and ours.remaining != parts[-1].left):
                    return False
            return len(self.engine.fills) == len(self.account.executions)

        await until(same, f"desk and broker agree; {self.orders()} {self.desk.real.balancing.compare()} {[vars(order) for order in self.account.orders]}")
        placed = self.emulator.broker.placed
        assert len(set(placed)) == len(placed), "an order was sent twice"
        assert not self.engine.anomalies, self.engine.anomalies
        for symbol, qty in self.account.positions.items():
            position = self.engine.portfolio.positions.get(symbol)
            assert (position.qty if position is not None else 0) == qty
            if qty:
                theirs = self.account.average(symbol)
                assert abs(position.average_price - theirs) <= theirs / 10_000, (position.average_price, theirs)

    async def stop(self) -> None:
        """The tab is closed."""
        await self.desk.stop()
        await self.desk.around.http.close()

    async def restart(self) -> AlpacaDesk:
        """The tab is closed and opened again: a new desk on the same vault, unlocked and reconciled, not armed."""
        await self.stop()
        self.page = await start_alpaca(self.emulator, self.store)
        await self.page.ask("vault.unlock", secret=bytearray(PASSPHRASE))
        return self


async def start_alpaca(emulator: Emulator, store: Path, **more) -> Page:
    """A desk set to the broker's account."""
    addresses = {"alpaca_ws": emulator.ws, "alpaca_rest": emulator.http, "alpaca_trade": emulator.http}
    return await start_desk(store, **{"venue": "alpaca", "account": "alpaca", "addresses": addresses, "symbols": {"alpaca": SYMBOLS}, **more})


@asynccontextmanager
async def alpaca_desk(tmp_path: Path, **options) -> AsyncIterator[AlpacaDesk]:
    """A desk without a vault yet, and its broker."""
    emulator = await Emulator(**options).start()
    emulator.open(KEY, SECRET)
    store = tmp_path / "vault.sqlite"
    desk = AlpacaDesk(emulator, await start_alpaca(emulator, store), store)
    try:
        yield desk
    finally:
        await desk.stop()
        await emulator.close()
        await cut_off()


def sdk(emulator: Emulator) -> TradingClient:
    """alpaca-py with the account's key; its calls block, so they go through `asyncio.to_thread`."""
    return TradingClient(KEY, SECRET, paper=True, url_override=emulator.http)


async def called(function, *arguments):
    """What a blocking call gives."""
    return await asyncio.to_thread(function, *arguments)
