"""The card of the proxy, and the banner that stands on every view while it is open to any address."""

from __future__ import annotations

from typing import Any

from .. import net_words
from ..dom import by_id, clear, el, fill, listen, set_text


class ProxyCard:
    """What the proxy is doing, and whether it is the trader's own."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._word = el("span", {"class": "word", "data-testid": "proxy-state"}, el("i", {"class": "dot", "aria-hidden": "true"}), el("span", None, "…"))
        self._meaning = el("p", None, "")
        self._facts = el("dl", {"class": "facts"})
        self._own = el("input", {"type": "checkbox", "id": "proxy-own", "data-testid": "proxy-own", "aria-describedby": "proxy-own-means"})
        self._row = el(
            "div",
            {"class": "field", "hidden": True},
            el("label", {"for": "proxy-own", "class": "check"}, self._own, " This proxy is my own"),
            el("p", {"class": "hint", "id": "proxy-own-means"}, "Only then do sign-ins and keys go through it. Whoever runs a proxy can read what passes it."),
        )
        self.root = el("section", {"class": "card", "aria-label": "Proxy"}, el("h2", None, "Proxy"), self._word, self._meaning, self._facts, self._row)
        listen(self._own, "change", lambda _event: ctx.errors.run("Marking the proxy", self._trust(bool(self._own.checked))))

    def draw(self, proxy: dict) -> None:
        """Show this state."""
        word, tone, meaning = net_words.proxy(proxy)
        set_text(self._word.querySelector("span"), word)
        self._word.setAttribute("data-tone", tone or ("good" if proxy["state"] == "up" else ""))
        self._word.setAttribute("data-state", proxy["state"])
        self._meaning.textContent = meaning
        clear(self._facts)
        facts = [("Address", proxy.get("url")), ("Version", proxy.get("version")), ("Detail", proxy.get("detail"))]
        fill(self._facts, None, *(node for name, value in facts if value for node in (el("dt", None, name), el("dd", None, str(value)))))
        self._row.hidden = proxy["state"] in ("none", "unknown") and not proxy["own"]
        self._own.checked = bool(proxy["own"])

    async def _trust(self, own: bool) -> None:
        try:
            await self._ctx.link.ask("net.trust", own=own)
        except BaseException:
            self._own.checked = not own
            raise


class OpenModeBanner:
    """Owns #open-mode."""

    def __init__(self, ctx: Any) -> None:
        self._node = by_id("open-mode")
        self._dismissed = False
        ctx.store.subscribe("net", self._draw)
        listen(self._node, "click", self._click)

    def _draw(self, state: dict) -> None:
        proxy = state["proxy"]
        shows = proxy["state"] == "up" and proxy["open"] and not self._dismissed
        if shows and self._node.hidden:
            clear(self._node)
            fill(
                self._node,
                None,
                el("strong", None, "The proxy is open."),
                el("span", {"class": "grow"}, "It forwards to any public address. It listens on this machine only."),
                el("a", {"href": "#/network", "class": "btn"}, "What it means"),
                el("button", {"type": "button", "class": "btn btn-quiet"}, "Not now"),
            )
        self._node.hidden = not shows

    def _click(self, event: Any) -> None:
        if event.target.closest("button"):
            self._dismissed = True
            self._node.hidden = True
