"""The accounts of a desk. All of them trade on, are reconciled and watched; the page shows one, which orders are for."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.trading.marks import DeskView
from app.trading.money import plain
from app.trading.paper import PaperVenue
from app.trading.risk.limits import NORMAL
from app.trading.sessions import by_calendar
from app.trading.settings import PaperSettings
from app.trading.valuation import Valuation

from . import greeting, legselsewhere
from .deskwide import OtherAccounts, risk_state
from .errors import Refusal, to_wire
from .marketview import exchange_calendar
from .reconciling import Reconciling
from .recorder import JOURNALS
from .settings import Settings
from .trade import Trade

TITLES = {"paper": "Paper"}


class Account:
    """One account: what trades, where it is executed, and how it agrees with its venue."""

    def __init__(self, desk: Any, name: str, instruments: list, seed: int) -> None:
        around = desk.around
        self._desk, self.name, self.around, self.journal = desk, name, around, JOURNALS[name]
        # A recording has the fees that the trader gives the account; live venues their own.
        settings = PaperSettings() if desk.venue.name != "replay" else PaperSettings(venue_fees={})
        view = DeskView({item.symbol: item for item in instruments}, desk.market, desk.venue.now_ns, settings, around.clock.now_ns)
        view.session_of = by_calendar(exchange_calendar(lambda: view.instruments))
        self.real: Any = None
        """The account at a real venue; None on paper."""
        if name != "paper":
            from .real import RealAccount

            view.trades_at = frozenset({name})
            self.real = RealAccount(around, name, desk.settings, view, desk.send, self._real_changed, desk.own_proxy)
        paper = around.clock, around.scheduler, random.Random(seed), settings, self._report, desk.venue.now_ns
        execution = self.real.execution if self.real is not None else PaperVenue(instruments, desk.market, *paper)
        self.title = TITLES.get(name) or self.real.kind.title
        self.trade = Trade(view, execution, around.clock, around.entropy, self.send, self.toast, self._changed)
        self.reconciling = Reconciling(self)
        self._portfolio: Any = None

    @property
    def keeping(self) -> Any:
        """Where the desk's memory is."""
        return self._desk.keeping

    @property
    def shown(self) -> bool:
        """Whether the page shows this account."""
        return self._desk.accounts.shown is self

    @property
    def for_real(self) -> bool:
        """Whether its orders are for real money."""
        return self.real is not None and (self.real.key or {}).get("live") is not False

    @property
    def portfolio(self) -> Any:
        """Exposure and the equity curve; made when first asked for, or at the first sample."""
        if self._portfolio is None:
            from .portfolio import Portfolio

            self._portfolio = Portfolio(self)
        return self._portfolio

    def send(self, message: dict) -> None:
        """What the page is told of the account that it shows."""
        accounts = self._desk.accounts
        if self.shown:
            self._desk.send_trading(message)
        if accounts.several and (more := legselsewhere.after(accounts, self, message)) is not None:
            self._desk.send_trading(more)

    def toast(self, level: str, text: str, code: str = "") -> None:
        """A notice for the trader, who is told whose it is where there are several."""
        self._desk.toast(level, f"{self.title} account: {text}" if self._desk.accounts.several else text, code)

    def second(self, sample: bool) -> Valuation | None:
        """Once a second; ``sample``: the equity is taken down. Gives what it is worth."""
        value = self.trade.second()
        if self.real is not None:
            self.real.second()
        self.reconciling.second()
        if sample:
            self.portfolio.second(value)
        return value

    def show(self) -> None:
        """The page shows this account from now on: tell it all there is."""
        self.trade.publish_all()
        if self.trade.engine is None:
            self.trade.clear()
        self.trade.risk.changed()

    def refusal(self) -> tuple[str, str]:
        """Why it takes no orders now, in words, and where that is changed; empty while it does."""
        reason, see = self.keeping.refusal(), "#/vault"
        if not reason and self.trade.writer.stuck is not None:
            reason = f"the journal cannot be written: {self.trade.writer.stuck}"
        if not reason and (halted := self.trade.risk.halted()):
            reason, see = halted, "#/risk"
        if not reason and self.real is not None:
            reason = self.real.refusal()
        return reason, see

    def order_state(self) -> dict:
        """Whether orders are taken, why not, and where that is changed."""
        reason, see = self.refusal()
        title = {} if self.real is None else {"title": self.title, "paper": (self.real.key or {}).get("live") is False}
        return {"t": "order_state", "accepting": not reason, "reason": reason, "see": see, "real": self.real is not None, **title}

    def _report(self, events: list) -> None:
        self.trade.writer.report(events)

    def _changed(self) -> None:
        if self.shown:
            self._desk.account_changed()

    def _real_changed(self) -> None:
        self.reconciling.look()
        if self.shown:
            self._desk.send_order_state()


