"""What the trader wants of the router: venues preferred, avoided and never used, the largest share, the most slippage, which accounts it may use.

Kept in the journal with the account (`RoutingRuleSet`), so they hold in every tab and after every reload. The rule of accounts is written into the
journal of each of them: one is used only where the journal of the order's account names it, and its own does too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.model.units import BadNumber, parse_decimal, shorten

from ..errors import Denied
from ..money import plain

PREFER, AVOID, NEVER = "prefer", "avoid", "never"
WORDS = (PREFER, AVOID, NEVER)
ACCOUNTS = "accounts"
MOST_ACCOUNTS = 10
_NUMBERS = {
    "max_share": ("Largest share of one venue", Decimal(1), Decimal(100)),
    "max_slippage_bps": ("Most slippage", Decimal(0), Decimal(5000)),
    "prefer_bps": ("What a preferred venue may cost more", Decimal(0), Decimal(1000)),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """``venues`` by name: prefer, avoid or never. ``max_share`` in percent of a split, ``max_slippage_bps`` from the best price anywhere; None: no
    rule. ``prefer_bps``: what a preferred venue may cost more than the cheapest."""

    venues: Mapping[str, str]
    max_share: Decimal | None = None
    max_slippage_bps: Decimal | None = None
    prefer_bps: Decimal = Decimal(0)

    def word(self, venue: str) -> str:
        """prefer, avoid, never or nothing."""
        return self.venues.get(venue, "")


def of(kept: Mapping[str, str]) -> Rules:
    """The rules as the journal left them: values by name."""
    numbers = {name: Decimal(kept[name]) for name in _NUMBERS if name in kept}
    return Rules({name.partition(":")[2]: word for name, word in kept.items() if name.startswith("venue:")}, **numbers)


def accounts_of(kept: Mapping[str, str]) -> tuple[str, ...]:
    """The accounts that the router may use, in the order given; none: only the one that an order is for."""
    return tuple(name for name in kept.get(ACCOUNTS, "").split(",") if name)


def _read_accounts(value: object) -> str:
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else []
    if not 0 < len(names) <= MOST_ACCOUNTS or not all(name.isalnum() and len(name) <= 40 for name in names):
        raise Denied("bad_rule", ACCOUNTS, f"These are no names of accounts: {shorten(value)}.", "Use names with commas between them.")
    return ",".join(dict.fromkeys(names))


def read(name: object, value: object) -> tuple[str, str | None]:
    """A rule as it is journalled; value None or empty removes it. Denied names what is wrong."""
    if not isinstance(name, str) or len(name) > 60:
        raise Denied("bad_rule", "name", f"There is no such rule: {shorten(name)}.", f"Use venue:NAME, {ACCOUNTS}, {', '.join(_NUMBERS)}.")
    if value is None or value == "":
        return name, None
    if name.startswith("venue:") and name.removeprefix("venue:").isalnum():
        if value not in WORDS:
            raise Denied("bad_rule", "value", f"A venue cannot be {shorten(value)}.", f"Use {', '.join(WORDS)}, or nothing.")
        return name, value
    if name == ACCOUNTS:
        return name, _read_accounts(value)
    if name not in _NUMBERS:
        raise Denied("bad_rule", "name", f"There is no such rule: {shorten(name)}.", f"Use venue:NAME, {ACCOUNTS}, {', '.join(_NUMBERS)}.")
    title, least, most = _NUMBERS[name]
    remedy = f"Use a number from {plain(least)} to {plain(most)}."
    try:
        number = parse_decimal(value)
    except BadNumber as error:
        raise Denied("bad_rule", name, f"{title} is not a number: {shorten(value)}.", remedy) from error
    if not least <= number <= most:
        raise Denied("bad_rule", name, f"{title} is out of range: {plain(number)}.", remedy)
    return name, plain(number)
