"""Stored history on a whole desk: preview, keep, chart, export, remove; in the vault; what is refused."""

from __future__ import annotations

import asyncio
import gzip
import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from math import isnan
from threading import Thread

import pytest

from app.ui.views.bars import Bars
from tests.unit.desk.conftest import Page, start_desk
from tests.unit.history.kit import DATA


class QuietHandler(SimpleHTTPRequestHandler):
    """A file server that says nothing."""

    def log_message(self, *_args) -> None:
        pass


PASSPHRASE = b"correct horse battery staple"
DIRTY = (DATA / "4063-T-1d-bad-stock-split.csv.gz").read_bytes()


def minutes(first_s: int, count: int, price: int = 60_000, skip: tuple[int, ...] = ()) -> bytes:
    rows = [f"{first_s + 60 * n},{price},{price + 2},{price - 2},{price + 1},{n + 1}" for n in range(count) if n not in skip]
    return "\n".join(["time,open,high,low,close,volume", *rows, ""]).encode()


async def present(page: Page) -> int:
    """The replay's time in s, held still."""
    await page.until(lambda m: m["t"] == "tick" and m.get("bar"), "a bar")
    await page.ask("replay.control", action="pause")
    return page.desk.venue.now_ns("BTCUSDT") // 10**9


async def keep(page: Page, file: bytes, **more) -> dict:
    """Preview and keep."""
    found = await page.ask("history.preview", file=file, name="BTCUSDT-1m.csv")
    assert "error" not in found, found
    asked = {"symbol": "BTCUSDT", "source": "file", "timeframe": found["timeframe"], "where": "readable", "repairs": [], **more}
    return await page.ask("history.keep", preview=found["preview"], **asked)


async def test_a_preview_writes_nothing_and_says_what_is_wrong(desk_page: Page) -> None:
    page = desk_page
    found = await page.ask("history.preview", file=DIRTY, name="4063-T-1d.csv.gz")
    assert (found["symbol"], found["timeframe"], found["bars"], found["basis"]) == ("4063", "1d", 22, "splits")
    assert found["places"]["adj"] == 5 and found["form"] == "ISO 8601" and found["sample"][0][1:] == ["20170", "20250", "20015", "20205", "1224400"]
    [split] = found["findings"]
    assert (split["kind"], split["level"], split["count"]) == ("split", "error", 9) and "divide prices by 5" in split["repair"]
    assert split["lines"] == sorted(split["lines"], reverse=True)  # newest first in the file
    assert (await page.ask("history.list"))["rows"] == []
    kept = await page.ask(
        "history.keep", preview=found["preview"], symbol="4063", source="file", timeframe="1d", where="readable", repairs=[split["id"]]
    )
    assert kept["kept"]["rows"] == 22
    assert (await page.ask("history.check", series=kept["kept"]["id"]))["findings"] == []
    about = await page.ask("history.export", series=kept["kept"]["id"], adjust="none")
    text = page.files[-1].decode()
    assert not about["adjusted"]
    assert not (await page.ask("history.export", series=kept["kept"]["id"], adjust="splits"))["adjusted"], "its prices are adjusted for splits already"
    assert (await page.ask("history.export", series=kept["kept"]["id"], adjust="all"))["adjusted"]
    assert about["name"] == "4063-1d.csv" and "2023-03-28,4200,4207,4124,4142,4505500,4087.837109375,0,1\n" in text


async def test_the_chart_shows_stored_bars_behind_live_ones(desk_page: Page) -> None:
    page = desk_page
    await page.ask("focus", symbol="BTCUSDT", timeframe="1m")
    now = await present(page)
    minute = now - now % 60
    live = page.latest("bars")["rows"]
    first = minute - 600 * 60
    kept = await keep(page, minutes(first, 700, skip=(100, 101)))
    bars = await page.until(lambda m: m["t"] == "bars" and len(m["rows"]) > 500, "stored bars")
    times = [row[0] for row in bars["rows"]]
    assert times == sorted(set(times)) and times[0] == first and times[-1] == (live[-1][0] if live else minute)
    assert bars["rows"][0][1:] == [60_000, 60_002, 59_998, 60_001, 1] and bars["rows"][-1][1] != 60_000
    assert [gap[:2] for gap in bars["gaps"]] == [[first + 100 * 60, first + 102 * 60]]
    await page.ask("focus", symbol="BTCUSDT", timeframe="5m")
    five = await page.until(lambda m: m["t"] == "bars" and m["timeframe"] == "5m" and len(m["rows"]) > 100, "wider stored bars")
    assert all(row[0] % 300 == 0 for row in five["rows"])
    await page.ask("focus", symbol="ETHUSDT" if page.desk.market.knows("ETHUSDT") else "BTCUSDT", timeframe="1s")
    await page.ask("focus", symbol="BTCUSDT", timeframe="1m")
    await page.until(lambda m: m is page.latest("bars") and len(m["rows"]) > 500, "stored bars again")
    assert await page.ask("history.remove", series=kept["kept"]["id"])
    await page.until(lambda m: m is page.latest("bars") and len(m["rows"]) < 100, "live bars alone")


