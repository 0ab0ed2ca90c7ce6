"""Risk in words: scopes, states, limits and their use, and what the dangerous buttons will do. Pure, the same in CPython."""

from __future__ import annotations

from decimal import Decimal

from app.model.units import places

from .format import NOTHING, group, plural
from .order_words import fixed, value

STATE_WORDS = {"normal": "Normal", "reduce_only": "Reduce-only", "halted": "Halted"}
STATE_TONES = {"normal": "good", "reduce_only": "amber", "halted": "danger"}
STATE_MEANINGS = {
    "normal": "Orders are taken within the limits.",
    "reduce_only": "Only orders that reduce a position are taken.",
    "halted": "No order is taken. Cancels always are.",
}
UNITS = {"percent": "%", "s": "s", "per_s": "a second", "count": "a second", "times": "times equity", "hours": "UTC", "flag": ""}
NEAR = 0.8


def scope(name: str) -> str:
    """'Desk', 'Account', 'Strategy desk', 'BTCUSDT', 'Each instrument'."""
    kind, _, rest = name.partition(":")
    if rest == "*":
        return "Each instrument" if kind == "instrument" else "Each strategy"
    if kind == "instrument":
        return rest
    return f"Strategy {rest}" if rest else kind.capitalize()


def unit(row: dict, currency: str, base: str = "units") -> str:
    """The unit of a limit's row; ``base`` is what its instrument trades, where it is of one."""
    if row["unit"] == "money":
        return currency
    if row["unit"] == "base":
        return base if row["scope"].partition(":")[2].strip("*") else ""
    if row["value"] == "session":
        return ""
    return UNITS.get(row["unit"], "")


def amount(text: str | None, kind: str) -> str:
    """A limit or its use as it is read: money and counts with separators, nothing as a dash."""
    if not text:
        return NOTHING
    if kind == "hours":
        return text
    if kind == "flag":
        return "yes" if text == "1" else "no"
    if kind in ("money", "percent", "s", "times"):
        decimals = places(value(text) or Decimal(0))
        return fixed(text, decimals).removesuffix(".00") if decimals == 2 else fixed(text, decimals).rstrip("0")
    return group(text)


def used(row: dict) -> str:
    """'1,200 of 5,000,000', '0 of 100', 'no limit'."""
    if not row["value"]:
        return f"{amount(row['used'], row['unit'])}, no limit" if row["used"] else "no limit"
    if row["unit"] in ("hours", "flag"):
        return amount(row["value"], row["unit"])
    return f"{amount(row['used'], row['unit']) if row['used'] else '0'} of {amount(row['value'], row['unit'])}"


COUNTS = {
    "all": "counts all accounts of this desk together",
    "order": "counts all parts of one order, in whichever account",
    "each": "asked of each account by itself",
}


def counts(row: dict) -> str:
    """What of the desk's accounts counts in a limit, in words; empty where there is only one account, or the limit is not the desk's."""
    return COUNTS.get(row.get("counts", ""), "")


def instead(row: dict) -> str:
    """What other accounts have in the place of this limit: 'Binance has 5,000 USDT, Alpaca none'."""
    found = [f"{each['title']} has {_valued(each, row['unit'])}" for each in row.get("instead") or ()]
    return ", ".join(found)


def written(result: dict, unit_of: str) -> tuple[str, str]:
    """(tone, sentence) on a limit that was to be set in every account."""
    done = ", ".join(f"{each['title']} ({_valued(each, unit_of)})" for each in result["written"])
    if not result["not_written"]:
        return "good", f"In force from now on in {done}."
    failed = "; ".join(f"{each['title']}: {each['reason'].rstrip('.')}" for each in result["not_written"])
    return "danger", f"Not written in every account. In force in {done}. Not in {failed}. Set it again, or choose that account and set it there."


def _valued(each: dict, unit_of: str) -> str:
    if each["value"] is None:
        return "the default"
    return f"{amount(each['value'], unit_of)} {each['currency']}".strip() if each["value"] else "none"


def tone(fraction: float | None) -> str:
    """How near a limit is: '' far, amber near, danger reached."""
    if fraction is None or fraction < NEAR:
        return ""
    return "danger" if fraction >= 1 else "amber"


def summary(states: list[dict]) -> str:
    """The word for the status bar: '' while everything is normal."""
    if not states:
        return ""
    worst = states[0]
    word = f"{scope(worst['scope']).lower() if ':' not in worst['scope'] else scope(worst['scope'])} {STATE_WORDS[worst['state']].lower()}"
    return f"{word} and {len(states) - 1} more" if len(states) > 1 else word


def set_by(row: dict) -> str:
    """'Kill switch pressed by the trader', 'you'."""
    if row["rule"] == "trader":
        return "you"
    return row["reason"][:1].upper() + row["reason"][1:]


def kill_text(working: int, positions: int, flatten: bool) -> str:
    """What the kill switch will do, as its button says it."""
    parts = [f"Cancel {plural(working, 'order')}" if working else "Cancel nothing"]
    if flatten:
        parts.append(f"close {plural(positions, 'position')} at market" if positions else "close nothing")
    return f"{', '.join(parts)} and halt the desk"


def state_text(scope_name: str, state: str) -> str:
    """What a press on a state's button will do."""
    what = scope(scope_name)
    if state == "normal":
        return f"Lift: {what} takes orders again"
    if state == "halted":
        return f"Halt {what}: cancels its orders, takes no new ones"
    return f"Make {what} reduce-only: cancels orders that would open"
