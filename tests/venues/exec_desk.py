"""A whole desk in CPython on the emulated exchange's account: vault, key, arming, and the exchange's own view of orders and balances."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from app.venues.binance.replacing import new_id
from tests.unit.desk.conftest import Page, start_desk
from tests.venues.binance_sim.ledger import Account, Order
from tests.venues.binance_sim.server import Emulator
from tests.venues.exec_sdks import ED_KEY, ED_PEM, KEY, SECRET, open_accounts
from tests.venues.live_desk import emulating, until

PASSPHRASE = b"correct horse battery"
SYMBOL = "BTCUSDT"
HMAC, ED25519 = "HMAC-SHA256", "Ed25519"


class RealDesk:
    """One desk and the exchange it trades on."""

    def __init__(self, emulator: Emulator, page: Page, store: Path, algorithm: str = HMAC, accounts: str = "binance") -> None:
        self.emulator, self.page, self.store, self.algorithm, self.accounts = emulator, page, store, algorithm, accounts
        self._token = 0

    @property
    def desk(self):
        return self.page.desk

    @property
    def engine(self):
        return self.desk.accounts.named("binance").trade.engine

    @property
    def real(self):
        return self.desk.accounts.named("binance").real

    @property
    def account(self) -> Account:
        return self.emulator.exchange.accounts[KEY if self.algorithm == HMAC else ED_KEY]

    @property
    def state(self) -> str:
        return self.real.view()["state"]

    @property
    def bid(self) -> Decimal:
        return Decimal(self.emulator.player.markets[SYMBOL].best()["bidPrice"])

    @property
    def ask(self) -> Decimal:
        return Decimal(self.emulator.player.markets[SYMBOL].best()["askPrice"])

    def orders(self) -> dict[str, str]:
        """Status by client order id."""
        return {cid: order.status.value for cid, order in self.engine.orders.items()}

    def theirs(self, cid: str) -> Order:
        """The exchange's order."""
        return next(order for order in self.account.orders if order.name == cid)

    async def market(self) -> None:
        """Play until the book is in step."""
        for _ in range(2_000):
            if self.desk.market.book(SYMBOL).is_trusted:
                return
            self.emulator.player.step(5)
            await asyncio.sleep(0.005)
        raise AssertionError("the book was never in step")

    async def key(self, wrong: bool = False) -> dict:
        """Enter the key."""
        secret = SECRET.encode() if self.algorithm == HMAC else ED_PEM
        api_key = KEY if self.algorithm == HMAC else ED_KEY
        if wrong:
            secret = b"x" * 64
        return await self.page.ask("execution.key", secret=bytearray(secret), api_key=api_key, algorithm=self.algorithm)

    async def ready(self) -> None:
        """Reconciled, with balances in the journal."""
        await until(lambda: self.state == "ready" and self.engine is not None and self.engine.balanced, f"ready; {self.real.view()}")

    async def armed(self) -> RealDesk:
        """Vault, key, market, reconciled, armed."""
        await self.page.ask("vault.create", secret=bytearray(PASSPHRASE))
        await self.market()
        await self.key()
        await self.ready()
        answer = await self.page.ask("execution.arm", confirmed=True)
        assert answer["armed"], answer
        return self

    async def submit(self, **fields) -> dict:
        """A limit order to buy 0.1 below the market, unless ``fields`` say otherwise."""
        self._token += 1
        order = {"symbol": SYMBOL, "side": "buy", "type": "limit", "tif": "gtc", "qty": "0.1", "price": str(self.bid - 100), "stop": None}
        order |= {"post_only": False, "reduce_only": False, "token": f"t{self._token}"}
        return await self.page.ask("order.submit", **order | fields)

    async def status(self, cid: str, status: str) -> None:
        """Wait for a status."""
        try:
            await until(lambda: self.orders().get(cid) == status, f"{cid} {status}")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.orders()} {self.real.view()}") from None

    def lasts(self) -> dict[int, Decimal]:
        """The exchange's orders that replaced others, or that nothing replaced: by number what had been executed of those before."""
        found: dict[int, Decimal] = {}
        born = self.emulator.exchange.placed
        replaced: dict[str, tuple[str, Order]] = {}
        for order in self.account.orders:
            name = born[order.number - 1000]
            cid, old = replaced.get(name, (name if name in self.engine.orders else f"venue-{order.symbol.lower()}-{order.number}", None))
            found[order.number] = Decimal(0) if old is None else found.pop(old.number) + old.executed
            replaced[new_id(cid, order.number)] = cid, order
        return found

    async def agree(self) -> None:
        """Orders, fills and balances are the exchange's."""

        def same() -> bool:
            if self.desk.trade.writer.queued or self.real.balancing.compare():
                return False
            for number, before in self.lasts().items():
                order = next(order for order in self.account.orders if order.number == number)
                ours = next((each for each in self.engine.orders.values() if each.venue_order_id == str(number)), None)
                if ours is None or ours.price != (order.price or None):
                    return False
                executed = before + order.executed
                if executed > ours.qty or ours.qty not in (before + order.qty, executed):
                    return False
                if ours.filled != executed or ours.is_working != order.works:
                    return False
                if sum((fill.qty for fill in self.engine.fills if fill.client_order_id == ours.client_order_id), Decimal(0)) != executed:
                    return False
            return True

        await until(same, f"desk and exchange agree; {self.orders()} {self.real.balancing.compare()} {[vars(order) for order in self.account.orders]}")
        assert len(set(self.emulator.exchange.placed)) == len(self.emulator.exchange.placed), "an order was sent twice"
        assert not self.engine.anomalies, self.engine.anomalies

    async def restart(self) -> RealDesk:
        """The tab is closed and opened again: a new desk on the same vault, unlocked and reconciled, not armed."""
        await self.desk.stop()
        self.page = await start_real(self.emulator, self.store, self.accounts)
        await self.page.ask("vault.unlock", secret=bytearray(PASSPHRASE))
        return self


