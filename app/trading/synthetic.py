"""Synthetic fills: what makes the journal hold what the venue holds, where nobody can say which trades came between.

Each is a BalanceAdjusted with an id that is a pure function of the account, the asset, what both sides said and how many came before it, so that
deciding the same thing twice gives the same event, and the engine takes it once. One that changes a position has a price: the profit
made is neither more nor less than before.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from decimal import Decimal
from typing import Any

from app.model.events import BalanceAdjusted

from .money import plain, sub


def adjustment_id(account: str, asset: str, ours: Decimal, theirs: Decimal, before: int) -> str:
    """The id of the adjustment that makes ``ours`` ``theirs`` after ``before`` earlier ones of the asset."""
    parts = (account, asset, plain(ours), plain(theirs), str(before))
    text = "|".join(f"{len(part)}:{part}" for part in parts).encode()
    return "ks-" + b32encode(hashlib.sha256(text).digest()[:15]).decode().lower()


def adjustment(
    engine: Any,
    now_ns: int,
    asset: str,
    ours: Decimal,
    theirs: Decimal,
    reason: str,
    priced: tuple[str, Decimal, str] | None = None,
    multiplier: Decimal | None = None,
) -> BalanceAdjusted:
    """The event; ``priced`` is (symbol, price, currency) where the asset is a position's, ``multiplier`` that of its contract."""
    before = sum(known.asset == asset for _at, known in engine.adjusted)
    symbol, price, currency = priced if priced is not None else (None, None, None)
    name = adjustment_id(engine.account, asset, ours, theirs, before)
    return BalanceAdjusted(now_ns, engine.account, asset, sub(theirs, ours), symbol, price, currency, reason, name, multiplier)
