"""The ticket's elements: fields, side buttons, quick sizes, errors beside their field, the button and its result.

Reads and writes what is typed as a Draft; decides nothing. The order of the elements is the order of the keys:
side, type, time in force, quantity, price, stop, options, cost, button.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ticket_exits as exits
from .. import ticket_rules as rules
from ..dom import el, listen, set_text
from ..order_words import decimals

MORE = ("trail", "trail_unit", "display", "until", "take_profit", "stop_loss", "route")
FIELDS = ("qty", "price", "stop", "type", "tif", "post_only", "reduce_only", *MORE)
NUMBERS = ("qty", "price", "stop", "trail", "display", "take_profit", "stop_loss")
_PERCENTS = (25, 50, 100)
_TIF_SHORT = {
    **{"gtc": "Till cancelled", "day": "Day", "ioc": "Immediate", "fok": "Fill or kill", "gtd": "Till date"},
    **{"at_open": "At open", "at_close": "At close"},
}
_TRAIL_UNITS = {"amount": "in money", "percent": "%"}


class TicketForm:
    """One form; ``root`` is the element. Input ids are ``ticket-…`` as the test ids."""

    def __init__(self, on_percent: Callable[[int], None], on_bracket: Callable[[], None]) -> None:
        self._on_bracket = on_bracket
        self._side = "buy"
        self._blocked = False
        self._held = False
        self._places = 0
        self._held_tifs: frozenset[str] = frozenset()
        self._held_types = rules.HELD_TYPES
        self._shown: dict[str, str] = {}
        self._inputs: dict[str, Any] = {}
        self._errors: dict[str, Any] = {}
        self._labels: dict[str, Any] = {}
        self._wraps: dict[str, Any] = {}
        self._quote: dict[str, Any] = {}
        self.strip = self._make_strip()
        self.sides = self._make_sides()
        self._share = el("span", {"class": "hint"}, "of buying power")
        self._note = el("p", {"class": "ticket-note", "data-testid": "ticket-note", "hidden": True})
        self._cost_place = el("div", {"class": "ticket-cost-place"})
        self._block = el("p", {"class": "ticket-block", "id": "ticket-block", "hidden": True})
        self._result = el("p", {"class": "ticket-result", "role": "status"})
        self._button_text = el("span", None, "Buy")
        self.real = self.may_be_real = False
        """Orders go to a real venue; those that are routed may."""
        self.button = el(
            "button",
            {"type": "submit", "class": "btn btn-buy ticket-submit", "data-testid": "ticket-submit", "aria-describedby": "ticket-block"},
            self._button_text,
        )
        self.root = el(
            "form",
            {"class": "ticket", "novalidate": True, "autocomplete": "off", "aria-label": "Order ticket", "data-side": "buy"},
            self.strip,
            el(
                "div",
                {"class": "ticket-body"},
                self.sides,
                el(
                    "div",
                    {"class": "ticket-pair"},
                    self._select("type", "Type", rules.TYPE_WORDS),
                    self._select("tif", "Time in force", _TIF_SHORT),
                ),
                self._select("route", "Route", rules.ROUTE_WORDS),
                self._note,
                self._input("qty", "Quantity", self._make_percents(on_percent)),
                self._input("price", "Limit"),
                self._input("stop", "Stop"),
                self._input("trail", "Distance", self._select("trail_unit", "Unit of the distance", _TRAIL_UNITS)),
                self._input("display", "Shown"),
                self._moment("until", "Until"),
                el("div", {"class": "ticket-options"}, self._check("post_only", "Post-only"), self._check("reduce_only", "Reduce-only")),
                self._errors["post_only"],
                self._errors["reduce_only"],
                self._make_exits(),
            ),
            el("div", {"class": "ticket-foot"}, self._cost_place, self._block, self.button, self._result),
        )
        self._wraps["route"].hidden = True
        self.fit(self.draft(""))

    def place_cost(self, node: Any) -> None:
        """Put the cost beside the button."""
        self._cost_place.append(node)

    def draft(self, symbol: str) -> rules.Draft:
        """What is typed and chosen now."""
        get = self._inputs
        return rules.Draft(
            symbol=symbol,
            side=self._side,
            type=get["type"].value,
            tif=get["tif"].value,
            qty=get["qty"].value,
            price=get["price"].value,
            stop=get["stop"].value,
            post_only=get["post_only"].checked and not get["post_only"].disabled,
            reduce_only=get["reduce_only"].checked,
            held_tifs=self._held_tifs,
            held_types=self._held_types,
            **{name: get[name].value for name in MORE},
        )

    def set_draft(self, draft: rules.Draft) -> None:
        """Show kept values."""
        for name in ("type", "tif", "qty", "price", "stop", *MORE):
            self._inputs[name].value = getattr(draft, name)
        self._inputs["post_only"].checked = draft.post_only
        self._inputs["reduce_only"].checked = draft.reduce_only
        self.set_side(draft.side)

    def set(self, name: str, text: str) -> None:
        """Set one value."""
        self._inputs[name].value = text

    def set_side(self, side: str) -> None:
        """buy or sell."""
        self._side = side
        self.root.setAttribute("data-side", side)
        for name, button in self._side_buttons.items():
            button.setAttribute("aria-pressed", "true" if name == side else "false")
        self.button.className = f"btn btn-{side} ticket-submit"

    def focus(self, name: str) -> None:
        """Put the cursor into a field and select what is there."""
        field = self._inputs.get(name)
        if field is not None and not field.disabled:
            field.focus()
            if name in NUMBERS:
                field.select()

    def set_instrument(self, instrument: dict) -> None:
        """Units in the labels."""
        self._places = decimals(instrument["tick"])
        self._put("symbol", self._quote["symbol"], instrument["symbol"].replace(".", ".\u200b"))  # a long name breaks before its venue
        self._put("label.qty", self._labels["qty"], f"Quantity {instrument['base']}")
        self._put("label.price", self._labels["price"], f"Limit {instrument['quote']}")
        self._put("label.stop", self._labels["stop"], f"Stop {instrument['quote']}")
        self._put("label.display", self._labels["display"], f"Shown {instrument['base']}")
        self.show_quote([instrument["symbol"], None, None])
        self._result.textContent = ""

    def show_quote(self, quote: list) -> None:
        """Bid and ask on the strip that stays in sight."""
        self._put("bid", self._quote["bid"], quote[1] or "–")
        self._put("ask", self._quote["ask"], quote[2] or "–")

    def offer(self, capabilities: dict) -> None:
        """Only what the venue takes can be chosen."""
        for name, offered in (("type", capabilities.get("orders")), ("tif", capabilities.get("tifs"))):
            options = self._inputs[name].options
            for index in range(options.length):
                option = options.item(index)
                option.disabled = bool(offered) and option.value not in offered
        self._held_tifs = frozenset(capabilities.get("held_tifs", ()))
        self._held_types = frozenset(capabilities.get("held", rules.HELD_TYPES))
        for name in ("post_only", "reduce_only"):
            self._wraps[name].hidden = capabilities.get(name) is False

    def offer_routes(self, listings: list[str], accounts: list[str]) -> None:
        """The route can be chosen where the same thing is listed more than once, as ``listings``, or the router may use several ``accounts``."""
        several = len(listings) > 1 or len(accounts) > 1
        self._wraps["route"].hidden = not several
        words = [f"Listed as {', '.join(listings)}"] if len(listings) > 1 else []
        words += [f"The router may use {', '.join(accounts)}"] if len(accounts) > 1 else []
        self._inputs["route"].title = ". ".join(words)
        if not several:
            self._inputs["route"].value = "this"

    @property
    def routes(self) -> bool:
        """True when the route can be chosen."""
        return not self._wraps["route"].hidden

    def fit(self, draft: rules.Draft) -> None:
        """Show the fields that count for the type."""
        fields = {
            "price": draft.has_limit,
            "stop": draft.has_stop,
            "trail": draft.type == "trailing_stop",
            "display": draft.type == "iceberg",
            "until": draft.tif == "gtd",
        }
        for name, counts in fields.items():
            if self._inputs[name].disabled == counts:
                self._inputs[name].disabled = not counts
                self._wraps[name].hidden = not counts
        self._inputs["post_only"].disabled = draft.type not in ("limit", "iceberg")
        self._exits.hidden = draft.type == "oco"
        self._put("exits", self._exits_head, exits.heading(draft, self._places))
        note = draft.note
        self._note.hidden = not note
        self._put("note", self._note, note)
        self._put("label.stop.word", self._labels["stop"], self._stop_label(draft))

    def _stop_label(self, draft: rules.Draft) -> str:
        word = "Touch" if draft.type in rules.TOUCH_TYPES else "Stop"
        unit = self._labels["stop"].textContent.partition(" ")[2]
        return f"{word} {unit}".strip()

    def _make_exits(self) -> Any:
        """Take profit and stop loss of an entry: with both, one cancels the other."""
        title = "Both exits halfway from the entry to the edges of the chart; drag their lines there"
        place = el("button", {"type": "button", "class": "btn btn-quiet", "title": title, "data-testid": "ticket-bracket"}, "Place both on the chart")
        listen(place, "click", lambda _event: self._on_bracket())
        self._exits_head = el("summary", {"data-testid": "ticket-exits"})
        self._exits = el(
            "details",
            {"class": "ticket-exits"},
            self._exits_head,
            self._input("take_profit", "Take profit"),
            self._input("stop_loss", "Stop loss"),
            place,
        )
        return self._exits

    def _moment(self, name: str, label: str) -> Any:
        return self._wrap(name, label, el("input", {**self._attrs(name), "type": "datetime-local"}))

    def show_problems(self, problems: list[rules.Problem]) -> None:
        """Each field's first problem beside it, the others clean; exits with one are opened."""
        texts: dict[str, str] = {}
        for problem in problems:
            texts.setdefault(problem.field, problem.text)
        if not texts.keys().isdisjoint(exits.NAMES):
            self._exits.open = True
        for name in self._errors:
            text = texts.get(name, "")
            if self._shown.get(f"error.{name}", "") != text:
                self._shown[f"error.{name}"] = text
                self._errors[name].textContent = text
                if text:
                    self._inputs[name].setAttribute("aria-invalid", "true")
                else:
                    self._inputs[name].removeAttribute("aria-invalid")

    def say_button(self, draft: rules.Draft, limits: rules.Rules | None, sending: bool) -> None:
        """The button's words; while sending they say so."""
        words = rules.button_text(draft, limits)
        words = f"Real order: {words}" if self.real else f"May be real: {words}" if self.may_be_real and draft.route != "this" else words
        self._put("button", self._button_text, f"Sending: {words}" if sending else words)

    def say_share(self, of: str) -> None:
        """What the quick sizes are a share of."""
        self._put("share", self._share, f"of {of}")

    def say(self, tone: str, text: str) -> None:
        """The result line under the button."""
        self._result.dataset.tone = tone
        self._put("result", self._result, text)

    def hold(self, held: bool) -> None:
        """No press counts while one is on its way."""
        self._held = held
        self._able()

    def block(self, reason: str | None, way_out: str | None) -> None:
        """Why no order is taken now, with a link to where that is changed; None takes orders again."""
        self._blocked = reason is not None
        self._block.hidden = reason is None
        self._block.replaceChildren()
        if reason is not None:
            self._block.append("Orders are not taken: ", reason.rstrip("."), ". ")
            if way_out:
                self._block.append(el("a", {"href": way_out}, "Open the risk view" if way_out == "#/risk" else "Open the vault view"))
        self._able()

    def _able(self) -> None:
        self.button.disabled = self._blocked
        # While one is on its way a press does nothing, but the keyboard stays where it pressed: what is disabled loses the focus.
        for name in ("aria-busy", "aria-disabled"):
            self.button.setAttribute(name, "true" if self._held else "false")

    def _put(self, name: str, node: Any, text: str) -> None:
        if self._shown.get(name) != text:
            self._shown[name] = text
            set_text(node, text)

    def _make_strip(self) -> Any:
        for name in ("bid", "ask"):
            title = f"Use the {name} as limit price"
            self._quote[name] = el("button", {"type": "button", "class": f"strip-price strip-{name}", "title": title}, "–")
        self._quote["symbol"] = el("h2", {"class": "strip-symbol"}, "Ticket")
        return el(
            "div",
            {"class": "ticket-strip"},
            self._quote["symbol"],
            el("span", {"class": "strip-side"}, el("span", {"class": "label"}, "Bid"), self._quote["bid"]),
            el("span", {"class": "strip-side"}, el("span", {"class": "label"}, "Ask"), self._quote["ask"]),
        )

    def _make_sides(self) -> Any:
        self._side_buttons = {
            side: el(
                "button",
                {"type": "button", "data-side": side, "data-testid": f"ticket-side-{side}", "aria-pressed": "true" if side == "buy" else "false"},
                word,
            )
            for side, word in (("buy", "Buy"), ("sell", "Sell"))
        }
        return el("div", {"class": "ticket-sides", "role": "group", "aria-label": "Side"}, *self._side_buttons.values())

    def _make_percents(self, on_percent: Callable[[int], None]) -> Any:
        row = el("div", {"class": "ticket-quick", "role": "group", "aria-label": "Quick size"})
        for percent in _PERCENTS:
            row.append(el("button", {"type": "button", "class": "btn btn-quiet", "data-percent": str(percent)}, f"{percent} %"))
        row.append(self._share)

        def press(event: Any) -> None:
            percent = event.target.getAttribute("data-percent")
            if percent:
                on_percent(int(percent))

        listen(row, "click", press)
        return row

    def _select(self, name: str, label: str, words: dict[str, str]) -> Any:
        field = el("select", self._attrs(name))
        for key, word in words.items():
            field.append(el("option", {"value": key, "title": rules.TIF_WORDS.get(key)}, word))
        return self._wrap(name, label, field)

    def _input(self, name: str, label: str, below: Any = None) -> Any:
        attrs = {**self._attrs(name), "type": "text", "inputmode": "decimal", "spellcheck": "false", "class": "num"}
        return self._wrap(name, label, el("input", attrs), below)

    def _attrs(self, name: str) -> dict[str, str]:
        return {"id": f"ticket-{name}", "name": name, "data-testid": f"ticket-{name}", "aria-describedby": f"ticket-{name}-error"}

    def _wrap(self, name: str, label: str, field: Any, below: Any = None) -> Any:
        self._inputs[name] = field
        self._labels[name] = el("label", {"for": f"ticket-{name}"}, label)
        self._errors[name] = self._error(name)
        wrap = self._wraps[name] = el("div", {"class": f"field ticket-{name}"}, self._labels[name], field, self._errors[name], below)
        return wrap

    def _error(self, name: str) -> Any:
        return el("p", {"class": "field-error", "id": f"ticket-{name}-error", "aria-live": "polite"})

    def _check(self, name: str, label: str) -> Any:
        box = self._inputs[name] = el("input", {"type": "checkbox", "name": name, "id": f"ticket-{name}", "aria-describedby": f"ticket-{name}-error"})
        self._errors[name] = self._error(name)
        wrap = self._wraps[name] = el("label", {"class": "ticket-check"}, box, label)
        return wrap
