"""The trader's own on a chart: fills as triangles, orders, average price and the ticket's draft as lines; and moving a line.

A line is moved by dragging it, or by keys: Up and Down walk the lines, Enter takes one, Up and Down move it by ticks, Enter again lets go,
Escape keeps it as it was. An order that was let go elsewhere is amended as in Orders; on a real account only while the chart is armed.
A line of the ticket's draft writes the ticket. What the desk refuses is said here, and the line goes back.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..amend_words import moved
from ..answers import amended, not_done
from ..arming import Arming
from ..dom import el, listen, set_text
from ..link import Refused
from ..order_words import decimals
from ..own_lines import Grip, Line, Move, by_price, hit, nearest, own_lines
from ..ticket_rules import Rules, grouped
from .bars import Bars, fill_marks
from .frame import OncePerFrame

_LINES = 12
_REACH = {"mouse": 5.0, "pen": 8.0, "touch": 16.0}


class ChartOwn:
    """``holder`` is the element of the drawing; ``changed(texts)`` is called with all lines in words."""

    def __init__(self, ctx: Any, feed: Any, bars: Bars, holder: Any, changed: Callable[[list[str]], None]) -> None:
        self._ctx, self._store, self._feed, self._bars, self._holder, self._changed = ctx, ctx.store, feed, bars, holder, changed
        self._canvas: Any = None
        self._lines: list[Line] = []
        self._near: list[Line] = []
        self._sent: dict[str, Line] = {}
        self._move: Move | None = None
        self._grip: Grip | None = None
        self._chosen = ""
        self._held: tuple | None = None
        self._text = ""
        self.said = el("p", {"class": "chart-own-said", "role": "status", "data-testid": "chart-own-said"})
        attrs = {"type": "button", "class": "btn btn-quiet", "aria-pressed": "false", "hidden": True, "data-testid": "chart-arm"}
        self.arm = el("button", attrs, "Arm dragging")
        self._arming = Arming(ctx, self._armed)
        draw, mark = OncePerFrame(self.draw), OncePerFrame(self._draw_marks)
        store = ctx.store
        self._stops = [
            store.subscribe("fills", mark),
            store.subscribe("orders", self._orders),
            store.subscribe("orders", draw),
            store.subscribe("draft", lambda _draft: draw()),
            store.subscribe("view", self._say_view),
            store.subscribe("account", self._account),
            store.subscribe("order_state", lambda _message: self._availability()),
            ctx.keys.on_escape(self._cancel, "drag"),
            listen(self.arm, "click", lambda _event: self._toggle_arm()),
            listen(holder, "pointerdown", self._grab, first=True),
            # The library listens to these; while a line is held they are not for it.
            listen(holder, "mousedown", self._keep, first=True),
            listen(holder, "touchstart", self._keep, first=True),
            listen(holder, "pointermove", self._drag, first=True),
            listen(holder, "pointerup", self._drop, first=True),
            listen(holder, "pointercancel", self._lose, first=True),
            listen(holder, "lostpointercapture", self._lose, first=True),
        ]
        self._availability()

    @property
    def texts(self) -> list[str]:
        """All lines in words, the highest first."""
        return [line.text for line in by_price(self._lines)]

    def attach(self, canvas: Any) -> None:
        """The drawing has come."""
        self._canvas = canvas
        self.whole()

    def moved(self) -> None:
        """The chart shows something else."""
        self._cancel()
        self._arming.disarm("Disarmed: another instrument or other bars.")
        self._sent.clear()
        self._chosen = ""
        self._say("flat", "")

    def whole(self) -> None:
        """Draw all of it anew."""
        self._draw_marks()
        self.draw()

    def close(self) -> None:
        """For good."""
        self._cancel()
        self._arming.close()
        for stop in self._stops:
            stop()

    def keydown(self, event: Any) -> bool:
        """A key on the chart; True when it was for a line."""
        step = {"ArrowUp": 1, "ArrowDown": -1}.get(event.key)
        if self._move is not None and step:
            self._move.step(step * (10 if event.shiftKey else 1))
            self.draw()
        elif step:
            self._walk(-step)
        elif event.key == "Enter" and self._move is not None:
            self._let_go()
        elif event.key == "Enter" and self._chosen:
            self._take()
        else:
            return False
        return True

    # What stands there.

    def draw(self) -> None:
        """Lines as they are now, one on its way where the hand has it."""
        symbol = self._feed.symbol
        if symbol is None:
            return
        hello = self._store.hello
        places = decimals(self._feed.instrument["tick"]) if self._feed.instrument else 0
        amend = hello is None or hello["capabilities"].get("amend", True)
        lines = own_lines(self._store.orders.values(), self._store.account, self._store.draft, symbol, amend=amend, places=places)
        keys = {line.key: line for line in lines}
        held = self._move or self._grip
        if held is not None and held.line.key not in keys:
            self._move = self._grip = None
            self._say("amber", "Not moved: the order is not working any more.")
        self._chosen = self._chosen if self._chosen in keys else ""
        if self._move is not None:
            self._say_move()  # also what a fill has changed while the line is held
        if lines != self._lines:
            self._lines = lines
            self._changed(self.texts)
        if self._canvas is not None:
            last = self._bars.last
            self._near = nearest(lines, last[4] if last else None, _LINES)
            shown = [self._sent.get(line.key, line) for line in self._near]
            if self._move is not None:
                shown = [self._move.shown if line.key == self._move.line.key else line for line in shown]
            self._canvas.set_lines(shown, self._chosen)

    def _draw_marks(self) -> None:
        if self._canvas is not None and self._feed.symbol:
            self._canvas.set_marks(fill_marks(self._store.fills, self._feed.symbol, self._bars))

    def _say_view(self, wish: dict) -> None:
        if self._canvas is not None and not self._feed.name and wish["symbol"] == self._feed.symbol:
            wish["view"] = self._canvas.view()

    def _orders(self, message: dict) -> None:
        if message["reset"]:
            self._sent.clear()
        for row in message["rows"]:
            for field in () if row.get("amending") else ("price", "stop"):
                self._sent.pop(f"{row['client_order_id']}/{field}", None)

    def _account(self, account: dict) -> None:
        """The account is told several times a second; its line moves only with quantity or average price."""
        position = next((row for row in account["positions"] if row["symbol"] == self._feed.symbol), None)
        held = (position["qty"], position["average_price"]) if position else None
        if held != self._held:
            self._held = held
            self.draw()

    # Moving a line.

    @property
    def _tick(self) -> Decimal | None:
        instrument = self._feed.instrument
        return Decimal(instrument["tick"]) if instrument else None

    def _walk(self, step: int) -> None:
        lines = by_price(self._lines)
        if not lines:
            self._say("flat", "No own order, position or draft at a price.")
            return
        keys = [line.key for line in lines]
        at = keys.index(self._chosen) + step if self._chosen else (0 if step > 0 else len(lines) - 1)
        line = lines[max(0, min(len(lines) - 1, at))]
        self._chosen = line.key
        more = " Enter moves it." if line.field else ""
        self._say("flat", f"{keys.index(line.key) + 1} of {len(lines)}: {line.text}.{more}")
        self.draw()

    def _take(self) -> None:
        line = next((line for line in self._lines if line.key == self._chosen), None)
        if line is not None and line.key in self._sent:
            self._say("amber", "Not moved: the venue has not answered the last change yet.")
        elif line is not None and line.field and self._may(line):
            self._begin(line)

    def _may(self, line: Line) -> bool:
        if line.order_id and self._real and not self._arming.armed:
            self._say("amber", "Not moved: this is a real order. Arm dragging first, or amend it in Orders.")
            return False
        return True

    def _begin(self, line: Line) -> None:
        if self._tick is not None:
            self._move = Move(line, self._tick)
            self._chosen = line.key
            self.draw()

    def _weigh(self, move: Move) -> tuple[str, str]:
        """(cost, problem) of letting go now."""
        row, instrument = self._store.orders.get(move.line.order_id), self._feed.instrument
        return moved(row, move.line.field, move.price, Rules.from_row(instrument) if instrument else None) if row else ("", "")

    def _say_move(self) -> None:
        """Where the line is, and what letting go does and costs."""
        move = self._move
        cost, problem = self._weigh(move)
        if problem:
            return self._say("danger", f"{move.text}. {problem} Escape keeps it as it was.")
        done = "changes the ticket" if not move.line.order_id else "amends the order"
        text = f"{move.text}. {cost}{' ' if cost else ''}{'Letting go' if self._grip is not None else 'Enter'} {done}, Escape keeps it as it was."
        self._say("amber" if cost else "accent", text)

    def _let_go(self) -> None:
        move, self._move, self._grip = self._move, None, None
        if not move.moved:
            self._say("flat", "Not moved.")
        elif not self._may(move.line):
            pass  # armed when it was taken, and not any more
        elif problem := self._weigh(move)[1]:
            self._say("danger", f"Not moved. {problem}")
        elif not move.line.order_id:
            self._say("flat", f"Ticket: {move.text}.")
            self._store.publish("ticket", move.changes)
        else:
            if self._arming.armed:
                self._arming.wind()
            self._sent[move.line.key] = move.shown
            self._say("flat", f"Amending {move.text}.")
            self._ctx.errors.run("Chart", self._amend(move))
        self.draw()

    async def _amend(self, move: Move) -> None:
        changes = {"qty": None, "price": None, "stop": None, **move.changes}
        try:
            found = await self._ctx.link.ask("order.amend", client_order_id=move.line.order_id, **changes)
        except Refused as error:
            stays = False
            self._say(*not_done(error, "Not amended; the order stands as it was"))
        else:
            stays = found["outcome"] in ("amended", "unresolved")  # its row says the rest
            self._say(*amended(found, f"{move.line.title} at {grouped(move.price)}"))
        if not stays:
            self._sent.pop(move.line.key, None)
            self.draw()

    def _cancel(self) -> bool:
        """Keep the line where it was; True when one was on its way."""
        if self._move is None and self._grip is None:
            return False
        self._move = self._grip = None
        self._say("flat", "Kept as it was.")
        self.draw()
        return True

    # The pointer.

    def _under(self, event: Any) -> Line | None:
        if self._canvas is None:
            return None
        top = self._holder.getBoundingClientRect().top
        reach = _REACH.get(event.pointerType, 5.0)
        free = (line for line in self._near if line.key not in self._sent)
        return hit(free, self._canvas.height_of, event.clientY - top, reach)

    def _grab(self, event: Any) -> None:
        line = self._under(event) if event.button == 0 and self._move is None else None
        if line is None:
            return
        event.stopPropagation()
        event.preventDefault()
        self._holder.focus()
        if self._may(line):
            pressed = event.clientY - self._holder.getBoundingClientRect().top
            self._grip = Grip(event.pointerId, line, pressed, self._canvas.height_of(line.price))
            self._holder.setPointerCapture(event.pointerId)
            self._chosen = line.key
            self.draw()

    def _keep(self, event: Any) -> None:
        if self._grip is not None:
            event.stopPropagation()
            event.preventDefault()

    def _drag(self, event: Any) -> None:
        grip = self._grip
        if grip is None:
            near = "true" if self._move is None and self._near and self._under(event) is not None else "false"
            if self._holder.dataset.near != near:
                self._holder.dataset.near = near
            return
        event.stopPropagation()
        height = grip.to(event.clientY - self._holder.getBoundingClientRect().top) if event.pointerId == grip.pointer else None
        if height is None:
            return
        if self._move is None:
            self._begin(grip.line)
        price = self._canvas.price_at(height)
        if price is not None and self._move is not None and self._move.to(price):
            self.draw()

    def _drop(self, event: Any) -> None:
        grip = self._grip
        if grip is None or event.pointerId != grip.pointer:
            return
        event.stopPropagation()
        if self._move is not None:
            self._let_go()
        else:
            self._grip = None
            self._say("flat", f"{grip.line.text}.")

    def _lose(self, event: Any) -> None:
        """The browser took the pointer away: what it held stays as it was."""
        if self._grip is not None and event.pointerId == self._grip.pointer:
            self._cancel()

    # Arming, and what is said.

    @property
    def _real(self) -> bool:
        state = self._store.order_state
        return bool(state and state.get("real"))

    def _availability(self) -> None:
        self.arm.hidden = not self._real

    def _toggle_arm(self) -> None:
        if not self._arming.disarm("Disarmed.") and (problem := self._arming.arm()):
            self._say("danger", problem)

    def _armed(self, why: str) -> None:
        on = "true" if self._arming.armed else "false"
        self.arm.setAttribute("aria-pressed", on)
        self.arm.dataset.armed = on
        set_text(self.arm, "Armed: disarm" if self._arming.armed else "Arm dragging")
        self._say(*(("flat", why) if why else ("amber", "Armed: a line of a real order that is dragged and let go amends it.")))

    def _say(self, tone: str, text: str) -> None:
        if text != self._text:
            self._text = text
            self.said.dataset.tone = tone
            set_text(self.said, text)
