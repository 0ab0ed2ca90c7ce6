"""The card of providers: who is signed in, signing in by window, redirect or code, renewing, signing out.

Phases come from ``app.ui.signin``; this draws them. No token is ever on this page.
"""

from __future__ import annotations

import time
from typing import Any

from .. import format as fmt
from .. import net_words
from ..dom import clear, el, fill, listen, set_text
from ..format import sentence

_BUSY = ("opening", "finishing")


class SignInCard:
    """One row a provider."""

    def __init__(self, ctx: Any, signins: Any) -> None:
        self._ctx = ctx
        self._signins = signins
        self._rows: dict[str, Any] = {}
        self._state: dict = {"providers": []}
        self._left: dict[str, Any] = {}
        self._list = el("div", {"class": "providers"})
        self._empty = el("p", {"class": "hint"}, "The proxy knows no provider yet. Name one in its configuration (proxy/kontor.toml).")
        self.root = el("section", {"class": "card", "aria-label": "Sign-ins"}, el("h2", None, "Sign-ins"), self._empty, self._list)
        signins.changed = self._changed
        listen(self._list, "click", self._click)

    def draw(self, state: dict) -> None:
        """Show the providers of this state."""
        self._state = state
        self._empty.hidden = bool(state["providers"])
        if state["proxy"]["state"] in ("none", "down", "unknown") and not state["providers"]:
            self._empty.textContent = "Signing in needs the proxy: it keeps the secrets that a web page cannot keep."
        for provider in state["providers"]:
            self._draw_one(provider)

    def tick(self) -> None:
        """Once a second: the time that is left."""
        now = time.time_ns() / 1e6
        self._signins.late(now)
        for name, node in self._left.items():
            until = self._signins.phase(name).until_ms
            if until is not None and node.isConnected:
                set_text(node, _left(until - now))

    def _changed(self, name: str) -> None:
        provider = next((entry for entry in self._state["providers"] if entry["id"] == name), None)
        if provider is not None:
            self._draw_one(provider)

    def _draw_one(self, provider: dict) -> None:
        name = provider["id"]
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = el("article", {"class": "provider", "data-testid": "provider", "data-provider": name, "aria-label": provider["name"]})
            self._list.append(row)
        phase = self._signins.phase(name)
        held = _focused(row)
        clear(row)
        word, tone = net_words.signed(provider, time.time_ns() // 1_000_000)
        signed = provider.get("signed_in")
        row.setAttribute("data-phase", phase.name)
        row.setAttribute("data-signed", "true" if signed else "false")
        facts = []
        if signed:
            facts = [signed.get("scope") and f"May: {signed['scope']}.", net_words.KEPT.get(signed.get("kept"), "")]
        elif asked := provider.get("default_scopes") or provider.get("scopes"):
            facts = [f"Asks for: {', '.join(asked)}.", "It can place orders." if provider.get("trading") else ""]
        fill(
            row,
            None,
            el("div", {"class": "provider-head"}, el("h3", None, provider["name"]), el("span", {"class": "word", "data-tone": tone}, word)),
            el("p", {"class": "hint"}, " ".join(text for text in facts if text)) if any(facts) else None,
            self._progress(name, phase),
            el("div", {"class": "row"}, *self._buttons(provider, phase)),
        )
        if held:
            again = row.querySelector(f'[data-do="{held}"]') or row.querySelector("button")
            if again:
                again.focus()

    def _progress(self, name: str, phase: Any) -> Any:
        if phase.name == "idle":
            return None
        node = el("div", {"class": "provider-phase", "role": "alert" if phase.name == "failed" else "status", "data-testid": "provider-phase"})
        if phase.code:
            uri = phase.code["verification_uri"]
            node.append(
                el("p", None, "Open ", el("a", {"href": uri, "target": "_blank", "rel": "noopener noreferrer"}, uri), " and type this code:"),
                el("p", {"class": "user-code"}, el("code", {"data-testid": "user-code"}, phase.code["user_code"])),
            )
        said = el("p", {"class": "danger" if phase.name == "failed" else None}, sentence(phase.sentence))
        if phase.until_ms is not None:
            self._left[name] = el("span", {"class": "hint", "data-testid": "time-left", "aria-live": "off"}, _left(phase.until_ms - time.time_ns() / 1e6))
            said.append(" ", self._left[name])
        node.append(said)
        if phase.remedy:
            node.append(el("p", None, sentence(phase.remedy)))
        return node

    def _buttons(self, provider: dict, phase: Any) -> list[Any]:
        def button(do: str, text: str, main: bool = False) -> Any:
            kind = "btn btn-primary" if main else "btn"
            return el("button", {"type": "button", "class": kind, "data-do": do, "data-testid": f"provider-{do}", "disabled": phase.name in _BUSY}, text)

        if phase.name in ("waiting", "code"):
            return [button("cancel", "Stop waiting"), button("steps", "Show every step")]
        if phase.name == "locked":
            return [el("a", {"href": "#/vault", "class": "btn btn-primary"}, "Unlock the vault")]
        more = [button("steps", "Show every step")] if phase.name == "failed" else []
        if provider.get("signed_in"):
            return [button("refresh", "Renew now"), button("logout", "Sign out"), *more]
        ready = provider.get("ready", True)
        if not ready:
            missing = " and ".join(provider.get("missing") or ())
            return [el("p", {"class": "stale"}, "Not set up at the proxy." + (f" Set {missing} where it runs and start it again." if missing else ""))]
        buttons = []
        if "web" in provider["flows"]:
            again = phase.name == "failed"
            buttons.append(button("web", "Try again" if again else "Sign in", main=phase.name != "blocked"))
            if phase.name in ("blocked", "failed"):
                buttons.append(button("redirect", "Sign in on this page", main=phase.name == "blocked"))
        if "device" in provider["flows"]:
            buttons.append(button("device", "With a code", main="web" not in provider["flows"]))
        return buttons + more

    def _click(self, event: Any) -> None:
        node = event.target.closest("[data-do]")
        if not node or node.disabled:
            return
        do, name = node.getAttribute("data-do"), node.closest("[data-provider]").getAttribute("data-provider")
        if do == "steps":
            self._ctx.store.publish("terminal", "area:oauth level:debug")
        else:
            getattr(self._signins, do)(name)


def _left(ms: float) -> str:
    return f"{fmt.span(ms / 1000)} left" if ms > 0 else "time is up"


def _focused(row: Any) -> str | None:
    """The action of the button in this row that has the focus, if one has."""
    node = row.ownerDocument.activeElement
    return node.getAttribute("data-do") if node and row.contains(node) else None
