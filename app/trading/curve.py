"""The equity over time in bounded memory: every few seconds of the last hour, coarser the longer ago, the lowest and highest of each bucket kept.

Amounts are exact; peak and deepest drawdown are those of every sample, not of the buckets that are left of them, and of trading only: the peak
moves with what comes into the account or leaves it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

TIERS = ((10, 360), (60, 1_440), (900, 2_880), (21_600, 7_300))
"""(seconds of a bucket, buckets kept): an hour, a day, a month, five years."""
SPANS = {"hour": 0, "day": 1, "month": 2, "all": 3}
FINE = 2
"""Tiers that are written often."""
_SECOND = 1_000_000_000
_VERSION = 1
_TIME, _LOW, _HIGH, _LAST, _FALL = range(5)


class BadCurve(ValueError):
    """A record that is not one of these."""


@dataclass(slots=True)
class Drawdown:
    """The deepest fall from a peak: amounts, and when (ns UTC)."""

    peak: Decimal
    peak_ns: int
    low: Decimal
    low_ns: int

    @property
    def amount(self) -> Decimal:
        """How far it fell."""
        return self.peak - self.low


class EquityCurve:
    """Of one account in one currency. Buckets are [start in s, lowest, highest, last, deepest fall from the peak of then]."""

    def __init__(self, account: str, currency: str) -> None:
        self.account, self.currency = account, currency
        self._tiers: list[list[list]] = [[] for _ in TIERS]
        self._peak: tuple[Decimal, int] | None = None
        self.deepest: Drawdown | None = None
        self.flows: tuple[int, int] | None = None
        """How many bookings and adjustments the peak has moved with; None while nobody has counted."""

    def __len__(self) -> int:
        return sum(map(len, self._tiers))

    def add(self, ts_ns: int, equity: Decimal) -> None:
        """Take a sample. One from before the newest bucket (the clock was set back) counts in the newest."""
        moment = ts_ns // _SECOND
        if self._peak is None or equity > self._peak[0]:
            self._peak = (equity, ts_ns)
        peak, peak_ns = self._peak
        for buckets, (width, keep) in zip(self._tiers, TIERS, strict=True):
            _put(buckets, [moment - moment % width, equity, equity, equity, peak - equity], keep)
        if peak > equity and (self.deepest is None or peak - equity > self.deepest.amount):
            self.deepest = Drawdown(peak, peak_ns, equity, ts_ns)

    def moved(self, amount: Decimal) -> None:
        """An amount came or went that nothing was won or lost with: the fall from the peak stays what it was."""
        if self._peak is not None:
            self._peak = (self._peak[0] + amount, self._peak[1])

    def rows(self, span: str) -> list[list]:
        """The buckets of a span (a key of SPANS), oldest first. ``all`` has the finer ones where no coarse one has ended."""
        tier = SPANS[span]
        while tier and len(self._tiers[tier]) < 3:
            tier -= 1  # too short a time for buckets as wide as these
        return [list(bucket) for bucket in self._tiers[tier]]

    def drawdown(self) -> tuple[Decimal, Decimal] | None:
        """(peak, present fall from it), None before the first sample."""
        if self._peak is None:
            return None
        return self._peak[0], self._peak[0] - self._tiers[0][-1][_LAST]

    def to_records(self) -> tuple[bytes, bytes]:
        """(fine, coarse) as two records."""
        head = {"version": _VERSION, "account": self.account, "currency": self.currency}
        fine = {**head, "tiers": _texts(self._tiers[:FINE]), "peak": self._peak and [str(self._peak[0]), self._peak[1]]}
        fine["deepest"] = self.deepest and [str(self.deepest.peak), self.deepest.peak_ns, str(self.deepest.low), self.deepest.low_ns]
        fine["flows"] = self.flows
        return _json(fine), _json({**head, "tiers": _texts(self._tiers[FINE:])})

    @classmethod
    def from_records(cls, fine: bytes, coarse: bytes | None) -> EquityCurve:
        """From its records; the coarse one may be older or missing: what the fine one knows goes into it. Raises BadCurve."""
        try:
            newer = json.loads(fine)
            older = json.loads(coarse) if coarse is not None else {**newer, "tiers": [[] for _ in TIERS[FINE:]]}
            if newer["version"] != _VERSION or (older["account"], older["currency"]) != (newer["account"], newer["currency"]):
                raise BadCurve("the two records of the equity curve do not belong together")
            curve = cls(str(newer["account"]), str(newer["currency"]))
            curve._tiers = [_buckets(tier)[-keep:] for tier, (_, keep) in zip([*newer["tiers"], *older["tiers"]], TIERS, strict=True)]
            if newer["peak"]:
                curve._peak = (_decimal(newer["peak"][0]), int(newer["peak"][1]))
            if newer["deepest"]:
                peak, peak_ns, low, low_ns = newer["deepest"]
                curve.deepest = Drawdown(_decimal(peak), int(peak_ns), _decimal(low), int(low_ns))
            if newer.get("flows"):
                booked, adjusted = newer["flows"]
                curve.flows = (int(booked), int(adjusted))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise BadCurve(f"the equity curve cannot be read: {error}") from error
        curve._carry_up()
        return curve

    def _carry_up(self) -> None:
        for number in range(FINE, len(TIERS)):
            width, keep = TIERS[number]
            buckets = self._tiers[number]
            since = buckets[-1][_TIME] if buckets else 0
            for start, *amounts in self._tiers[number - 1]:
                if start >= since:
                    _put(buckets, [start - start % width, *amounts], keep)


def _put(buckets: list[list], fresh: list, keep: int) -> None:
    if not buckets or fresh[_TIME] > buckets[-1][_TIME]:
        buckets.append(fresh)
        if len(buckets) > keep:
            del buckets[0]
        return
    bucket, (_start, low, high, last, fall) = buckets[-1], fresh
    bucket[_LOW], bucket[_HIGH], bucket[_LAST], bucket[_FALL] = min(bucket[_LOW], low), max(bucket[_HIGH], high), last, max(bucket[_FALL], fall)


def _texts(tiers: list[list[list]]) -> list[list[list]]:
    return [[[start, *map(str, amounts)] for start, *amounts in tier] for tier in tiers]


def _buckets(rows: list[list]) -> list[list]:
    found, peak = [], None
    for start, *texts in rows:
        low, high, last, *fall = map(_decimal, texts)
        before = low if peak is None else peak  # records from before falls were kept: what the buckets before say of it
        found.append([int(start), low, high, last, fall[0] if fall else max(before - low, Decimal(0))])
        peak = high if peak is None else max(peak, high)
    return found


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except (InvalidOperation, TypeError) as error:
        raise BadCurve(f"{str(text)[:40]!r} is no amount") from error
    if not value.is_finite():
        raise BadCurve(f"{text} is no amount")
    return value


def _json(value: dict) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
