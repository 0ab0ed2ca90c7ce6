"""The replay bar: play, pause, step, speed, seek and loop of a recorded market. Not there on a live venue."""

from __future__ import annotations

from typing import Any

from ..dom import clear, el, fill, listen, set_text
from ..format import refusal, span, stamp, utc
from ..link import Refused
from ..replay_speeds import speeds

_SEEK_STEPS = 1000


class ReplayView:
    """Owns the bar under the desk."""

    title = "Replay"

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._state: dict | None = None
        self._shown: dict[str, str] = {}
        self._dragging = False
        self._build()
        ctx.store.subscribe("venue", self._take)
        ctx.keys.bind("p", "Play or pause the replay", self._toggle, "Replay")
        ctx.keys.bind("", "Replay: one message", self._step, "Replay")
        ctx.keys.bind("", "Replay: back to the start", lambda: self._do("seek", 0), "Replay")
        if ctx.store.venue is not None:
            self._take(ctx.store.venue)

    def _build(self) -> None:
        self._play = el("button", {"type": "button", "class": "btn replay-play", "aria-keyshortcuts": "P"}, "Pause")
        step = el("button", {"type": "button", "class": "btn", "title": "Hand out one recorded message and pause"}, "Step")
        self._speed = el("select", {"id": "replay-speed", "aria-label": "Speed of the replay"})
        attrs = {"type": "range", "min": "0", "max": str(_SEEK_STEPS), "step": "1", "aria-label": "Recorded time", "class": "replay-seek"}
        self._seek = el("input", attrs)
        self._at = el("span", {"class": "replay-at"})
        self._loop = el("input", {"type": "checkbox"})
        self._said = el("span", {"class": "replay-said", "role": "status"})
        self.root = el(
            "div",
            {"class": "replay", "role": "group", "aria-label": "Replay of a recorded market", "hidden": True},
            self._play,
            step,
            self._speed,
            self._seek,
            self._at,
            el("label", {"class": "tool-check"}, self._loop, "Loop"),
            self._said,
        )
        listen(self._play, "click", lambda _event: self._toggle())
        listen(step, "click", lambda _event: self._step())
        listen(self._speed, "change", lambda event: self._do("speed", float(event.target.value)))
        listen(self._loop, "change", lambda event: self._do("loop", bool(event.target.checked)))
        listen(self._seek, "input", lambda _event: self._drag())
        listen(self._seek, "change", lambda _event: self._drop())

    def _take(self, venue: dict) -> None:
        replay = venue.get("replay")
        self.root.hidden = replay is None
        if replay is None:
            self._state = None
            return
        self._state = replay
        self._put("play", self._play, "Play" if replay["paused"] else "Pause")
        speed = f"{replay['speed']:g}"
        if self._shown.get("speed") != speed:
            self._shown["speed"] = speed
            clear(self._speed)
            fill(self._speed, None, *(el("option", {"value": value}, text) for value, text in speeds(replay["speed"])))
            self._speed.value = speed
        self._loop.checked = bool(replay["loop"])
        if not self._dragging:
            length = replay["length_s"] or 1
            self._seek.value = str(round(replay["position_s"] / length * _SEEK_STEPS))
            self._time(replay["position_s"], replay["time_ns"])

    def _time(self, position_s: float, time_ns: int) -> None:
        length = (self._state or {}).get("length_s", 0)
        text = f"{stamp(time_ns)}  {span(position_s)} of {span(length)}"
        if self._shown.get("at") != text:
            self._put("at", self._at, text)
            self._at.title = utc(time_ns)
            self._seek.setAttribute("aria-valuetext", text)

    def _put(self, name: str, node: Any, text: str) -> None:
        if self._shown.get(name) != text:
            self._shown[name] = text
            set_text(node, text)

    def _wanted_s(self) -> float:
        return float(self._seek.value) / _SEEK_STEPS * (self._state or {}).get("length_s", 0)

    def _drag(self) -> None:
        if self._state is not None:
            self._dragging = True
            seconds = self._wanted_s()
            self._time(seconds, self._state["start_ns"] + int(seconds * 1_000_000_000))

    def _drop(self) -> None:
        self._dragging = False
        self._do("seek", self._wanted_s())

    def _toggle(self) -> None:
        if self._state is not None:
            self._do("play" if self._state["paused"] else "pause")

    def _step(self) -> None:
        self._do("step")

    def _do(self, action: str, value: Any = None) -> None:
        if self._state is not None:
            self._ctx.errors.run("Replay", self._ask(action, value), self._refused)

    async def _ask(self, action: str, value: Any) -> None:
        result = await self._ctx.link.ask("replay.control", action=action, value=value)
        self._put("said", self._said, "")
        self._take({"replay": result.get("replay")})

    def _refused(self, error: Refused) -> None:
        self._put("said", self._said, refusal(error))
