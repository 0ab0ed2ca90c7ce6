"""Several charts at once: each has its own bars, all hear of every change, none costs more than its turn, closed ones are released."""

from __future__ import annotations

import asyncio
from array import array

import pytest

from app.desk.charts import AT_ONCE, MOST, PACKED_FROM, pack
from app.desk.errors import Refusal
from app.desk.publisher import BEATS
from app.history.backfill import Held, joined
from app.model.market import BookSnapshot, Gap, Trade
from tests.unit.desk.test_publisher import MS, Rig

T0 = 1_700_000_000 * 10**9


@pytest.fixture
def rig() -> Rig:
    return Rig()


def trade(rig: Rig, symbol: str, number: float, price: int = 100, size: int = 1000) -> None:
    rig.market.apply([Trade(symbol, T0 + int(number * 10**9), T0, price, size, True, f"{symbol}{number}")])
    rig.publisher.changed(rig.market.take_changed(), 1.0)


def updates(rig: Rig, chart: str) -> list[dict]:
    return [part for tick in rig.ticks() for part in tick.get("charts", ()) if part["chart"] == chart]


def wholes(rig: Rig, chart: str | None) -> list[dict]:
    return [message for message in rig.sent if message["t"] == "bars" and message.get("chart") == chart]


def test_a_pinned_chart_gets_its_own_bars_and_the_desk_s_goes_on(rig: Rig):
    rig.publisher.charts.open("c1", "BBB", "1m")
    (whole,) = wholes(rig, "c1")
    assert (whole["symbol"], whole["timeframe"], whole["rows"]) == ("BBB", "1m", [])
    trade(rig, "BBB", 1, 250)
    trade(rig, "AAA", 1, 100)
    rig.run(1)
    assert [row[4] for row in updates(rig, "c1")[-1]["rows"]] == [2.5]
    assert [tick["bar"]["symbol"] for tick in rig.ticks() if "bar" in tick] == ["AAA"]
    assert "chart" not in next(tick["bar"] for tick in rig.ticks() if "bar" in tick)
    assert "BBB" in rig.publisher.watched


def test_two_charts_of_the_same_bars_both_hear_of_every_change(rig: Rig):
    for name in ("c1", "c2"):
        rig.publisher.charts.open(name, "AAA", "1s")
    rig.run(0.5)
    rig.sent.clear()
    for number in range(5):
        trade(rig, "AAA", number, 100 + number)
        rig.run(0.4)
    rig.run(1)
    closes = {
        "c1": {row[0]: row[4] for part in updates(rig, "c1") for row in part["rows"]},
        "c2": {row[0]: row[4] for part in updates(rig, "c2") for row in part["rows"]},
        "desk": {row[0]: row[4] for tick in rig.ticks() for row in tick.get("bar", {"rows": ()})["rows"]},
    }
    assert len(closes["desk"]) == 5 and closes["c1"] == closes["c2"] == closes["desk"]


def test_eight_charts_share_the_budget(rig: Rig):
    for number in range(MOST):
        rig.publisher.charts.open(f"c{number}", ("AAA", "BBB", "CCC")[number % 3], "1m")
    rig.run(0.5)
    rig.sent.clear()
    for number in range(400):
        for symbol in ("AAA", "BBB", "CCC"):
            trade(rig, symbol, number)
        rig.run(0.005)
    carrying = [tick["charts"] for tick in rig.ticks() if "charts" in tick]
    assert max(map(len, carrying)) <= AT_ONCE
    assert len(carrying) <= 2 * 1000 / (BEATS["active"]["charts"] / MS) + 2, "two seconds, one beat for all charts together"
    counts = [len(updates(rig, f"c{number}")) for number in range(MOST)]
    assert min(counts) >= 3 and max(counts) - min(counts) <= 2, "each has its turn"
    with pytest.raises(Refusal, match="8 charts"):
        rig.publisher.charts.open("one more", "AAA", "1m")


