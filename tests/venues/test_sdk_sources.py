"""Independent clients accept the emulated sources over real sockets, and see the prices and days that ours see."""

from __future__ import annotations

import asyncio
import warnings
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import yfinance
    from alpha_vantage.alphavantage import AlphaVantage as SdkBase
    from alpha_vantage.timeseries import TimeSeries
    from curl_cffi import requests as curl
    from massive import RESTClient
    from massive.exceptions import BadResponse

from app.platform.native.web import NativeFetch
from app.sources.answers import Reply
from app.sources.listing import listing
from app.venues.alphavantage.client import AlphaVantage
from app.venues.polygon.client import Polygon
from app.venues.yahoo.client import Yahoo
from tests.venues.sources_sim import AV_KEY, POLYGON_KEY, Sim, sources

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning", "ignore::UserWarning")


@pytest.fixture
def sim():
    with sources() as served:
        yield served


def ask_of(sim: Sim, key: str = ""):
    async def ask(path: str) -> Reply:
        found = await NativeFetch().fetch(sim.url + path.replace("{key}", key))
        return Reply(found.status, found.text, found.headers)

    return ask


class Rerouted(curl.Session):
    """yfinance's session, on loopback instead of at Yahoo."""

    base = ""

    def request(self, method, url, *rest, **more):
        parts = urlsplit(url)
        return super().request(method, f"{self.base}{parts.path}{'?' + parts.query if parts.query else ''}", *rest, **more)


@pytest.fixture
def ticker(sim, tmp_path):
    yfinance.set_tz_cache_location(str(tmp_path))
    session = Rerouted()
    session.base = sim.url
    yield lambda symbol: yfinance.Ticker(symbol, session=session), session
    session.close()


def test_yfinance(sim, ticker) -> None:
    make, session = ticker
    frame = make("AAPL").history(period="1y", interval="1d", auto_adjust=False)
    ours = asyncio.run(Yahoo(ask_of(sim)).days(listing("AAPL")))
    theirs = {moment.date().isoformat(): (Decimal(f"{row.Close:.2f}"), int(row.Volume)) for moment, row in frame.iterrows()}
    assert len(ours) > 250 and {bar.day: (bar.close, bar.volume) for bar in ours} == theirs
    found = asyncio.run(Yahoo(ask_of(sim)).prices([listing("SHEL.L")]))["SHEL.L"]
    assert make("SHEL.L").fast_info.last_price == pytest.approx(float(found.last) * 100)  # pence
    assert make("SHEL.L").history_metadata["currency"] == "GBp"
    hits = yfinance.Search("apple", session=session, news_count=0).quotes
    assert [row["symbol"] for row in hits] == [match.symbol for match in asyncio.run(Yahoo(ask_of(sim)).search("apple"))] == ["AAPL", "APLE"]
    sim.faults["yahoo"] = "429"
    with pytest.raises(yfinance.exceptions.YFRateLimitError):
        make("MSFT").history(period="5d", raise_errors=True)


def test_alpha_vantage(sim, monkeypatch) -> None:
    monkeypatch.setattr(SdkBase, "_ALPHA_VANTAGE_API_URL", f"{sim.url}/query?")
    sdk = TimeSeries(key=AV_KEY)
    ours = AlphaVantage(ask_of(sim, AV_KEY), lambda _item, _day: 0)
    quote, _ = sdk.get_quote_endpoint("AAPL")
    assert Decimal(quote["05. price"]) == asyncio.run(ours.prices([listing("AAPL")]))["AAPL"].last == sim.prices["AAPL"]
    days, about = sdk.get_daily("SAP.DEX")
    bars = asyncio.run(ours.days(listing("SAP.DE")))
    assert about["2. Symbol"] == "SAP.DE" and {day: Decimal(row["4. close"]) for day, row in days.items()} == {bar.day: bar.close for bar in bars}
    rows, _ = sdk.get_symbol_search("apple")
    assert list(rows["1. symbol"]) == [match.symbol for match in asyncio.run(ours.search("apple"))]
    for fault in ("quota", "quota_day"):
        sim.faults["alphavantage"] = fault
        with pytest.raises(ValueError, match="API"):
            sdk.get_quote_endpoint("AAPL")


def test_massive(sim) -> None:
    sdk = RESTClient(POLYGON_KEY, base=sim.url, retries=0)
    closes = []
    ours = Polygon(ask_of(sim, POLYGON_KEY), lambda _item, day: closes.append(day) or 7, lambda: int(sim.time_of("AAPL") * 1e9))
    theirs = {row.ticker: row.last_trade.price for row in sdk.get_snapshot_all("stocks", tickers=["AAPL", "BRK.B"])}
    found = asyncio.run(ours.prices([listing("AAPL"), listing("BRK-B")]))
    assert theirs == {"AAPL": float(found["AAPL"].last), "BRK.B": float(found["BRK-B"].last)}
    bars = asyncio.run(ours.days(listing("AAPL")))
    rows = list(sdk.list_aggs("AAPL", 1, "day", "2020-01-01", date.today()))
    assert [row.close for row in rows] == [float(bar.close) for bar in bars]
    assert [row.ticker for row in sdk.list_tickers(search="apple")] == [match.symbol for match in asyncio.run(ours.search("apple"))]
    # the free plan has no snapshots: the close of the last day, one call each, and no second try within the hour
    sim.free_plan = True
    with pytest.raises(BadResponse):
        sdk.get_snapshot_all("stocks", tickers=["AAPL"])
    last = asyncio.run(ours.prices([listing("AAPL")]))["AAPL"]
    assert float(last.last) == sdk.get_previous_close_agg("AAPL")[0].close and last.grade == "day" and last.as_of_ns == 7
    assert [day.isoformat() for day in closes] == [bars[-1].day] and ours.cost(3) == 3
    with pytest.raises(BadResponse):
        RESTClient("wrong", base=sim.url, retries=0).get_previous_close_agg("AAPL")
