"""Start of the page's Python: the shell first, so that the page answers; then views, one at a time, watchlist first.

Marks the phases of the boot as ``performance.measure`` and sets ``data-desk`` to ready when real quotes stand on the page.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

from js import document, location, navigator, performance

from .attention import Attention
from .context import Context
from .errors import ErrorLog
from .keys import Keys
from .link import Link
from .prefs import Prefs
from .router import Router
from .shell import Shell
from .store import Store
from .toasts import Toasts

_CALM_S = 2.0
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_DESK = (
    ("ticket", "TicketView"),
    ("chart", "ChartView"),
    ("book", "BookView"),
    ("tape", "TapeView"),
    ("orders", "OrdersView"),
    ("positions", "PositionsView"),
    ("fills", "FillsView"),
    ("replay", "ReplayView"),
)


def start() -> None:
    """Run once per page, when the interpreter is up."""
    prefs = Prefs()
    toasts = Toasts()
    link = Link()
    errors = ErrorLog(toasts)
    ctx = Context(link, Store(link, prefs, errors), toasts, Router(), Keys(), prefs, errors)
    ctx.router.changed = lambda route: ctx.store.publish("route", route)
    shell = Shell(ctx)
    performance.measure("kontor:boot:page", start=0, end=performance.now())
    document.documentElement.setAttribute("data-page", "ready")
    ctx.errors.run("Start of the desk", _fill_desk(ctx, shell))


async def _fill_desk(ctx: Context, shell: Shell) -> None:
    from .views.status import StatusView
    from .views.tab_role import TabRole
    from .views.watchlist import WatchlistView

    StatusView(ctx, shell.explain)
    TabRole(ctx, shell.explain)
    shell.mount("watchlist", WatchlistView(ctx))
    _mark_first_quote(ctx)
    ctx.link.on("toast", lambda message: ctx.toasts.show(message["level"], message["text"], message.get("code") or ""))
    ctx.link.on("again", lambda _message: _mark_market(ctx))
    ctx.link.on("again", lambda _message: ctx.errors.run("Network", _look_again(ctx)))
    ctx.link.start()
    from .views.vault_notice import VaultNotice

    notice = VaultNotice(ctx)
    _mark_sources(ctx)
    _offer_accounts(ctx)
    ctx.router.bind("vault", lambda: _vault(ctx, notice))
    ctx.router.bind("charts", lambda: _build(ctx, "charts", "ChartsView"))
    ctx.router.bind("portfolio", lambda: _build(ctx, "portfolio", "PortfolioView"))
    ctx.router.bind("journal", lambda: _build(ctx, "journal", "JournalView"))
    ctx.router.bind("reconciliation", lambda: _build(ctx, "reconciliation", "ReconciliationView"))
    ctx.router.bind("risk", lambda: _risk(ctx, shell))
    ctx.router.bind("network", lambda: _network(ctx, shell))
    ctx.router.bind("sources", lambda: _build(ctx, "sources", "SourcesView"))
    ctx.router.bind("history", lambda: _build(ctx, "history", "HistoryView"))
    ctx.router.bind("health", lambda: _build(ctx, "health", "HealthView"))
    if ctx.router.current != "desk":
        ctx.router.refresh()
    for name, kind in _DESK:
        await asyncio.sleep(0)
        try:
            view = _build(ctx, name, kind)
        except Exception as error:  # one panel that fails must not take the desk with it
            ctx.errors.add(name, f"{type(error).__name__}: {error}")
            shell.failed(name, str(error))
        else:
            shell.mount(name, view)
        if name == "tape":
            ctx.store.follow()
    Attention(ctx.link)
    performance.measure("kontor:boot:views", start=0, end=performance.now())
    ctx.store.measure()
    await _look_at_network(ctx)


async def _look_at_network(ctx: Context) -> None:
    """Once everything is there and the first rush is over: how the proxy stands, for the banner of one that is open."""
    from .views.net_proxy import OpenModeBanner
    from .views.network import ask

    OpenModeBanner(ctx)
    await asyncio.sleep(_CALM_S)
    if ctx.store.net is None and location.hostname in _LOOPBACK and navigator.onLine:  # a proxy is open only there
        await ask(ctx)


def _mark_sources(ctx: Context) -> None:
    """Whose a price is and how old: loaded with the first word of a source, so that other desks pay nothing."""

    def first(_message: dict) -> None:
        stop()
        from .views.sourcemarks import SourceMarks

        SourceMarks(ctx)

    stop = ctx.store.subscribe("sources", first)


def _offer_accounts(ctx: Context) -> None:
    """Which account orders are for: loaded where the desk says that it has several."""

    def first(_message: dict) -> None:
        stop()
        from .views.accounts import AccountChoice

        AccountChoice(ctx)

    stop = ctx.store.subscribe("accounts", first)


def _mark_market(ctx: Context) -> None:
    """How long the market was away while the desk worker was replaced: ``kontor:lock:market``."""
    start = performance.now()

    def painted(_rows: list) -> None:
        stop()
        performance.measure("kontor:lock:market", start=start, end=performance.now())

    stop = ctx.store.on_tick("quotes", painted)


async def _look_again(ctx: Context) -> None:
    """Another worker is the desk: it has not been asked yet how the network stands."""
    if ctx.store.net is not None:
        await asyncio.sleep(_CALM_S)
        from .views.network import ask

        await ask(ctx)


def _vault(ctx: Context, notice: Any) -> Any:
    from .views.vault import VaultView

    return VaultView(ctx, notice)


def _network(ctx: Context, shell: Shell):
    from .views.network import NetworkView

    return NetworkView(ctx, shell.tracing)


def _risk(ctx: Context, shell: Shell):
    from .views.risk import RiskView

    return RiskView(ctx, shell.kill)


def _build(ctx: Context, name: str, kind: str):
    return getattr(import_module(f"app.ui.views.{name}"), kind)(ctx)


def _mark_first_quote(ctx: Context) -> None:
    def painted(rows: list) -> None:
        if any(row[1] or row[2] or row[3] for row in rows):
            performance.measure("kontor:boot:first-quote", start=0, end=performance.now())
            ready()

    def told(venue: dict) -> None:
        if venue.get("needs_key"):  # there are no quotes before somebody has entered it, or opened the vault
            ready()

    def ready() -> None:
        stop()
        stop_venue()
        document.documentElement.setAttribute("data-desk", "ready")

    stop = ctx.store.on_tick("quotes", painted)
    stop_venue = ctx.store.subscribe("venue", told)
