"""The card of hosts: how each was reached, what was learned about every way, and the order in which ways are tried.

The order is changed by drag, by the arrow buttons or by Alt with the arrow keys; a way can be switched off for a host.
"""

from __future__ import annotations

import time
from typing import Any

from .. import format as fmt
from .. import net_words
from ..chain_order import complete, moved, switched
from ..dom import clear, el, fill, listen, set_text


class ChainCard:
    """A list of hosts and the ways of the chosen one."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._host = ""
        self._state: dict = {"hosts": [], "strategies": []}
        self._at_ms = 0.0
        self._drag = ""
        self._shown: Any = None
        self._choice = el("select", {"id": "chain-host", "data-testid": "chain-host"})
        self._last = el("p", {"class": "hint"})
        self._ways = el("ol", {"class": "ways", "aria-label": "Ways in the order they are tried", "data-testid": "chain"})
        self._default = el("button", {"type": "button", "class": "btn"}, "Use the usual order")
        self._forget = el("button", {"type": "button", "class": "btn"}, "Forget what was learned")
        self._said = el("p", {"class": "away", "role": "status"})
        self._body = el(
            "div",
            {"class": "chain", "hidden": True},
            el("div", {"class": "field chain-choice"}, el("label", {"for": "chain-host"}, "Host"), self._choice),
            self._last,
            self._ways,
            el("div", {"class": "row"}, self._default, self._forget),
            self._said,
        )
        self._empty = el("p", {"class": "hint"}, "No host has been asked yet. Test an address above; what it learns stands here.")
        self.root = el(
            "section",
            {"class": "card", "aria-label": "How hosts are reached"},
            el("h2", None, "How hosts are reached"),
            el("p", None, "Ways are tried from the top. Kontor puts what works first; an order of your own stays as you set it."),
            self._empty,
            self._body,
        )
        listen(self._choice, "change", lambda _event: self._choose(str(self._choice.value)))
        listen(self._default, "click", lambda _event: self._order(None))
        listen(self._forget, "click", lambda _event: ctx.errors.run("Forgetting", ctx.link.ask("net.clear", host=self._host)))
        for name, handler in (
            ("click", self._click), ("change", self._switch), ("keydown", self._keydown),
            ("dragstart", self._grab), ("dragover", self._over), ("drop", self._drop), ("dragend", self._end),
        ):  # fmt: skip
            listen(self._ways, name, handler)

    def draw(self, state: dict) -> None:
        """Show the hosts of this state."""
        if state is not self._state:
            self._state, self._at_ms = state, time.time_ns() / 1e6
        hosts = [host["host"] for host in state["hosts"]]
        self._empty.hidden, self._body.hidden = bool(hosts), not hosts
        if not hosts:
            clear(self._ways)
            self._shown = None
            return
        if self._host not in hosts:
            self._host = hosts[0]
        options = [option.value for option in self._choice.options]
        if options != hosts:
            clear(self._choice)
            self._choice.append(*(el("option", {"value": name}, name) for name in hosts))
        self._choice.value = self._host
        self._draw_host()

    def _choose(self, host: str) -> None:
        self._host = host
        self._draw_host()

    @property
    def _entry(self) -> dict:
        return next(host for host in self._state["hosts"] if host["host"] == self._host)

    def _draw_host(self) -> None:
        host = self._entry
        last = host.get("last")
        set_text(self._last, _last(last))
        self._default.disabled = not host["custom"]
        known = [way["id"] for way in self._state["strategies"]]
        rows = [(name, used, net_words.learned(host["learned"].get(name), self._at_ms)) for name, used in complete(host["order"], known)]
        if rows == self._shown or self._drag:
            return
        self._shown = rows
        focused = self._focused()
        clear(self._ways)
        self._ways.append(*(_way(name, used, learned, place, len(host["order"])) for place, (name, used, learned) in enumerate(rows)))
        if focused:
            name, do = focused
            node = self._ways.querySelector(f'[data-way="{name}"] [data-do="{do}"]')
            if node and node.disabled:
                node = self._ways.querySelector(f'[data-way="{name}"] button:not(:disabled)')
            if node:
                node.focus()

    def _focused(self) -> tuple[str, str] | None:
        node = self._ways.ownerDocument.activeElement
        if not node or not self._ways.contains(node) or not node.hasAttribute("data-do"):
            return None
        return node.closest("[data-way]").getAttribute("data-way"), node.getAttribute("data-do")

    def _order(self, order: list[str] | None, said: str = "The usual order is used again.") -> None:
        host = self._entry
        if order is not None:
            host["order"], host["custom"] = order, True
            self._draw_host()
        self._ctx.errors.run("Ordering the ways", self._send(order, said))

    async def _send(self, order: list[str] | None, said: str) -> None:
        await self._ctx.link.ask("net.order", host=self._host, strategies=order)
        set_text(self._said, said)

    def _move(self, name: str, step: int) -> None:
        order = self._entry["order"]
        if name in order and 0 <= (place := order.index(name) + step) < len(order):
            self._order(moved(order, name, place), f"{net_words.strategy(name)} is number {place + 1} now.")

    def _click(self, event: Any) -> None:
        node = event.target.closest("button[data-do]")
        if node:
            self._move(node.closest("[data-way]").getAttribute("data-way"), -1 if node.getAttribute("data-do") == "up" else 1)

    def _switch(self, event: Any) -> None:
        name = event.target.closest("[data-way]").getAttribute("data-way")
        order = switched(self._entry["order"], name)
        if order == self._entry["order"]:
            event.target.checked = True
            self._ctx.toasts.show("warn", "One way has to stay, or the host cannot be reached at all.")
            return
        self._order(order, f"{net_words.strategy(name)} is {'used' if name in order else 'not used'} for this host.")

    def _keydown(self, event: Any) -> None:
        step = {"ArrowUp": -1, "ArrowDown": 1}.get(event.key) if event.altKey else None
        if step:
            event.preventDefault()
            self._move(event.target.closest("[data-way]").getAttribute("data-way"), step)

    def _grab(self, event: Any) -> None:
        row = event.target.closest("[data-way]")
        if row and row.getAttribute("data-way") in self._entry["order"]:
            self._drag = row.getAttribute("data-way")
            event.dataTransfer.effectAllowed = "move"
            event.dataTransfer.setData("text/plain", self._drag)

    def _over(self, event: Any) -> None:
        if self._drag:
            event.preventDefault()

    def _drop(self, event: Any) -> None:
        row, name = event.target.closest("[data-way]"), self._drag
        event.preventDefault()
        self._drag = ""
        if row and name:
            order, target = self._entry["order"], row.getAttribute("data-way")
            place = order.index(target) if target in order else len(order) - 1
            self._order(moved(order, name, place), f"{net_words.strategy(name)} is number {place + 1} now.")

    def _end(self, _event: Any) -> None:
        self._drag = ""
        self._draw_host()


def _last(last: dict | None) -> str:
    if not last:
        return "Not reached yet."
    return f"Reached last by {net_words.strategy(last['strategy'])} in {fmt.latency(last['ms'])}, at {fmt.clock(int(last['at_ms']) * 1_000_000)}."


def _way(name: str, used: bool, learned: tuple[str, str], place: int, count: int) -> Any:
    title, meaning = net_words.STRATEGIES.get(name, (name, ""))
    word, tone = learned

    def arrow(do: str, sign: str, label: str, off: bool) -> Any:
        return el("button", {"type": "button", "class": "btn btn-quiet", "data-do": do, "aria-label": label, "disabled": off}, sign)

    box = el("input", {"type": "checkbox", "data-do": "use", "aria-label": f"Use {title}"})
    box.checked = used
    row = el("li", {"class": "way", "data-way": name, "data-testid": "way", "data-used": "true" if used else "false", "draggable": "true" if used else None})
    fill(
        row,
        None,
        el("span", {"class": "way-place num"}, str(place + 1) if used else ""),
        box,
        el("span", {"class": "way-name", "title": meaning}, title),
        el("span", {"class": "word way-word", "data-tone": tone}, el("i", {"class": "dot", "aria-hidden": "true"}), word if used else f"off; {word}"),
        arrow("up", "↑", f"Try {title} earlier", not used or place == 0),
        arrow("down", "↓", f"Try {title} later", not used or place + 1 >= count),
    )
    return row
