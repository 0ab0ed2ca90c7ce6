"""The page's state: what the desk worker said last, and what the trader is looking at.

Topics (``subscribe``): ``focus`` (symbol, timeframe), ``instruments``, ``account``, ``orders`` (routed ones and legs elsewhere too), ``fills``, ``venue``,
``vault``, ``order_state``, ``risk``, ``hello``, ``stats``, ``net``, ``execution``, ``notes``, ``sources``, ``accounts`` (each with the worker's
message), ``switched`` (another account is shown: its name), and page-only ones that views publish for each other: ``ticket`` (dict with any of
side, price, stop, take_profit, stop_loss, qty, type: fill the ticket), ``draft`` (the ticket as typed, also the attribute), ``chart`` (a command
for the chart that is looked at: ``indicator``, ``table``), ``view`` (dict with a ``symbol``: its chart on the desk puts in the lowest and highest
price in sight as ``view``),
``badge`` (tab name, count),
``pane`` (narrow screens: which pane shows), ``route``, ``terminal`` (open the debug terminal with this filter), ``palette`` (open it with this
text), ``row`` (an element of the watchlist shows another symbol), ``watch`` (this symbol was added), ``routing`` (rules of the router were changed: the
answer).
A ``tick`` is handled once: its parts go to the ``on_tick`` handlers, then its credit goes back to the worker.
The store never touches the DOM.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from js import performance

from app.health.histogram import Histogram, Window

from .frames import FRAMES

TICK_PARTS = ("quotes", "book", "tape", "bar", "charts", "heat", "account", "summary")
_KEPT = ("account", "venue", "vault", "order_state", "risk", "hello", "stats", "net", "lock", "notes", "sources", "accounts")
_MEASURE = "kontor:tick-to-paint"
_MEASURES_EVERY_MS = 20.0
_MEASURES_KEPT = 2000


def replayed(venue: dict | None) -> list[tuple[str, Any]]:
    """What brings a new recording to where the one of a ``venue`` message was: (action, value) of ``replay.control``, in order."""
    replay = (venue or {}).get("replay")
    if not replay:
        return []
    actions = [("speed", replay["speed"]), ("loop", replay["loop"]), ("seek", replay["position_s"])]
    return [*actions, ("pause", None)] if replay["paused"] else actions


class Store:
    """One per page. Attributes hold the last message of their topic, or None before the first."""

    def __init__(self, link: Any, prefs: Any, errors: Any) -> None:
        self._link = link
        self._errors = errors
        self._prefs = prefs
        self._subscribers: dict[str, list[Callable[[Any], None]]] = {}
        self._parts: dict[str, list[Callable[[Any], None]]] = {part: [] for part in TICK_PARTS}
        self.instruments: dict[str, dict] = {}
        self.quotes: dict[str, list] = {}
        self.orders: dict[str, dict] = {}
        self.routed: dict[str, dict] = {}
        self.elsewhere: dict[str, dict] = {}
        """Legs that routed orders have in accounts which are not shown."""
        self.fills: list[dict] = []
        self.account: dict | None = None
        self.venue: dict | None = None
        self.vault: dict | None = None
        self.order_state: dict | None = None
        self.risk: dict | None = None
        self.hello: dict | None = None
        self.stats: dict | None = None
        self.net: dict | None = None
        self.executions: dict[str, dict] = {}
        """The last ``execution`` message of each real account by name."""
        self.notes: dict | None = None
        self.sources: dict | None = None
        self.accounts: dict | None = None
        self.draft: Any = None
        self.symbol: str | None = None
        remembered = prefs.get("timeframe", "1s")
        self.timeframe: str = remembered if remembered in FRAMES else "1s"
        self.frame_to_paint = Histogram("frame_to_paint")
        self._recent = Window("frame_to_paint")
        self._following = False
        self._measured_since_ms: float | None = None
        self._measured_at = 0.0
        self._measures = 0
        self._origin = performance.timeOrigin
        self.lock: dict | None = None
        link.on("tick", self._tick)
        link.on("again", lambda _message: self._begin_again())
        link.on("instruments", self._take_instruments)
        link.on("orders", self._take_orders)
        link.on("routed", self._take_routed)
        link.on("elsewhere", self._take_elsewhere)
        link.on("fills", self._take_fills)
        link.on("hello", self._hello)
        link.on("execution", self._take_execution)
        for topic in _KEPT:
            link.on(topic, self._keeper(topic))

    def subscribe(self, topic: str, handler: Callable[[Any], None]) -> Callable[[], None]:
        """Call ``handler(value)`` for what is published on the topic; returns a function that stops it."""
        handlers = self._subscribers.setdefault(topic, [])
        handlers.append(handler)
        return lambda: handlers.remove(handler)

    def publish(self, topic: str, value: Any = None) -> None:
        """Hand a value to the subscribers of the topic; one that fails is reported and does not stop the others."""
        self._call(topic, tuple(self._subscribers.get(topic, ())), value)

    def on_tick(self, part: str, handler: Callable[[Any], None]) -> Callable[[], None]:
        """Call ``handler(value)`` with that part (one of TICK_PARTS) of every tick; returns how to stop."""
        handlers = self._parts[part]
        handlers.append(handler)
        return lambda: handlers.remove(handler)

    def follow(self) -> None:
        """From now on tell the worker what is in focus; called once, when the views that show it are there."""
        self._following = True
        self._tell_focus()

    def measure(self) -> None:
        """Frames that come from now on count in frame to paint; called once, when the page is whole."""
        self._measured_since_ms = self._origin + performance.now()

    def focus(self, symbol: str | None = None, timeframe: str | None = None) -> None:
        """Look at an instrument, a timeframe, or both; remembered, told to the worker and published as ``focus``."""
        if symbol is not None and symbol not in self.instruments:
            raise LookupError(f"no instrument {symbol}")
        if timeframe is not None and timeframe not in FRAMES:
            raise LookupError(f"no timeframe {timeframe}")
        before = (self.symbol, self.timeframe)
        self.symbol = symbol or self.symbol
        self.timeframe = timeframe or self.timeframe
        if (self.symbol, self.timeframe) == before:
            return
        self._prefs.put("symbol", self.symbol)
        self._prefs.put("timeframe", self.timeframe)
        self.publish("focus", (self.symbol, self.timeframe))
        self._tell_focus()

    @property
    def instrument(self) -> dict | None:
        """The wire row of the instrument in focus."""
        return self.instruments.get(self.symbol) if self.symbol else None

    @property
    def recent_paint_p99(self) -> float | None:
        """The 99th percentile of frame to paint in ms of the last 30 s; None when no frame was painted in them."""
        return self._recent.percentile(0.99, performance.now())

    def _tell_focus(self) -> None:
        if self._following and self.symbol is not None:
            self._link.tell("focus", symbol=self.symbol, timeframe=self.timeframe)

    def _begin_again(self) -> None:
        """Another worker is the desk: nothing of the account stays, and it is told what is looked at and where the recording was."""
        self._take_routed({"reset": True, "rows": []})
        self._take_elsewhere({"reset": True, "rows": []})
        self._take_orders({"reset": True, "rows": []})
        self._take_fills({"reset": True, "rows": []})
        self.notes = None
        self.publish("notes", None)
        if self.account is not None:
            self.account = {name: [] if isinstance(text, list) else text if name == "currency" else "–" for name, text in self.account.items()}
            self.publish("account", self.account)
            self._hand_out("account", self.account)
        if self.symbol is not None:
            empty = {"symbol": self.symbol, "bids": [], "asks": [], "spread": "", "spread_bps": "", "microprice": "", "imbalance": None}
            self._hand_out("book", {**empty, "sequence": 0, "state": "syncing", "reason": "the market starts anew after the lock"})
        self._tell_focus()
        for action, value in replayed(self.venue):
            self._link.tell("replay.control", action=action, value=value)

    def _keeper(self, topic: str) -> Callable[[dict], None]:
        def keep(message: dict) -> None:
            setattr(self, topic, message)
            self.publish(topic, message)
            if topic == "account":
                self._hand_out("account", message)

        return keep

    def _hello(self, message: dict) -> None:
        before, self._link.account = self._link.account, message["capabilities"]["account"]
        if before not in ("", self._link.account):
            self.publish("switched", self._link.account)

    def _take_execution(self, message: dict) -> None:
        self.executions[message["name"]] = message
        self.publish("execution", message)

    def _take_instruments(self, message: dict) -> None:
        self.instruments = {row["symbol"]: row for row in message["rows"]}
        self.publish("instruments", self.instruments)
        if self.symbol not in self.instruments:
            wanted = self._prefs.get("symbol")
            symbol = wanted if wanted in self.instruments else next(iter(self.instruments), None)
            if symbol is not None:
                self.focus(symbol)

    def _take_orders(self, message: dict) -> None:
        self.orders = _taken(self.orders, message)
        self.publish("orders", message)

    def _take_elsewhere(self, message: dict) -> None:
        self.elsewhere = _taken(self.elsewhere, message)
        self.publish("orders", message)

    def _take_routed(self, message: dict) -> None:
        self.routed = _taken(self.routed, message)
        self.publish("orders", message)

    def _take_fills(self, message: dict) -> None:
        if message["reset"]:
            self.fills = []
        self.fills.extend(message["rows"])
        self.publish("fills", message)

    def _hand_out(self, part: str, value: Any) -> None:
        self._call(part, tuple(self._parts[part]), value)

    def _call(self, what: str, handlers: tuple, value: Any) -> None:
        for handler in handlers:
            try:
                handler(value)
            except Exception as error:  # a panel that fails must not take the others with it
                self._errors.add(f"{what}: {getattr(handler, '__qualname__', 'a handler')}", f"{type(error).__name__}: {error}")

    def _tick(self, message: dict) -> None:
        rows = message["quotes"]
        if rows:
            quotes = self.quotes
            for row in rows:
                quotes[row[0]] = row
        account = message.get("account")
        if account is not None:
            self.account = account
        try:
            for part in TICK_PARTS:
                value = message.get(part)
                if value:
                    self._hand_out(part, value)
            if account is not None:
                self.publish("account", account)
        finally:
            self._link.tell("painted", seq=message["seq"])
        self._record(message["recv_ms"])

    def _record(self, received_ms: float | None) -> None:
        since_ms = self._measured_since_ms
        if received_ms is None or since_ms is None or received_ms < since_ms:
            return  # it waited for the page to start: that is the boot's time, not a frame's
        now = performance.now()
        taken = self._origin + now - received_ms
        if taken < 0:
            taken = 0.0
        self.frame_to_paint.record(taken)
        self._recent.record(taken, now)
        if now - self._measured_at < _MEASURES_EVERY_MS:
            return
        self._measured_at = now
        if self._measures >= _MEASURES_KEPT:
            performance.clearMeasures(_MEASURE)
            self._measures = 0
        self._measures += 1
        performance.measure(_MEASURE, start=max(0.0, now - taken), end=now)


def _taken(known: dict, message: dict) -> dict:
    """Order rows by their ids, with those of a message."""
    rows = {} if message["reset"] else known
    rows.update((row["client_order_id"], row) for row in message["rows"])
    return rows
