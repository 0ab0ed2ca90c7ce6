"""The card of importing: choose a file or an address, look at what it holds, decide, keep. Nothing is written before that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from .. import history_words as words
from ..dom import clear, el, fill, listen, set_text
from ..format import refusal
from ..link import Refused
from .history_preview import choices_of_columns, findings_table, first_bars, first_rows, problems
from .vault_fields import Outcome, button, card, load

_FIELDS = {"url": "history-url", "zone": "history-zone", "symbol": "history-symbol", "source": "history-source", "timeframe": "history-timeframe"}


class ImportCard:
    """``listed`` reads anew what is stored."""

    def __init__(self, ctx: Any, listed: Callable[[], Awaitable[None]]) -> None:
        self._ctx, self._listed = ctx, listed
        self._found: dict | None = None
        self._read_from: tuple = ()
        self._stored: list[dict] = []
        self._open = self._keeping = False
        self._errors: dict[str, Any] = {}
        accept = ".csv,.txt,.tsv,.gz,.zip,.parquet,text/csv,application/gzip,application/zip"
        self._file = el("input", {"type": "file", "id": "history-file", "data-testid": "history-file", "accept": accept})
        self._url = el("input", {"type": "text", "id": "history-url", "data-testid": "history-url", "inputmode": "url", "autocomplete": "off"})
        zone = {"type": "text", "id": "history-zone", "data-testid": "history-zone", "value": "UTC", "autocomplete": "off", "spellcheck": "false"}
        self._zone = el("input", zone)
        self._look = el("button", {"type": "submit", "class": "btn btn-primary", "data-testid": "history-look"}, "Read and check")
        self._stop = button("Cancel", "history-cancel", "btn-quiet", lambda _event: self._cancel(), hidden=True)
        self._said = Outcome("history-import-said")
        self._said.root.tabIndex = -1
        form = el(
            "form",
            {"class": "history-fields", "aria-label": "Import bars", "novalidate": True},
            el("div", {"class": "field"}, el("label", {"for": "history-file"}, "File: CSV, also gzipped or in a zip, or Parquet"), self._file),
            self._field("url", "or an address", self._url),
            self._field("zone", "Time zone of times without an offset", self._zone),
            el("div", {"class": "row"}, self._look, self._stop),
        )
        about = {"class": "history-preview", "aria-label": "What the file holds", "data-testid": "history-preview", "novalidate": True, "hidden": True}
        self._plan = el("form", about)
        note = el("p", {"class": "hint"}, "Reading changes nothing. What would be kept, and what looks wrong with it, is shown first.")
        self.root = card("Import", note, form, self._said.root, self._plan)
        listen(form, "submit", self._submit)
        listen(self._plan, "submit", self._keep_pressed)
        listen(self._plan, "change", self._changed)
        ctx.link.on("history", lambda message: self._stop.hidden or self._said.say(words.progress(message), "plain"))

    def focus(self) -> None:
        """To where an import begins."""
        self._file.focus()

    def vault(self, opened: bool, stored: list[dict]) -> None:
        """Whether bars may be kept encrypted, and what is stored."""
        self._open, self._stored = opened, stored

    def _field(self, name: str, label: str, node: Any, hint: str = "") -> Any:
        id_ = _FIELDS[name]
        self._errors[name] = el("p", {"class": "field-error", "id": f"{id_}-error", "role": "alert"})
        node.setAttribute("aria-describedby", f"{id_}-error")
        return el("div", {"class": "field"}, el("label", {"for": id_}, label), node, el("p", {"class": "hint"}, hint) if hint else None, self._errors[name])

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        if not self._stop.hidden:
            return
        if not self._file.files.length and not str(self._url.value).strip():
            self._said.say("Choose a file, or type an address.", "bad")
            self._file.focus()
            return
        again = self._found is not None and self._chosen_file() == self._read_from
        self._ctx.errors.run("Import", self._read(self._said_of_it() if again else {}))

    def _chosen_file(self) -> tuple:
        """What tells one choice of a file or an address from another."""
        file = self._file.files.item(0) if self._file.files.length else None
        return (str(file.name), file.size, file.lastModified) if file else (str(self._url.value).strip(),)

    def _said_of_it(self) -> dict:
        """What the trader says the file means, in the fields of the preview."""
        said: dict = {}
        choices = self._plan.querySelectorAll("[data-role], [data-option]")
        for choice in (choices.item(index) for index in range(choices.length)):
            if role := choice.getAttribute("data-role"):
                said.setdefault("columns", {})[str(role)] = int(choice.value) if choice.value else None
            elif choice.value:
                said[str(choice.getAttribute("data-option"))] = str(choice.value)
        return said

    async def _read(self, options: dict) -> None:
        self._read_from = self._chosen_file()
        options = {"zone": str(self._zone.value).strip(), **options}
        self._busy(True)
        self._clear_errors()
        self._said.say("Reading…", "plain")
        try:
            if self._file.files.length:
                data = await (await load("handing")).read(self._file)
                found = await self._ctx.link.ask_secret("history.preview", file=data, name=str(self._file.files.item(0).name), **options)
            else:
                found = await self._ctx.link.ask("history.preview", url=str(self._url.value).strip(), **options)
        except Refused as error:
            if error.code != "history_dropped":
                self._forget()  # what the file before this one holds cannot be kept any more
                self._refused(error)
            return
        finally:
            self._busy(False)
        self._found = found
        held = self._plan.ownerDocument.activeElement
        held = str(held.id) if held and self._plan.contains(held) else ""
        opened = self._plan.querySelector("details[open]")
        if found["preview"] is None:
            self._ask(found)
        else:
            self._said.say("")
            self._draw(found)
        if opened and (columns := self._plan.querySelector("details")):
            columns.open = True
        if held and (node := self._plan.querySelector(f"#{held}")):
            node.focus()

    def _ask(self, found: dict) -> None:
        """Show what has to be said before the file can be read."""
        self._said.say(refusal(SimpleNamespace(**found["refused"])), "bad")
        clear(self._plan)
        fill(self._plan, None, el("h3", None, "What the file means"), choices_of_columns(found), first_rows(found))
        self._plan.hidden = False

    def _draw(self, found: dict) -> None:
        said, tone = words.checked(found["findings"])
        verdict = Outcome("history-verdict")
        verdict.say(said, tone)
        clear(self._plan)
        fill(
            self._plan,
            None,
            el("h3", None, "What the file holds"),
            *(el("p", None, text) for text in words.facts(found)),
            choices_of_columns(found),
            first_bars(found),
            problems(found),
            verdict.root,
            findings_table(found["findings"], found["timeframe"], choose=True) if found["findings"] else None,
            self._keep_fields(found),
        )
        self._plan.hidden = False
        self._name_changed()

    def _keep_fields(self, found: dict) -> Any:
        names = el("datalist", {"id": "history-symbols"}, *(el("option", {"value": symbol}) for symbol in self._ctx.store.instruments))
        self._symbol = el("input", {"type": "text", "id": "history-symbol", "data-testid": "history-symbol", "list": "history-symbols", "autocomplete": "off"})
        self._symbol.value = found["symbol"]
        self._source = el("input", {"type": "text", "id": "history-source", "data-testid": "history-source", "value": "file", "autocomplete": "off"})
        self._frame = el("select", {"id": "history-timeframe", "data-testid": "history-timeframe"})
        for frame in ([] if found["timeframe"] else [""]) + found["timeframes"]:
            self._frame.append(el("option", {"value": frame}, frame or "choose…"))
        self._frame.value = found["timeframe"]
        self._where = el("select", {"id": "history-where", "data-testid": "history-where"})
        self._where.append(el("option", {"value": "readable"}, "readable: public market data"))
        if self._open:
            self._where.append(el("option", {"value": "vault"}, "encrypted in the vault: shows only while it is open"))
        self._merge = el("input", {"type": "checkbox", "data-testid": "history-merge"})
        add = el("label", {"class": "check"}, self._merge, "Add to it; the new bars win where both have one")
        self._same = el("div", {"hidden": True}, el("p", {"class": "stale"}), add)
        self._keep = el("button", {"type": "submit", "class": "btn btn-primary", "data-testid": "history-keep"}, "Keep")
        return el(
            "div",
            {"class": "history-keep"},
            el("h3", None, "Keep it as"),
            names,
            el(
                "div",
                {"class": "history-fields"},
                self._field("symbol", "Symbol", self._symbol, "That of an instrument here shows on its chart."),
                self._field("source", "Source", self._source),
                self._field("timeframe", "Bars of", self._frame),
                el("div", {"class": "field"}, el("label", {"for": "history-where"}, "Kept"), self._where),
            ),
            self._same,
            el("div", {"class": "row"}, self._keep, button("Leave it", "history-drop", "btn-quiet", lambda _event: self._drop("Nothing was written."))),
        )

    def _changed(self, event: Any) -> None:
        if self._found is None:
            return
        if event.target.matches("[data-role], [data-option]"):
            self._ctx.errors.run("Import", self._read(self._said_of_it()))
        elif self._found["preview"] is not None:
            self._name_changed()

    def _name_changed(self) -> None:
        asked = (str(self._source.value).strip(), str(self._symbol.value).strip(), str(self._frame.value))
        same = next((row for row in self._stored if (row["source"], row["symbol"], row["timeframe"]) == asked), None)
        self._same.hidden = same is None
        if same is not None:
            set_text(self._same.querySelector("p"), words.same(same))

    def _keep_pressed(self, event: Any) -> None:
        event.preventDefault()
        if self._found is not None and self._found["preview"] is not None and not self._keeping:
            self._ctx.errors.run("Keeping history", self._kept())

    async def _kept(self) -> None:
        boxes = self._plan.querySelectorAll("[data-repair]")
        repairs = [int(boxes.item(index).getAttribute("data-repair")) for index in range(boxes.length) if boxes.item(index).checked]
        self._keeping = True
        self._clear_errors()
        try:
            found = await self._ctx.link.ask(
                "history.keep",
                preview=self._found["preview"],
                symbol=str(self._symbol.value),
                source=str(self._source.value),
                timeframe=str(self._frame.value),
                where=str(self._where.value),
                repairs=repairs,
                merge=not self._same.hidden and bool(self._merge.checked),
            )
        except Refused as error:
            self._refused(error)
            return
        finally:
            self._keeping = False
        self._file.value = self._url.value = ""
        self._forget()
        self._said.say(words.kept(found["kept"], len(repairs)))
        self._said.root.focus()  # what was pressed is gone; in a field keys such as G D would be typed
        await self._listed()

    def _drop(self, said: str) -> None:
        self._forget()
        self._said.say(said, "plain")
        self._said.root.focus()
        self._ctx.errors.run("Import", self._ctx.link.ask("history.drop"))

    def _forget(self) -> None:
        self._found = None
        self._plan.hidden = True
        clear(self._plan)

    def _cancel(self) -> None:
        self._drop("Cancelled. Nothing was written.")

    def _busy(self, busy: bool) -> None:
        self._look.setAttribute("aria-disabled", "true" if busy else "false")  # disabled, it would lose the focus
        self._stop.hidden = not busy

    def _refused(self, error: Refused) -> None:
        node = self._errors.get(error.field or "")
        if node is not None and node.isConnected:
            set_text(node, refusal(error))
            self._said.say("")
            field = self.root.querySelector(f"#{_FIELDS[error.field]}")
            field.setAttribute("aria-invalid", "true")
            field.focus()
        else:
            self._said.refused(error)

    def _clear_errors(self) -> None:
        for name, node in self._errors.items():
            set_text(node, "")
            field = self.root.querySelector(f"#{_FIELDS[name]}")
            if field:
                field.removeAttribute("aria-invalid")
