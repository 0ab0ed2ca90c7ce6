"""What the page is shown, when: one conflated update at a time.

The quote of the instrument in focus goes out at once. What the eye only scans (the other rows of the watchlist, book, tape)
goes together on one slower beat, bars and account on every few of them: each message costs the page a frame.
The page returns a credit after painting; only then is the next ``tick`` sent, made from the newest state. A slow page
skips intermediate states and never builds a backlog. Of what comes in columns it asks what changed, at the page's rate; what comes as
objects it is told. Text is formatted here so that the page only sets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from app.model.instrument import Instrument
from app.model.orders import Side

from . import display
from .charts import DESK, Charts
from .tape import TapeFeed, TapeFilter
from .wire import to_text

BOOK_LEVELS = 15
_MS = 1_000_000
BEATS = {
    "active": {
        **{"rows": 100 * _MS, "book": 100 * _MS, "tape": 100 * _MS, "bar": 300 * _MS, "account": 300 * _MS, "summary": 1000 * _MS},
        **{"charts": 100 * _MS, "heat": 400 * _MS},
    },
    "resting": {
        **{"rows": 250 * _MS, "book": 250 * _MS, "tape": 250 * _MS, "bar": 500 * _MS, "account": 500 * _MS, "summary": 2000 * _MS},
        **{"charts": 250 * _MS, "heat": 500 * _MS},
    },
    "hidden": {
        **{"rows": 1000 * _MS, "book": 1000 * _MS, "tape": 1000 * _MS, "bar": 1000 * _MS, "account": 1000 * _MS, "summary": 5000 * _MS},
        **{"charts": 1000 * _MS, "heat": 1000 * _MS},
    },
}
"""How far apart, by how much the trader attends: at work, not touching the page, page out of sight."""
SPREAD_NS = {"active": 30 * _MS, "resting": 0, "hidden": 0}
"""Least time between two of them: at work none shares a frame with another, so that no frame is long; at rest all share one."""
LOOKS = {"active": 60.0, "resting": 60.0, "hidden": 1.0}
"""How often a second it asks what changed in columns: no page shows more."""
EARLY_NS = 30 * _MS
"""A beat this near goes along with a quote that is sent anyway."""
LOST_CREDIT_NS = 5_000_000_000
AGAIN_S = 0.005
HELD_NS = 40 * _MS
"""So long an order that is under way may hold up what the page is shown, which takes some milliseconds to make."""


class Publisher:
    """``market`` is the MarketState, ``account`` returns the account message or None, ``venue_now`` the time for ages
    of quotes, ``post_file`` sends bytes beside a message, where that can be, ``scanner`` gives what columns of indicators come from."""

    def __init__(
        self,
        market: Any,
        instruments: list[Instrument],
        post: Callable[[str], None],
        clock: Any,
        scheduler: Any,
        account: Callable[[], dict | None],
        venue_now: Callable[[str], int],
        post_file: Callable[[str, bytes], None] | None = None,
        machine: Any = None,
        scanner: Callable[[], Any] | None = None,
    ) -> None:
        self._post_file, self._scanner = post_file, scanner
        self._market, self._post, self._clock, self._scheduler = market, post, clock, scheduler
        self._account, self._venue_now = account, venue_now
        self._instruments = {item.symbol: item for item in instruments}
        self._watched: set[str] = set()
        self._dirty: set[str] = set()
        self._news = market.news()
        self._came_ms = self._oldest_ms = 0.0
        self._waiting_since = self._owed_since = 0
        self._sequence = 0
        self._direction: dict[str, int] = {}
        self._told: dict[str, tuple] = {}
        self._stale: set[str] = set()
        self.charts = Charts(market, self._post_dict, clock, scheduler, venue_now, packs=post_file is not None, machine=machine)
        self._heat: Any = None
        self._attention = "active"
        self._beat_ns = BEATS["active"]
        self._sent_at = dict.fromkeys(self._beat_ns, 0)
        self._part_at = 0
        self._due: set[str] = set()
        self._timer: Any = None
        self._look_timer: Any = None
        self._held_timer: Any = None
        self.tape = TapeFeed(market, self._instruments.__getitem__)
        self.gives_way: Callable[[], bool] = lambda: False
        """Whether an order is under way, which goes first."""
        self._held_since = 0
        self.account_dirty = True
        self._account_told: dict | None = None
        self.sent = 0
        self.summaries: Any = None
        """What the watchlist shows beside quotes; None until a column of it is chosen."""
        self._summary_dirty: set[str] = set()

    @property
    def focus(self) -> str:
        """The instrument that book, tape and the desk's chart follow."""
        return self.charts.desk.symbol

    def read_through(self, market: Any) -> None:
        """Read the market through this from now on: others read it as well."""
        self._market = market
        self.charts.read_through(market)

    @property
    def owes_ns(self) -> int:
        """How long the page has owed credits without giving any; 0 when it owes none."""
        return self._clock.monotonic_ns() - self._owed_since if self._owed_since else 0

    def add(self, instruments: list[Instrument]) -> None:
        """Know more instruments."""
        self._instruments.update({item.symbol: item for item in instruments})

    @property
    def heat(self) -> Any:
        """The heatmap of a book; made when first asked for."""
        if self._heat is None:
            from .heat import Heat

            self._heat = Heat(self._market, self._scheduler, self._venue_now, self._heat_due)
        return self._heat

    def close(self) -> None:
        """Its page is gone, or sleeps."""
        self._due.clear()
        self._let_timers_go()
        if self._heat is not None:
            self._heat.close()
        for chart in self.charts:
            chart.close()

    def _let_timers_go(self) -> None:
        for timer in (self._timer, self._look_timer, self._held_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._look_timer = self._held_timer = None

    def _heat_due(self) -> None:
        self._due.add("heat")
        self.flush()

    @property
    def watched(self) -> list[str]:
        """The instruments the page shows, that in focus first."""
        return [self.focus, *sorted((self._watched | self.charts.symbols) - {self.focus})]

    def watch(self, symbols: list[str], columns: Any = (), span: str = "hour") -> None:
        """Send quotes of these symbols only; all of them once, now. ``columns`` of Summaries go with them. Raises Refusal."""
        if columns or self.summaries is not None:
            self.summarising().choose(columns, span)
        self._watched = {symbol for symbol in symbols if symbol in self._instruments}
        if columns:
            self._summary_dirty = set(self._watched)
            self._due.add("summary")
            self._sent_at["summary"] = 0
        self._dirty |= self._watched
        self._told.clear()

    def summarising(self) -> Any:
        """The summaries of instruments, made when first asked for."""
        if self.summaries is None:
            from .summary import Summaries

            self.summaries = Summaries(self._market, self._instruments, self._venue_now, self._scanner)
        return self.summaries

    def scanned(self, symbols: set[str]) -> None:
        """The scanner knows these now."""
        if self.summaries is not None and self.summaries.columns:
            self._summary_dirty |= symbols & self._watched
            self._due.add("summary")
            self.flush()

    def set_focus(self, symbol: str, timeframe: str) -> None:
        """Book, tape and bars follow this instrument from now on."""
        self.charts.open(DESK, symbol, timeframe)
        self.restart_tape()
        self._dirty.add(symbol)
        self._due |= {"book", "tape"}
        self._sent_at = dict.fromkeys(self._beat_ns, 0)

    def attend(self, attention: str) -> None:
        """How much the trader attends to the page: a key of BEATS. Out of sight, the quote in focus waits for the beat as well."""
        self._attention, self._beat_ns = attention, BEATS[attention]
        self._let_timers_go()  # they were set for the beat before
        if self._news.stores:
            self._look_at()
        self.flush()

    def restart_tape(self) -> None:
        """The next tick carries the tape anew."""
        self.tape.restart(self.focus)

    def choose_tape(self, wanted: TapeFilter) -> None:
        """Show the tape through this filter, anew."""
        self.tape.use(wanted)
        self._due.add("tape")
        self._sent_at["tape"] = 0
        self.flush()

    def changed(self, symbols: set[str], recv_ms: float) -> None:
        """Frames came of which the oldest came at ``recv_ms``, and these symbols changed by objects in them; send what may go if the page has
        painted."""
        if self._news.stores:
            self._came_ms = self._came_ms or recv_ms
        if symbols:
            self._touch(symbols, recv_ms)
        self.flush()

    def _touch(self, symbols: set[str], recv_ms: float) -> None:
        if self.focus in symbols:
            if not self._oldest_ms:
                self._oldest_ms = recv_ms
            self._due |= {"book", "tape", "bar"}
            self.tape.read()
        if self.charts.touch(symbols):
            self._due.add("charts")
        self._dirty |= symbols
        if self.summaries is not None and self.summaries.columns and not self._watched.isdisjoint(symbols):
            self._summary_dirty |= symbols & self._watched
            self._due.add("summary")

    def _look(self, now: int) -> None:
        """See what changed in columns, no more often than the page can show it."""
        wait_ns = self._news.wait_ns(now)
        if wait_ns is None:
            self._came_ms = 0.0
            return
        if wait_ns:
            if self._look_timer is None:
                self._look_timer = self._scheduler.call_later(max(0.001, wait_ns / 1e9), self._look_late)
            return
        self._look_at()
        came, self._came_ms = self._came_ms, 0.0
        if found := self._news.take(now):
            self._touch(found, came)
        self._due.add("account")  # what a position is in may not be watched

    def _look_at(self) -> None:
        self._news.look_at(self._watched | self.charts.symbols | {self.focus}, LOOKS[self._attention])

    def _look_late(self) -> None:
        self._look_timer = None
        self.flush()

    def _held_late(self) -> None:
        self._held_timer = None
        self.flush()

    def painted(self, sequence: int) -> None:
        """The page has shown tick number ``sequence``: it may have the next, if that was the last one."""
        self._owed_since = self._waiting_since
        if sequence == self._sequence:
            self._waiting_since = self._owed_since = 0
            self.flush()

    def flush(self) -> None:
        """Send what is new, unless the page still owes the credit for the last tick."""
        now = self._clock.monotonic_ns()
        if self._waiting_since and now - self._waiting_since < LOST_CREDIT_NS:
            return
        if self.gives_way():
            self._held_since = self._held_since or now
            if now - self._held_since < HELD_NS:
                if self._held_timer is None:
                    self._held_timer = self._scheduler.call_later(AGAIN_S, self._held_late)
                return
        self._held_since = 0
        if self._news.stores:
            self._look(now)
        dirty, focus = self._dirty, self.focus
        quotes = []
        if focus in dirty and self._attention != "hidden":
            dirty.discard(focus)
            quotes = self._quotes((focus,))
        prompt = bool(quotes)
        if dirty:
            self._due |= {"rows", "account"}
        if quotes or self.account_dirty:
            self._due.add("account")
        message: dict[str, Any] = {"quotes": quotes}
        ahead = now + EARLY_NS if quotes else now
        spread = SPREAD_NS[self._attention]
        for part in sorted(self._due, key=self._due_at):
            if self._due_at(part) > ahead or (spread and now - self._part_at < spread):
                break
            if not spread:
                ahead = now + self._beat_ns[part] // 2  # what comes soon comes along, and has the same beat from then on
            self._due.discard(part)
            self._sent_at[part] = now
            if part == "rows":
                content = self._quotes(dirty & (self._watched | {focus}))
                dirty.clear()
                quotes += content
            elif (content := self._part(part)) is not None:
                message[part] = content
            if content:
                self._part_at = now
        if self._due and self._timer is None:
            wait_ns = max(min(map(self._due_at, self._due)), self._part_at + spread) - now
            self._timer = self._scheduler.call_later(max(0.001, wait_ns / 1e9), self._late)
        received, self._oldest_ms = self._oldest_ms, 0.0
        if not quotes and len(message) == 1:
            return
        self._sequence += 1
        # Only the quote in focus answers a frame; what goes on the beat has waited for it on purpose.
        message["recv_ms"] = received if prompt and received else None
        message["t"], message["seq"] = "tick", self._sequence
        self._waiting_since, self._owed_since = now, self._owed_since or now
        self.sent += 1
        self._post_dict(message)

    def _due_at(self, part: str) -> int:
        return self._sent_at[part] + self._beat_ns[part]

    def _late(self) -> None:
        self._timer = None
        self.flush()

    def _part(self, part: str) -> dict | list | None:
        if part == "account":
            account, asked = self._account(), self.account_dirty
            self.account_dirty = False
            if account == self._account_told and not asked:
                return None
            self._account_told = account
            return account
        if part == "book":
            return self.book_view(self.focus) if self.focus else None
        if part == "bar":
            return self.charts.changed()
        if part == "heat":
            return self.heat.take()
        if part == "charts":
            content, others_wait = self.charts.turn(self._clock.monotonic_ns(), self._beat_ns["bar"])
            if others_wait:
                self._due.add(part)
            return content or None
        if part == "summary":
            symbols, self._summary_dirty = self._summary_dirty & self._watched, set()
            return self.summaries.message(sorted(symbols))
        return self.tape.message() if self.focus else None

    def second(self) -> None:
        """Once a second: show ages of quotes that have gone stale, and book and account even if nothing ticks."""
        fresh = set()
        for symbol in self._watched:
            if self._market.is_stale(symbol, self._venue_now(symbol)):
                self._stale.add(symbol)
                self._dirty.add(symbol)
            else:
                fresh.add(symbol)
        self._dirty |= self._stale & fresh
        self._stale -= fresh
        if self.focus:
            self._dirty.add(self.focus)
            self._due |= {"book", "tape"}
        self.flush()

    def rebuilt(self, symbols: set[str]) -> None:
        """The market of these instruments began anew or has a gap."""
        if self.focus in symbols:
            self.restart_tape()
        for symbol in symbols:
            self.charts.send(symbol)

    def _post_dict(self, message: dict, beside: bytes | None = None) -> None:
        text = to_text(message)
        if beside is None:
            self._post(text)
        else:
            self._post_file(text, beside)

    def book_view(self, symbol: str) -> dict:
        """The top of the book as text, with cumulative depth as a fraction of the deeper side shown."""
        item = self._instruments[symbol]
        book = self._market.book(symbol)
        bids, asks = book.levels(Side.BUY, BOOK_LEVELS), book.levels(Side.SELL, BOOK_LEVELS)
        deepest = max(sum(size for _, size in bids), sum(size for _, size in asks), 1)
        spread = display.price(asks[0][0] - bids[0][0], item) if bids and asks else ""
        state = book.state
        if state == "live" and self._market.is_stale(symbol, self._venue_now(symbol)):
            state = "stale"
        return {
            "symbol": symbol,
            "bids": _ladder(bids, item, deepest),
            "asks": _ladder(asks, item, deepest),
            "spread": spread,
            **display.leaning(book),
            "state": "gap" if state == "crossed" else state,
            "reason": book.reason,
            "sequence": book.sequence,
        }

    def _quotes(self, symbols: Iterable[str]) -> list[list]:
        """Rows of what shows differently: a new size behind the same prices is no news to a row."""
        rows = []
        market, instruments, told = self._market, self._instruments, self._told
        for symbol in symbols:
            item = instruments[symbol]
            quote, trade = market.quote(symbol), market.last(symbol)
            bid = quote.bid if quote is not None and quote.bid_size else None
            ask = quote.ask if quote is not None and quote.ask_size else None
            price = opened = age = None
            if trade is not None:
                price = trade.price
                opened = market.base(symbol)
            if symbol in self._stale:
                age = market.age_ns(symbol, self._venue_now(symbol))
            values = (bid, ask, price, opened, age)
            before = told.get(symbol)
            if values == before:
                continue
            told[symbol] = values
            if before is not None and price is not None and before[2] is not None and price != before[2]:
                self._direction[symbol] = 1 if price > before[2] else -1
            rows.append(
                [
                    symbol,
                    None if bid is None else display.price(bid, item),
                    None if ask is None else display.price(ask, item),
                    None if price is None else display.price(price, item),
                    None if opened is None else display.percent(price, opened),
                    self._direction.get(symbol, 0),
                    age and age // 1_000_000,
                ]
            )
        return rows


def _ladder(levels: list, item: Instrument, deepest: int) -> list[list]:
    rows, total = [], 0
    for price, size in levels:
        total += size
        rows.append([display.price(price, item), display.size(size, item), round(total / deepest, 3)])
    return rows
