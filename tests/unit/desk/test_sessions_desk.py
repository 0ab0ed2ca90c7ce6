"""Sessions of instruments by their exchange's calendar."""

from __future__ import annotations

from dataclasses import replace

from app.desk.marketview import exchange_calendar
from app.trading.sessions import by_calendar, utc_day
from tests.unit.trading.kit import TOY

SATURDAY_NS = 1_700_308_800 * 10**9  # 2023-11-18 12:00 UTC


def test_a_share_has_the_hours_of_its_exchange_and_a_coin_the_utc_day():
    share = replace(TOY, symbol="SHARE", exchange="XNYS")
    session_of = by_calendar(exchange_calendar(lambda: {"TOY": TOY, "SHARE": share}))
    opens, closes = session_of("SHARE", SATURDAY_NS)
    assert opens == 1_700_490_600 * 10**9 and closes - opens == 6 * 3600 * 10**9 + 1800 * 10**9  # Monday, 14:30 UTC
    assert session_of("TOY", SATURDAY_NS) == utc_day("TOY", SATURDAY_NS)