def test_bars_that_only_a_chart_wanted_go_with_the_last_that_shows_them(rig: Rig):
    def kept() -> set[str]:
        return {series.timeframe for series in rig.market._entries["BBB"].bars}

    for name in ("c1", "c2"):
        rig.publisher.charts.open(name, "BBB", "5s")
    rig.publisher.charts.close("c1")
    assert "5s" in kept()
    rig.publisher.charts.open("c2", "BBB", "1m")
    assert "5s" not in kept()
    rig.publisher.set_focus("BBB", "15s")
    rig.publisher.charts.open("c2", "BBB", "15s")
    rig.publisher.set_focus("AAA", "1s")
    assert "15s" in kept(), "a focus that leaves does not take them from a chart"
    rig.publisher.charts.close("c2")
    rig.publisher.charts.close("c2")
    assert "15s" not in kept()
    rig.sent.clear()
    trade(rig, "BBB", 1)
    rig.run(1)
    assert not updates(rig, "c2")


def test_a_gap_is_told_to_every_chart_of_the_instrument(rig: Rig):
    rig.publisher.charts.open("c1", "BBB", "1s")
    rig.publisher.charts.open("c2", "CCC", "1s")
    trade(rig, "BBB", 1)
    rig.sent.clear()
    rig.market.apply([Gap("BBB", T0 + 2 * 10**9, "lost")])
    rig.publisher.rebuilt({"BBB"})
    assert [gap[2] for gap in wholes(rig, "c1")[0]["gaps"]] == ["lost"] and not wholes(rig, "c2") and not wholes(rig, None)


async def test_indicators_of_one_chart_are_not_those_of_another(rig: Rig):
    rig.time.create_task = asyncio.get_running_loop().create_task
    rig.publisher.charts.open("c1", "BBB", "1s")
    for number in range(5):
        trade(rig, "BBB", number, 100 + number)
    rig.publisher.charts.get("c1").choose([{"id": "i1", "name": "SMA", "params": {"timeperiod": 3}}])
    for _ in range(20):
        await asyncio.sleep(0)
    found = [message for message in rig.sent if message["t"] == "studies"]
    assert [message["chart"] for message in found] == ["c1"] and len(found[0]["rows"][0]["times"]) == 5
    trade(rig, "BBB", 6, 200)
    rig.run(1)
    assert updates(rig, "c1")[-1]["studies"]["i1"]
    with pytest.raises(Refusal, match="no chart"):
        rig.publisher.charts.get("c9")


async def test_b24_a_bar_of_trades_without_a_size_has_no_volume_that_is_known(rig: Rig):
    rig.time.create_task = asyncio.get_running_loop().create_task
    trade(rig, "BBB", 1, size=0)
    rig.publisher.charts.open("c1", "BBB", "1s")
    rig.publisher.charts.get("c1").choose([{"id": name, "name": name, "params": {"timeperiod": 2} if name == "SMA" else {}} for name in ("OBV", "SMA")])
    assert [row[5] for row in wholes(rig, "c1")[0]["rows"]] == [None]
    for _ in range(20):
        await asyncio.sleep(0)
    trade(rig, "BBB", 3, size=0)
    rig.run(1)
    told = updates(rig, "c1")[-1]
    assert [row[4:] for row in told["rows"]] == [[1.0, None]] and told["studies"]["OBV"][-1][1] is None and told["studies"]["SMA"][-1][1] == 1.0
    trade(rig, "BBB", 3.5, price=101)
    rig.run(1)
    told = updates(rig, "c1")[-1]
    assert told["rows"][-1][5] > 0 and told["studies"]["OBV"][-1][1] == told["rows"][-1][5]


