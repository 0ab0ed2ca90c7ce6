"""Indicators on the chart: whole when chosen, then with each bar; late bars, refusals, and what is not computed again."""

from __future__ import annotations

import asyncio
import math

import pytest

from app.desk.errors import Refusal
from app.desk.studies import MOST, RENEW_S, Studies
from app.market.indicators import catalogue, find
from tests.unit.manual import ManualTime
from tests.unit.market.indicators.machine import Machine


class Scheduler(ManualTime):
    """Timers by hand, tasks by the loop."""

    def create_task(self, coroutine):
        return asyncio.get_running_loop().create_task(coroutine)


@pytest.fixture(params=["bar by bar", "compiled"], autouse=True)
def machine(request):
    """Both ways an indicator can be computed."""
    Rig.machine = Machine() if request.param == "compiled" else None
    yield
    Rig.machine = None


class Rig:
    machine = None

    def __init__(self) -> None:
        self.time = Scheduler()
        self.sent: list[dict] = []
        self.studies = Studies(self.sent.append, self.time, self.time, self.machine)

    async def settle(self) -> None:
        for _ in range(400):
            await asyncio.sleep(0)


def bar(at: int, close: float | None = None) -> list:
    price = 100 + 5 * math.sin(at / 7) if close is None else close
    return [at * 60, price - 0.5, price + 1, price - 1.5, price, 10.0 + at % 3]


def wanted(name: str, rows: list, **params) -> list:
    running = find(name).build(**params).start()
    values = [running.step(row) for row in rows]
    return [[None if value != value else value for value in column] for column in zip(*values, strict=True)]


SMA = {"id": "a", "name": "SMA", "params": {"timeperiod": 5}}
MACD = {"id": "b", "name": "MACD", "params": {}}


async def test_the_whole_series_comes_once_and_then_each_bar() -> None:
    rig, rows = Rig(), [bar(at) for at in range(300)]
    rig.studies.restart("AAA", "1m", rows)
    found = rig.studies.choose([SMA, MACD])
    assert [(row["id"], row["warmup"]) for row in found] == [("a", 4), ("b", 33)]
    assert found[1]["params"] == {"fastperiod": 12, "slowperiod": 26, "signalperiod": 9, "source": "close"}
    await rig.settle()
    assert [(message["symbol"], message["timeframe"]) for message in rig.sent] == [("AAA", "1m")] * 2
    first, second = (message["rows"][0] for message in rig.sent)
    assert first == {"id": "a", "times": [row[0] for row in rows], "values": wanted("SMA", rows, timeperiod=5)}
    assert second["values"] == wanted("MACD", rows)
    changed, following = bar(299, 90.0), bar(300)
    got = rig.studies.changed([changed, following])
    rows[-1] = changed
    rows.append(following)
    columns = wanted("MACD", rows)
    assert got["b"] == [[row[0], *(column[at] for column in columns)] for at, row in ((299, changed), (300, following))]
    assert len(rig.sent) == 2


async def test_bars_that_come_while_it_computes_are_in_it() -> None:
    rig, rows = Rig(), [bar(at) for at in range(500)]
    rig.studies.restart("AAA", "1m", rows)
    clock = iter(range(0, 10**15, 10_000_000))  # every look at the clock says: the slice is over
    rig.time.monotonic_ns = lambda: next(clock)
    rig.studies.choose([SMA])
    for at in range(500, 520):
        await asyncio.sleep(0)
        rig.studies.changed([bar(at - 1, 77.0), bar(at)])
    await rig.settle()
    final = [bar(at) for at in range(499)] + [bar(at, 77.0) for at in range(499, 519)] + [bar(519)]
    times, values = [], []
    for message in rig.sent:
        times, values = message["rows"][0]["times"], message["rows"][0]["values"]
    assert times == [row[0] for row in final][: len(times)] and len(times) >= 500
    assert values[0][:-1] == wanted("SMA", final, timeperiod=5)[0][: len(values[0]) - 1]
    assert rig.studies.changed([bar(520)])["a"][0][1] == pytest.approx(wanted("SMA", [*final, bar(520)], timeperiod=5)[0][-1])


