"""When to remind of an export: after some days, or some orders, since the last one. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from .errors import Refusal

NOTE = "export"
"""The note beside the vault that tells of the last export made in this browser."""
DAY_NS = 24 * 3600 * 1_000_000_000
LIMITS = {"days": 3650, "orders": 1_000_000}


@dataclass(frozen=True, slots=True)
class Rules:
    """Days and orders after which a reminder comes; 0: never."""

    days: int = 14
    orders: int = 50

    def changed(self, fields: dict[str, Any]) -> Rules:
        """These rules with ``fields`` replaced; Refusal names the wrong one."""
        values = asdict(self)
        for name, value in fields.items():
            if type(value) is not int or not 0 <= value <= LIMITS[name]:
                raise Refusal("bad_setting", f"{name} has to be a whole number from 0 to {LIMITS[name]}", "0 switches this reminder off", name)
            values[name] = value
        return Rules(**values)

    def to_record(self) -> bytes:
        """As the vault keeps them."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Made:
    """The last export: of which vault, at which commit, when (ns UTC), how many orders there were, its size in bytes."""

    vault: str
    counter: int
    exported_ns: int
    orders: int
    size: int

    def to_note(self) -> str:
        """As it is kept beside the vault; nothing in it is secret."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Reminder:
    """Rules, the last export or None, and when the vault was made."""

    rules: Rules
    made: Made | None
    created_ns: int

    def judge(self, now_ns: int, orders: int, counter: int) -> dict[str, Any]:
        """Whether an export is due, why in words, orders and whole days since the last one (or since the vault was made)."""
        since = orders - min(orders, self.made.orders if self.made else 0)
        days = max(0, now_ns - (self.made.exported_ns if self.made else self.created_ns)) // DAY_NS
        changed = self.made is None or counter > self.made.counter
        due = changed and ((0 < self.rules.days <= days) or (0 < self.rules.orders <= since))
        begin = f"The last export is {_count(days, 'day')} old" if self.made else f"This vault is {_count(days, 'day')} old and was never exported"
        reason = f"{begin}; {_count(since, 'order')} came since. Make an export on the Vault page." if due else ""
        return {"due": due, "reason": reason, "orders_since": since, "days_since": days}


def read_rules(record: bytes | None) -> Rules:
    """The rules in a record; what cannot be read is as if it were not there."""
    try:
        fields = json.loads(record) if record is not None else {}
        return Rules().changed({name: fields[name] for name in LIMITS if name in fields})
    except (ValueError, TypeError, Refusal):
        return Rules()


def read_made(note: str | None, vault: str) -> Made | None:
    """The last export of this vault that the note tells of; None where there is none, or none that makes sense."""
    try:
        made = Made(**json.loads(note)) if note is not None else None
    except (ValueError, TypeError):
        return None
    if made is None or made.vault != vault:
        return None
    numbers = (made.counter, made.exported_ns, made.orders, made.size)
    return made if all(type(value) is int and 0 <= value < 2**63 for value in numbers) else None


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
