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
    for role, label in words.ROLES.items():
        if role == "clock" and role not in found["places"]:
            continue
        id_ = f"history-column-{role}"
        choice = el("select", {"id": id_, "data-role": role, "data-testid": "history-column"}, el("option", {"value": ""}, "not in the file"))
        for place, name in enumerate(found["columns"]):
            choice.append(el("option", {"value": str(place)}, name or f"column {place + 1}"))
        choice.value = str(found["places"].get(role, ""))
        fields.append(el("div", {"class": "field"}, el("label", {"for": id_}, label), choice))
    return el("details", {"class": "history-columns"}, el("summary", None, "Columns"), el("div", {"class": "history-fields"}, *fields))


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