class Accounts:
    """Those of the settings; the first one is shown at the start."""

    def __init__(self, desk: Any, settings: Settings, seed: int) -> None:
        self._desk, self._settings, self._seed = desk, settings, seed
        self.all: list[Account] = []
        self._shown = 0
        self._told = ""
        self._busy = 0
        self._wrote_ns = 0
        self._sending: Any = None

    @property
    def sending(self) -> Any:
        """Orders and cancels over several accounts; made when first asked for."""
        if self._sending is None:
            from .routedsending import RoutedSending

            self._sending = RoutedSending(self._desk)
        return self._sending

    def make(self, instruments: list) -> None:
        """Make them, none with a journal yet."""
        self.all = []
        for number, name in enumerate(self._settings.accounts):
            self.all.append(Account(self._desk, name, instruments, self._seed + number))
            self.all[-1].trade.writer.on_busy = self._writing
        for each in self.all if self.several else ():
            each.trade.others = OtherAccounts(self, each)
            each.trade.beside = lambda rows: [legselsewhere.blotter(self, rows)]

    def _writing(self, busy: bool) -> None:
        before, self._busy = self._busy, self._busy + (1 if busy else -1)
        if not before or not self._busy:
            self._desk.around.sockets.give_way(self.writing)
            self._wrote_ns = self._desk.around.clock.monotonic_ns()

    @property
    def writing(self) -> bool:
        """Whether orders or reports are being written: market data then leaves them room."""
        return self._busy > 0

    def quiet_s(self) -> float:
        """For how long nothing was written for orders; 0 while something is."""
        return 0.0 if self.writing else (self._desk.around.clock.monotonic_ns() - self._wrote_ns) / 1e9

    @property
    def shown(self) -> Account:
        """The one that the page shows and that orders are for."""
        return self.all[self._shown]

    @property
    def paper(self) -> Trade:
        """The trading side whose settings for paper count: that on paper, else the one that is shown."""
        return next((each.trade for each in self.all if each.real is None), self.shown.trade)

    @property
    def several(self) -> bool:
        """Whether there is anything to choose."""
        return len(self.all) > 1

    def real(self, name: Any = None) -> Account | None:
        """The account at a real venue of this name; without a name the one that is shown, or the only one. None where there is none."""
        found = [each for each in self.all if each.real is not None]
        if name is not None:
            return next((each for each in found if each.name == name), None)
        return self.shown if self.shown.real is not None else found[0] if len(found) == 1 else None

    def named(self, name: Any) -> Account:
        """The account of this name; the one that is shown without any."""
        if name is None:
            return self.shown
        found = next((each for each in self.all if each.name == name), None)
        if found is None:
            names = ", ".join(each.name for each in self.all)
            raise Refusal("unknown_account", f"this desk has no account {str(name)[:40]!r}", f"use one of {names}", "account")
        return found

    def choose(self, name: Any) -> None:
        """Show another account. What the others have under way goes on."""
        shown = self.named(name)
        if shown is self.shown:
            return
        self._shown = self.all.index(shown)
        self._desk.keeping.shown = next(kept for kept in self._desk.keeping.accounts if kept.trade is shown.trade)
        self._desk.send(greeting.hello(self._desk))
        shown.show()
        self._desk.send_order_state()
        self._tell(self._values())

    def on_market(self, batch: list) -> None:
        """Market events, after the market state has applied them."""
        for each in self.all:
            each.trade.on_market(batch)

    def know(self, instruments: list) -> None:
        """Instruments that can be traded from now on."""
        for each in self.all:
            each.trade.know(instruments)

    def at_stake(self) -> list[str]:
        """Instruments with a position or working orders in any account."""
        return list(dict.fromkeys(symbol for each in self.all for symbol in each.trade.at_stake()))

    def second(self, sample: bool) -> None:
        """Once a second; ``sample``: equities are taken down."""
        for each in self.all:
            if each.trade.writer.stuck is not None:
                each.trade.writer.retry()
                self._desk.keeping_changed()
        values = [each.second(sample) for each in self.all]
        if self._sending is not None:
            self._sending.second()
        if self.several:
            self._tell(values)

    def _tell(self, values: list[Valuation | None]) -> None:
        """Tell the page how each account stands, where something has changed."""
        message = self.message(values)
        if (text := json.dumps(message)) != self._told:
            self._told = text
            self._desk.send(message)

    def _values(self) -> list[Valuation | None]:
        return [each.trade.value() for each in self.all]

    def message(self, values: list[Valuation | None] | None = None) -> dict:
        """The ``accounts`` message: each account, and all of them together in the currency of the one that is shown; ``values`` where they are
        known already."""
        values = values or self._values()
        view = self.shown.trade.view
        currency = self.shown.trade.engine.currency if self.shown.trade.engine is not None else view.settings.currency
        rates = view.rates(currency)
        total, left_out = Decimal(0), []
        for each, value in zip(self.all, values, strict=True):
            converted = None if value is None else rates.convert(value.equity, value.currency)
            if converted is None:
                left_out.append(each.name)
            else:
                total += converted
        rows = [_row(each, value) for each, value in zip(self.all, values, strict=True)]
        return {"t": "accounts", "shown": self.shown.name, "rows": rows, "total": {"currency": currency, "equity": plain(total), "left_out": left_out}}

    async def kill(self, flatten: bool) -> dict:
        """The kill switch of every account; one that cannot be halted now does not spare the others."""
        done = {"cancelled": 0, "closing": 0}
        failed: list[Exception] = []
        opened = [each for each in self.all if each.trade.engine is not None] or [self.shown]
        found = await asyncio.gather(*(each.trade.risk.kill(flatten) for each in opened), return_exceptions=True)
        for each, result in zip(opened, found, strict=True):
            if isinstance(result, Exception):
                failed.append(result)
                self._desk.toast("error", f"{each.title} account: the kill switch did not work: {to_wire(result)['reason']}", "kill_failed")
            else:
                done = {name: done[name] + result[name] for name in done}
        if len(failed) == len(opened):
            raise failed[0]
        return done

    async def set_state(self, scope: Any, state: Any) -> dict:
        """Restrict or lift a scope of the account that is shown; the whole desk is that of every account."""
        others = [each for each in self.all if scope == "desk" and each is not self.shown and each.trade.engine is not None]
        await self.shown.trade.risk.set_state(scope, state)
        for each in others:
            if state == NORMAL and scope not in each.trade.engine.risk.states:
                continue  # a limit has set it in the shown account alone
            try:
                await each.trade.risk.set_state(scope, state)
            except Exception as error:
                self._desk.toast("error", f"{each.title} account: the desk is not {state.replace('_', '-')} there: {to_wire(error)['reason']}", "risk_failed")
        return risk_state(self)

    def each_real(self, work: Callable[[Any], object]) -> None:
        """Do something with every real account."""
        for each in self.all:
            if each.real is not None:
                work(each.real)


def _row(account: Account, value: Valuation | None) -> dict:
    engine = account.trade.engine
    reason, _see = account.refusal()
    row = {"name": account.name, "title": account.title, "real": account.real is not None, "accepting": not reason, "reason": reason}
    if value is None or engine is None:
        return {**row, "currency": account.trade.view.settings.currency, **dict.fromkeys(("equity", "cash", "day_pnl")), "orders": 0, "positions": 0}
    held = sum(1 for position in engine.portfolio.positions.values() if position.qty)
    figures = {name: plain(getattr(value, name)) for name in ("equity", "cash", "day_pnl")}
    return {**row, "currency": value.currency, **figures, "orders": len(engine.working), "positions": held}
