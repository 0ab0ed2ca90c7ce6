"""The indicators on a chart, as the page keeps them: what is chosen, what the desk sent, and how it reads. Pure, no elements.

Numbers are floats by the bar's time; None is a bar without a number.
"""

from __future__ import annotations

from typing import Any

from app.model.units import ungrouped

from ..format import NOTHING, minus

TONES = 6


class Study:
    """One chosen indicator with what has come of it. ``entry`` is its row of the catalogue; ``tone`` the first of its colours."""

    def __init__(self, number: str, entry: dict, params: dict, tone: int) -> None:
        self.id, self.entry, self.params, self.tone = number, entry, params, tone
        self.times: list[int] = []
        self.columns: list[list] = []
        self._at: dict[int, int] = {}

    @property
    def name(self) -> str:
        """As in 'MACD 12 26 9': the name with what is not a choice left at its default."""
        shown = []
        for param in self.entry["params"]:
            value = self.params.get(param["name"], param["default"])
            if param["kind"] != "choice":
                shown.append(f"{value:g}")
            elif value != param["default"]:
                shown.append(str(value))
        return " ".join([self.entry["name"], *shown])

    @property
    def lines(self) -> list[tuple[int, dict]]:
        """(place, output) of what is drawn."""
        return [(at, output) for at, output in enumerate(self.entry["outputs"]) if output["draw"] != "hidden"]

    def colour(self, at: int) -> str:
        """Name of the colour of the output at this place."""
        tone = self.entry["outputs"][at]["tone"]
        if tone in ("up", "down"):
            return tone
        if tone == "band":
            return f"study-{self.tone + 1}"
        return f"study-{(self.tone + at) % TONES + 1}"

    def reset(self, times: list[int] = (), columns: list[list] = ()) -> None:
        """A whole series, or none."""
        self.times, self.columns = list(times), [list(column) for column in columns]
        self._at = {moment: at for at, moment in enumerate(self.times)}

    def update(self, row: list) -> bool:
        """A changed or new bar's values; False when the series has not come yet, or the bar is older than it reaches."""
        if not self.columns:
            return False
        moment, *values = row
        at = self._at.get(moment)
        if at is None:
            if self.times and moment < self.times[-1]:
                return False
            self._at[moment] = len(self.times)
            self.times.append(moment)
            for column, value in zip(self.columns, values, strict=True):
                column.append(value)
        else:
            for column, value in zip(self.columns, values, strict=True):
                column[at] = value
        return True

    def values(self, moment: int) -> list[float | None]:
        """The outputs at a bar."""
        at = self._at.get(moment)
        return [None] * len(self.entry["outputs"]) if at is None else [column[at] for column in self.columns]

    def texts(self, moment: int | None, price_decimals: int) -> list[str]:
        """What is drawn at a bar, as text."""
        values = [None] * len(self.entry["outputs"]) if moment is None else self.values(moment)
        return [number_text(values[at], price_decimals if self.entry["pane"] == "overlay" else None) for at, _output in self.lines]

    def spoken(self, moment: int, price_decimals: int) -> str:
        """The outputs at a bar as a sentence for a screen reader."""
        texts = self.texts(moment, price_decimals)
        if len(texts) == 1:
            return f"{self.name} {texts[0]}"
        named = ", ".join(f"{output['name']} {text}" for (_at, output), text in zip(self.lines, texts, strict=True))
        return f"{self.name}: {named}"


def number_text(value: float | None, decimals: int | None) -> str:
    """A value for a legend: ``decimals`` of the price, or as many as four figures ask for."""
    if value is None:
        return NOTHING
    if decimals is None:
        size = abs(value)
        decimals = 0 if size >= 10_000 else 2 if size >= 1 or not size else 4
        if 0 < size < 0.001:
            return minus(f"{value:.3g}")
    return minus(f"{value:,.{decimals}f}")


def wanted_rows(studies: list[Study]) -> list[dict]:
    """As the desk is asked for them, and as they are remembered."""
    return [{"id": study.id, "name": study.entry["name"], "params": study.params} for study in studies]


def remembered(rows: Any, catalogue: dict[str, dict]) -> list[Study]:
    """The studies of a former visit; what no longer exists is left out."""
    out: list[Study] = []
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("name") in catalogue and isinstance(row.get("params"), dict):
            entry = catalogue[row["name"]]
            known = {param["name"] for param in entry["params"]}
            params = {name: value for name, value in row["params"].items() if name in known}
            out.append(Study(str(row.get("id")), entry, params, next_tone(out)))
    return out


def next_tone(studies: list[Study]) -> int:
    """The colour that is used least."""
    used = [study.tone for study in studies]
    return min(range(TONES), key=lambda tone: (used.count(tone), tone))


def next_id(studies: list[Study]) -> str:
    """An id that no study has."""
    taken = {study.id for study in studies}
    return next(f"i{number}" for number in range(1, len(taken) + 2) if f"i{number}" not in taken)


def read_number(text: str, param: dict) -> tuple[Any, str]:
    """What was typed for a parameter, and what is wrong with it ("" when nothing is)."""
    remedy = f"Use a {'whole ' if param['kind'] == 'int' else ''}number from {param['low']:g} to {param['high']:g}."
    try:
        value = float(ungrouped(text.replace("\u2212", "-")))
    except ValueError:
        return None, remedy
    if value != value or not param["low"] <= value <= param["high"] or (param["kind"] == "int" and value != int(value)):
        return None, remedy
    return (int(value) if param["kind"] == "int" else value), ""
