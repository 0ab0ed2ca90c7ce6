"""The journal page: every event of the account newest first, a page at a time from the desk worker; notes, verification, export, import."""

from __future__ import annotations

import time
from typing import Any

from js import document

from .. import format as fmt
from .. import journal_words as words
from ..dom import el, listen, need_style, save_text, set_text
from ..format import refusal
from ..link import Refused
from .journal_import import JournalImport
from .journal_note import NoteDialog
from .vault_fields import Outcome, button, card, refill, row, table

PAGE = 100
_FILTERS = (
    ("from", "From (UTC)", "date"),
    ("to", "To (UTC)", "date"),
    ("symbol", "Instrument", "text"),
    ("order", "Order id", "text"),
    ("text", "Words or tags", "search"),
)


class JournalView:
    """Owns #/journal. Holds one page of rows: older ones are asked for, not kept."""

    title = "Journal"

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        need_style("vault.css")
        need_style("journal.css")
        self._pages: list[int | None] = [None]
        self._next: int | None = None
        self._length = el("p", {"data-testid": "journal-length"})
        self._verified = el("p", {"data-testid": "journal-verified", "role": "status"})
        self._snapshot = el("p", {"class": "hint"})
        self._said = Outcome("journal-said")
        self._check = button("Verify now", "journal-check", press=lambda _event: ctx.errors.run("Verifying", self._verify()))
        export = button("Export journal", "journal-save", press=lambda _event: ctx.errors.run("Export", self._export()))
        agrees = el("p", {"class": "hint"}, "Whether it says what the venue says: ", el("a", {"href": "#/reconciliation"}, "reconciliation"), ".")
        buttons = el("div", {"class": "row"}, self._check, export)
        state = card("State", self._length, self._verified, self._snapshot, agrees, buttons, self._said.root)
        self._dialog = NoteDialog(ctx, self._again)
        self._filters: dict[str, Any] = {}
        self._form = self._make_filters()
        self._place = el("div", {"data-testid": "journal-rows"})
        self._count = el("p", {"class": "hint", "role": "status", "data-testid": "journal-count"})
        self._newest = button("Newest", "journal-newest", press=lambda _event: self._go([None]))
        self._newer = button("Newer", "journal-newer", press=lambda _event: self._go(self._pages[:-1]))
        self._older = button("Older", "journal-older", press=lambda _event: self._go([*self._pages, self._next]))
        steps = el("div", {"class": "row"}, self._newest, self._newer, self._older, self._count)
        about = {"aria-label": "From this fill back to its cause", "data-testid": "journal-why", "tabindex": "-1", "hidden": True}
        self._why = el("ol", {"class": "fill-cause", **about})
        self._why_of = ""
        ctx.keys.on_escape(lambda: ctx.router.current == "journal" and self._close_why())
        list_card = card("Events", self._form, steps, self._place, self._why)
        self._days = el("div", {"data-testid": "journal-notes"})
        self._day = el("input", {"type": "date", "id": "journal-day", "data-testid": "journal-day"})
        write = button("Note on this day", "journal-day-note", press=self._note_day)
        day = el("div", {"class": "row"}, el("label", {"for": "journal-day"}, "Day (UTC)"), self._day, write)
        notes = card("Notes", day, self._days)
        title = el("h2", {"class": "page-title"}, "Journal")
        self._import = JournalImport(ctx, self._again)
        self.root = el("div", {"class": "page vault journal"}, title, state, list_card, notes, self._import.root)
        listen(self._place, "click", self._click)
        listen(self._days, "click", self._click)
        ctx.link.on("again", lambda _message: self._forget())
        ctx.store.subscribe("vault", lambda _vault: self._again())
        ctx.store.subscribe("switched", lambda _account: self._go([None]) if ctx.router.current == "journal" else None)
        ctx.store.subscribe("notes", lambda _notes: self._draw_notes())

    def shown(self) -> None:
        """The route appears: the newest events."""
        if not self._day.value:
            self._day.value = time.strftime("%Y-%m-%d", time.gmtime())
        self._again()

    def _again(self) -> None:
        if self._ctx.router.current == "journal":
            self._ctx.errors.run("Journal", self._load())

    def _go(self, pages: list[int | None]) -> None:
        self._pages = pages or [None]
        self._ctx.errors.run("Journal", self._load())

    def _make_filters(self) -> Any:
        kind = self._filters["kind"] = el("select", {"id": "journal-kind", "data-testid": "journal-kind"})
        kind.append(*[el("option", {"value": value}, text) for value, text in words.KINDS])
        form = el("form", {"class": "journal-filters", "novalidate": True, "aria-label": "Which events"})
        form.append(el("div", {"class": "field"}, el("label", {"for": "journal-kind"}, "Kind"), kind))
        for name, label, type_ in _FILTERS:
            key = f"journal-{name}"
            field = self._filters[name] = el("input", {"type": type_, "id": key, "data-testid": key, "autocomplete": "off", "spellcheck": "false"})
            form.append(el("div", {"class": "field"}, el("label", {"for": key}, label), field))
        form.append(el("button", {"type": "submit", "class": "btn", "data-testid": "journal-find"}, "Find"))
        self._problem = el("p", {"class": "field-error", "role": "alert", "data-testid": "journal-problem"})
        form.append(self._problem)
        listen(form, "submit", self._find)
        listen(kind, "change", lambda _event: self._go([None]))
        return form

    def _find(self, event: Any) -> None:
        event.preventDefault()
        self._go([None])

    def _wanted(self) -> dict:
        found = {name: str(field.value).strip() for name, field in self._filters.items()}
        return {name: value for name, value in found.items() if value}

    async def _load(self) -> None:
        wanted = self._wanted()
        try:
            state = await self._ctx.link.ask("journal.state")
            found = await self._ctx.link.ask("journal.page", before=self._pages[-1], limit=PAGE, **wanted)
        except Refused as error:
            if error.field in self._filters:
                set_text(self._problem, refusal(error))
                self._filters[error.field].focus()
            else:
                self._closed(error)
            return
        set_text(self._problem, "")
        self._draw_state(state)
        self._next = found["next"]
        heads = (("Number", "num"), "Time", "What", "Instrument", "Said", "Do")
        rows = [self._row(item) for item in found["rows"]]
        refill(self._place, table(heads, rows, "Events of the journal, newest first") if rows else None)
        set_text(self._count, words.searched(found, len(rows), bool(wanted)))
        self._newest.disabled = self._newer.disabled = len(self._pages) == 1
        self._older.disabled = found["next"] is None
        self._draw_notes()

    def _closed(self, error: Refused) -> None:
        self._blank(refusal(error))

    def _blank(self, text: str) -> None:
        refill(self._place, el("p", {"class": "empty"}, text))
        for node in (self._length, self._verified, self._snapshot, self._count):
            set_text(node, "")
        self._older.disabled = self._newer.disabled = self._newest.disabled = True

    def _forget(self) -> None:
        """Another desk worker begins: nothing of the account stays here, whether this page shows or not."""
        self._blank("")
        self._pages, self._next = [None], None
        self._form.reset()
        self._dialog.close()
        self._import.forget()
        self._said.say("", "plain")
        self._close_why()
        refill(self._days)

    def _draw_state(self, state: dict) -> None:
        set_text(self._length, words.length(state))
        text, tone = words.verified(state, time.time() * 1000)
        set_text(self._verified, text)
        self._verified.setAttribute("class", tone)
        set_text(self._snapshot, words.snapshot(state))
        self._check.hidden = not state["kept"]

    def _row(self, item: dict) -> Any:
        kind = item["kind"]
        subject = f"fill:{item['fill']}" if item["fill"] else f"order:{item['order']}" if item["order"] else ""
        noted = self._note(subject) or (self._note(f"order:{item['order']}") if item["order"] else None)
        said = el("div", {"class": "said"}, el("span", None, item["text"]))
        if noted is not None and kind != "NoteSet":
            said.append(el("small", {"class": "noted"}, " ".join([*(f"#{tag}" for tag in noted["tags"]), noted["text"]])))
        do = el("div", {"class": "doing"})
        if item["fill"]:
            do.append(_small("Why", "why", item["fill"], "Why: back from this fill to its cause"))
        if subject:
            do.append(_small("Note", "note", subject, f"Note on {words.about(subject)}"))
        if item["order"]:
            do.append(_small("Order", "order", item["order"], f"Order {item['order']}: only its events"))
        when = el("time", {"title": fmt.utc(item["ts"])}, fmt.stamp(item["ts"]))
        made = row((fmt.number(item["seq"]), {"class": "num"}), when, (words.NAMES.get(kind, kind), {"class": words.TONES.get(kind)}), item["symbol"], said, do)
        made.setAttribute("data-testid", "journal-row")
        made.setAttribute("data-kind", kind)
        return made

    def _note(self, subject: str) -> dict | None:
        rows = (self._ctx.store.notes or {}).get("rows", ())
        return next((note for note in rows if note["about"] == subject), None)

    def _draw_notes(self) -> None:
        if self._ctx.router.current != "journal" or self._ctx.store.notes is None:
            return
        notes = sorted((self._ctx.store.notes or {}).get("rows", ()), key=lambda note: -note["ts"])
        shown = [
            row(
                fmt.stamp(note["ts"]),
                words.about(note["about"]),
                " ".join(f"#{tag}" for tag in note["tags"]),
                (note["text"], {"class": "said"}),
                _small("Change", "note", note["about"], f"Change the note on {words.about(note['about'])}"),
            )
            for note in notes[:PAGE]
        ]
        empty = el("p", {"class": "hint"}, "No notes yet. A note on a trade says later why it was made.")
        refill(self._days, table(("Written", "About", "Tags", "Note", "Do"), shown, "Notes, newest first") if shown else empty)

    def _note_day(self, _event: Any) -> None:
        if self._day.value:
            self._open_note(f"day:{self._day.value}")

    def _open_note(self, subject: str) -> None:
        self._dialog.open(subject, self._note(subject))

    def _click(self, event: Any) -> None:
        pressed = event.target.closest("button")
        if not pressed:
            return
        if pressed.hasAttribute("data-note"):
            self._open_note(str(pressed.getAttribute("data-note")))
        elif pressed.hasAttribute("data-order"):
            self._filters["order"].value = pressed.getAttribute("data-order")
            self._go([None])
            document.getElementById("journal-order").focus()
        elif pressed.hasAttribute("data-why"):
            self._ctx.errors.run("Fill", self._explain(str(pressed.getAttribute("data-why"))))

    async def _explain(self, fill_id: str) -> None:
        lines = (await self._ctx.link.ask("journal.fill", fill_id=fill_id))["lines"]
        refill(self._why, *[el("li", None, line) for line in lines])
        self._why.hidden, self._why_of = False, fill_id
        self._why.focus()

    def _close_why(self) -> bool:
        """Put the answer away and go back to where it was asked for; False where there is none."""
        if self._why.hidden:
            return False
        held = self._why.contains(document.activeElement)
        self._why.hidden = True
        refill(self._why)
        if held and (asked := self._place.querySelector(f'[data-why="{self._why_of}"]')):
            asked.focus()
        return True

    async def _verify(self) -> None:
        self._said.say("Opening every record…", "plain")
        try:
            await self._ctx.link.ask("journal.check")
        except Refused as error:
            self._said.refused(error)
            return
        self._said.say("Every record was opened and the chain followed from its beginning.")
        self._draw_state(await self._ctx.link.ask("journal.state"))

    async def _export(self) -> None:
        text = (await self._ctx.link.ask("journal.export"))["text"]
        save_text("kontor-journal.jsonl", text, "application/jsonl")
        self._said.say("Exported, readable by anybody: python -m app.trading.journal reads it.")


def _small(text: str, name: str, value: str, label: str) -> Any:
    return el("button", {"type": "button", "class": "btn btn-quiet", f"data-{name}": value, "aria-label": label}, text)
