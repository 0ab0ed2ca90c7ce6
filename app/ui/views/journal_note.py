"""The dialog in which the trader writes tags and a note on an order, a fill or a day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from js import document

from .. import journal_words as words
from ..dom import el, listen, set_text
from ..format import refusal
from ..link import Refused
from .vault_fields import button


class NoteDialog:
    """One for the page; ``done()`` is called after a note was kept."""

    def __init__(self, ctx: Any, done: Callable[[], None]) -> None:
        self._ctx, self._done, self._about = ctx, done, ""
        self._title = el("h2", {"id": "note-title"})
        about = {"autocomplete": "off", "aria-describedby": "note-hint note-error"}
        self._tags = el("input", {"type": "text", "id": "note-tags", "data-testid": "note-tags", **about})
        self._text = el("textarea", {"id": "note-text", "data-testid": "note-text", "rows": "4", "maxlength": "2000", "aria-describedby": "note-error"})
        self._error = el("p", {"class": "field-error", "id": "note-error", "role": "alert"})
        keep = el("button", {"type": "submit", "class": "btn btn-primary", "data-testid": "note-keep"}, "Keep the note")
        hint = el("p", {"class": "hint", "id": "note-hint"}, "Words, with spaces between them")
        form = el(
            "form",
            {"class": "dialog-body", "novalidate": True},
            self._title,
            el("div", {"class": "field"}, el("label", {"for": "note-tags"}, "Tags"), self._tags, hint),
            el("div", {"class": "field"}, el("label", {"for": "note-text"}, "Note"), self._text),
            self._error,
            el("p", {"class": "hint"}, "Written into the journal as an event of its own; earlier notes stay there. Empty both to remove it."),
            el("div", {"class": "dialog-foot"}, button("Cancel", "note-cancel", press=lambda _event: self._dialog.close()), keep),
        )
        self._dialog = el("dialog", {"class": "explain", "aria-labelledby": "note-title"}, form)
        document.body.append(self._dialog)
        listen(form, "submit", self._submit)

    def open(self, about: str, known: dict | None) -> None:
        """Write about something."""
        self._about = about
        set_text(self._title, f"Note on {words.about(about)}")
        self._tags.value = " ".join(known["tags"]) if known else ""
        self._text.value = known["text"] if known else ""
        set_text(self._error, "")
        self._dialog.showModal()
        self._tags.focus()

    def close(self) -> None:
        """Put it away with what stands in it."""
        self._about = self._tags.value = self._text.value = ""
        set_text(self._title, "")
        self._dialog.close()

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        self._ctx.errors.run("Note", self._keep())

    async def _keep(self) -> None:
        try:
            await self._ctx.link.ask("journal.note", about=self._about, tags=str(self._tags.value), text=str(self._text.value))
        except Refused as error:
            set_text(self._error, refusal(error))
            (self._tags if error.field == "tags" else self._text).focus()
            return
        self._dialog.close()
        self._done()