def test_long_series_go_as_numbers(rig: Rig):
    for number in range(PACKED_FROM + 1):
        rig.market.apply([Trade("AAA", T0 + number * 10**9, T0, 100 + number % 7, 1000, True, str(number))])
    rig.sent.clear()
    rig.publisher.rebuilt({"AAA"})
    (whole,) = wholes(rig, None)
    numbers = array("d")
    numbers.frombytes(whole["file"])
    assert whole["rows"] == [] and len(numbers) == 6 * (PACKED_FROM + 1)
    assert list(numbers[:6]) == [T0 // 10**9, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert pack([]) == b""


def test_the_heatmap_is_sampled_while_it_is_open_and_its_gaps_have_reasons(rig: Rig):
    def book(recv: int, size: int) -> None:
        rig.market.apply([BookSnapshot("BBB", 0, recv, ((100, size), (98, 5)), ((101, 7),))])

    present = [10**18]
    rig.publisher._venue_now = lambda _symbol: present[0]

    def go(seconds: float) -> None:
        for _ in range(round(seconds / 0.1)):
            present[0] += 10**8
            rig.run(0.1)

    book(10**18, 3)
    found = rig.publisher.heat.open("BBB")
    go(2)
    parts = [tick["heat"] for tick in rig.ticks() if "heat" in tick]
    assert parts[0]["reset"] and not any(part["reset"] for part in parts[1:]) and parts[0]["step"] == "0.01"
    columns = [column for part in parts for column in part["columns"]]
    assert 4 <= len(columns) <= 6 and {len(column) for column in columns} == {5}
    _time, first, sizes, bid, ask = columns[-1]
    assert len(sizes) == found["rows"] and (sizes[100 - first], sizes[98 - first], sizes[101 - first]) == (0.003, 0.005, 0.007)
    assert (bid, ask) == (100.0, 101.0)
    rig.market.apply([Gap("BBB", present[0], "lost")])
    go(1)
    assert [c[1] for t in rig.ticks() for c in t.get("heat", {"columns": ()})["columns"]][-1] == "lost"
    present[0] -= 10**12  # the recording begins anew
    book(present[0], 9)
    rig.sent.clear()
    go(2)
    parts = [tick["heat"] for tick in rig.ticks() if "heat" in tick]
    assert parts[0]["reset"] and not any(part["reset"] for part in parts[1:])
    assert 0.009 in parts[-1]["columns"][-1][2] and parts[-1]["columns"][-1][0] * 10**6 < 10**18
    rig.publisher.heat.close()
    rig.sent.clear()
    go(2)
    assert not any("heat" in tick for tick in rig.ticks())


DAY = 86_400
MONDAY = T0 // 10**9 // DAY * DAY - DAY
"""T0 is a Tuesday."""


def held_week(*days: int) -> Held:
    rows = [(MONDAY + DAY * day, 10.0 + day, 20.0 + day, 5.0 - day, 11.0 + day, 2.0**day) for day in days]
    weeks = joined((MONDAY + (row[0] - MONDAY) // (7 * DAY) * 7 * DAY, row) for row in rows)
    return Held("BBB", "1w", weeks, [], 0, Held("BBB", "1d", rows, [], DAY))


def test_a_running_week_counts_the_stored_days(rig: Rig):
    rig.publisher.charts.open("c1", "BBB", "1w")
    trade(rig, "BBB", DAY, 1200)  # Wednesday
    rig.publisher.charts.get("c1").use_stored(held_week(-3, 0, 1, 2, 3))
    before = [MONDAY - 7 * DAY, 7, 17, 8, 8, 0.125]
    assert wholes(rig, "c1")[-1]["rows"] == [before, [MONDAY, 10, 21, 4, 12, 1 + 2 + 1]]
    trade(rig, "BBB", DAY + 1, 5000)
    rig.run(1)
    assert updates(rig, "c1")[-1]["rows"] == [[MONDAY, 10, 50, 4, 50, 1 + 2 + 2]]
    trade(rig, "BBB", 2 * DAY, 1300)
    rig.run(1)
    assert wholes(rig, "c1")[-1]["rows"] == [before, [MONDAY, 10, 22, 3, 13, 1 + 2 + 4 + 1]], "receiving began on Wednesday: the stored one is whole"
    rig.sent.clear()
    trade(rig, "BBB", 6 * DAY, 1400)
    trade(rig, "BBB", 2 * DAY + 1, 6000)  # late
    rig.run(1)
    rows = [[MONDAY, 10, 60, 3, 60, 1 + 2 + 4 + 2], [MONDAY + 7 * DAY, 14, 14, 14, 14, 1]]
    assert [row for part in updates(rig, "c1") for row in part["rows"]] == rows and not wholes(rig, "c1")
