"""The card of importing an exported journal: choose it, see how it stands to this one, then take it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import journal_words as words
from ..dom import el, listen
from ..link import Refused
from .vault_fields import Outcome, button, card, load, refill


class JournalImport:
    """``done()`` is called after something was taken."""

    def __init__(self, ctx: Any, done: Callable[[], None]) -> None:
        self._ctx, self._done = ctx, done
        self._preview: dict | None = None
        self._file = el("input", {"type": "file", "id": "journal-file", "data-testid": "journal-import-file", "accept": ".jsonl,application/jsonl"})
        self._plan = el("div", {"class": "vault-fields", "data-testid": "journal-import-plan"})
        self._said = Outcome("journal-import-said")
        hint = "A file of Export journal. Looking at it changes nothing, and nothing of another account is taken. Whole vaults are restored on the Vault page."
        self.root = card(
            "Import a journal",
            el("p", {"class": "hint"}, hint),
            el("div", {"class": "field"}, el("label", {"for": "journal-file"}, "Exported journal"), self._file),
            self._plan,
            self._said.root,
        )
        listen(self._file, "change", lambda _event: ctx.errors.run("Import of a journal", self._look()))

    def forget(self) -> None:
        """Put away what was read of a file."""
        self._preview, self._file.value = None, ""
        refill(self._plan)
        self._said.say("", "plain")

    async def _look(self) -> None:
        self._preview = None
        refill(self._plan)
        if not self._file.files.length:
            return
        self._said.say("Reading it…", "plain")
        try:
            data = await (await load("handing")).read(self._file)
            found = await self._ctx.link.ask_secret("journal.import_preview", file=data)
        except Refused as error:
            self._said.refused(error)
            self._file.value = ""
            return
        self._said.say("Nothing was changed.", "plain")
        self._preview = found
        choices = [
            button(words.CHOICES[choice], f"journal-take-{choice}", "btn-primary" if choice == found["plan"]["default"] else "", self._taker(choice))
            for choice in found["plan"]["choices"]
            if choice != "vault" or len(found["plan"]["choices"]) > 1
        ]
        refill(self._plan, *(el("p", None, line) for line in words.imported(found)), el("div", {"class": "row"}, *choices))

    def _taker(self, choice: str) -> Callable[[Any], None]:
        return lambda _event: self._ctx.errors.run("Import of a journal", self._take(choice))

    async def _take(self, choice: str) -> None:
        if self._preview is None:
            return
        try:
            done = await self._ctx.link.ask("journal.import", preview=self._preview["preview"], choice=choice)
        except Refused as error:
            self._said.refused(error)
            return
        self.forget()
        aside = f" {done['set_aside']} were set aside." if done["set_aside"] else ""
        self._said.say(f"{done['taken']} records were taken.{aside}" if done["taken"] else f"Nothing was taken.{aside}")
        self._done()
