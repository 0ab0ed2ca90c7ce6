"""The banner on the desk that says where the desk's memory is, with the form that unlocks; and the commands of the vault.

There from the start; the vault's page is built when it is first visited.
"""

from __future__ import annotations

from typing import Any

from js import document

from .. import format as fmt
from .. import vault_words
from ..dom import by_id, clear, el, fill, listen
from .vaultform import UnlockForm

KEPT_ID = "vault"
"""The preference that remembers which vault was here: a browser that evicts a site takes the vault, and this tells it from a first run."""


class VaultNotice:
    """Owns #notice. ``unlock`` is the one form that opens the vault: here, or on the vault's page while that is shown."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self.unlock = UnlockForm(ctx)
        self._notice = by_id("notice")
        self._dismissed = ""
        self.wants_focus = False
        listen(self._notice, "click", self._click)
        ctx.keys.bind("mod+shift+k", "Lock the vault", self.lock, "Anywhere")
        ctx.keys.bind("", "Create a vault or unlock it", self.open, "Vault")
        ctx.store.subscribe("vault", self._vault)
        ctx.store.subscribe("lock", self._locked)
        ctx.store.subscribe("route", lambda _route: self.draw())
        ctx.link.on("tab", lambda _tab: self.draw())
        if ctx.store.vault is not None:
            self._vault(ctx.store.vault)

    @property
    def vault(self) -> dict:
        """The last ``vault`` message."""
        return self._ctx.store.vault or {"state": "starting", "detail": "", "damaged_records": 0}

    @property
    def evicted(self) -> bool:
        """Whether a vault was here that is gone."""
        return self.vault["state"] == "memory" and self._ctx.prefs.get(KEPT_ID) is not None

    def lock(self) -> None:
        """Lock it, in whichever tab it is open."""
        if self.vault["state"] in ("memory", "locked"):
            word = "There is no vault to lock yet." if self.vault["state"] == "memory" else "The vault is locked already."
            self._ctx.toasts.show("info", word)
        else:
            self._ctx.errors.run("Locking the vault", self._lock())

    async def _lock(self) -> None:
        await self._ctx.link.ask("vault.lock")

    def open(self) -> None:
        """Go to where the vault is made or opened."""
        self.wants_focus = True
        if self._ctx.router.current == "vault":
            self._ctx.store.publish("vault", self.vault)
        else:
            self._ctx.router.go("vault")

    def _vault(self, vault: dict) -> None:
        if vault.get("id") and vault["state"] in ("locked", "unlocked"):
            self._ctx.prefs.put(KEPT_ID, vault["id"])
        self.draw()

    def _locked(self, lock: dict) -> None:
        because = vault_words.locked_because(lock)
        if because and lock["why"] != "asked":
            self._ctx.toasts.show("info", f"{because} Market data goes on.")
        self.draw()

    def draw(self) -> None:
        """Show what is to be said on the desk; nothing on the vault's own page."""
        state, route, notice = self.vault["state"], self._ctx.router.current, self._notice
        read_only = bool(self.vault.get("read_only"))
        count = self.vault.get("damaged_records") or 0
        backup = self.vault.get("backup") or {}
        due = str(backup.get("reason") or "") if state == "unlocked" and backup.get("due") else ""
        because = vault_words.locked_because(self._ctx.store.lock)
        back = vault_words.put_back(self.vault.get("put_back"), self.vault.get("mended") or 0)
        key = f"{state} {count} {read_only} {self.evicted} {because} {bool(due)} {back}"
        follows = document.documentElement.getAttribute("data-role") == "follower"  # then the strip of tabs says what is to be said
        quiet = follows or state in ("starting", "other_tab", "handing") or (state == "unlocked" and not (count or read_only or due or back))
        if route == "vault" or quiet or key == self._dismissed:
            notice.hidden = True
            if self.unlock.root.parentElement == notice:
                self.unlock.root.remove()
            return
        if not notice.hidden and notice.getAttribute("data-shows") == key:
            if state == "locked" and self.unlock.root.parentElement != notice:
                notice.append(self.unlock.root)
            return
        notice.setAttribute("data-shows", key)
        plain = (state == "memory" and not self.evicted) or (due and not count and not back)
        notice.setAttribute("data-tone", "plain" if plain else "warn")
        clear(notice)
        notice.hidden = False
        if state == "locked":
            self.unlock.wide(False)
        strong, text, *rest = self._content(state, because, count, read_only, due, back)
        fill(notice, None, el("strong", None, strong), el("span", {"class": "grow"}, text), *rest)

    def _content(self, state: str, because: str, count: int, read_only: bool, due: str, back: str) -> tuple:
        open_vault = el("button", {"type": "button", "class": "btn", "data-do": "open"}, "What it means")
        later = el("button", {"type": "button", "class": "btn btn-quiet", "data-do": "later"}, "Not now")
        if self.evicted:
            open_vault.textContent = "Restore it"
            text = "The browser, or somebody with it, removed this site's data. Restore your last export."
            return ("The vault that was here is gone.", text, open_vault, later)
        if state == "memory":
            open_vault.textContent = "Create a vault"
            return ("This session is in memory, not kept.", "Closing or reloading this tab loses it.", open_vault, later)
        if state == "locked":
            text = "Market data shows; orders are refused until it is unlocked."
            return ("The vault is locked.", f"{because} {back} {text}".strip(), self.unlock.root)
        if state == "unlocked" and back and not count and not read_only:
            open_vault.textContent = "Make an export"
            return ("The vault is whole again.", back, open_vault, later)
        if state == "unlocked" and not count and not read_only:
            open_vault.textContent = "Make an export"
            return ("An export is due.", due, open_vault, later)
        if state == "unlocked":
            what = f"{fmt.plural(count, 'record')} of the vault could not be opened." if count else "The vault's own list of records is damaged."
            if read_only:
                return (what, "Orders are refused until you have seen to it.", open_vault)
            return (what, "Everything else is whole and in use.", open_vault, later)
        return ("The vault cannot be opened.", "What is stored stays as it is; orders are refused.", open_vault)

    def _click(self, event: Any) -> None:
        button = event.target.closest("[data-do]")
        if not button:
            return
        if button.getAttribute("data-do") == "open":
            self.open()
        else:
            self._dismissed = str(self._notice.getAttribute("data-shows"))
            self.draw()
