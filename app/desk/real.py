"""The account at a real venue: its key, arming, the journal's opening, and whether journal and venue hold the same.

Sits between trading and the venue's execution; what is particular to a venue is in `realvenues`, what balances amount to in `balancing`.
The key's secret stays in the vault. Real orders leave only while they are armed, which a person does anew after every start, lock and
change of the key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.orders import Fill
from app.trading.marks import DeskView
from app.trading.order import Order

from .accountkeys import AccountKeys
from .balancing import Balancing
from .errors import Refusal
from .realvenues import OwnProxy, account_of
from .rows import plain
from .settings import Settings
from .surroundings import Surroundings

ZERO = Decimal(0)


class RealAccount:
    """The `Ledger` of the venue's execution. ``send`` posts a message to the page; ``told`` is called when readiness has changed."""

    def __init__(
        self,
        around: Surroundings,
        name: str,
        settings: Settings,
        view: DeskView,
        send: Callable[[dict], None],
        told: Callable[[], None],
        own_proxy: OwnProxy,
    ) -> None:
        self._around, self._settings, self._view, self._send, self._told = around, settings, view, send, told
        self.kind = account_of(name)
        self._trade: Any = None
        self._keys: Any = None
        self._sent: dict | None = None
        self._connection = 0
        """Counts how often the execution stopped being ready."""
        self._written: int | None = None
        """At which count all that was found before it was ready is in the journal."""
        self._writing = False
        self.key_changed: Callable[[], object] = lambda: None
        """Called when the vault has another key of the account, or none."""
        self.refined: Callable[[list], object] = lambda _instruments: None
        """Called with instruments whose rules are known better."""
        view.settings = replace(view.settings, currency=self.kind.currency)
        self.execution = self.kind.execution(
            around,
            settings,
            view,
            own_proxy,
            ledger=self,
            report=lambda found: self._trade.writer.report(found),
            changed=self._changed,
            refined=lambda instruments: self.refined(instruments),
        )
        self.balancing = Balancing(self, around, view)

    def join(self, trade: Any, keeping: Any) -> None:
        """The desk is put together."""
        self._trade = trade
        self._keys = AccountKeys(self.execution.name, self.kind, self._settings, keeping)
        trade.began = self._begin

    @property
    def trade(self) -> Any:
        """The trading side of the desk."""
        return self._trade

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

    def fills(self, client_order_id: str) -> list[Fill]:
        """The fills applied to an order."""
        engine = self._trade.engine
        return [*engine.fills.having(client_order_id)] if engine is not None and client_order_id else []

    def knows_fill(self, fill_id: str) -> bool:
        """Whether a fill has been applied."""
        engine = self._trade.engine
        return engine is not None and engine.knows_fill(fill_id)

    def working(self) -> Collection[Order]:
        """Orders that may work."""
        engine = self._trade.engine
        return engine.working.values() if engine is not None else ()

    def mark(self, symbol: str) -> Decimal | None:
        """The present price."""
        found = self._view.mark(symbol)
        return found.price if found is not None else None

    def belongs(self, uid: str, maker_bps: Decimal, taker_bps: Decimal) -> str:
        """Open the journal for the venue's account, or say why it is another's; "" when all is well."""
        engine, name = self._trade.engine, self.execution.name
        if not uid:
            return "the venue did not say whose account this is"
        if engine is None:
            return "the account is closed"
        if not engine.opened:
            # Random besides: a second journal of the same account must not give the ids of the first again.
            engine.account = f"{name}-{uid}-{self._around.entropy.random_bytes(6).hex()}"
            currency = self._view.settings.currency
            self._trade.writer.report([events.AccountOpened(self._around.clock.now_ns(), engine.account, currency, ZERO)])
        elif not engine.account.startswith(f"{name}-{uid}-"):
            return "this key belongs to another account than this journal: use the key of that account, or another vault"
        self._trade.use_fees(maker_bps, taker_bps)
        return ""

    def ask_about_everything(self) -> None:
        """Every order that may have changed is owed an answer."""
        if self._trade.engine is not None:
            self._trade.resolver.reconcile(self._trade.engine)

    def owe(self, client_order_id: str) -> None:
        """An order has changed in a way that only an answer about it tells: it is asked about until one has come."""
        self._trade.resolver.owe(client_order_id)

    def not_found(self, client_order_id: str) -> list[Event]:
        """The venue has no such order."""
        return self._trade.resolver.not_found(client_order_id)

    def second(self) -> None:
        """Compare what the journal says with what the venue holds."""
        self._write_first()
        self.balancing.second()

    async def settle(self) -> dict:
        """Take the venue's balances as they are."""
        await self.balancing.settle()
        return self.view()

    # key and arming

    def _begin(self) -> None:
        """The journal is open: connect, where there is a key."""
        self.balancing.forget()
        self._around.scheduler.create_task(self._connect())

    async def _connect(self) -> None:
        found = None
        try:
            found = await self._keys.credentials()
            if found is not None:
                self.execution.start(found)
        except ValueError as error:
            self.execution.refused(str(error))
        self._changed()

    async def keep_key(self, api_key: Any, algorithm: Any, secret: Any, live: Any = None) -> dict:
        """Put a key into the vault and connect with it. The secret is a buffer of the page and is wiped."""
        if secret is None:
            raise Refusal("secret_needed", "the secret is missing", "type it again", "secret")
        record = self.kind.record(self._settings, api_key, algorithm, live)
        self._keys.vault()
        self.execution.stop()
        await self._keys.keep(record, secret)
        await self._connect()
        self.key_changed()
        return self.view()

    async def forget_key(self) -> dict:
        """Disconnect and remove the key."""
        self._keys.vault()
        self.execution.stop()
        await self._keys.forget()
        self.key_changed()
        self._changed()
        return self.view()

    def arm(self, confirmed: Any) -> dict:
        """Let real orders leave from now on; only ever asked for by a person who was told so."""
        if confirmed is not True:
            raise Refusal("not_confirmed", "real orders would be sent: that has to be confirmed", "confirm it on the vault page", "confirmed")
        if self.key is None:
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
        if self.key is None:
            return f"this desk is set to the {self.kind.title} account, and there is no key for it in an open vault"
        if not self.execution.armed:
            return "real orders are not armed"
        word, why = self._state()
        return "" if word == "ready" else f"the {self.kind.title} account is {word}{': ' + why if why else ''}"

    @property
    def key(self) -> dict | None:
        """What is kept of the key beside its secret; None while there is none in an open vault."""
        return self._keys.record if self._keys is not None else None

    def _state(self) -> tuple[str, str]:
        """The venue's state; reconciled only once the journal holds what the venue holds, and what was found on the way there."""
        word, why = self.execution.state
        engine = self._trade.engine
        if word == "ready" and self._written != self._connection:
            return "reconciling", "what was found is being written into the journal"
        if word == "ready" and engine is not None and not engine.balanced:
            return "reconciling", "waiting for the prices of what the venue holds"
        return word, why

    def view(self) -> dict:
        """The ``execution`` message."""
        word, why = self._state()
        engine, key = self._trade.engine, self.key
        foreign = sum(order.intent.origin == "venue" for order in engine.working.values()) if engine is not None else 0
        return {
            "name": self.execution.name,
            "state": word,
            "detail": why,
            "armed": self.execution.armed,
            "title": self.kind.title,
            "key": None if key is None else {"ends": key["api_key"][-4:], **{name: key[name] for name in ("algorithm", "live") if name in key}},
            "found": foreign,
            "differences": [{"asset": asset, "ours": plain(ours), "theirs": plain(theirs)} for asset, (ours, theirs) in self.balancing.differences.items()],
        }

    def _write_first(self) -> None:
        """Ready is told once what was found before it is durable: a command comes after all reports that wait."""
        if not self.execution.is_ready:
            self._connection += 1
        elif self._written != self._connection and not self._writing:
            self._writing = True
            self._around.scheduler.create_task(self._write_reports(self._connection))

    async def _write_reports(self, connection: int) -> None:
        try:
            await self._trade.writer.command(list)
        except Refusal:  # the journal does not take it now, and says so itself: the next second tries again
            return
        finally:
            self._writing = False
        self._written = connection
        self._changed()

    def changed(self) -> None:
        """What the page shows of the account may have changed."""
        self._changed()

    def _changed(self) -> None:
        if self._trade is None:
            return
        self._write_first()
        engine = self._trade.engine
        if engine is not None and engine.opened and not engine.balanced and self.execution.is_ready:
            self.balancing.open()
        view = self.view()
        if view != self._sent:
            self._sent = view
            self._send({"t": "execution", **view})
            self._told()
