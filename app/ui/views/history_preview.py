"""What a file of bars holds, before anything is written: columns, first bars, rows left out, findings with their repairs."""

from __future__ import annotations

from typing import Any

from .. import format as fmt
from .. import history_words as words
from ..dom import el
from .vault_fields import row, table


def choices_of_columns(found: dict) -> Any:
    """A select for each role; ``data-role`` names it."""
    fields = []
    if found["dates"]:
        fields.append(_option("dates", "Dates", *words.dates(found.get("form", ""))))
    if found["symbols"]:
        symbols = [("", "choose\u2026"), *((symbol, symbol) for symbol in found["symbols"])]
        fields.append(_option("only", "Bars of", symbols, found["only"]))
    for role, label in words.ROLES.items():
        if role == "clock" and role not in found["places"]:
            continue
        id_ = f"history-column-{role}"
        choice = el("select", {"id": id_, "data-role": role, "data-testid": "history-column"}, el("option", {"value": ""}, "not in the file"))
        for place, name in enumerate(found["columns"]):
            choice.append(el("option", {"value": str(place)}, name or f"column {place + 1}"))
        choice.value = str(found["places"].get(role, ""))
        fields.append(el("div", {"class": "field"}, el("label", {"for": id_}, label), choice))
    attrs = {"class": "history-columns", "open": found["preview"] is None}
    return el("details", attrs, el("summary", None, "Columns, dates and symbol"), el("div", {"class": "history-fields"}, *fields))


def _option(name: str, label: str, options: list[tuple[str, str]], value: str) -> Any:
    """Something else that may be said of a file; ``data-option`` names it."""
    id_ = f"history-option-{name}"
    choice = el("select", {"id": id_, "data-option": name, "data-testid": id_}, *(el("option", {"value": key}, text) for key, text in options))
    choice.value = value
    return el("div", {"class": "field"}, el("label", {"for": id_}, label), choice)


def first_rows(found: dict) -> Any:
    """The first rows as they stand in a file that is not understood yet."""
    heads = [name or f"column {place + 1}" for place, name in enumerate(found["columns"][: max(map(len, found["head"]), default=0)])]
    return table(tuple(heads), [row(*cells) for cells in found["head"]], "The first rows")


def first_bars(found: dict) -> Any:
    """The first bars as they would be kept."""
    heads = ("Time (UTC)", ("Open", "num"), ("High", "num"), ("Low", "num"), ("Close", "num"), ("Volume", "num"))
    rows = [
        row(words.moment(time, found["timeframe"]), *((fmt.NOTHING if text is None else fmt.group(_short(text)), {"class": "num"}) for text in values))
        for time, *values in found["sample"]
    ]
    return table(heads, rows, "The first bars")


def problems(found: dict) -> Any:
    """Rows that are left out, each with what would be right."""
    if not found["problems"]:
        return None
    many = f"{fmt.plural(found['left_out'], 'row')} cannot be used and would be left out." if found["left_out"] else "Rows worth a look:"
    rest = found["left_out"] - len(found["problems"])
    items = [el("li", None, words.problem(item)) for item in found["problems"]]
    if rest > 0:
        items.append(el("li", None, f"and {fmt.number(rest)} more"))
    return el("div", {"data-testid": "history-problems"}, el("p", {"class": "stale"}, many), el("ul", {"class": "history-problems"}, *items))


def findings_table(findings: list[dict], timeframe: str, *, choose: bool) -> Any:
    """What the checks found; with ``choose`` a box for each repair, ``data-repair`` is its number."""
    rows = []
    for item in findings:
        label, tone = words.LEVELS[item["level"]]
        repair: Any = item["repair"] or fmt.NOTHING
        if item["repair"] and choose:
            box = el("input", {"type": "checkbox", "data-repair": item["id"], "data-testid": "history-repair"})
            repair = el("label", {"class": "check"}, box, f"{item['repair'][:1].upper()}{item['repair'][1:]}")
        made = row((label, {"class": tone}), (item["text"], {"class": "wrap"}), (words.places(item, timeframe), {"class": "wrap"}), (repair, {"class": "wrap"}))
        made.setAttribute("data-testid", "history-finding")
        made.setAttribute("data-kind", item["kind"])
        made.setAttribute("data-level", item["level"])
        rows.append(made)
    return table(("Check", "What", "Where", "Repair, if you want it" if choose else "Repair, when imported anew"), rows, "What the checks found")


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
