"""The card that lists what this address keeps in this browser, by looking; and the one that removes the vault."""

from __future__ import annotations

import json
from typing import Any

from .. import format as fmt
from .. import stored_words
from ..dom import el, listen
from ..link import Refused
from .vault_fields import Outcome, button, card, load, refill, row, table
from .vault_notice import KEPT_ID

_TONES = {stored_words.ENCRYPTED: "good", stored_words.PLAIN: None, stored_words.UNKNOWN: "stale"}


class StoredCard:
    """Everything is found by enumeration; nothing is listed because it ought to be there."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._look = button("Look now", "vault-stored-list", press=lambda _event: ctx.errors.run("What is stored", self._list()))
        self._place = el("div", {"data-testid": "vault-stored"})
        self._said = Outcome("vault-stored-said")
        unseen = el("ul", None, *(el("li", None, text) for text in stored_words.CANNOT_BE_SEEN))
        self.root = card(
            "What is stored where",
            el("p", None, "What this address keeps in this browser, found by looking: databases, caches, storages, files, workers, cookies."),
            el("div", {"class": "row"}, self._look),
            self._said.root,
            self._place,
            el("details", None, el("summary", None, "What a page cannot see"), unseen),
        )

    async def _list(self) -> None:
        self._look.disabled = True
        self._said.say("Looking…", "plain")
        try:
            found = json.loads(await (await load("stored")).list())
        finally:
            self._look.disabled = False
        listed = stored_words.rows(found)
        rows = []
        for item in listed:
            made = row(
                item["kind"],
                (item["name"], {"class": "name"}),
                (fmt.number(item["count"]), {"class": "num"}),
                (fmt.size(item["bytes"]), {"class": "num"}),
                (item["how"], {"class": _TONES[item["how"]]}),
                item["about"],
            )
            made.setAttribute("data-testid", "vault-stored-row")
            made.setAttribute("data-how", item["how"])
            made.setAttribute("data-name", item["name"])
            rows.append(made)
        heads = ("Where", "Name", ("Entries", "num"), ("Size", "num"), "Read by anybody here?", "What it is for")
        refill(self._place, table(heads, rows, "What is stored where"))
        said, tone = stored_words.summary(listed)
        if found["failed"]:
            said = f"{said} Could not be looked at: {', '.join(item['kind'] for item in found['failed'])}."
            tone = "warn"
        total = f" The browser counts {fmt.size(found['usage'])} in all." if found["usage"] is not None else ""
        self._said.say(said + total, tone)


class WipeCard:
    """Removing the vault asks for the word, typed."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._word = el("input", {"type": "text", "id": "wipe-word", "data-testid": "vault-wipe-word", "autocomplete": "off", "autocapitalize": "none"})
        self._send = el("button", {"type": "submit", "class": "btn btn-danger", "data-testid": "vault-wipe", "disabled": True}, "Remove the vault")
        self._said = Outcome("vault-wipe-said")
        form = el(
            "form",
            {"class": "vault-fields", "aria-label": "Remove the vault", "novalidate": True},
            el("div", {"class": "field"}, el("label", {"for": "wipe-word"}, "To remove it, type the word wipe"), self._word),
            el("div", {"class": "row"}, self._send),
        )
        self._what = el("p", None, "Everything in the vault is removed from this browser and cannot be brought back but from an export.")
        self._form = form
        self.root = card("Remove the vault", self._what, form, self._said.root)
        listen(form, "input", lambda _event: self._typed())
        listen(form, "submit", self._submit)

    def draw(self, vault: dict) -> None:
        """There has to be a vault; one that cannot be opened can be removed too."""
        there = vault["state"] in ("locked", "unlocked", "damaged")
        self._form.hidden = self._what.hidden = not there
        self.root.hidden = not there and not self._said.root.textContent
        if there:
            self._said.say("")

    def _typed(self) -> None:
        self._send.disabled = str(self._word.value).strip().lower() != "wipe"

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        if not self._send.disabled:
            self._ctx.errors.run("Removing the vault", self._wipe())

    async def _wipe(self) -> None:
        self._send.disabled = True
        kept = self._ctx.prefs.get(KEPT_ID)
        self._ctx.prefs.put(KEPT_ID, None)  # it is not gone by accident
        try:
            await self._ctx.link.ask("vault.wipe", confirm=str(self._word.value).strip().lower())
        except Refused as error:
            self._ctx.prefs.put(KEPT_ID, kept)
            self._said.refused(error)
            return
        finally:
            self._word.value = ""
            self._typed()
        self._said.say("The vault is removed from this browser. A new session in memory has begun.")
        self.root.hidden = False