async def test_a_late_bar_makes_everything_anew_after_a_while() -> None:
    rig, rows = Rig(), [bar(at) for at in range(100)]
    rig.studies.restart("AAA", "1m", rows)
    rig.studies.choose([SMA])
    await rig.settle()
    late = bar(90, 400.0)
    assert rig.studies.changed([late]) == {}
    assert len(rig.sent) == 1
    rig.time.advance(RENEW_S + 0.1)
    await rig.settle()
    rows[90] = late
    assert rig.sent[-1]["rows"][0]["values"] == wanted("SMA", rows, timeperiod=5)


async def test_what_stays_is_not_computed_again_and_what_goes_is_not_sent() -> None:
    rig = Rig()
    rig.studies.restart("AAA", "1m", [bar(at) for at in range(50)])
    rig.studies.choose([SMA])
    await rig.settle()
    rig.studies.choose([SMA, MACD])
    await rig.settle()
    assert [message["rows"][0]["id"] for message in rig.sent] == ["a", "b"]
    rig.studies.choose([MACD])
    assert rig.studies.changed([bar(50)]).keys() == {"b"}


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"id": "x", "name": "NOPE"}, "name"),
        ({"id": "x", "name": "SMA", "params": {"timeperiod": 0}}, "timeperiod"),
        ({"id": "x", "name": "SMA", "params": {"timeperiod": 2.5}}, "timeperiod"),
        ({"id": "x", "name": "SMA", "params": {"timeperiod": "many"}}, "timeperiod"),
        ({"id": "x", "name": "SMA", "params": {"source": "nowhere"}}, "source"),
        ({"id": "x", "name": "SMA", "params": {"other": 1}}, "other"),
        ({"id": "x", "name": "SMA", "params": [1]}, "params"),
        ("SMA", "name"),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(row, field: str) -> None:
    rig = Rig()
    with pytest.raises(Refusal) as refused:
        rig.studies.choose([row])
    assert refused.value.field == field and refused.value.remedy
    assert rig.studies.choose([]) == []


def test_there_is_a_most() -> None:
    with pytest.raises(Refusal):
        Rig().studies.choose([{**SMA, "id": str(at)} for at in range(MOST + 1)])


def test_the_catalogue_is_plain_and_complete() -> None:
    from app.desk.studies import rows_of_catalogue

    rows = rows_of_catalogue()
    assert len(rows) == len(catalogue()) >= 100
    for row in rows:
        assert row["pane"] in ("overlay", "own") and row["outputs"] and row["inputs"] and row["title"]
        assert all(output["draw"] in ("line", "histogram", "dots", "hidden") for output in row["outputs"])
        for param in row["params"]:
            assert param["label"] and (param["kind"] == "choice" or param["low"] <= param["default"] <= param["high"])


async def test_a_desk_sends_indicators_with_its_bars_over_any_kind_of_bar(desk_page) -> None:
    page = desk_page
    listed = await page.ask("indicators.list")
    assert {row["name"] for row in listed["rows"]} >= {"SMA", "MACD", "RSI", "BBANDS"}
    refused = await page.ask("indicators.set", rows=[{"id": "i1", "name": "RSI", "params": {"timeperiod": 1}}])
    assert refused["error"]["field"] == "timeperiod" and refused["error"]["remedy"]
    chosen = await page.ask("indicators.set", rows=[{"id": "i1", "name": "EMA", "params": {"timeperiod": 2}}])
    assert chosen["rows"][0]["warmup"] == 1
    for timeframe in ("1s", "ticks:10"):
        await page.ask("focus", symbol="BTCUSDT", timeframe=timeframe)
        await page.until(lambda m, name=timeframe: m["t"] == "studies" and m["timeframe"] == name, "the whole series")

        def has_values(message: dict, name: str = timeframe) -> bool:
            bar = message.get("bar")
            return bool(bar and bar["timeframe"] == name and any(row[1] is not None for row in bar.get("studies", {}).get("i1", ())))

        tick = await page.until(has_values, "a bar with its indicator")
        bar = tick["bar"]
        assert [row[0] for row in bar["studies"]["i1"]] == [row[0] for row in bar["rows"]]
        assert all(row[1] is None or abs(row[1] / bar["rows"][0][4] - 1) < 0.1 for row in bar["studies"]["i1"])
    wrong = await page.ask("focus", symbol="BTCUSDT", timeframe="7x")
    assert wrong["error"]["field"] == "timeframe" and "ticks:100" in wrong["error"]["remedy"]