def days(first_s: int, count: int, price: int = 60_000) -> bytes:
    return minutes(0, 0) + "".join(f"{first_s + 86_400 * n},{price},{price + 2},{price - 2},{price + 1},{n + 1}\n" for n in range(count)).encode()


async def test_a_running_month_counts_the_stored_days(desk_page: Page) -> None:
    page = desk_page
    await page.ask("focus", symbol="BTCUSDT", timeframe="1M")
    now = await present(page)
    today = now - now % 86_400
    [live] = next(iter(page.desk.publishers)).charts.desk.drawn(page.desk.market.bars("BTCUSDT", "1M").rows())
    over = (now - live[0]) // 86_400
    assert over > 3, "the recording begins within a month"
    await keep(page, days(live[0] - 3 * 86_400, 3 + over - 2), timeframe="1d")  # two days of this month are missing
    bars = await page.until(lambda m: m["t"] == "bars" and len(m["rows"]) == 2, "stored days")
    before, month = bars["rows"]
    assert before[5] == 1 + 2 + 3 and month[0] == live[0]
    assert month[1] == 60_000 and month[5] == pytest.approx(sum(range(4, over + 2)) + live[5])
    assert (month[2], month[3], month[4]) == (max(60_002, live[2]), min(59_998, live[3]), live[4])
    assert [gap[:2] for gap in bars["gaps"]] == [[today - 2 * 86_400, today]]
    drawn = Bars()
    drawn.reset(bars["rows"], bars["gaps"], "1M")
    assert [drawn.is_partly(row[0]) for row in bars["rows"]] == [False, True]
    # Months that were stored so stand before it; the days still make the running one.
    lines = [f"{date},50000,50000,50000,50000,1000" for date in ("2024-05-01", "2024-06-01", "2024-07-01", "2024-08-01")]
    await keep(page, "\n".join(["time,open,high,low,close,volume", *lines, ""]).encode(), timeframe="1M")
    bars = await page.until(lambda m: m["t"] == "bars" and len(m["rows"]) == 4, "stored months")
    assert [row[5] for row in bars["rows"][:3]] == [1000] * 3 and bars["rows"][3] == month


async def test_indicators_begin_in_the_stored_bars(desk_page: Page) -> None:
    page = desk_page
    await page.ask("focus", symbol="BTCUSDT", timeframe="1m")
    now = await present(page)
    await page.ask("indicators.set", rows=[{"id": "a", "name": "SMA", "params": {}}])
    await keep(page, minutes(now - now % 60 - 600 * 60, 600))
    studies = await page.until(lambda m: m["t"] == "studies" and len(m["rows"][0]["times"]) > 500, "an indicator over history")
    assert studies["rows"][0]["values"][0][-1] is not None


