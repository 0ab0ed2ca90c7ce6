"""The network's page: the proxy, sign-ins, how each host is reached, and the wizard that tests an address.

Composes its cards and asks the desk for the state when the page appears; every card draws from that one state.
"""

from __future__ import annotations

import asyncio
from typing import Any

from .. import net_words
from ..dom import el, listen, need_style
from ..signin import SignIns
from .net_chain import ChainCard
from .net_proxy import ProxyCard
from .net_signin import SignInCard
from .net_wizard import WizardCard

_REFRESH_S = 1.0


class NetworkView:
    """Owns #/network."""

    def __init__(self, ctx: Any, tracing: Any) -> None:
        self._ctx = ctx
        self._task: asyncio.Task | None = None
        need_style("network.css")
        self._signins = SignIns(ctx, tracing)
        self._online = el("p", {"class": "stale", "role": "status"})
        terminal = el("button", {"type": "button", "class": "btn"}, "Open the debug terminal")
        self._proxy = ProxyCard(ctx)
        self._signin = SignInCard(ctx, self._signins)
        self._wizard = WizardCard(ctx)
        self._chain = ChainCard(ctx)
        promises = el("section", {"class": "card", "aria-label": "What holds always"}, el("h2", None, "What holds always"))
        promises.append(el("ul", None, *(el("li", None, text) for text in net_words.GUARANTEES)))
        self.root = el(
            "div",
            {"class": "page network"},
            el("div", {"class": "page-head"}, el("h2", {"class": "page-title"}, "Network"), self._online, el("span", {"class": "grow"}), terminal),
            el("div", {"class": "cards pair"}, self._proxy.root, self._signin.root),
            self._wizard.root,
            self._chain.root,
            promises,
        )
        listen(terminal, "click", lambda _event: ctx.store.publish("terminal"))
        ctx.store.subscribe("net", lambda _state: self._draw())
        ctx.keys.bind("", "Test an address through every way", self._test, "Network")

    def shown(self) -> None:
        """Ask for the state; finish a sign-in that came back to this address; count the seconds that are left."""
        self._ctx.errors.run("Network", self._ask())
        self._signins.come_back()
        if self._task is None:
            self._task = asyncio.ensure_future(self._each_second())

    def hidden(self) -> None:
        """Nothing to count."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _ask(self) -> None:
        await ask(self._ctx)

    async def _each_second(self) -> None:
        while True:
            self._signin.tick()
            await asyncio.sleep(_REFRESH_S)

    def _test(self) -> None:
        self._ctx.router.go("network")
        self._wizard.focus()

    def _draw(self) -> None:
        state = self._ctx.store.net
        self._online.textContent = "" if state["online"] else net_words.online(False)
        self._proxy.draw(state["proxy"])
        self._signin.draw(state)
        self._chain.draw(state)


async def ask(ctx: Any) -> None:
    """Bring the store's ``net`` up to date."""
    ctx.store.net = await ctx.link.ask("net.state")
    ctx.store.publish("net", ctx.store.net)
