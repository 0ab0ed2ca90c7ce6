"""Which tab is the desk: the strip of a tab that follows, the words in the status bar, taking over, and the warning before closing."""

from __future__ import annotations

import asyncio
from typing import Any

from js import kontor, window
from pyodide.ffi import create_proxy

from .. import tab_words
from ..dom import by_id, clear, el, fill, listen, set_text

BY_ITSELF = "lead.by_itself"
"""The preference: take the lead when the tab that has it is gone."""
GRACE_S = 3.0
"""A tab that reloads is back sooner."""


class TabRole:
    """Owns #tab and two words of the status bar."""

    def __init__(self, ctx: Any, explain: Any) -> None:
        self._ctx, self._explain = ctx, explain
        self.tab = {"role": "leader", "state": "leading", "why": "", "followers": 0}
        self._strip = by_id("tab")
        self._shown = ""
        self._role = self._word("status-tab", "tab-role", "Which tab is the desk")
        self._stake = self._word("status-stake", "tab-stake", "What only this tab looks after")
        self._role.setAttribute("data-role", "leader")
        grow = by_id("status").querySelector(".grow")
        grow.before(self._role, self._stake)
        self._warns = False
        self._positions: list = []
        self._before = create_proxy(self._before_closing)
        self._stayed = create_proxy(self._explain_stake)
        listen(self._role, "click", lambda _event: self._explain_role())
        listen(self._stake, "click", lambda _event: self._explain_stake())
        listen(self._strip, "click", self._click)
        listen(window, "kontor:leaving", lambda _event: self._warn(False))
        ctx.keys.bind("t o", "Take over: make this tab the desk", self.take_over, "Anywhere")
        ctx.keys.bind("", "Hand the desk to the tab that follows", self.hand_over, "Anywhere")
        ctx.link.on("tab", self._tab)
        for topic in ("orders", "vault", "hello"):
            ctx.store.subscribe(topic, lambda _message: self._look())
        ctx.store.subscribe("account", self._account)
        ctx.store.subscribe("vault", lambda _vault: self._draw())

    def take_over(self) -> None:
        """Become the desk; from a tab that does not answer only when asked a second time."""
        if self.tab["role"] == "leader":
            self._ctx.toasts.show("info", "This tab is the desk already.")
        else:
            kontor.takeOver(self.tab["state"] == "hanging")

    def hand_over(self) -> None:
        """Make a tab that follows the desk."""
        if self.tab["role"] == "follower":
            self._ctx.toasts.show("info", "This tab follows: the desk is in another one.")
        else:
            self._ctx.errors.run("Handing over", self._ctx.link.ask("tab.offer"))

    @property
    def by_itself(self) -> bool:
        """Whether this browser's tabs take the lead without being asked."""
        return bool(self._ctx.prefs.get(BY_ITSELF, False))

    def _word(self, name: str, test_id: str, label: str) -> Any:
        return el("button", {"type": "button", "class": "word", "id": name, "data-testid": test_id, "title": label, "aria-haspopup": "dialog"}, el("span"))

    def _tab(self, message: dict) -> None:
        before, self.tab = self.tab["state"], message
        self._ctx.router.mark("follows" if message["role"] == "follower" else "")
        self._role.setAttribute("data-role", message["role"])
        self._role.setAttribute("data-tone", "warn" if message["role"] == "follower" else "")
        set_text(self._role.querySelector("span"), tab_words.role(message))
        self._draw()
        self._look()
        if message["state"] == "gone" and before != "gone" and self.by_itself:
            self._ctx.errors.run("Taking the lead", self._lead_soon())

    async def _lead_soon(self) -> None:
        await asyncio.sleep(GRACE_S)
        if self.tab["state"] == "gone":
            kontor.takeOver(False)

    def _draw(self) -> None:
        if self.tab["role"] == "leader":
            self._shown = ""
            self._strip.hidden = True
            return
        there = str((self._ctx.store.vault or {}).get("detail") or "")
        strong, text, label = tab_words.strip(self.tab, there)
        key = f"{strong} {text} {label}"
        if key == self._shown:
            return
        self._shown = key
        clear(self._strip)
        self._strip.hidden = False
        self._strip.setAttribute("data-state", self.tab["state"])
        keys = None if self.tab["state"] == "hanging" else el("kbd", {"class": "optional"}, "T O")
        button = el("button", {"type": "button", "class": "btn btn-primary", "data-testid": "tab-take-over"}, label, keys) if label else None
        fill(self._strip, None, el("strong", None, strong), el("span", {"class": "grow"}, text), button)

    def _click(self, event: Any) -> None:
        if event.target.closest("[data-testid=tab-take-over]"):
            self.take_over()

    def _explain_role(self) -> None:
        title, said = tab_words.explain_role(self.tab, self.by_itself)
        if self.tab["role"] == "leader":
            actions = [("Hand over", self.hand_over)] if self.tab["followers"] else []
        else:
            actions = [("Take over", self.take_over)]
        label = "Offer to take the lead instead" if self.by_itself else "Take the lead by itself when nobody has it"
        self._explain.open(title, said, [*actions, (label, self._flip)])

    def _flip(self) -> None:
        self._ctx.prefs.put(BY_ITSELF, None if self.by_itself else True)
        how = "takes the lead by itself" if self.by_itself else "offers to take the lead"
        self._ctx.toasts.show("good", f"When the tab that is the desk is gone, one that follows {how}.")

    # What would stop if this tab closed.

    def _found(self) -> tab_words.Stake:
        store = self._ctx.store
        return tab_words.stake(store.orders, store.account, store.hello, store.vault)

    def _account(self, account: dict) -> None:
        """The account is told several times a second; only what is held is at stake."""
        positions = [(row["symbol"], row["qty"]) for row in account["positions"]]
        if positions != self._positions:
            self._positions = positions
            self._look()

    def _look(self) -> None:
        found = self._found() if self.tab["role"] == "leader" else None
        set_text(self._stake.querySelector("span"), tab_words.staked(found) if found else "")
        self._warn(bool(found))

    def _warn(self, needed: bool) -> None:
        if needed != self._warns:
            self._warns = needed
            (window.addEventListener if needed else window.removeEventListener)("beforeunload", self._before)

    def _before_closing(self, event: Any) -> None:
        event.preventDefault()  # the browser asks; its words cannot be chosen, so the page says more to those who stay
        event.returnValue = True
        window.setTimeout(self._stayed, 100)

    def _explain_stake(self) -> None:
        if found := self._found():
            title, said = tab_words.explain_stake(found, self.tab["followers"])
            vault = [] if found.kept else [("Create a vault", lambda: self._ctx.router.go("vault"))]
            self._explain.open(title, said, [*([("Hand over", self.hand_over)] if self.tab["followers"] else []), *vault])
