"""The sources' page: how each source is, its key, whose every price is and how old, and why one source was left for another."""

from __future__ import annotations

import asyncio
from typing import Any

from js import Date

from .. import format as fmt
from .. import source_words
from ..dom import el, listen, need_style, set_text
from ..link import Refused
from .vault_fields import Outcome, button, card, refill, row, table

_REFRESH_S = 1.0
_HEADS = ("Instrument", ("Price", "num"), "Source", ("Age", "num"), "Exchange", "What to know", "Ask first", "")


class SourcesView:
    """Owns #/sources."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._task: asyncio.Task | None = None
        need_style("sources.css")
        self._said = Outcome("sources-said")
        self._cards = el("div", {"class": "cards", "data-testid": "sources-chain"})
        self._links: dict[str, SourceCard] = {}
        self._prices = el("div")
        self._rows: dict[str, PriceRow] = {}
        self._about = el("section", {"class": "card", "data-testid": "sources-about", "hidden": True})
        self._decisions = el("ol", {"class": "decisions", "data-testid": "sources-decisions"})
        self._nothing = el("p", {"class": "empty", "hidden": True}, "This desk asks no sources. Open it with ?venue=equities, or add equities to its venues.")
        refresh = button("Ask now", "sources-refresh", press=lambda _event: self._do("sources.refresh", "Asked; what comes shows below."))
        prices = card("Prices", self._prices, testid="sources-prices")
        switches = card("Switches from one source to another", self._decisions)
        self._only_with_sources = (refresh, self._cards, prices, switches)
        self.root = el(
            "div",
            {"class": "page sources"},
            el("div", {"class": "page-head"}, el("h2", {"class": "page-title"}, "Sources"), el("span", {"class": "grow"}), refresh),
            self._said.root,
            self._nothing,
            self._cards,
            prices,
            self._about,
            switches,
            card("How prices are got", el("p", None, source_words.ABOUT), el("p", None, source_words.KEYS)),
        )
        listen(self._prices, "click", self._pressed)
        listen(self._prices, "change", self._chosen)
        ctx.store.subscribe("sources", lambda _message: self._draw())
        ctx.store.subscribe("vault", lambda _vault: self._draw())

    def shown(self) -> None:
        """Ask how things stand, and count ages on."""
        self._ctx.errors.run("Sources", self._ask())
        if self._task is None:
            self._task = asyncio.ensure_future(self._each_second())

    def hidden(self) -> None:
        """Nothing to count."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _ask(self) -> None:
        found = await self._ctx.link.ask("sources.state")
        if self._ctx.store.sources is not None or found["rows"]:
            self._ctx.store.sources = found
            self._ctx.store.publish("sources", found)
        self._draw()

    async def _each_second(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_S)
            self._grow_older()

    def _draw(self) -> None:
        state, vault = self._ctx.store.sources, self._ctx.store.vault
        self._nothing.hidden = state is not None
        for part in self._only_with_sources:
            part.hidden = state is None
        if state is None or self._task is None:
            return
        for link in state["chain"]:
            if link["name"] not in self._links:
                self._links[link["name"]] = SourceCard(self._ctx, link, len(self._links) + 1)
                self._cards.append(self._links[link["name"]].root)
            self._links[link["name"]].draw(link, vault is not None and vault["state"] == "unlocked")
        decisions = [el("li", None, el("time", None, fmt.clock(at)), " ", text) for at, text in reversed(state["decisions"])]
        refill(self._decisions, *(decisions or [el("li", {"class": "hint"}, "None so far: the first source answers.")]))
        if list(state["rows"]) != list(self._rows):
            self._rows = {symbol: PriceRow(symbol, each["added"], state["chain"]) for symbol, each in state["rows"].items()}
            refill(self._prices, table(_HEADS, [each.root for each in self._rows.values()], "Prices"))
        for symbol, each in state["rows"].items():
            self._rows[symbol].draw(each)
        self._grow_older()

    def _grow_older(self) -> None:
        now, rows = int(Date.now()) * 1_000_000, self._ctx.store.sources["rows"] if self._ctx.store.sources else {}
        for symbol, each in rows.items():
            if symbol in self._rows:
                self._rows[symbol].grow_older(each, now)

    def _pressed(self, event: Any) -> None:
        about, forget = event.target.closest("[data-about]"), event.target.closest("[data-forget]")
        if about:
            self._ctx.errors.run("About", self._tell_about(about.getAttribute("data-about")))
        elif forget:
            self._do("sources.remove", "It is not watched any more from the next start on.", symbol=forget.getAttribute("data-forget"))

    def _chosen(self, event: Any) -> None:
        symbol, first = event.target.getAttribute("data-first"), str(event.target.value)
        names = [link["name"] for link in self._ctx.store.sources["chain"]]
        order = None if first == names[0] else [first, *(name for name in names if name != first)]
        self._do("sources.order", "It is asked first from now on; the others stand in for it.", symbol=symbol, order=order)

    async def _tell_about(self, symbol: str) -> None:
        try:
            found = await self._ctx.link.ask("sources.company", symbol=symbol)
        except Refused as error:
            self._said.refused(error)
            return
        self._about.hidden = False
        facts = [node for label, text in found["facts"] for node in (el("dt", None, label), el("dd", None, text))]
        said = el("p", {"class": "hint"}, f"{symbol}, as {found['source']} has it, {fmt.stamp(found['at_ns'])}")
        refill(self._about, el("h2", None, found["name"]), said, el("dl", {"class": "facts"}, *facts))

    def _do(self, what: str, done: str, **more: Any) -> None:
        self._ctx.errors.run("Sources", self._run(what, done, more))

    async def _run(self, what: str, done: str, more: dict) -> None:
        try:
            await self._ctx.link.ask(what, **more)
        except Refused as error:
            self._said.refused(error)
        else:
            self._said.say(done)