@pytest.mark.parametrize("count", [600, 2_500], ids=["as text", "packed"])
async def test_a_volume_that_is_not_known_is_shown_as_that(desk_page: Page, count: int) -> None:
    page = desk_page
    await page.ask("focus", symbol="BTCUSDT", timeframe="1m")
    now = await present(page)
    await page.ask("indicators.set", rows=[{"id": name, "name": name, "params": {}} for name in ("VOLUME", "OBV", "SMA")])
    first = now - now % 60 - count * 60
    lines = minutes(first, count).decode().splitlines()
    lines[501] = lines[501].rpartition(",")[0] + ","
    found = await page.ask("history.preview", file="\n".join(lines[:1] + lines[501:]).encode(), name="BTCUSDT-1m.csv")
    assert [row[5] for row in found["sample"][:2]] == [None, "502"]
    kept = await keep(page, "\n".join(lines).encode())
    studies: dict[str, dict] = {}
    while studies.keys() != {"VOLUME", "OBV", "SMA"}:
        message = await page.until(lambda m: m["t"] == "studies" and len(m["rows"][0]["times"]) > 500 and m["rows"][0]["id"] not in studies, "indicators")
        studies[message["rows"][0]["id"]] = dict(zip(message["rows"][0]["times"], message["rows"][0]["values"][0], strict=True))
    message, bars = page.latest("bars"), Bars()
    bars.reset(message["rows"], message["gaps"], "1m", page.files[-1] if not message["rows"] else b"")
    json.dumps(message, allow_nan=False)
    assert (len(bars) > 2_000) == (message["rows"] == []) == (count == 2_500)
    at = first + 500 * 60
    assert isnan(bars.get(at)[5]) and bars.get(at)[1:5] == [60_000, 60_002, 59_998, 60_001] and bars.get(at + 60)[5] == 502
    assert {name: study[at] is None for name, study in studies.items()} == {"VOLUME": True, "OBV": True, "SMA": False}
    assert studies["OBV"][at - 60] == studies["OBV"][at + 60], "unchanged closes: nothing to add, and the total goes on"
    assert [item["kind"] for item in (await page.ask("history.check", series=kept["kept"]["id"]))["findings"]] == ["unknown_volume"]
    await page.ask("history.export", series=kept["kept"]["id"])
    assert [line.rpartition(",")[2] for line in page.files[-1].decode().splitlines()[500:503]] == ["500", "", "502"]


async def test_merging_and_replacing(desk_page: Page) -> None:
    page = desk_page
    start = 1_600_000_020
    await keep(page, minutes(start, 10))
    merged = await keep(page, minutes(start + 300, 10, price=70_000), merge=True)
    assert merged["kept"]["rows"] == 15
    await page.ask("history.export", series=merged["kept"]["id"])
    assert page.files[-1].decode().splitlines()[6].split(",")[1] == "70000"
    replaced = await keep(page, minutes(start, 3))
    assert [row["id"] for row in (await page.ask("history.list"))["rows"]] == [replaced["kept"]["id"]] and replaced["kept"]["rows"] == 3


async def test_in_the_vault(tmp_path) -> None:
    page = await start_desk(tmp_path / "vault.db")
    refused = await keep(page, minutes(1_600_000_020, 5), where="vault")
    assert refused["error"]["code"] == "history_vault"
    await page.ask("vault.create", bytearray(PASSPHRASE))
    kept = await keep(page, minutes(1_600_000_020, 5), where="vault")
    assert kept["kept"]["where"] == "vault" and len((await page.ask("history.list"))["rows"]) == 1
    assert (await page.ask("vault.verify"))["damaged"] == []
    await page.desk.keeping.lock()
    assert (await page.ask("history.list")) == {"rows": [], "vault": False, "troubles": []}
    assert (await page.ask("history.export", series=kept["kept"]["id"]))["error"]["code"] == "history_missing"
    await page.ask("vault.unlock", bytearray(PASSPHRASE))
    assert len((await page.ask("history.list"))["rows"]) == 1
    await page.desk.stop()


@pytest.mark.parametrize(
    ("do", "arguments", "code", "field"),
    [
        ("history.preview", {}, "no_file", "file"),
        ("history.preview", {"file": b""}, "history_unreadable", "file"),
        ("history.preview", {"file": gzip.compress(b"PAR1")[:-3]}, "history_unreadable", "file"),
        ("history.preview", {"file": minutes(0, 5), "zone": "Mars"}, "history", "zone"),
        ("history.preview", {"file": minutes(0, 5), "timeframe": "2m"}, "bad_timeframe", "timeframe"),
        ("history.preview", {"file": minutes(0, 5), "columns": 5}, "bad_request", "columns"),
        ("history.preview", {"url": "ftp://host/x"}, "fetch_failed", "url"),
        ("history.keep", {"preview": 99, "symbol": "A", "source": "b", "timeframe": "1m", "where": "readable"}, "no_preview", "preview"),
        ("history.keep", {"symbol": "", "source": "b", "timeframe": "1m"}, "bad_name", "symbol"),
        ("history.keep", {"symbol": "A", "source": "b", "timeframe": "2m"}, "bad_timeframe", "timeframe"),
        ("history.remove", {"series": "nothing"}, "history_missing", "id"),
        ("history.export", {"series": "nothing"}, "history_missing", "id"),
    ],
)
async def test_what_is_refused(desk_page: Page, do: str, arguments: dict, code: str, field: str) -> None:
    error = (await desk_page.ask(do, **arguments))["error"]
    assert (error["code"], error["field"]) == (code, field) and error["remedy"]


