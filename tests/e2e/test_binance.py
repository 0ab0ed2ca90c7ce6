"""The live Binance venue in the browser: sockets of the market worker against the emulator, through outages."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk import DeskPage
from tests.e2e.serving import SITE, binance_emulator, saying, serving

OTHERS = "ETHUSDT,SOLUSDT"
HOSTILE = ("nan", "infinite", "negative", "truncated", "wrong_symbol", "big", "html")
PATIENCE_MS = 30_000
# Whether the desk takes so many instruments in columns.
IN_COLUMNS = """(count) => new Promise((resolve) => {
  const id = 3e12 + Math.floor(1e9 * Math.random());
  const hear = ({ data }) => {
    if (typeof data !== "string" || !data.includes(`"id":${id}`)) return;
    kontor.desk.removeEventListener("message", hear);
    resolve(JSON.parse(data).result.counters.instruments_in_columns === count);
  };
  kontor.desk.addEventListener("message", hear);
  kontor.desk.postMessage(JSON.stringify({ do: "health", id }));
})"""


class Exchange:
    """The emulator as its admin endpoints show it."""

    def __init__(self, said: dict) -> None:
        self.said = said
        self.base = f"http://127.0.0.1:{said['port']}"

    def fault(self, kind: str, **options: object) -> None:
        body = json.dumps({"kind": kind, **options}).encode()
        request = urllib.request.Request(f"{self.base}/admin/fault", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()

    def state(self) -> dict:
        with urllib.request.urlopen(f"{self.base}/admin/state", timeout=10) as answer:
            return json.load(answer)


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with binance_emulator("--speed", "5", "--now", "--clones", OTHERS) as said:
        yield Exchange(said)


@pytest.fixture
def live(page: Page, exchange: Exchange) -> Iterator[DeskPage]:
    """A desk on the exchange, with every book in step."""
    origins = f"{exchange.base} ws://127.0.0.1:{exchange.said['port']}"
    with serving(SITE, origins) as server:
        desk = DeskPage(page, server.url)
        desk.open(venue="binance", binance_ws=exchange.said["ws"], binance_rest=exchange.said["rest"])
        is_live(desk)
        yield desk


def is_live(desk: DeskPage) -> None:
    expect(desk.by("connection-status")).to_contain_text("live", timeout=PATIENCE_MS, ignore_case=True)


def is_reconnecting(desk: DeskPage) -> None:
    expect(desk.by("connection-status")).to_contain_text("reconnecting", timeout=PATIENCE_MS, ignore_case=True)


def counted(desk: DeskPage, rejected: int, gaps: int) -> list[int]:
    """Rejected frames and gaps as the desk's statistics count them, once they have reached these figures."""
    listen = """([rejected, gaps, patience]) => new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error("the counts were never reached")), patience);
      kontor.desk.addEventListener("message", ({ data }) => {
        const told = typeof data === "string" && data.includes('"t":"stats"') ? JSON.parse(data) : null;
        if (told && told.rejected >= rejected && told.gaps >= gaps) resolve([told.rejected, told.gaps]);
      });
    })"""
    return desk.page.evaluate(listen, [rejected, gaps, PATIENCE_MS])


def test_quotes_book_and_paper_orders_on_live_streams(live, exchange):
    expect(live.by("quote-row")).to_have_count(3)
    first = live.by("quote-row", symbol="BTCUSDT").locator('[data-testid="bid"]')
    shown = first.text_content()
    expect(first).not_to_have_text(shown, timeout=PATIENCE_MS)
    live.submit(side="buy", kind="market", qty="0.01")
    expect(live.by("order-row", status="filled")).to_have_count(1, timeout=PATIENCE_MS)
    assert exchange.state()["limit_drops"] == 0
    live.check_console()


def test_outages_are_shown_and_survived(live, exchange):
    exchange.fault("refuse", count=3)
    exchange.fault("disconnect")
    is_reconnecting(live)
    is_live(live)
    exchange.fault("stall")
    is_reconnecting(live)
    is_live(live)
    assert exchange.state()["connects"] == 3