class PriceRow:
    """One price; its cells are filled again, not made again, so that its buttons keep the focus."""

    def __init__(self, symbol: str, added: bool, chain: list[dict]) -> None:
        name = el("button", {"type": "button", "class": "btn btn-quiet", "data-about": symbol, "title": f"What {symbol} is"}, symbol)
        self._cells = [el("span") for _ in range(5)]
        price, source, age, hours, note = self._cells
        more = el("button", {"type": "button", "class": "btn btn-quiet", "data-forget": symbol}, "Forget") if added else ""
        self._first = el("select", {"data-first": symbol, "aria-label": f"Source to ask first for {symbol}"})
        self._first.append(*(el("option", {"value": link["name"]}, link["title"]) for link in chain))
        self.root = row(name, (price, {"class": "num"}), source, (age, {"class": "num"}), hours, (note, {"class": "why"}), self._first, more)
        self.root.setAttribute("data-symbol", symbol)

    def draw(self, each: dict) -> None:
        """Show this price."""
        price, source, _, _, note = self._cells
        set_text(price, f"{fmt.group(each['price'])} {each['currency']}" if each["price"] else fmt.NOTHING)
        set_text(source, each["title"] or "none")
        set_text(note, each["note"] or ("bid and ask are indicated" if each["indicated"] else ""))
        self._first.value = each["order"][0]
        self.root.setAttribute("data-source", each["source"])

    def grow_older(self, each: dict, now: int) -> None:
        """Its age and the exchange's hours at this moment."""
        set_text(self._cells[2], source_words.age(each, now) or fmt.NOTHING)
        hours = source_words.hours(each, now)
        set_text(self._cells[3], hours if each["around_the_clock"] else f"{each['exchange']}: {hours}")


class SourceCard:
    """One source: its state, its calls, its key."""

    def __init__(self, ctx: Any, link: dict, place: int) -> None:
        self._ctx, self._name, self._title = ctx, link["name"], link["title"]
        self._said = Outcome(f"source-said-{self._name}")
        dot = el("i", {"class": "dot", "aria-hidden": "true"})
        self._word = el("span", {"class": "word", "data-testid": f"source-state-{self._name}"}, dot, el("span", None, "…"))
        self._sentence = el("p", {"data-testid": f"source-sentence-{self._name}"})
        self._facts = el("p", {"class": "hint"})
        self._locked = el("p", {"class": "hint"}, "The key lies in the vault: make one or unlock it to enter the key.")
        about = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        self._key = el("input", {"type": "password", "id": f"source-key-{self._name}", "data-testid": f"source-key-{self._name}", **about})
        self._form = el(
            "form",
            {"class": "vault-form", "novalidate": True, "aria-label": f"Key of {self._title}"},
            el("div", {"class": "field"}, el("label", {"for": f"source-key-{self._name}"}, f"Key of {self._title}"), self._key),
            el("button", {"type": "submit", "class": "btn btn-primary", "data-testid": f"source-keep-{self._name}"}, "Put the key into the vault"),
        )
        gone = "The key is gone from the vault."
        self._forget = button("Remove the key", f"source-forget-{self._name}", press=lambda _event: self._run("sources.forget", gone))
        parts = self._word, self._sentence, self._facts, self._locked, self._form, self._forget, self._said.root
        self.root = card(f"{place}. {self._title}", *parts, testid=f"source-{self._name}")
        listen(self._form, "submit", self._submit)

    def draw(self, link: dict, opened: bool) -> None:
        """Show this state; ``opened``: the vault is open."""
        word, tone = source_words.STATES[link["state"]]
        set_text(self._word.querySelector("span"), word)
        self._word.setAttribute("data-state", link["state"])
        self._word.setAttribute("data-tone", tone if tone != "flat" else "")
        said = link["sentence"] if link["state"] != "no_key" else "It is not asked before its key is in an open vault."
        set_text(self._sentence, said or "All is well.")
        facts = [f"{fmt.number(link['ok'])} answers, {fmt.number(link['failed'])} failures; health {fmt.number(link['score'] * 100)} of 100"]
        facts += [f"it said: {link['detail']}"] if link["detail"] else []
        facts += [f"the key ends with {link['key']}"] if link["key"] else []
        set_text(self._facts, ". ".join(facts))
        needs = link["needs_key"]
        self._locked.hidden = not needs or opened
        self._form.hidden = not needs or not opened or bool(link["key"])
        self._forget.hidden = not link["key"]

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        key, self._key.value = str(self._key.value).strip(), ""
        self._run("sources.key", "The key is in the vault; the source is asked with it now.", key=key)

    def _run(self, what: str, done: str, **more: Any) -> None:
        self._ctx.errors.run(self._title, self._ask(what, done, more))

    async def _ask(self, what: str, done: str, more: dict) -> None:
        try:
            await self._ctx.link.ask(what, source=self._name, **more)
        except Refused as error:
            self._said.refused(error)
            self._key.focus()
        else:
            self._said.say(done)
