"""The desk's polled sources: the chain behind the venue `equities`, their keys, what is kept of them, search, and what the page sees of it.

Requests go over the desk's fetch chain. A key lies in the vault and is read for each request; it goes into the query, because Alpha Vantage has no
other way, and is hidden by its value in the trace. Prices, counts of calls and added symbols are kept in the store's plain texts: no secret is among
them.
"""

from __future__ import annotations

import random
import re
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from app.market.calendars import CalendarEnded, calendar
from app.net.fetch import FetchFailed, Request
from app.sources.answers import Match, Price, Reply, SourceError
from app.sources.cache import Cache
from app.sources.chain import Chain
from app.sources.listing import BadListing, Listing, listing
from app.sources.ranking import own, ranked
from app.vault import VaultError
from app.venues.alphavantage import client as alphavantage
from app.venues.equities.live import DEFAULT, EquitiesLive
from app.venues.equities.polling import Watched
from app.venues.polygon import client as polygon
from app.venues.yahoo import client as yahoo

from . import sourceview
from .errors import Refusal
from .sourcedays import SourceDays
from .sourcekept import SourcesKept

CLASS = "sources"
BASES = {"yahoo": yahoo.BASE, "alphavantage": alphavantage.BASE, "polygon": polygon.BASE}
_SAVE_S, _TELL_S = 1.0, 0.3
_DEADLINE_S = 10.0
_DELAY_NS = 900 * 10**9
_MOST_ADDED = 500
_FEW = 3
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SPARED = "not asked, because its calls are few"
_KEY = re.compile(r"[A-Za-z0-9_-]{6,128}\Z")
_CAUSES = {"timeout": "timeout", "quota": "quota", "unauthorized": "refused", "server": "server", "bad_content": "bad_content"}


