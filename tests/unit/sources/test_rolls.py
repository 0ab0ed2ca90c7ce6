"""The last days of contract months, against days that were."""

from datetime import date

import pytest

from app.sources.futures import CONTRACTS
from app.sources.rolls import CYCLES, ends


@pytest.mark.parametrize(
    ("month", "last"),
    [
        ("ESZ24", "2024-12-20"),
        ("MYMH25", "2025-03-21"),
        ("CLF25", "2024-12-19"),
        ("CLZ25", "2025-11-20"),
        ("MCLZ25", "2025-11-19"),
        ("NGF25", "2024-12-27"),
        ("RBF25", "2024-12-31"),
        ("GCZ24", "2024-12-27"),
        ("ZNZ24", "2024-12-19"),
        ("ZFZ24", "2024-12-31"),
        ("ZCZ24", "2024-12-13"),
        ("ZSF25", "2025-01-14"),
        ("6EZ24", "2024-12-16"),
        ("BTCZ24", "2024-12-27"),
        ("ESM26", "2026-06-18"),
    ],
)
def test_the_last_day_of_a_month(month, last):
    """ESM26: the third Friday is Juneteenth."""
    day = date.fromisoformat(last)
    assert ends(month[:-3], day)[0] == (month, day)
    assert ends(month[:-3], date.fromordinal(day.toordinal() + 1))[0][0] != month


def test_every_contract_that_can_be_traded_has_its_months():
    assert CYCLES.keys() == CONTRACTS.keys()
    for root in CONTRACTS:
        found = ends(root, date(2026, 11, 28))
        assert len(found) == 4 and [last for _month, last in found] == sorted({last for _month, last in found})
    assert ends("XX", date(2026, 11, 28)) == ()


def test_beyond_the_calendar_every_weekday_is_a_business_day():
    assert ends("ES", date(2060, 1, 1))[0][0] == "ESH60"
