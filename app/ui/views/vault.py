"""The vault's page: its state and what to do about it, who can open it, when it locks, what it holds, exports, and what is stored where.

Built when it is first visited. Holds no secrets and no record contents: only states, counts and sizes as the desk worker tells them.
"""

from __future__ import annotations

from typing import Any

from .. import vault_words, words
from ..dom import clear, el, listen, need_style
from .vault_contents import ContentsCard
from .vault_export import ExportCard
from .vault_locking import LockingCard
from .vault_restore import RestoreCard
from .vault_slots import SlotsCard
from .vault_stored import StoredCard, WipeCard
from .vaultform import CreateForm


class VaultView:
    """Owns #/vault. ``notice`` is the banner, which has the form that unlocks."""

    def __init__(self, ctx: Any, notice: Any) -> None:
        self._ctx, self._notice = ctx, notice
        need_style("vault.css")
        self._create = CreateForm(ctx)
        self._formed: tuple = ()
        self._title = el("h2", {"class": "page-title", "tabindex": "-1", "data-testid": "vault-title"}, "Vault")
        self._meaning = el("p")
        self._because = el("p", {"class": "stale", "data-testid": "vault-why-locked"})
        self._detail = el("p", {"class": "hint"})
        self._place = el("div")
        self._accept = el("button", {"type": "button", "class": "btn btn-primary"}, "Go on with what is readable")
        self._lock = el("button", {"type": "button", "class": "btn", "data-testid": "vault-lock"}, "Lock now")
        state = el(
            "section", {"class": "card", "aria-label": "State of the vault"}, self._title, self._meaning, self._because, self._detail, self._place
        )
        how = el("section", {"class": "card", "aria-label": "How it is kept"}, el("h2", None, "How it is kept"))
        how.append(el("ul", None, *(el("li", None, text) for text in words.HOW_KEPT)))
        self._contents = ContentsCard(ctx)
        self._slots = SlotsCard(ctx)
        self._export = ExportCard(ctx)
        self._restore = RestoreCard(ctx)
        self._wipe = WipeCard(ctx)
        locking = LockingCard(ctx)
        self._cards = (self._contents, self._slots, locking, self._export, self._restore, self._wipe)
        pair = el("div", {"class": "cards pair"}, state, how)
        self.root = el(
            "div",
            {"class": "page vault"},
            pair,
            self._contents.damage,
            self._slots.root,
            el("div", {"class": "cards pair"}, locking.root, self._export.root),
            self._contents.root,
            self._restore.root,
            StoredCard(ctx).root,
            self._wipe.root,
        )
        listen(self._lock, "click", lambda _event: notice.lock())
        listen(self._accept, "click", lambda _event: ctx.errors.run("Accepting the damage", self._accept_damage()))
        self._offer_real = ctx.store.subscribe("hello", lambda message: self._with_real(pair, message))
        self._with_real(pair, ctx.store.hello)
        ctx.store.subscribe("vault", lambda _vault: self._draw())
        ctx.store.subscribe("lock", lambda _lock: self._draw())
        ctx.store.subscribe("route", lambda _route: self._draw())

    def _with_real(self, before: Any, hello: dict | None) -> None:
        """A card for each real account, as soon as the desk says which it has."""
        names = [each["name"] for each in (hello or {}).get("capabilities", {}).get("accounts", ()) if each["real"]]
        if not names:
            return
        from .real import RealCard  # a desk on paper never needs it

        self._offer_real()
        cards = [RealCard(self._ctx, name) for name in names]
        self._cards = (*self._cards, *cards)
        before.after(*[each.root for each in cards])
        self._draw()

    def shown(self) -> None:
        """Called when the page appears: draw it and count what is stored."""
        self._draw()

    def _draw(self) -> None:
        if self._ctx.router.current != "vault":
            return
        vault, notice = self._notice.vault, self._notice
        state = vault["state"]
        word, tone, meaning = words.vault(state, bool(vault.get("read_only")), notice.evicted or vault.get("cause") == "evicted")
        self._title.textContent = f"Vault: {word}"
        self._title.setAttribute("class", "page-title " + ("stale" if tone == "warn" else "danger" if tone == "bad" else ""))
        self._meaning.textContent = meaning
        self._because.textContent = vault_words.locked_because(self._ctx.store.lock) if state == "locked" else ""
        self._detail.textContent = vault.get("detail") or ""
        self._draw_forms(state)
        for card in self._cards:
            card.draw(vault)
        if state == "unlocked":
            self._ctx.errors.run("Counting the vault's records", self._contents.count(vault))

    def _draw_forms(self, state: str) -> None:
        """Each form stands in one place only: on this page, or in the banner of the desk."""
        unlock, notice = self._notice.unlock, self._notice
        wanted: Any = None
        if state == "memory":
            wanted = self._create.root
        elif state == "locked":
            unlock.wide(True)
            wanted = unlock.root
        key = (state, bool(self._notice.vault.get("read_only")))
        if key != self._formed or (wanted is not None and wanted.parentElement != self._place):  # moving a form would take the focus away
            page, before, self._formed = self._place.ownerDocument, self._formed, key
            # What was pressed goes: the keyboard goes on from the new state, which is read out, and not from the top of the page.
            lost = bool(before) and before != key and (page.activeElement == page.body or self._place.contains(page.activeElement))
            clear(self._place)
            if wanted is not None:
                self._place.append(wanted)
            elif state == "unlocked":
                buttons = (self._accept, self._lock) if self._notice.vault.get("read_only") else (self._lock,)
                self._place.append(el("div", {"class": "row"}, *buttons))
            elif state == "other_tab":
                self._place.append(el("div", {"class": "row"}, self._lock))
            if lost:
                self._title.focus()
        if notice.wants_focus and wanted is not None:
            notice.wants_focus = False
            (self._create if state == "memory" else unlock).focus()

    async def _accept_damage(self) -> None:
        await self._ctx.link.ask("vault.accept")
        self._ctx.toasts.show("good", "The desk goes on with what is readable. What is damaged stays as it is.")
