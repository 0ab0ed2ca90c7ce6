"""The indicators of one chart on the page: chips with their values, the dialog, what the desk computes, what the drawing shows.

Remembered by the chart's feed. The list of all indicators is asked for when it is first needed, never before the chart stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..dom import clear, el, listen, set_text
from .studies import Study, next_id, next_tone, remembered, wanted_rows


class ChartIndicators:
    """``changed`` is called when other indicators stand on the chart of ``feed``, ``decimals`` gives those of the price."""

    def __init__(self, ctx: Any, feed: Any, changed: Callable[[], None], decimals: Callable[[], int]) -> None:
        self._ctx, self._feed, self._changed, self._decimals = ctx, feed, changed, decimals
        self.studies: list[Study] = []
        self._catalogue: dict[str, dict] = {}
        self._canvas: Any = None
        self._dialog: Any = None
        self._shift = 0
        self._since: int | None = None
        self._chips: dict[str, Any] = {}
        self._shown: dict[str, str] = {}
        self._moment: int | None = None
        self.root = el("ul", {"class": "chart-studies", "aria-label": "Indicators on the chart", "hidden": True})
        listen(self.root, "click", self._click)

    async def restore(self) -> None:
        """What stood on the chart when it was last seen; asked for anew when the desk has forgotten the chart."""
        if rows := self._feed.kept_indicators():
            await self._load()
            studies = self.studies or remembered(rows, self._catalogue)
            await self._feed.set_indicators(wanted_rows(studies))
            self._stand(studies)

    def attach(self, canvas: Any) -> None:
        """The drawing has come."""
        self._canvas = canvas

    def close(self) -> None:
        """The chart is gone: the dialog of all charts serves it no more."""
        if self._dialog is not None:
            self._dialog.leave(self._apply)

    def open(self) -> None:
        """Choose one to add."""
        self._ctx.errors.run("Indicators", self._open(None))

    def series_gone(self) -> None:
        """The bars begin anew: nothing is known of them yet."""
        for study in self.studies:
            study.reset()

    def draw(self, shift: int, since: int | None = None) -> None:
        """Draw all of them anew, from the bar at ``since`` on where older ones are not drawn."""
        self._shift, self._since = shift, since
        if self._canvas is not None:
            self._canvas.show(self.studies, shift, since)
        self.point_at(self._moment)

    def take_bar(self, values: dict[str, list]) -> None:
        """Values of changed and new bars."""
        for study in self.studies:
            for row in values.get(study.id, ()):
                old = bool(study.times) and row[0] < study.times[-1]
                if study.update(row) and self._canvas is not None:
                    self._canvas.update(study, row, old=old)

    def point_at(self, moment: int | None) -> None:
        """Show the values at this bar."""
        self._moment = moment
        decimals = self._decimals()
        for study in self.studies:
            for at, text in enumerate(study.texts(moment, decimals)):
                key = f"{study.id}/{at}"
                if key in self._chips and self._shown.get(key) != text:  # one that the desk has not taken yet has none
                    self._shown[key] = text
                    set_text(self._chips[key], text)

    def spoken(self, moment: int) -> Iterable[str]:
        """A sentence for each."""
        return [study.spoken(moment, self._decimals()) for study in self.studies]

    async def _load(self) -> None:
        if not self._catalogue:
            found = await self._ctx.link.ask("indicators.list")
            self._catalogue = {row["name"]: row for row in found["rows"]}

    async def _open(self, study: Study | None) -> None:
        await self._load()
        if self._dialog is None:
            from .indicators import IndicatorDialog

            self._dialog = IndicatorDialog.shared(self._ctx)
        self._dialog.serve(self._apply, self._remove)
        if study is None:
            self._dialog.add(list(self._catalogue.values()))
        else:
            self._dialog.change(study)

    async def _apply(self, study: Study | None, entry: dict, params: dict) -> None:
        if study is None:
            made = Study(next_id(self.studies), entry, params, next_tone(self.studies))
            wanted = [*self.studies, made]
        else:
            wanted = [Study(one.id, entry, params, one.tone) if one is study else one for one in self.studies]
        await self._choose(wanted)

    async def _remove(self, study: Study) -> None:
        await self._choose([one for one in self.studies if one is not study])

    async def _choose(self, wanted: list[Study]) -> None:
        # First on the page: the series may come before the reply.
        before, self.studies = self.studies, wanted
        try:
            await self._feed.set_indicators(wanted_rows(wanted))
        except Exception:
            self.studies = before
            raise
        self._feed.keep_indicators(wanted_rows(wanted))
        self._stand(wanted)

    def _stand(self, studies: list[Study]) -> None:
        self.studies = studies
        clear(self.root)
        self._chips.clear()
        self._shown.clear()
        for study in studies:
            values = []
            for at, (place, output) in enumerate(study.lines):
                self._chips[f"{study.id}/{at}"] = value = el("span", {"class": f"study-value tone-{study.colour(place)}", "title": output["name"]}, "")
                values.append(value)
            title = f"{study.entry['title']}: change or remove"
            name = el("button", {"type": "button", "class": "study-name", "data-study": study.id, "title": title}, study.name)
            attrs = {"class": "study", "data-testid": "study", "data-name": study.entry["name"]}
            self.root.append(el("li", attrs, name, *values))
        self.root.hidden = not studies
        self.draw(self._shift, self._since)
        self._changed()

    def take_whole(self, message: dict) -> None:
        """Whole series of indicators."""
        for row in message["rows"]:
            study = next((one for one in self.studies if one.id == row["id"]), None)
            if study is not None and len(row["values"]) == len(study.entry["outputs"]):
                study.reset(row["times"], row["values"])
                if self._canvas is not None:
                    self._canvas.fill(study)
        self.point_at(self._moment)

    def _click(self, event: Any) -> None:
        button = event.target.closest("[data-study]")
        if button:
            wanted = button.getAttribute("data-study")
            study = next(one for one in self.studies if one.id == wanted)
            self._ctx.errors.run("Indicators", self._open(study))