async def start_real(emulator: Emulator, store: Path, accounts: str = "binance") -> Page:
    """A desk set to the exchange's account."""
    addresses = {"binance_ws": emulator.ws, "binance_rest": emulator.http, "binance_trade": emulator.api}
    return await start_desk(store, venue="binance", account=accounts, addresses=addresses, symbols={"binance": (SYMBOL,)})


@asynccontextmanager
async def real_desk(tmp_path: Path, algorithm: str = HMAC, accounts: str = "binance", **options) -> AsyncIterator[RealDesk]:
    """A desk without a vault yet, and its exchange."""
    async with emulating(**options) as emulator:
        open_accounts(emulator)
        store = tmp_path / "vault.sqlite"
        desk = RealDesk(emulator, await start_real(emulator, store, accounts), store, algorithm, accounts)
        try:
            yield desk
        finally:
            await desk.desk.stop()


@asynccontextmanager
async def with_paper(tmp_path: Path) -> AsyncIterator[RealDesk]:
    """The paper account, which is shown, beside the exchange's, ready and armed."""
    async with real_desk(tmp_path, accounts="paper,binance") as desk:
        yield await desk.armed()


def lose(desk: RealDesk, lost: str, method: str, **reports) -> None:
    """The next answer to a method goes the way of ``lost``; unless that is "the answer" alone, these reports do too."""
    desk.emulator.inject("api_cut" if lost == "the line" else "api_drop", match=method)
    if lost != "the answer":
        desk.emulator.inject("event_drop", **reports)


async def find_out(desk: RealDesk, lost: str, asking: asyncio.Task, order: Order, then: str, whole: str) -> None:
    """Something happens to an order whose answer was lost, meanwhile "the desk" itself may be gone; and it comes to be ready again."""
    if lost == "the desk":
        await desk.desk.stop()
        asking.cancel()
    if then == "cancelled":
        desk.emulator.exchange.cancel(order)
    elif then != "working":
        desk.emulator.exchange.trade(SYMBOL, order.price, Decimal(whole if then == "filled" else "0.05"))
    if lost == "the desk":
        await desk.restart()
    await desk.ready()
