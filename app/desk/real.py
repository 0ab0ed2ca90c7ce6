"""The account at a real venue: its key, arming, the journal's opening, and whether journal and venue hold the same.

Sits between trading and the venue's execution. The key's secret stays in the vault: what comes out are signatures. Real orders leave only
while they are armed, which a person does anew after every start, lock and change of the key.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.units import BadNumber, parse_decimal
from app.platform.interfaces import ED25519, HMAC_SHA256
from app.trading.marks import DeskView
from app.trading.order import Order
from app.trading.synthetic import adjustment
from app.vault import VaultError
from app.venues.binance.api import Credentials
from app.venues.binance.trading import BinanceTrading

from .errors import Refusal
from .rows import plain
from .settings import Settings
from .surroundings import Surroundings

ACCOUNTS = "accounts"
_API_KEY = re.compile(r"[A-Za-z0-9]{8,128}\Z")
ZERO = Decimal(0)


class RealAccount:
    """The `Ledger` of the venue's execution. ``send`` posts a message to the page; ``told`` is called when readiness has changed."""

    def __init__(self, around: Surroundings, settings: Settings, view: DeskView, send: Callable[[dict], None], told: Callable[[], None]) -> None:
        self._around, self._view, self._send, self._told = around, view, send, told
        self._trade: Any = None
        self._keeping: Any = None
        self._key: dict | None = None
        self._seen: dict[str, tuple[Decimal, Decimal]] = {}
        self._differences: dict[str, tuple[Decimal, Decimal]] = {}
        self._sent: dict | None = None
        self._settling = False
        self.execution = BinanceTrading(
            sockets=around.sockets,
            clock=around.clock,
            scheduler=around.scheduler,
            rng=random.Random(int.from_bytes(around.entropy.random_bytes(8), "big")),
            instruments=view.instruments,
            ledger=self,
            report=lambda found: self._trade.writer.report(found),
            changed=self._changed,
            url=settings.addresses.get("binance_trade", ""),
        )

    def join(self, trade: Any, keeping: Any) -> None:
        """The desk is put together."""
        self._trade, self._keeping = trade, keeping
        trade.began = self._begin

    # what the venue asks

    @property
    def account(self) -> str:
        """The journal's name of the account, "" while none is open."""
        engine = self._trade.engine
        return engine.account if engine is not None else ""

    def order(self, client_order_id: str) -> Order | None:
        """An order of the engine."""
        engine = self._trade.engine
        return engine.orders.get(client_order_id) if engine is not None else None

    def knows_fill(self, fill_id: str) -> bool:
        """Whether a fill has been applied."""
        engine = self._trade.engine
        return engine is not None and engine.knows_fill(fill_id)

    def working(self) -> Iterable[Order]:
        """Orders that may work."""
        engine = self._trade.engine
        return engine.working.values() if engine is not None else ()

    def mark(self, symbol: str) -> Decimal | None:
        """The present price."""
        found = self._view.mark(symbol)
        return found.price if found is not None else None

    def belongs(self, account: dict) -> str:
        """Open the journal for the venue's account, or say why it is another's; "" when all is well."""
        uid, engine = account.get("uid"), self._trade.engine
        if type(uid) is not int:
            return "the venue did not say whose account this is"
        if engine is None:
            return "the account is closed"
        if not engine.opened:
            # Random besides: a second journal of the same account must not give the ids of the first again.
            engine.account = f"binance-{uid}-{self._around.entropy.random_bytes(6).hex()}"
            currency = self._view.settings.currency
            self._trade.writer.report([events.AccountOpened(self._around.clock.now_ns(), engine.account, currency, ZERO)])
        elif not engine.account.startswith(f"binance-{uid}-"):
            return "this key belongs to another account than this journal: use the key of that account, or another vault"
        self._trade.use_fees(*_fees(account))
        return ""

    def ask_about_everything(self) -> None:
        """Every order that may have changed is owed an answer."""
        if self._trade.engine is not None:
            self._trade.resolver.reconcile(self._trade.engine)

    def not_found(self, client_order_id: str) -> list[Event]:
        """The venue has no such order."""
        return self._trade.resolver.not_found(client_order_id)

    # balances

    def second(self) -> None:
        """Compare what the journal says with what the venue holds; a difference counts once it was seen twice."""
        engine = self._trade.engine
        if engine is None or not engine.opened or not self.execution.is_ready or self._trade.writer.queued:
            return
        if not engine.balanced:
            self._open_balances()
            return
        found = self._compare()
        lasting = {asset: pair for asset, pair in found.items() if self._seen.get(asset) == pair}
        if lasting != self._differences and lasting:
            self.ask_about_everything()  # a report may have been lost
            self.execution.look_again()
        self._differences, self._seen = lasting, found
        self._changed()

    def _compare(self) -> dict[str, tuple[Decimal, Decimal]]:
        """(ours, theirs) of every asset in which they differ."""
        ours = dict(self._trade.engine.portfolio.cash)
        for symbol, position in self._trade.engine.portfolio.positions.items():
            if (item := self._view.instruments.get(symbol)) is not None:
                ours[item.base] = ours.get(item.base, ZERO) + position.qty
        theirs = {asset: free + locked for asset, (free, locked) in self.execution.balances.items()}
        pairs = {asset: (ours.get(asset, ZERO), theirs.get(asset, ZERO)) for asset in {*ours, *theirs}}
        return {asset: pair for asset, pair in sorted(pairs.items()) if pair[0] != pair[1]}

    def _open_balances(self) -> None:
        """A new journal begins with what the venue holds."""
        if not self._settling and not any(self._adjustment(asset, *pair, "") is None for asset, pair in self._compare().items()):
            self._settling = True
            self._around.scheduler.create_task(self._opening())

    async def _opening(self) -> None:
        try:
            await self._adjust("held at the venue when the journal was opened")
        except Exception as error:  # the journal does not take it now, and says so itself: the next second tries again
            if not isinstance(error, Refusal):
                raise
        finally:
            self._settling = False
            self._changed()

    async def settle(self) -> dict:
        """Take the venue's balances as they are."""
        if not self.execution.is_ready:
            raise Refusal("not_ready", "the venue has not been reconciled", "wait until it has")
        await self._adjust("the venue's word, taken by the trader")
        self._seen, self._differences = {}, {}
        return self.view()

    async def _adjust(self, reason: str) -> None:
        def decide() -> list[Event]:
            found = [self._adjustment(asset, *pair, reason) for asset, pair in self._compare().items()]
            if not found and not self._trade.engine.balanced:
                found = [adjustment(self._trade.engine, self._around.clock.now_ns(), self._view.settings.currency, ZERO, ZERO, reason)]
            return [event for event in found if event is not None]

        await self._trade.writer.command(decide)

    def _adjustment(self, asset: str, ours: Decimal, theirs: Decimal, reason: str) -> Event | None:
        """The event that makes ours theirs; None while the price of a holding is not known."""
        currency, now = self._view.settings.currency, self._around.clock.now_ns()
        for symbol, item in self._view.instruments.items():
            if item.base == asset and item.quote == currency:
                price = self.mark(symbol)
                return None if price is None else adjustment(self._trade.engine, now, asset, ours, theirs, reason, (symbol, price, currency))
        return adjustment(self._trade.engine, now, asset, ours, theirs, reason)

    # key and arming

    def _begin(self) -> None:
        """The journal is open: connect, where there is a key."""
        self._seen, self._differences = {}, {}
        self._around.scheduler.create_task(self._connect())

    async def _connect(self) -> None:
        vault, name = self._keeping.vault, self.execution.name
        try:
            record = await vault.get(ACCOUNTS, name) if vault is not None and vault.state == "open" else None
            if record is None:
                self._key = None
            else:
                self._key = json.loads(record)
                self.execution.start(Credentials(self._key["api_key"], await vault.signer(name)))
        except (VaultError, ValueError, KeyError) as error:
            self._key = None
            self.execution.refused(f"the key in the vault cannot be used ({error}): enter it again")
        self._changed()

    async def keep_key(self, api_key: Any, algorithm: Any, secret: Any) -> dict:
        """Put a key into the vault and connect with it. The secret is a buffer of the page and is wiped."""
        if secret is None:
            raise Refusal("secret_needed", "the secret is missing", "type it again", "secret")
        if not isinstance(api_key, str) or not _API_KEY.match(api_key):
            raise Refusal("bad_api_key", "an API key is 8 to 128 letters and digits", "copy it from the venue again", "api_key")
        if algorithm not in (HMAC_SHA256, ED25519):
            raise Refusal("bad_algorithm", "the kind of key is not known", f"use {HMAC_SHA256} or {ED25519}", "algorithm")
        vault = self._open_vault()
        self.execution.stop()
        name = self.execution.name
        await vault.keep_signing_secret(name, algorithm, secret)
        await vault.put(ACCOUNTS, name, json.dumps({"algorithm": algorithm, "api_key": api_key}).encode())
        await self._connect()
        return self.view()

    async def forget_key(self) -> dict:
        """Disconnect and remove the key."""
        vault = self._open_vault()
        self.execution.stop()
        await vault.delete(ACCOUNTS, self.execution.name)
        await vault.delete("secrets", self.execution.name)
        self._key = None
        self._changed()
        return self.view()

    def arm(self, confirmed: Any) -> dict:
        """Let real orders leave from now on; only ever asked for by a person who was told so."""
        if confirmed is not True:
            raise Refusal("not_confirmed", "real orders would be sent: that has to be confirmed", "confirm it on the vault page", "confirmed")
        if self._key is None:
            raise Refusal("no_key", "there is no key of the account in the vault", "enter it first")
        self.execution.armed = True
        self._changed()
        return self.view()

    def disarm(self) -> dict:
        """No new order leaves; what works at the venue works on, and can be cancelled."""
        self.execution.armed = False
        self._changed()
        return self.view()

    def refusal(self) -> str:
        """Why no new order is taken now, in words; empty when some are."""
        if self._key is None:
            return "this desk is set to the Binance account, and there is no key for it in an open vault"
        if not self.execution.armed:
            return "real orders are not armed"
        word, why = self._state()
        return "" if word == "ready" else f"the Binance account is {word}{': ' + why if why else ''}"

    def _state(self) -> tuple[str, str]:
        """The venue's state; reconciled only once the journal holds what the venue holds."""
        word, why = self.execution.state
        engine = self._trade.engine
        if word == "ready" and engine is not None and not engine.balanced:
            return "reconciling", "waiting for the prices of what the venue holds"
        return word, why

    def view(self) -> dict:
        """The ``execution`` message."""
        word, why = self._state()
        engine = self._trade.engine
        foreign = sum(order.intent.origin == "venue" for order in engine.working.values()) if engine is not None else 0
        return {
            "name": self.execution.name,
            "state": word,
            "detail": why,
            "armed": self.execution.armed,
            "key": None if self._key is None else {"ends": self._key["api_key"][-4:], "algorithm": self._key["algorithm"]},
            "found": foreign,
            "differences": [{"asset": asset, "ours": plain(ours), "theirs": plain(theirs)} for asset, (ours, theirs) in self._differences.items()],
        }

    def _changed(self) -> None:
        if self._trade is None:
            return
        engine = self._trade.engine
        if engine is not None and engine.opened and not engine.balanced and self.execution.is_ready:
            self._open_balances()
        view = self.view()
        if view != self._sent:
            self._sent = view
            self._send({"t": "execution", **view})
            self._told()

    def _open_vault(self) -> Any:
        if self._keeping.state != "unlocked":
            raise Refusal("not_unlocked", "the key lies in the vault, which is not open", "make a vault or unlock it first")
        return self._keeping.vault


def _fees(account: dict) -> tuple[Decimal, Decimal]:
    """Maker and taker fee in basis points; 10 where the venue does not say."""
    rates = account.get("commissionRates")
    found = []
    for name in ("maker", "taker"):
        try:
            found.append(parse_decimal(rates[name]) * 10_000)
        except (BadNumber, KeyError, TypeError):
            found.append(Decimal(10))
    return found[0], found[1]
