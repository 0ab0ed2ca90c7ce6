"""The risk page: kill switch, the state of every scope, every limit with its live use, and the last refusals.

Asks the desk once a second while it shows. What cancels orders asks twice: the first press arms the button and says what the second
will do; it disarms by itself.
"""

from __future__ import annotations

import asyncio
from typing import Any

from app.model.units import ungrouped

from .. import risk_words as words
from ..dom import el, listen, need_style, set_text
from ..format import clock, refusal, stamp, utc
from ..link import Refused
from .kill import KillSwitch
from .routing_rules import RoutingRules

_REFRESH_S = 1.0
_ARMED_S = 20.0


class RiskView:
    """Owns #/risk."""

    def __init__(self, ctx: Any, kill: KillSwitch) -> None:
        self._ctx, self._kill = ctx, kill
        self._state: dict | None = None
        self._drawn: dict[str, Any] = {}
        self._task: asyncio.Task | None = None
        self._armed_until = 0.0
        self._second_press: str = ""
        kill.armed = lambda: self._armed
        need_style("risk.css")
        self._word = el("p", {"role": "status", "data-testid": "risk-word"})
        self._why = el("p", {"class": "hint"})
        self._states = el("tbody")
        self._limits = el("tbody")
        self._denials = el("ul", {"class": "risk-denials"})
        self._routing = RoutingRules(ctx)
        self.root = el(
            "div",
            {"class": "page risk"},
            el("div", {"class": "page-head"}, el("h2", {"class": "page-title"}, "Risk"), self._word),
            self._why,
            el("div", {"class": "cards pair"}, self._make_kill(), self._make_form()),
            _card("States", self._table("Scopes and their states", ("Scope", "State", "Set by", "Lifted", ""), self._states)),
            _card("Limits", self._make_filter(), self._table("Limits and their use", ("Scope", "Limit", "Use", "", "When broken"), self._limits)),
            self._routing.root,
            _card("Last refusals", self._denials),
        )
        listen(self._states, "click", self._state_click)
        listen(self._limits, "click", self._limit_click)
        ctx.store.subscribe("risk", lambda _message: self._soon())

    def shown(self) -> None:
        """Follow the desk while the page shows."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._each_second())
            self._routing.shown()

    def hidden(self) -> None:
        """Nothing to follow; an armed switch stays armed for its time."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @property
    def _armed(self) -> bool:
        return asyncio.get_running_loop().time() < self._armed_until

    async def _each_second(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(_REFRESH_S)

    async def _look(self) -> None:
        try:
            self._take(await self._ctx.link.ask("risk.state"))
        except Refused as error:
            set_text(self._word, "No account is open")
            set_text(self._why, refusal(error))
        self._draw_kill()

    def _soon(self) -> None:
        if self._task is not None:
            self._ctx.errors.run("Risk", self._look())

    def _take(self, state: dict) -> None:
        self._state = state
        summary = words.summary(state["states"])
        self._word.dataset.tone = words.STATE_TONES[state["states"][0]["state"]] if summary else "good"
        set_text(self._word, f"{summary[:1].upper()}{summary[1:]}" if summary else "Everything is normal")
        set_text(self._why, words.set_by(state["states"][0]) if summary else "Every order is checked against these limits before it is sent.")
        self._draw("states", (state["states"], state["scopes"], self._second_press), self._draw_states)
        self._draw("limits", (state["limits"], bool(self._all.checked)), self._draw_limits)
        self._draw("denials", state["denials"], self._draw_denials)
        self._draw("scopes", [row["scope"] for row in state["limits"]], self._draw_scopes)

    def _draw(self, name: str, value: Any, draw: Any) -> None:
        if self._drawn.get(name) != value:
            self._drawn[name] = value
            held = self._held()
            draw()
            if held is not None:
                self._hold(*held)

    def _held(self) -> tuple[str, str] | None:
        """The row and the button in it that has the keyboard: uses move every second, and their rows are drawn anew."""
        node = self.root.ownerDocument.activeElement
        row = node.closest("tr[data-testid]") if node and self.root.contains(node) else None
        if not row:
            return None
        marks = (f'[{name}="{row.getAttribute(name)}"]' for name in ("data-testid", "data-scope", "data-limit") if row.hasAttribute(name))
        return f"tr{''.join(marks)}", str(node.getAttribute("data-state") or "")

    def _hold(self, row: str, state: str) -> None:
        found = self.root.querySelector(f'{row} button[data-state="{state}"]') or self.root.querySelector(f"{row} button")
        if found:
            found.focus()

    # The kill switch

    def _make_kill(self) -> Any:
        self._flatten = el("input", {"type": "checkbox"})
        self._arm = el("button", {"type": "button", "class": "btn", "data-testid": "kill-arm", "aria-pressed": "false"}, "Arm")
        self._press = el("button", {"type": "button", "class": "btn btn-stop", "data-testid": "kill-press", "disabled": True}, "Halt the desk")
        self._kill_said = el("p", {"class": "hint", "role": "status"})
        listen(self._arm, "click", self._arm_click)
        listen(self._press, "click", lambda _event: self._pull())
        listen(self._flatten, "change", lambda _event: self._draw_kill())
        return _card(
            "Kill switch",
            el("p", None, "Cancels every working order and halts the desk until it is lifted below. Ctrl Shift X does it from anywhere, after asking."),
            el("label", {"class": "tool-check"}, self._flatten, "Close all positions at market as well"),
            el("div", {"class": "row"}, self._arm, self._press),
            self._kill_said,
        )

    def _arm_click(self, _event: Any) -> None:
        loop = asyncio.get_running_loop()
        self._armed_until = 0.0 if self._armed else loop.time() + _ARMED_S
        loop.call_later(_ARMED_S + 0.1, self._draw_kill)
        self._draw_kill()

    def _pull(self) -> None:
        self._armed_until = 0.0
        self._kill.act(bool(self._flatten.checked))
        self._draw_kill()

    def _draw_kill(self) -> None:
        armed = self._armed
        self._arm.setAttribute("aria-pressed", "true" if armed else "false")
        self._press.disabled = not armed
        texts = (
            (self._arm, "Disarm" if armed else "Arm"),
            (self._press, self._kill.text(bool(self._flatten.checked))),
            (self._kill_said, f"Armed for {_ARMED_S:.0f} seconds; Ctrl Shift X now acts at once." if armed else "Not armed."),
        )
        for node, text in texts:
            self._draw(f"kill{id(node)}", text, lambda node=node, text=text: set_text(node, text))

    # States

    def _draw_states(self) -> None:
        known = {row["scope"]: row for row in self._state["states"]}
        self._states.replaceChildren(*[self._state_row(row["scope"], known.get(row["scope"])) for row in self._state["scopes"]])

    def _state_row(self, scope: str, row: dict | None) -> Any:
        state = row["state"] if row else "normal"
        buttons = []
        for wanted, word in (("normal", "Lift"), ("reduce_only", "Reduce-only"), ("halted", "Halt")):
            if wanted == state:
                continue
            key = f"{scope} {wanted}"
            sure = self._second_press == key
            text = words.state_text(scope, wanted) if sure else word
            attrs = {
                "type": "button",
                "class": "btn btn-quiet" + (" armed" if sure else ""),
                "data-scope": scope,
                "data-state": wanted,
                "aria-label": words.state_text(scope, wanted),
                "data-testid": "risk-lift" if wanted == "normal" else None,
            }
            buttons.append(el("button", attrs, text))
        tone = words.STATE_TONES[state]
        return el(
            "tr",
            {"data-testid": "risk-state", "data-scope": scope, "data-state": state},
            el("th", {"scope": "row"}, words.scope(scope)),
            el("td", {"data-tone": tone, "title": words.STATE_MEANINGS[state]}, words.STATE_WORDS[state]),
            el("td", {"title": f"{stamp(row['since_ns'])} ({utc(row['since_ns'])})" if row else None}, words.set_by(row) if row else "–"),
            el("td", None, row["lifts"] if row else "–"),
            el("td", {"class": "actions"}, *buttons),
        )

    def _state_click(self, event: Any) -> None:
        button = event.target.closest("button")
        if not button:
            return
        scope, wanted = button.getAttribute("data-scope"), button.getAttribute("data-state")
        key = f"{scope} {wanted}"
        if wanted != "normal" and self._second_press != key:
            self._second_press = key
            self._redraw_states(key)
            asyncio.get_running_loop().call_later(5.0, lambda: self._disarm(key))
            return
        self._second_press = ""
        self._ctx.errors.run("Risk", self._change("risk.set", scope=scope, state=wanted), self._refused)

    def _disarm(self, key: str) -> None:
        if self._second_press == key:
            self._second_press = ""
            self._redraw_states(key)

    def _redraw_states(self, key: str) -> None:
        if self._state is not None:
            self._take(self._state)
            scope, _, wanted = key.partition(" ")
            button = self._states.querySelector(f'button[data-scope="{scope}"][data-state="{wanted}"]')
            if button:
                button.focus()

    # Limits

    def _make_filter(self) -> Any:
        self._all = el("input", {"type": "checkbox"})
        listen(self._all, "change", lambda _event: self._state is not None and self._take(self._state))
        return el("label", {"class": "tool-check"}, self._all, "Also what has no limit")

    def _draw_limits(self) -> None:
        rows = [row for row in self._state["limits"] if self._all.checked or row["value"]]
        self._limits.replaceChildren(*[self._limit_row(row) for row in rows])

    def _limit_row(self, row: dict) -> Any:
        fraction = row["fraction"]
        bar = el("span", {"class": "use-fill"})
        bar.style.width = f"{min(fraction or 0.0, 1.0) * 100:.1f}%"
        unit = self._unit(row)
        return el(
            "tr",
            {"data-testid": "risk-limit", "data-scope": row["scope"], "data-limit": row["name"], "data-tone": words.tone(fraction)},
            el("th", {"scope": "row"}, words.scope(row["scope"])),
            el("td", {"title": row["help"]}, row["title"], *self._marks(row)),
            el("td", {"class": "num"}, f"{words.used(row)} {unit}".strip(), el("span", {"class": "use", "aria-hidden": "true"}, bar)),
            el("td", {"class": "actions"}, el("button", {"type": "button", "class": "btn btn-quiet", "aria-label": f"Change {row['title']}"}, "Change")),
            el("td", {"class": "hint"}, words.STATE_WORDS.get(row["sets"], "the order is refused").lower()),
        )

    def _unit(self, row: dict) -> str:
        instrument = self._ctx.store.instruments.get(row["scope"].partition(":")[2])
        return words.unit(row, self._state["currency"], *([instrument["base"]] if instrument else ()))

    def _marks(self, row: dict) -> list[Any]:
        """Beside a limit's name: that it is the trader's, what of the accounts counts in it, and which of them have another."""
        found = ["yours"] if row["own"] else []
        found += [text for text in (words.counts(row), words.instead(row)) if text]
        return [el("span", {"class": "hint", "data-testid": "risk-counts"}, f" {'; '.join(found)}")] if found else []

    def _limit_click(self, event: Any) -> None:
        row = event.target.closest("tr")
        if row and event.target.closest("button"):
            self._scope.value = row.getAttribute("data-scope")
            self._draw_names()
            self._name.value = row.getAttribute("data-limit")
            self._fill_value()
            self._value.focus()
            self._value.select()

    def _make_form(self) -> Any:
        self._scope = el("select", {"id": "risk-scope", "data-testid": "risk-scope"})
        self._name = el("select", {"id": "risk-name", "data-testid": "risk-name"})
        attrs = {"id": "risk-value", "data-testid": "risk-value", "type": "text", "class": "num", "autocomplete": "off", "spellcheck": "false"}
        self._value = el("input", {**attrs, "aria-describedby": "risk-value-hint risk-value-error"})
        self._hint = el("p", {"class": "hint", "id": "risk-value-hint"})
        self._error = el("p", {"class": "field-error", "id": "risk-value-error", "role": "status"})
        self._everywhere = el("input", {"type": "checkbox", "data-testid": "risk-everywhere"})
        self._everywhere.checked = True
        self._every = el("label", {"class": "tool-check", "hidden": True}, self._everywhere, "In all accounts of this desk")
        default = el("button", {"type": "button", "class": "btn"}, "Use the default")
        form = el(
            "form",
            {"class": "risk-form", "novalidate": True},
            el("div", {"class": "field"}, el("label", {"for": "risk-scope"}, "Of"), self._scope),
            el("div", {"class": "field"}, el("label", {"for": "risk-name"}, "Limit"), self._name),
            el("div", {"class": "field"}, el("label", {"for": "risk-value"}, "Value (empty: none)"), self._value, self._hint, self._every),
            el("div", {"class": "row"}, el("button", {"type": "submit", "class": "btn btn-primary", "data-testid": "risk-set"}, "Set"), default),
            self._error,
        )
        listen(self._scope, "change", lambda _event: self._draw_names())
        listen(self._name, "change", lambda _event: self._fill_value())
        listen(default, "click", lambda _event: self._save(None))
        listen(form, "submit", self._submit)
        return _card("Change a limit", form)

    def _draw_scopes(self) -> None:
        chosen = str(self._scope.value or "desk")
        scopes = dict.fromkeys(row["scope"] for row in self._state["limits"])
        self._scope.replaceChildren(*[el("option", {"value": scope}, words.scope(scope)) for scope in scopes])
        self._scope.value = chosen if chosen in scopes else "desk"
        self._draw_names()

    def _rows(self) -> dict[str, dict]:
        return {row["name"]: row for row in (self._state or {"limits": ()})["limits"] if row["scope"] == self._scope.value}

    def _draw_names(self) -> None:
        chosen, rows = str(self._name.value or ""), self._rows()
        self._name.replaceChildren(*[el("option", {"value": name}, row["title"]) for name, row in rows.items()])
        if chosen in rows:
            self._name.value = chosen
        self._fill_value()

    def _fill_value(self) -> None:
        row = self._rows().get(str(self._name.value))
        if row is not None:
            self._value.value = row["value"]
            unit = self._unit(row)
            counted = words.counts(row)
            amounts = f"In {unit}." if unit and row["unit"] not in ("per_s", "count") else ""
            parts = (row["help"], amounts, f"It {'is ' if row['counts'] == 'each' else ''}{counted}." if counted else "")
            set_text(self._hint, " ".join(part for part in parts if part))
            self._every.hidden = not counted
            self._error.textContent = ""

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        self._save(ungrouped(str(self._value.value)))

    def _save(self, value: str | None) -> None:
        self._error.textContent = ""
        every = not self._every.hidden and bool(self._everywhere.checked)
        work = self._change("risk.limit", scope=str(self._scope.value), name=str(self._name.value), value=value, everywhere=every)
        self._ctx.errors.run("Risk", work, self._limit_refused)

    async def _change(self, do: str, **arguments: Any) -> None:
        result = await self._ctx.link.ask(do, **arguments)
        self._take(result)
        if do == "risk.limit":
            self._fill_value()
            tone, text = words.written(result, self._rows()[arguments["name"]]["unit"]) if "written" in result else ("good", "In force from now on.")
            self._error.dataset.tone = tone
            self._error.textContent = text

    def _limit_refused(self, error: Refused) -> None:
        self._error.dataset.tone = ""
        self._error.textContent = refusal(error)
        self._value.focus()

    def _refused(self, error: Refused) -> None:
        self._ctx.toasts.refused(error)
        if self._state is not None:
            self._take(self._state)

    def _draw_denials(self) -> None:
        rows = self._state["denials"][:12]
        items = [el("li", None, el("span", {"class": "hint"}, clock(row["ts"])), " ", row["text"], " ", el("code", None, row["code"])) for row in rows]
        self._denials.replaceChildren(*(items or [el("li", {"class": "hint"}, "No order has been refused by a limit since the desk was opened.")]))

    def _table(self, label: str, heads: tuple[str, ...], body: Any) -> Any:
        head = el("thead", None, el("tr", None, *[el("th", {"scope": "col"}, text) if text else el("td") for text in heads]))
        return el("div", {"class": "risk-scroll", "tabindex": "0", "role": "region", "aria-label": label}, el("table", {"class": "risk-table"}, head, body))


def _card(title: str, *content: Any) -> Any:
    return el("section", {"class": "card", "aria-label": title}, el("h2", None, title), *content)
