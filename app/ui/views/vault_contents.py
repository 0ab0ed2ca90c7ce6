"""The cards of what the vault holds: classes with sizes and ages, a check of every record, and what is damaged."""

from __future__ import annotations

import time
from typing import Any

from .. import format as fmt
from .. import vault_words, words
from ..dom import el
from ..link import Refused
from .vault_fields import Outcome, button, card, refill, row, table

_SHOWN = 200


class ContentsCard:
    """``root`` is the card of contents, ``damage`` the one of damaged records; both hidden where there is nothing."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._contents: dict | None = None
        self._place = el("div")
        self._facts = el("dl", {"class": "facts"})
        self._said = Outcome("vault-verify-said")
        self._check = button("Check every record", "vault-verify", press=lambda _event: ctx.errors.run("Checking the vault", self._verify()))
        self._found = el("div")
        self.root = card("What it holds", self._place, self._facts, el("div", {"class": "row"}, self._check), self._said.root, self._found)
        self.root.setAttribute("aria-label", "What the vault holds")
        self.damage = el("section", {"class": "card", "aria-label": "Damaged records", "hidden": True})

    def draw(self, vault: dict) -> None:
        """Follow the state; counts are asked for while the page shows."""
        self.root.hidden = vault["state"] != "unlocked" or self._contents is None
        if vault["state"] != "unlocked":
            self._contents = None
            self._said.say("")
            refill(self._found)
        self._draw_damage(vault)

    async def count(self, vault: dict) -> None:
        """Ask what is stored and show it."""
        self._contents = await self._ctx.link.ask("vault.contents")
        now_ms = time.time() * 1000
        rows = []
        for item in self._contents["classes"]:
            name = words.VAULT_CLASSES.get(item["name"], str(item["name"]).capitalize())
            numbers = ((fmt.number(item["count"]), {"class": "num"}), (fmt.size(item["bytes"]), {"class": "num"}))
            rows.append(row(name, *numbers, *(_moment(item.get(key), now_ms) for key in ("oldest_ns", "newest_ns"))))
        heads = ("What", ("Records", "num"), ("Size", "num"), ("First written", "num"), ("Last written", "num"))
        refill(self._place, table(heads, rows, "Classes of records"))
        usage, quota = self._contents.get("usage"), self._contents.get("quota")
        facts = [("Storage used", f"{fmt.size(usage)} of {fmt.size(quota)} this browser grants")] if usage is not None and quota else []
        kept, until = "yes, it promised not to clear it by itself", "as long as there is space, in a private window until it closes"
        facts.append(("Kept by the browser", kept if self._contents.get("persisted") else f"{until}; the browser has not promised more"))
        facts.append(("Second copy", vault_words.second_copy(self._contents.get("copy"))))
        refill(self._facts, *(node for name, value in facts for node in (el("dt", None, name), el("dd", None, value))))
        self.root.hidden = self._ctx.store.vault["state"] != "unlocked"
        self._draw_damage(vault)

    def _draw_damage(self, vault: dict) -> None:
        count = vault.get("damaged_records") or 0
        self.damage.hidden = not count
        if not count:
            return
        rows = (self._contents or {}).get("damaged") or []
        shown = [row(str(item["class"]), str(item["id"]), str(item["reason"])) for item in rows[:_SHOWN]]
        refill(
            self.damage,
            el("h2", {"class": "stale"}, fmt.plural(count, "damaged record")),
            el("p", None, words.DAMAGED_RECORDS),
            table(("Class", "Record", "What is wrong"), shown, "Damaged records") if shown else None,
        )

    async def _verify(self) -> None:
        self._check.disabled = True
        self._said.say("Opening and verifying every record…", "plain")
        refill(self._found)
        try:
            found = await self._ctx.link.ask("vault.verify")
        except Refused as error:
            self._said.refused(error)
            return
        finally:
            self._check.disabled = False
        self._said.say(*vault_words.verified(found))
        rows = [row(item["class"], item["id"] or fmt.NOTHING, f"{item['reason']} ({item['kind']})") for item in found["damaged"]]
        if rows:
            refill(self._found, table(("Class", "Record", "What is wrong"), rows, "What the check found"))


def _moment(ns: Any, now_ms: float) -> tuple:
    if not ns:
        return fmt.NOTHING, {"class": "num"}
    return f"{fmt.age(now_ms - int(ns) / 1e6)} ago", {"class": "num", "title": f"{fmt.stamp(int(ns))} ({fmt.utc(int(ns))})"}
