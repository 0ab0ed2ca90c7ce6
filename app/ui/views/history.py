"""The history page: what bars are stored, with export, check and removal; and the import."""

from __future__ import annotations

import asyncio
from typing import Any

from .. import format as fmt
from .. import history_words as words
from ..dom import el, listen, need_style, set_text
from ..format import refusal
from ..link import Refused
from .history_import import ImportCard
from .history_preview import findings_table
from .vault_fields import Outcome, button, card, load, refill, row, table

_ARMED_S = 15.0


class HistoryView:
    """Owns #/history."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        need_style("vault.css")
        need_style("history.css")
        self._rows: list[dict] = []
        self._troubles: list[str] = []
        self._armed = ""
        self._summary = el("p", {"role": "status", "data-testid": "history-summary"})
        self._place = el("div", {"class": "history-rows"})
        self._said = Outcome("history-said")
        self._checked = el("div", {"data-testid": "history-checked"})
        self._import = ImportCard(ctx, self._listed)
        first = button("Import a file", None, "btn-primary", lambda _event: self._import.focus())
        self._empty = el("div", {"class": "empty", "hidden": True}, el("p", None, "No bars are stored. A CSV file of bars shows behind the live ones."), first)
        stored = card("What is stored", self._summary, self._empty, self._place, self._said.root, self._checked)
        self.root = el("div", {"class": "page vault history"}, el("h2", {"class": "page-title"}, "History"), stored, self._import.root)
        listen(self._place, "click", self._click)
        ctx.store.subscribe("vault", lambda _vault: self._look())

    def shown(self) -> None:
        """Ask what is stored."""
        self._look()

    def _look(self) -> None:
        if self._ctx.router.current == "history":
            self._ctx.errors.run("History", self._listed())

    async def _listed(self) -> None:
        try:
            found = await self._ctx.link.ask("history.list")
        except Refused as error:
            self._said.refused(error)
            return
        self._rows = found["rows"]
        self._import.vault(found["vault"], self._rows)
        self._troubles = found["troubles"]
        self._draw()

    def _draw(self) -> None:
        set_text(self._summary, words.summary(self._rows, self._troubles))
        self._empty.hidden = bool(self._rows)
        held = self._held()
        heads = ("Symbol", "Bars of", "From, to (UTC)", ("Bars", "num"), ("Size", "num"), "Source", "Kept", "Do")
        refill(self._place, table(heads, [self._row(item) for item in self._rows], "Stored history") if self._rows else None)
        if held:
            self._focus(*held)

    def _held(self) -> tuple[str, str] | None:
        """Series and action of the button that has the focus: the list may come anew at any time."""
        node = self._place.ownerDocument.activeElement
        line = node.closest("tr[data-id]") if node and self._place.contains(node) else None
        what = node.getAttribute("data-do") if line else None
        return (str(line.getAttribute("data-id")), str(what)) if what else None

    def _row(self, item: dict) -> Any:
        label = words.name(item)
        choice = el("select", {"aria-label": f"How to export {label}", "data-testid": "history-adjust"})
        for value, text in words.ADJUST:
            choice.append(el("option", {"value": value}, text))
        armed = self._armed == item["id"]
        made = row(
            item["symbol"],
            item["timeframe"],
            words.reach(item),
            (fmt.number(item["rows"]), {"class": "num"}),
            (fmt.size(item["bytes"]), {"class": "num"}),
            item["source"],
            words.WHERE[item["where"]],
            (
                el(
                    "div",
                    {"class": "row"},
                    choice,
                    _do("Export", "export", label, "history-export"),
                    _do("Check", "check", label, "history-check"),
                    _do("Remove for good" if armed else "Remove", "remove", label, "history-remove", "btn-danger" if armed else "btn-quiet"),
                ),
                None,
            ),
        )
        for name, value in (("data-testid", "history-row"), ("data-symbol", item["symbol"]), ("data-timeframe", item["timeframe"]), ("data-id", item["id"])):
            made.setAttribute(name, value)
        return made

    def _click(self, event: Any) -> None:
        pressed = event.target.closest("[data-do]")
        if not pressed:
            return
        line = pressed.closest("tr")
        what, series = str(pressed.getAttribute("data-do")), str(line.getAttribute("data-id"))
        if what == "export":
            self._ctx.errors.run("Exporting history", self._export(series, str(line.querySelector("select").value)), self._said.refused)
        elif what == "check":
            self._ctx.errors.run("Checking history", self._check(series), self._said.refused)
        elif self._armed == series:
            self._ctx.errors.run("Removing history", self._remove(series), self._said.refused)
        else:
            self._arm(series)

    def _arm(self, series: str) -> None:
        self._armed = series
        item = next(item for item in self._rows if item["id"] == series)
        self._said.say(f"Press once more to remove {words.name(item)} for good.", "warn")
        self._draw()
        self._focus(series, "remove")
        asyncio.get_running_loop().call_later(_ARMED_S, self._disarm, series)

    def _disarm(self, series: str) -> None:
        if self._armed == series:
            self._armed = ""
            self._said.say("")
            self._draw()

    def _focus(self, series: str, what: str) -> None:
        found = self._place.querySelector(f'tr[data-id="{series}"] [data-do="{what}"]')
        if found:
            found.focus()

    async def _export(self, series: str, mode: str) -> None:
        self._said.say("Writing…", "plain")
        found = await self._ctx.link.ask_secret("history.export", series=series, adjust=mode)
        (await load("handing")).save(found["file"], found["name"])
        self._said.say(*words.exported(found, mode))

    async def _check(self, series: str) -> None:
        self._said.say("Checking…", "plain")
        found = (await self._ctx.link.ask("history.check", series=series))["findings"]
        item = next(item for item in self._rows if item["id"] == series)
        said, tone = words.checked(found)
        self._said.say(f"{words.name(item)}: {said}", tone)
        refill(self._checked, findings_table(found, item["timeframe"], choose=False) if found else None)

    async def _remove(self, series: str) -> None:
        self._armed = ""
        try:
            found = await self._ctx.link.ask("history.remove", series=series)
        except Refused as error:
            self._said.say(refusal(error), "bad")
        else:
            refill(self._checked)
            self._said.say(words.removed(found["removed"]))
        await self._listed()


def _do(text: str, what: str, label: str, testid: str, kind: str = "btn-quiet") -> Any:
    return button(text, testid, kind, None, **{"data-do": what, "aria-label": f"{text}: {label}"})
