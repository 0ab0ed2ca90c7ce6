"""An ordered chain of sources: who is asked for a listing now, what came of it, and why, in words.

The first source that covers the listing, is well, has calls left and has a key where it needs one is asked; when it fails the next one is, at
once. An ill one that stands before it is tried with one request now and then (see health.py). Nothing here reads a clock or sends by itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

from .answers import Price, Source, SourceError
from .cache import NS
from .health import Health, Rng
from .listing import Listing
from .quota import Ledger

AGAINST = frozenset({"timeout", "network", "server", "web_page", "bad_content", "quota", "refused"})
"""Failures that speak against the source; the others are about one listing or about settings."""
_MISS_S = 3_600.0
_DECISIONS = 50
_PATIENCE_S = 2.0
_WHILE_S = 120.0


class Outcome(NamedTuple):
    """What came for one listing: a price and its source, or why there is none, source by source. ``again_s``: without a price, when a source that
    had no call left for the moment may be asked."""

    price: Price | None
    source: str
    reasons: tuple[tuple[str, str], ...]
    again_s: float | None = None


class Link:
    """One source in the chain, with its health and its calls."""

    def __init__(self, source: Source, rng: Rng, changed: Callable[[], object]) -> None:
        self.source = source
        self.health = Health(rng)
        self.ledger = Ledger(source.allowances, changed)
        self.has_key = not source.needs_key
        self.missing: dict[str, tuple[int, str]] = {}
        """Listings it does not know: until when (monotonic ns) it is not asked again, and what it said."""


class Chain:
    """``clock`` gives wall and monotonic time; ``changed`` is called when anything that is shown or kept has changed."""

    def __init__(self, sources: Sequence[Source], clock: Any, rng: Rng, changed: Callable[[], object] = lambda: None) -> None:
        self.links = {source.name: Link(source, rng, changed) for source in sources}
        self.decisions: deque[tuple[int, str]] = deque(maxlen=_DECISIONS)
        """(wall ns, sentence) of each switch from one source to another and its reason."""
        self.orders: dict[str, tuple[str, ...]] = {}
        """The trader's own order for a listing, by its symbol; a source that is left out is not asked for it."""
        self._clock, self._changed = clock, changed
        self._now_at: dict[str, str] = {}

    async def prices(
        self, listings: Sequence[Listing], person: bool = False, settled: Callable[[str, str], str] = lambda _name, _symbol: ""
    ) -> dict[str, Outcome]:
        """The latest price of each listing. ``person``: somebody waits for it, so the calls that are kept back may be used; ``settled(source,
        symbol)`` says why a source has nothing newer for a listing than what is shown."""
        groups: dict[tuple[str, ...], list[Listing]] = {}
        for item in listings:
            groups.setdefault(self.order(item.symbol), []).append(item)
        found: dict[str, Outcome] = {}
        for order, items in groups.items():
            found |= await self._prices(order, items, person, settled)
        for symbol, outcome in found.items():
            self._note(symbol, outcome)
        self._changed()
        return found

    async def _prices(
        self, order: Sequence[str], listings: Sequence[Listing], person: bool, settled: Callable[[str, str], str]
    ) -> dict[str, Outcome]:
        wanted = {item.symbol: item for item in listings}
        reasons: dict[str, list[tuple[str, str]]] = {symbol: [] for symbol in wanted}
        found: dict[str, Outcome] = {}
        again: dict[str, float] = {}
        for link in map(self.links.__getitem__, order):
            fit: list[Listing] = []
            for symbol, item in wanted.items():
                why = self._unfit(link, item) or settled(link.source.name, symbol)
                if why:
                    reasons[symbol].append((link.source.name, why))
                else:
                    fit.append(item)
            trial = bool(fit) and self._on_trial(link)
            answered = 0
            for at in range(0, len(fit), link.source.batch):
                part = fit[at : at + link.source.batch]
                cost = link.source.cost(len(part))
                if why := self._closed(link, cost, person, trial and at == 0):
                    wait_s = link.ledger.wait_s(self._clock.now_ns(), cost, person)
                    for item in fit[at:]:
                        reasons[item.symbol].append((link.source.name, why))
                        if 0 < wait_s <= _WHILE_S:
                            again[item.symbol] = min(wait_s, again.get(item.symbol, wait_s))
                    break
                answers = await self._asked(link, part, cost)
                for item in part:
                    answer = answers.get(item.symbol) or SourceError("empty", "no price in the answer")
                    if isinstance(answer, Price):
                        found[item.symbol] = Outcome(answer, link.source.name, tuple(reasons[item.symbol]))
                        del wanted[item.symbol]
                        answered += 1
                    else:
                        reasons[item.symbol].append((link.source.name, str(answer)))
                        if answer.kind in ("unknown_symbol", "empty"):
                            link.missing[item.symbol] = (self._clock.monotonic_ns() + int(_MISS_S * NS), str(answer))
            if not wanted:
                break
        for symbol in wanted:
            found[symbol] = Outcome(None, "", tuple(reasons[symbol]), again.get(symbol))
        return found

    def order(self, symbol: str) -> tuple[str, ...]:
        """Whom to ask for a listing, in this order: the chain's, or the trader's own for it."""
        return self.orders.get(symbol) or tuple(self.links)

    async def first(self, what: Callable[[Source], Awaitable[Any]], listing: Listing | None = None) -> tuple[Any, str]:
        """(answer, source) of the first source that gives one, for a person who waits. Raises SourceError that says what each one said."""
        said = []
        for link in map(self.links.__getitem__, self.order(listing.symbol) if listing is not None else self.links):
            why = (listing is not None and self._unfit(link, listing)) or await self._closed_to_a_person(link)
            if not why:
                try:
                    answer = await self.one(link, what)
                except SourceError as error:
                    why = str(error)
                else:
                    return answer, link.source.name
            said.append(f"{link.source.title}: {why}")
        raise SourceError("empty", "; ".join(said) or "there is no source")

    async def only(self, name: str, what: Callable[[Source], Awaitable[Any]]) -> Any:
        """The answer of one source, for a person who waits. Raises SourceError, also where it may not be asked now."""
        link = self.links[name]
        if why := await self._closed_to_a_person(link):
            raise SourceError("quota" if link.has_key else "no_key", why)
        return await self.one(link, what)

    async def one(self, link: Link, what: Callable[[Source], Awaitable[Any]]) -> Any:
        """One call of one source, counted. Raises SourceError."""
        link.ledger.take(self._clock.now_ns())
        try:
            answer = await what(link.source)
        except SourceError as error:
            self._failed(link, error)
            raise
        self._succeeded(link)
        return answer

    def again(self, names: Iterable[str] = ()) -> None:
        """A person wants sources (all, if none is named) tried now; what they did not know may be asked again too."""
        for name in list(names) or self.links:
            self.links[name].health.again()
            self.links[name].missing.clear()

    def sentence(self, name: str) -> str:
        """How a source is: `3 time-outs, resting 40 s`, with the calls it has left; empty when there is nothing to say."""
        link, now = self.links[name], self._clock.now_ns()
        parts = [link.health.sentence(self._clock.monotonic_ns())]
        left = link.ledger.left(now)
        if left is not None:
            parts.append(f"{left} of {link.ledger.per_day} calls left today" if left else f"no calls left today, {link.ledger.per_day} more at 00:00 UTC")
        if not link.has_key:
            parts = ["needs a key"]
        return "; ".join(part for part in parts if part)

    def _unfit(self, link: Link, item: Listing) -> str:
        """Why a source is not asked for a listing at all."""
        why = link.source.covers(item)
        if why:
            return why
        until, said = link.missing.get(item.symbol, (0, ""))
        return said if until > self._clock.monotonic_ns() else ""

    def _on_trial(self, link: Link) -> bool:
        return link.has_key and not link.health.is_well and link.health.may_try(self._clock.monotonic_ns())

    async def _closed_to_a_person(self, link: Link) -> str:
        """Why a source is not asked now though somebody waits; a moment's wait is waited out."""
        wait = link.ledger.wait_s(self._clock.now_ns(), 1, True)
        if link.has_key and 0 < wait <= _PATIENCE_S:
            await asyncio.sleep(wait + 0.01)
        return self._closed(link, 1, True, self._on_trial(link))

    def _closed(self, link: Link, cost: int, person: bool, trial: bool) -> str:
        """Why a source is not asked now."""
        if not link.has_key:
            return "needs a key"
        if not link.health.is_well and not trial:
            return link.health.sentence(self._clock.monotonic_ns()) or "is being tried again"
        wait = link.ledger.wait_s(self._clock.now_ns(), cost, person)
        if not wait:
            return ""
        left = link.ledger.left(self._clock.now_ns())
        if left is not None and left - cost < (0 if person else link.ledger.kept_back):
            return f"{left} of {link.ledger.per_day} calls left today" + ("" if person or not left else ", which are kept for what you ask for")
        return f"its calls of this while are used up, more in {round(wait) or 1} s"

    async def _asked(self, link: Link, part: Sequence[Listing], cost: int) -> dict[str, Price | SourceError]:
        link.ledger.take(self._clock.now_ns(), cost)
        try:
            answers = await link.source.prices(part)
        except SourceError as error:
            self._failed(link, error)
            return {item.symbol: error for item in part}
        against = next((each for each in answers.values() if isinstance(each, SourceError) and each.kind in AGAINST), None)
        if against is not None:
            self._failed(link, against)
        else:
            self._succeeded(link)
        return answers

    def _failed(self, link: Link, error: SourceError) -> None:
        if error.kind == "no_key":
            link.has_key = False
        elif error.kind in AGAINST:
            link.health.fell(self._clock.monotonic_ns(), error.kind, str(error), error.wait_s)
            if error.kind == "quota" and link.ledger.per_day is not None and "day" in str(error):
                link.ledger.exhausted(self._clock.now_ns())
        self._changed()

    def _succeeded(self, link: Link) -> None:
        link.health.succeeded(self._clock.monotonic_ns())
        self._changed()

    def _note(self, symbol: str, outcome: Outcome) -> None:
        """Write down a switch of source and why."""
        before, now = self._now_at.get(symbol, ""), outcome.source
        if now == before or (not now and not before):
            return
        self._now_at[symbol] = now
        titles = {name: link.source.title for name, link in self.links.items()}
        why = "; ".join(f"{titles[name]}: {said}" for name, said in outcome.reasons)
        if now and not before and not outcome.reasons:
            return
        who = f"now {titles[now]}" if now else "no source has it"
        extra = self.sentence(now) if now else ""
        self.decisions.append((self._clock.now_ns(), f"{symbol}: {why + '; ' if why else ''}{who}{', ' + extra if extra else ''}"))