def test_hostile_frames_and_gaps_are_counted_and_survived(live, exchange):
    assert counted(live, 0, 0) == [0, 0]
    for form in HOSTILE:
        exchange.fault("insert", form=form, match="btcusdt@depth")
    exchange.fault("drop", count=2, match="ethusdt@depth")
    assert counted(live, len(HOSTILE), 1) == [len(HOSTILE), 1]
    is_live(live)
    assert exchange.state()["connects"] == 1
    live.go("health")
    for title, count in (("Messages refused", len(HOSTILE)), ("Gaps in sequences", 1)):
        expect(live.page.locator(f"#view-health dt:text-is('{title}') + dd")).to_have_text(str(count))
    live.check_console()


def test_where_the_policy_closes_the_direct_way_the_proxy_asks_for_the_book(page: Page, exchange: Exchange, tmp_path):
    port = exchange.said["port"]
    config = tmp_path / "kontor.toml"
    rule = f'[[rules]]\nname = "exchange"\nhosts = ["127.0.0.1"]\nscheme = "http"\nports = [{port}]\n'
    config.write_text(f'allow_private = ["127.0.0.1:{port}"]\n{rule}')
    with serving(SITE, f"ws://127.0.0.1:{port}", {"KONTOR_CONFIG": str(config)}) as server:
        desk = DeskPage(page, server.url)
        desk.open(venue="binance", binance_ws=exchange.said["ws"], binance_rest=exchange.said["rest"])
        is_live(desk)
        expect(page.locator(".book[data-state=live]")).to_be_visible(timeout=PATIENCE_MS)
        lines = desk.ask("trace.follow", after=0)["rows"]
        assert any(line["step"] == "direct" and line["level"] == "warn" for line in lines)
        assert any(line["step"] in ("proxy", "tunnel") and line["level"] == "good" for line in lines)


def test_a_fast_market_is_taken_in_columns_and_traded_on(page: Page):
    symbols = ["BTCUSDT", "C01USDT", "C02USDT"]
    with binance_emulator("--now", "--mirrors", ",".join(symbols[1:])) as said:
        told = "--like", said["ws"], "--symbols", ",".join(symbols), "--rate", "4000"
        with saying("tests.bench.market_server", *told) as fast:
            base = f"127.0.0.1:{said['port']}"
            with serving(SITE, f"http://{base} ws://{base} {fast['ws'].removesuffix('/stream')}") as server:
                desk = DeskPage(page, server.url)
                desk.open(venue="binance", binance_symbols=",".join(symbols), binance_ws=fast["ws"], binance_rest=said["rest"])
                is_live(desk)
                page.wait_for_function(IN_COLUMNS, arg=len(symbols), polling=500, timeout=2 * PATIENCE_MS)
                desk.submit(side="buy", kind="market", qty="0.01")
                expect(desk.by("order-row", status="filled")).to_have_count(1)
                assert desk.ask("health")["counters"]["gaps"] == 0
                desk.check_console()


def test_a_market_worker_that_cannot_start_is_named_and_tried_again(page: Page, exchange: Exchange, tmp_path: Path):
    site = tmp_path / "site"
    shutil.copytree(SITE, site)
    parts = [*site.glob("worker/market.mjs*")]
    for part in parts:
        part.rename(site / part.name)
    with serving(site, f"{exchange.base} ws://127.0.0.1:{exchange.said['port']}") as server:
        desk = DeskPage(page, server.url)
        page.goto(f"{server.url}/?{urlencode({'venue': 'binance', 'binance_ws': exchange.said['ws'], 'binance_rest': exchange.said['rest']})}")
        status = desk.by("connection-status")
        expect(status).to_have_attribute("data-state", "reconnecting", timeout=PATIENCE_MS)
        status.click()
        expect(page.locator("body")).to_contain_text("worker/market.mjs could not be started")
        for part in parts:
            (site / part.name).rename(part)
        expect(status).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