async def test_what_a_file_means_is_asked_where_it_does_not_tell(desk_page: Page) -> None:
    rows = "".join(f"01/0{day}/2024,{symbol},1,3,1,2,5\n" for day in (2, 3) for symbol in ("AAPL", "BTCUSDT"))
    asked = {"file": f"day,ticker,a,high,low,close,volume\n{rows}".encode(), "name": "bars.csv"}
    found = await desk_page.ask("history.preview", **asked)
    assert (found["preview"], found["refused"]["field"], found["dates"], found["symbols"]) == (None, "column.open", False, [])
    assert found["columns"][2] == "a" and found["head"][0] == ["01/02/2024", "AAPL", "1", "3", "1", "2", "5"]
    asked["columns"] = {**found["places"], "open": 2}
    found = await desk_page.ask("history.preview", **asked)
    assert (found["preview"], found["refused"]["field"], found["dates"]) == (None, "dates", True)
    found = await desk_page.ask("history.preview", **asked, dates="mdy")
    assert (found["preview"], found["refused"]["field"], found["symbols"]) == (None, "only", ["AAPL", "BTCUSDT"])
    assert (found["dates"], found["form"]) == (True, "month/day/year"), "what was chosen can be seen and goes on counting"
    found = await desk_page.ask("history.preview", **asked, dates="mdy", only="BTCUSDT")
    assert (found["bars"], found["timeframe"], found["symbol"], found["only"]) == (2, "1d", "BTCUSDT", "BTCUSDT") and found["preview"] is not None


async def test_from_an_address(desk_page: Page, tmp_path) -> None:
    (tmp_path / "ETHUSDT-1m.csv.gz").write_bytes(gzip.compress(minutes(1_600_000_020, 5)))
    handler = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            base = f"http://127.0.0.1:{server.server_port}"
            found = await desk_page.ask("history.preview", url=f"{base}/ETHUSDT-1m.csv.gz?key=none")
            missing = await desk_page.ask("history.preview", url=f"{base}/nothing.csv")
        finally:
            server.shutdown()
            thread.join()
    assert (found["bars"], found["name"], found["symbol"]) == (5, "ETHUSDT-1m.csv.gz", "ETHUSDT")
    assert (missing["error"]["code"], missing["error"]["field"]) == ("history_fetch", "url") and "404" in missing["error"]["reason"]


async def test_ticks_have_their_turn_while_a_file_is_read_checked_and_kept(desk_page: Page) -> None:
    page, turns = desk_page, 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    found = await page.ask("history.preview", file=minutes(1_600_000_020, 20_000))
    reading, turns = turns, 0
    asked = {"symbol": "A", "source": "b", "timeframe": "1m", "where": "readable"}
    assert (await page.ask("history.keep", preview=found["preview"], **asked))["kept"]["rows"] == 20_000
    counting.cancel()
    assert reading > 20 and turns >= 5
    assert {"reading"} <= {message["phase"] for message in page.messages if message["t"] == "history"}


async def test_a_reading_can_be_ended(desk_page: Page) -> None:
    reading = asyncio.create_task(desk_page.ask("history.preview", file=minutes(1_600_000_020, 20_000)))
    await desk_page.until(lambda m: m["t"] == "history", "progress")
    await desk_page.ask("history.drop")
    assert (await reading)["error"]["code"] == "history_dropped"


async def test_a_dropped_preview_cannot_be_kept(desk_page: Page) -> None:
    found = await desk_page.ask("history.preview", file=minutes(0, 5))
    await desk_page.ask("history.drop")
    asked = {"symbol": "A", "source": "b", "timeframe": "1m", "where": "readable"}
    assert (await desk_page.ask("history.keep", preview=found["preview"], **asked))["error"]["code"] == "no_preview"
    assert (await desk_page.ask("history.list"))["rows"] == []
