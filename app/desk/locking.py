"""Locking: decides by the rules when to lock, locks all tabs together, and asks for the end of the worker that held the keys.

One tab is the desk and may hold an open vault; every tab hears the others on one channel. Messages on it say which worker is the desk,
who wants to follow it, and that the vault is to be locked: never anything of the vault's content.

    {"t": "follow", "id"}                   a tab wants to follow (app/desk/followers.py)
    {"t": "lock"}                           lock, wherever the vault is open
    {"t": "desk", "worker", "state", "why"} the desk's word when it is ready, and every change
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from .errors import Refusal
from .lockrules import LockRules, LockSettings

CHANNEL = "kontor.desk"
SETTINGS = "settings"
_TAB = re.compile(r"[0-9a-z-]{1,40}")
PATIENCE_S = 5.0
"""So long is waited for what is being written; the journal is whole at any moment."""


class Locking:
    """``tabs`` is the channel to the other tabs or None; ``send`` posts to the page; ``toast`` tells the trader something."""

    def __init__(self, clock: Any, scheduler: Any, keeping: Any, tabs: Any, send: Callable[[dict], None], toast: Callable[..., None]) -> None:
        self._clock, self._scheduler, self._keeping, self._send, self._toast = clock, scheduler, keeping, send, toast
        self._tabs = tabs
        self.rules = LockRules(clock)
        self.attention = "active"
        self.elsewhere: dict[str, str] = {}
        """What the traders of tabs that follow attend to, by the tab."""
        self.on_follow: Callable[[str], None] = lambda _tab: None
        self.worker = ""
        self.why = ""
        self._open = False
        self._busy: asyncio.Task | None = None
        self._told: tuple[str, str] | None = None
        if tabs is not None:
            tabs.on_message(self._hear)

    # Signs of life.

    def attend(self, attention: str) -> None:
        """What the page says of its trader: active, resting or hidden."""
        self.attention = attention
        self._sign()

    def attend_elsewhere(self, tab: str, attention: str | None) -> None:
        """The same of a tab that follows; None: it is gone, or asleep."""
        if attention is None:
            self.elsewhere.pop(tab, None)
        else:
            self.elsewhere[tab] = attention
            self._sign()

    def second(self) -> None:
        """Once a second: is it time?"""
        self._sign()

    def look(self) -> asyncio.Task | None:
        """Before a request is answered: what is due comes first, also when the computer has just woken up. The lock under way, if any."""
        if self._open:
            self._lock_if(self.rules.due())
        return self._busy

    def _sign(self) -> None:
        if self._open:
            seen = {self.attention, *self.elsewhere.values()}
            self._lock_if(self.rules.due() if seen == {"hidden"} else self.rules.sign("active" in seen))

    def _lock_if(self, why: str) -> None:
        if why and self._busy is None:
            self._busy = self._scheduler.create_task(self._lock_due(why))

    async def _lock_due(self, why: str) -> None:
        try:
            await self.lock(why)
        except Refusal:  # it was locked in the meantime
            pass
        finally:
            self._busy = None

    # Locking.

    async def ask(self, why: str = "asked") -> None:
        """The trader wants it locked now: here, or (``tab``) in a tab that follows."""
        if self._keeping.holds or self._keeping.state != "locked":
            await self.lock(why)

    async def lock(self, why: str) -> None:
        """Write what is under way, forget the keys, and ask the page to end this worker: only that frees its memory."""
        self.why = why
        work = self._scheduler.create_task(self._keeping.lock())
        done, _late = await asyncio.wait({work}, timeout=PATIENCE_S)
        if done:
            await work
        # what was asked is answered first: this message ends the worker
        self._scheduler.call_soon(lambda: self._send({"t": "lock", "why": why, "at_ns": self._clock.now_ns()}))

    def changed(self) -> None:
        """The desk's state may be another one: begin to count, and tell the other tabs."""
        state = self._keeping.state
        is_open = state == "unlocked"
        if is_open and not self._open:
            self.why = ""
            self.rules.begin()
        elif state == "memory":
            self.rules.settings = LockSettings()
        self._open = is_open
        told = (state, self.why)
        if state != "starting" and told != self._told:
            self._told = told
            self._announce()

    # Settings, kept in the vault: whoever can write to the browser's other storages cannot switch locking off.

    def use_record(self, record: bytes | None) -> None:
        """Take the settings as they were kept; what cannot be read leaves the defaults, and says so."""
        self.rules.settings = LockSettings()
        if record is not None:
            try:
                self.rules.settings = LockSettings.from_record(record)
            except (ValueError, TypeError) as error:
                self._toast("warn", f"The settings for locking could not be read ({error}); the defaults are used.", "settings")

    async def change(self, fields: dict) -> dict:
        """Read the settings, or change and keep some. Refusal while the vault is not open: they lie in it."""
        if fields:
            wanted = self.rules.settings.changed(fields)
            await self._keeping.keep_lock(wanted.to_record())
            self.rules.settings = wanted
        return self.rules.settings.to_wire()

    # Other tabs.

    def close(self) -> None:
        """Leave the channel."""
        if self._tabs is not None:
            self._tabs.close()
            self._tabs = None

    def _announce(self) -> None:
        if self._keeping.state not in ("starting", "other_tab"):
            self._post({"t": "desk", "worker": self.worker, "state": self._keeping.state, "why": self.why})

    def _post(self, message: dict) -> None:
        if self._tabs is not None:
            self._tabs.post(json.dumps(message))

    def _hear(self, text: Any) -> None:
        try:
            message = json.loads(text)
            kind = message["t"]
        except (TypeError, ValueError, KeyError):
            return
        if kind == "lock" and self._keeping.holds:
            self._lock_if("tab")
        elif kind == "follow" and self._keeping.state not in ("starting", "other_tab"):
            tab = message.get("id")
            if isinstance(tab, str) and _TAB.fullmatch(tab):
                self.on_follow(tab)
