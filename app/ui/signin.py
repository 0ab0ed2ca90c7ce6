"""Signing in to a provider from the page: the window or the redirect, the code to type elsewhere, and what came of it.

The desk worker speaks with the proxy and puts what it gets into the vault; this module only opens windows, carries the
outcome (never a code or token) from the callback page to the desk, and says in which phase each provider is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from js import BroadcastChannel, Object, history, location, sessionStorage, window
from pyodide.ffi import create_proxy, to_js

from .format import sentence
from .link import Refused
from .terminal.lines import Line

CHANNEL = "kontor.oauth"
_LEAVING = "kontor.signin"
_WINDOW = "popup,width=580,height=720"
_WEB_LIFETIME_S = 600


class Phase:
    """Where a provider's sign-in is: ``name`` of idle, opening, blocked, waiting, finishing, locked, code, failed."""

    __slots__ = ("code", "name", "remedy", "sentence", "until_ms")

    def __init__(self, name: str = "idle", sentence: str = "", remedy: str = "", code: dict | None = None, until_ms: float | None = None) -> None:
        self.name = name
        self.sentence = sentence
        self.remedy = remedy
        self.code = code
        self.until_ms = until_ms


class SignIns:
    """One per page. ``changed(provider)`` is called when a phase changes."""

    def __init__(self, ctx: Any, tracing: Any) -> None:
        self._ctx = ctx
        self._tracing = tracing
        self._phases: dict[str, Phase] = {}
        self._begun: dict[str, dict] = {}  # provider -> authorize_url and state, while its window is out
        self._back: tuple[str, str, str] | None = None
        self.changed: Callable[[str], None] = lambda _provider: None
        self._channel = BroadcastChannel.new(CHANNEL)
        self._proxy = create_proxy(self._hear)
        self._channel.addEventListener("message", self._proxy)
        ctx.store.subscribe("vault", lambda _vault: self._go_on())

    def phase(self, provider: str) -> Phase:
        """Where this provider's sign-in is."""
        return self._phases.get(provider) or Phase()

    def web(self, provider: str) -> None:
        """Sign in in a window of its own. Called in the press of a button: browsers open no window later."""
        address = f"callback.html#{provider}:wait"
        opened = window.open(address, "kontor-sign-in", _WINDOW)
        if not opened:
            remedy = "Allow windows for this site, or sign in on this page: the desk comes back by itself."
            self._set(provider, Phase("blocked", "This browser blocked the window.", remedy))
            return
        self._begun.pop(provider, None)
        self._set(provider, Phase("opening", "Asking the proxy for the sign-in page."))
        self._run(provider, self._open(provider))

    def redirect(self, provider: str) -> None:
        """Sign in on this page: it goes to the provider and comes back."""
        self._set(provider, Phase("opening", "Asking the proxy for the sign-in page."))
        self._run(provider, self._leave(provider))

    def device(self, provider: str) -> None:
        """Sign in elsewhere, with a code."""
        self._set(provider, Phase("opening", "Asking for a code."))
        self._run(provider, self._code(provider))

    def cancel(self, provider: str) -> None:
        """Stop waiting."""
        if self.phase(provider).name == "code":
            self._ctx.errors.run("Sign-in", self._ctx.link.ask("oauth.device_cancel", provider=provider))
        self._post("done", provider, ok=False, title="Cancelled", sentence="The desk no longer waits for this sign-in.", remedy="")
        self._begun.pop(provider, None)
        self._set(provider, Phase())

    def logout(self, provider: str) -> None:
        """Sign out: the provider is told, what was kept is removed."""
        self._set(provider, Phase("finishing", "Signing out."))
        self._run(provider, self._settle(provider, "oauth.logout"))

    def refresh(self, provider: str) -> None:
        """Renew the sign-in now."""
        self._set(provider, Phase("finishing", "Renewing."))
        self._run(provider, self._settle(provider, "oauth.refresh"))

    def come_back(self) -> None:
        """After a redirect: finish what the address says, once the vault takes it."""
        _route, _, query = str(location.hash).partition("?signed=")
        if not query:
            return
        history.replaceState(None, "", "#/network")
        provider, _, rest = unquote(query).partition(":")
        outcome, _, state = rest.partition(":")
        if provider and outcome:
            self._back = (provider, outcome, state)
            self._go_on()

    def late(self, now_ms: float) -> None:
        """Called each second: gives up what nobody finished."""
        for provider, phase in list(self._phases.items()):
            if phase.name == "waiting" and phase.until_ms is not None and now_ms > phase.until_ms:
                self._set(provider, Phase("failed", "Nobody signed in within ten minutes.", "Sign in again."))

    # Steps

    async def _open(self, provider: str) -> None:
        answer = await self._ctx.link.ask("oauth.start", provider=provider, scope=None, **{"return": "popup"})
        self._begun[provider] = answer
        self._post("go", provider, url=answer["authorize_url"])
        self._set(provider, Phase("waiting", "Sign in in the other window; this page goes on by itself.", until_ms=_now_ms() + _WEB_LIFETIME_S * 1000))

    async def _leave(self, provider: str) -> None:
        answer = await self._ctx.link.ask("oauth.start", provider=provider, scope=None, **{"return": "redirect"})
        sessionStorage.setItem(_LEAVING, provider)
        location.assign(answer["authorize_url"])

    async def _code(self, provider: str) -> None:
        code = await self._ctx.link.ask("oauth.device", provider=provider, scope=None)
        self._set(provider, Phase("code", "Waiting until you have typed the code there.", code=code, until_ms=_now_ms() + code["expires_in"] * 1000))
        await self._ctx.link.ask("oauth.device_wait", provider=provider, handle=code["handle"])
        self._set(provider, Phase())
        self._ctx.toasts.show("good", f"Signed in to {self._name(provider)}.")

    async def _settle(self, provider: str, do: str) -> None:
        await self._ctx.link.ask(do, provider=provider)
        self._set(provider, Phase())

    def _go_on(self) -> None:
        if self._back is None:
            return
        provider, outcome, state = self._back
        vault = (self._ctx.store.vault or {}).get("state")
        if vault in (None, "starting"):
            return
        if vault == "locked":
            self._set(provider, Phase("locked", "You have signed in; the vault is locked.", "Unlock it within ten minutes and the sign-in is finished."))
            return
        self._back = None
        self._run(provider, self._finish(provider, outcome, state))

    async def _finish(self, provider: str, outcome: str, state: str) -> None:
        self._set(provider, Phase("finishing", "The proxy exchanges the code for a key."))
        tell = self._teller(provider)
        await self._follow(tell)
        try:
            await self._ctx.link.ask("oauth.exchange", provider=provider, outcome=outcome, state=state)
        finally:
            await self._follow(tell)  # the last lines, before the outcome
            self._tracing.stop(tell)
        self._set(provider, Phase())
        name = self._name(provider)
        self._post("done", provider, ok=True, title="Signed in", sentence=f"Signed in to {name}. You can close this window.", remedy="")
        self._ctx.toasts.show("good", f"Signed in to {name}.")

    # Parts

    async def _follow(self, tell: Callable[[list[dict]], None]) -> None:
        try:
            await self._tracing.follow(tell, after=self._tracing.newest)
        except Refused as error:
            self._ctx.errors.add("Sign-in", f"no lines for the window: {error.reason}")

    def _teller(self, provider: str) -> Callable[[list[dict]], None]:
        def tell(rows: list[dict]) -> None:
            lines = [Line(row) for row in rows if row.get("area") == "oauth"]
            if lines:
                self._post("lines", provider, lines=[{"at": line.at_ms, "ansi": line.ansi, "plain": line.plain} for line in lines])

        return tell

    def _hear(self, event: Any) -> None:
        data = event.data.to_py() if hasattr(event.data, "to_py") else {}
        provider, kind = data.get("provider"), data.get("t")
        if not isinstance(provider, str):
            return
        phase = self.phase(provider)
        begun = self._begun.get(provider)
        if begun is None:
            return
        if kind == "ready":
            self._post("go", provider, url=begun["authorize_url"])
        elif kind == "back" and phase.name == "waiting" and data.get("state") in ("", begun["state"]):  # another one is not ours to finish
            del self._begun[provider]
            self._post("took", provider)
            self._run(provider, self._finish(provider, str(data.get("outcome")), begun["state"]))

    def _post(self, kind: str, provider: str, **more: Any) -> None:
        self._channel.postMessage(to_js({"t": kind, "provider": provider, **more}, dict_converter=Object.fromEntries))

    def _run(self, provider: str, work: Any) -> None:
        def refused(error: Refused) -> None:
            if error.code == "cancelled":
                self._set(provider, Phase())
                return
            self._set(provider, Phase("failed", error.reason, error.remedy))
            self._post("done", provider, ok=False, title="Not signed in", sentence=sentence(error.reason), remedy=sentence(error.remedy))

        self._ctx.errors.run("Sign-in", work, refused=refused)

    def _set(self, provider: str, phase: Phase) -> None:
        self._phases[provider] = phase
        self.changed(provider)

    def _name(self, provider: str) -> str:
        providers = (self._ctx.store.net or {}).get("providers", ())
        return next((entry["name"] for entry in providers if entry["id"] == provider), provider)


def _now_ms() -> float:
    return time.time_ns() / 1e6