class Sources:
    """One per desk; ``desk`` is the service."""

    def __init__(self, desk: Any) -> None:
        self._desk, around = desk, desk.around
        now_ns = around.clock.now_ns
        rng = random.Random(int.from_bytes(around.entropy.random_bytes(8), "big"))
        made = (
            yahoo.Yahoo(self._asker("yahoo")),
            alphavantage.AlphaVantage(self._asker("alphavantage"), self._closes),
            polygon.Polygon(self._asker("polygon"), self._closes, now_ns),
        )
        self.chain = Chain(made, around.clock, rng, self.changed)
        self.cache = Cache(now_ns)
        self.days = SourceDays(desk, self.chain)
        self._venue: EquitiesLive | None = None
        self._label = ""
        self.kept = SourcesKept(desk, self)
        self._keys: dict[str, str] = {}
        self._saving: Any = None
        self._telling: Any = None

    def venue(self, label: str) -> EquitiesLive:
        """The venue `equities`; asks nothing before `begin`."""
        listings = []
        for symbol in self._desk.settings.symbols.get("equities", DEFAULT):
            try:
                listings.append(listing(symbol))
            except BadListing as error:
                self._desk.toast("warn", f"equities_symbols: {error}", "settings")
        self._label = f".{label}" if label else ""
        around = self._desk.around
        self._venue = EquitiesLive(self.chain, around.clock, around.scheduler, listings or map(listing, DEFAULT), label, self.changed)
        return self._venue

    # Keeping.

    def begin(self) -> None:
        """The store is in use: what was kept comes back, then sources are asked."""
        self._desk.around.scheduler.create_task(self._begin())

    async def _begin(self) -> None:
        await self.kept.load()
        await self._look_for_keys()
        if self._venue is not None:
            self._venue.begin()
        self.changed()

    def changed(self) -> None:
        """Keep and tell, a little later and together."""
        scheduler = self._desk.around.scheduler
        if self._saving is None:
            self._saving = scheduler.call_later(_SAVE_S, self._save_soon)
        if self._telling is None:
            self._telling = scheduler.call_later(_TELL_S, self._tell)

    def _save_soon(self) -> None:
        self._saving = None
        self._desk.around.scheduler.create_task(self.kept.save())

    @property
    def rows(self) -> dict[str, Watched]:
        """The listings that are watched, by the symbol of their instrument."""
        return self._venue.rows if self._venue is not None else {}

    def restore(self, symbol: str, price: Price, source: str, received_ns: int) -> None:
        """A listing's price that was kept over a restart."""
        if self._venue is not None:
            self._venue.restore(symbol + self._label, price, source, received_ns)

    def close(self) -> None:
        """Let timers go."""
        for timer in (self._saving, self._telling):
            if timer is not None:
                timer.cancel()
        self._saving = self._telling = None
        self.days.close()

    # The page.

    def view(self) -> dict:
        """The ``sources`` message."""
        return sourceview.view(self.chain, self.rows, self._keys, self._desk.around.clock.now_ns(), self.days.notes, self.kept.added)

    def _tell(self) -> None:
        self._telling = None
        self._desk.send({"t": "sources", **self.view()})

    def refresh(self, symbol: str | None) -> None:
        """Ask now, for all instruments or one; resting sources are tried as well."""
        self.chain.again()
        if self._venue is not None:
            self._venue.refresh(True, (symbol,) if symbol else ())

    async def search(self, text: str, everywhere: bool) -> dict:
        """Instruments of the desk and listings of every source that may be asked. One that has few calls a day is asked where the others find
        little, or when the trader says so (``everywhere``)."""
        if not self.kept.loaded:  # a desk without the venue: nothing was known so far
            await self.kept.load()
            await self._look_for_keys()
        mine = own(text, self._desk.venue.instruments())
        found: list[tuple[str, list[Match]]] = []
        failed: dict[str, str] = {}
        for sparing in (False, True):
            for name, link in self.chain.links.items():
                if (link.ledger.per_day is not None) is not sparing:
                    continue
                if sparing and not everywhere and sum(len(rows) for _, rows in found) >= _FEW and self.cache.get("search", f"{name} {text.lower()}") is None:
                    failed[name] = _SPARED
                    continue
                try:
                    kept = await self.cache.once("search", f"{name} {text.lower()}", lambda name=name: self._searched(name, text))
                    found.append((name, kept.value))
                except SourceError as error:
                    failed[name] = str(error)
        known = {row.listing.symbol for row in self.rows.values()}
        rows = ranked(text, found)[:30]
        return {
            "own": [{"symbol": item.symbol, "base": item.base, "quote": item.quote, "venue": item.venue} for item in mine],
            "rows": [{**row, "watched": row["symbol"] in known, "instrument": row["symbol"] + self._label} for row in rows],
            "failed": [{"source": name, "title": self.chain.links[name].source.title, "why": why, "asks": why == _SPARED} for name, why in failed.items()],
            "addable": self._venue is not None,
        }

    async def _searched(self, name: str, text: str) -> tuple[list[Match], str]:
        only = await self.chain.only(name, lambda source: source.search(text))
        return only, name

    async def add(self, symbol: str) -> dict:
        """Watch a listing from now on, also after a reload: it is kept when this returns."""
        if self._venue is None:
            raise Refusal("no_equities", "this desk has no venue for it", "open the desk with ?venue=equities, or add equities to the venues", "symbol")
        if len(self.kept.added) >= _MOST_ADDED:
            raise Refusal("too_many", f"{_MOST_ADDED} listings were added", "remove some from the list of added ones", "symbol")
        try:
            item = self.watch(symbol)
        except BadListing as error:
            raise Refusal("bad_symbol", *str(error).split("; ", 1), "symbol") from error
        self.changed()
        await self.kept.save()
        return {"symbol": item}

    def set_order(self, symbol: str, order: Any) -> None:
        """The trader's own order of sources for a listing, or None for the chain's."""
        item = self._listing(symbol)
        if order is None:
            self.chain.orders.pop(item.symbol, None)
        else:
            known = isinstance(order, list) and order and all(isinstance(name, str) and name in self.chain.links for name in order)
            if not known or len(set(order)) != len(order):
                names = ", ".join(self.chain.links)
                raise Refusal("bad_order", "the order names no source, or one twice, or one that there is not", f"use some of {names}", "order")
            self.chain.orders[item.symbol] = tuple(order)
        self.refresh(symbol)
        self.changed()

    def remove(self, symbol: str) -> None:
        """Forget an added listing; it goes with the next start."""
        row = self.rows.get(symbol)
        self.kept.added.pop(row.listing.symbol if row is not None else symbol, None)
        self.changed()

    def watch(self, symbol: str) -> str:
        """Watch one more listing; the symbol of its instrument. Raises BadListing."""
        item = listing(symbol)
        if self._venue is None:
            self.kept.added[item.symbol] = None
            return item.symbol
        if not any(row.listing.symbol == item.symbol for row in self._venue.rows.values()):
            self.kept.added[item.symbol] = None
            instrument = self._venue.add(item)
            self._desk.joined([instrument])
            return instrument.symbol
        return item.symbol + self._label

    async def company(self, symbol: str) -> dict:
        """What the first source that knows it says of a listing; kept for a week."""
        item = self._listing(symbol)
        try:
            kept = await self.cache.once("company", item.symbol, lambda: self.chain.first(lambda source: source.company(item), item))
        except SourceError as error:
            raise Refusal("source_failed", str(error), "try again later") from error
        title = self.chain.links[kept.source].source.title
        facts = [list(fact) for fact in (*sourceview.contract_facts(item), *kept.value.facts)]
        return {"symbol": symbol, "name": kept.value.name, "facts": facts, "source": title, "at_ns": kept.at_ns}

    def want_days(self, symbol: str) -> None:
        """Daily history of a listing is about to be looked at."""
        if symbol in self.rows:
            self.days.want(symbol, self.rows[symbol].listing)

    def _listing(self, symbol: str) -> Listing:
        row = self.rows.get(symbol)
        if row is None:
            raise Refusal("unknown_symbol", f"{symbol[:40]!r} is none of the listings that are asked for", "choose one of the venue equities", "symbol")
        return row.listing

    # Keys.

    def vault_changed(self) -> None:
        """The vault was opened or locked: keys came or went."""
        self._desk.around.scheduler.create_task(self._look_for_keys())

    async def keep_key(self, name: str, key: Any) -> dict:
        """Put a source's key into the vault; the source is tried with it at once."""
        self._needs_key(name)
        if not isinstance(key, str) or not _KEY.match(key.strip()):
            raise Refusal("bad_key", "a key is 6 to 128 letters, digits, dashes or underscores", "copy it from the source's site again", "key")
        vault = self._open_vault()
        self._desk.trace.secrets.add(key.strip())
        await vault.put(CLASS, name, key.strip().encode())
        self.chain.again((name,))
        await self._look_for_keys()
        self.refresh(None)
        return self.view()

    async def forget_key(self, name: str) -> dict:
        """Remove a source's key from the vault."""
        self._needs_key(name)
        await self._open_vault().delete(CLASS, name)
        await self._look_for_keys()
        return self.view()

    async def _look_for_keys(self) -> None:
        self._keys = {}
        for name, link in self.chain.links.items():
            if link.source.needs_key:
                key = await self._key(name)
                link.has_key = bool(key)
                if key:
                    self._keys[name] = key[-4:]
        self.changed()

    async def _key(self, name: str) -> str:
        keeping = self._desk.keeping
        if keeping is None or keeping.state != "unlocked":
            return ""
        try:
            data = await keeping.vault.get(CLASS, name)
        except VaultError:
            return ""
        key = data.decode() if data else ""
        self._desk.trace.secrets.add(key)
        return key

    def _needs_key(self, name: str) -> None:
        if name not in self.chain.links or not self.chain.links[name].source.needs_key:
            names = [each for each, link in self.chain.links.items() if link.source.needs_key]
            raise Refusal("unknown_source", f"{name[:20]!r} is no source with a key", f"use one of {', '.join(names)}", "source")

    def _open_vault(self) -> Any:
        if self._desk.keeping.state != "unlocked":
            raise Refusal("not_unlocked", "the key lies in the vault, which is not open", "make a vault or unlock it first")
        return self._desk.keeping.vault

    # Asking.

    def _asker(self, name: str) -> Any:
        base = self._desk.settings.addresses.get(f"{name}_rest", BASES[name]).rstrip("/")
        may_see_key = base == BASES[name] or urlsplit(base).hostname in _LOOPBACK

        async def ask(path: str) -> Reply:
            key = ""
            if "{key}" in path:
                if not may_see_key:
                    raise SourceError("no_key", f"its key goes to {BASES[name]} or to this computer only")
                key = await self._key(name)
                if not key:
                    raise SourceError("no_key", "needs a key")
            request = Request(base + path.replace("{key}", key), credentials="own" if key else "none", deadline_s=_DEADLINE_S, stale_ok=False)
            try:
                found = await self._desk.network.fetch(request)
            except FetchFailed as error:
                raise SourceError(_CAUSES.get(error.cause, "network"), _hidden(error.reason, key)) from None
            try:
                text = found.body.decode("utf-8")
            except UnicodeDecodeError:
                raise SourceError("bad_content", "an answer that is no text") from None
            return Reply(found.status, _hidden(text, key), dict(found.headers))

        return ask

    def _closes(self, item: Listing, day: date) -> int:
        """Of when the price of an exchange's day is, ns UTC: of its close; while it goes on of a quarter of an hour ago, the usual delay."""
        now = self._desk.around.clock.now_ns()
        try:
            session = calendar(item.exchange).session(day)
        except CalendarEnded:
            session = None
        if session is None:
            session = calendar("").session(day)  # the calendar does not say: the day in UTC
        return session.close_ns if session.close_ns <= now else min(now, max(session.open_ns, now - _DELAY_NS))


def _hidden(text: str, key: str) -> str:
    """Alpha Vantage echoes the key in what it says."""
    return text.replace(key, "•••") if key else text

