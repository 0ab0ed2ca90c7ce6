"""Yahoo Finance, Alpha Vantage and Massive (Polygon) as one server on loopback, each in its own words, with whatever goes wrong at them.

`python -m tests.venues.sources_sim` prints {"rest": address} and serves; GET /admin/fault/yahoo/html (timeout html 429 500 quota quota_day unauthorized garbage
empty ok) sets what a source does, /admin/price/AAPL/191.5 moves a price, /admin/state tells what was asked.
"""

from __future__ import annotations

import http.server
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

HTML = "<!doctype html><title>Will be right back</title>"
AV_KEY, POLYGON_KEY = "AVKEY0123456789AB", "PGKEYabcdefghijklmnop0123"
QUOTA_DAY = (
    "We have detected your API key as {key} and our standard API rate limit is 25 requests per day. Please subscribe to any of the premium plans at "
    "https://www.alphavantage.co/premium/ to instantly remove all daily rate limits."
)
QUOTA = "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute and 500 calls per day."
US = ("America/New_York", "NMS", "NasdaqGS", "USD", 2)
LISTED = {
    "AAPL": ("190.12", 52_000_000, "Apple Inc.", "EQUITY", US),
    "MSFT": ("415.5", 21_000_000, "Microsoft Corporation", "EQUITY", US),
    "NVDA": ("128.25", 210_000_000, "NVIDIA Corporation", "EQUITY", US),
    "AMZN": ("186.4", 33_000_000, "Amazon.com, Inc.", "EQUITY", US),
    "APLE": ("15.02", 1_700_000, "Apple Hospitality REIT, Inc.", "EQUITY", US),
    "BRK-B": ("452.07", 3_100_000, "Berkshire Hathaway Inc. New", "EQUITY", US),
    "SPY": ("512.34", 60_000_000, "SPDR S&P 500 ETF Trust", "ETF", US),
    "THIN": ("12.5", 0, "Nobody Trades This Inc.", "EQUITY", US),
    "SAP.DE": ("181.26", 1_400_000, "SAP SE", "EQUITY", ("Europe/Berlin", "GER", "XETRA", "EUR", 2)),
    "SHEL.L": ("2651.5", 6_000_000, "Shell plc", "EQUITY", ("Europe/London", "LSE", "LSE", "GBp", 2)),
    "7203.T": ("2688", 20_000_000, "Toyota Motor Corporation", "EQUITY", ("Asia/Tokyo", "JPX", "Tokyo", "JPY", 2)),
    "BTC-USD": ("64123.456", 30_000_000_000, "Bitcoin USD", "CRYPTOCURRENCY", ("UTC", "CCC", "CCC", "USD", 2)),
    "EURUSD=X": ("1.08345", 0, "EUR/USD", "CURRENCY", ("Europe/London", "CCY", "CCY", "USD", 4)),
    "ES=F": ("5000.25", 1_500_000, "E-Mini S&P 500", "FUTURE", ("America/New_York", "CME", "CME", "USD", 2)),
    "KC=F": ("187.35", 20_000, "Coffee", "FUTURE", ("America/New_York", "NYB", "ICE Futures", "USD", 2)),
    "CL=F": ("-37.63", 240_000, "Crude Oil", "FUTURE", ("America/New_York", "NYM", "NY Mercantile", "USD", 2)),
}
DAYS = 260
_AV = {"DEX": "DE", "LON": "L", "PAR": "PA", "AMS": "AS", "TRT": "TO"}


class Sim(http.server.ThreadingHTTPServer):
    """``faults`` by source; ``prices`` may be changed at will; ``asked`` holds every request's path, ``counts`` how many each source got."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.prices = {symbol: Decimal(row[0]) for symbol, row in LISTED.items()}
        self.volumes = {symbol: row[1] for symbol, row in LISTED.items()}
        self.faults: dict[str, str] = {}
        self.free_plan = False
        self.asked: list[str] = []
        self.counts: Counter[str] = Counter()
        self.released = threading.Event()
        self.at_s: dict[str, int] = {}
        """Times of last trades, where they are not now."""

    def time_of(self, symbol: str) -> int:
        """When a listing was last traded, s UTC."""
        return self.at_s.get(symbol, int(time.time()))

    def days(self, symbol: str) -> list[tuple[str, Decimal, Decimal, Decimal, Decimal, int]]:
        """(date, open, high, low, close, volume) of the last weekdays, oldest first; the same every time."""
        rng, close, rows = random.Random(symbol), self.prices[symbol], []
        day = datetime.fromtimestamp(self.time_of(symbol), UTC).date() - timedelta(days=1)
        while len(rows) < DAYS:
            if day.weekday() < 5:
                opened = (close * Decimal(str(round(rng.uniform(0.98, 1.02), 4)))).quantize(Decimal("0.01"))
                rows.append((day.isoformat(), opened, max(opened, close) + Decimal("0.5"), min(opened, close) - Decimal("0.5"), close, 1_000_000 + len(rows)))
                close = opened
            day -= timedelta(days=1)
        return rows[::-1]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sim

    def do_OPTIONS(self) -> None:
        self._send(204, "")

    def do_GET(self) -> None:
        sim, parts = self.server, urlsplit(self.path)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query))
        if path.startswith("/admin/"):
            return self._send(200, self._admin(path.split("/")[2:]))
        if path == "/v1/test/getcrumb":
            return self._send(200, "crumb123", "text/plain")
        source = "alphavantage" if path == "/query" else "yahoo" if path.startswith(("/v8/", "/v1/")) else "polygon" if path[:4] in ("/v2/", "/v3/") else ""
        if not source:
            return self._send(404, HTML, "text/html")
        sim.asked.append(self.path)
        sim.counts[source] += 1
        fault = sim.faults.get(source, "ok")
        if fault == "timeout":
            sim.released.wait(60)
            return self._send(503, HTML, "text/html")
        if fault == "html":
            return self._send(200, HTML, "text/html")
        if fault == "429":
            return self._send(429, "Too Many Requests\r\n", "text/plain", {"retry-after": "40"})
        if fault == "500":
            return self._send(502, HTML, "text/html")
        if fault == "garbage":
            return self._send(200, '{"chart": {"result": [')
        status, body = {"yahoo": _yahoo, "alphavantage": _alphavantage, "polygon": _polygon}[source](sim, path, query, fault, self.headers)
        self._send(status, json.dumps(body, default=float))

    def _admin(self, words: list[str]) -> str:
        sim = self.server
        if words[0] == "fault":
            sim.faults[words[1]] = words[2]
        elif words[0] == "price":
            sim.prices[words[1]] = Decimal(words[2])
        elif words[0] == "plan":
            sim.free_plan = words[1] == "free"
        return json.dumps({"faults": sim.faults, "counts": sim.counts, "asked": sim.asked[-50:]})

    def _send(self, status: int, body: str, kind: str = "application/json", more: dict[str, str] | None = None) -> None:
        data = body.encode()
        try:
            self.send_response(status)
            headers = {"content-type": kind, "content-length": str(len(data)), "access-control-allow-origin": "*"}
            for name, value in {**headers, "access-control-expose-headers": "retry-after", "access-control-allow-headers": "*", **(more or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True  # whoever asked has gone

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _meta(sim: Sim, symbol: str) -> dict:
    zone, exchange, full, currency, hint = LISTED[symbol][4]
    offset = int(datetime.now(ZoneInfo(zone)).utcoffset().total_seconds())
    now = sim.time_of(symbol)
    period = {"timezone": "EST", "start": now - 3600, "end": now + 3600, "gmtoffset": offset}
    return {
        "currency": currency,
        "symbol": symbol,
        "exchangeName": exchange,
        "fullExchangeName": full,
        "instrumentType": LISTED[symbol][3],
        "firstTradeDate": 345479400,
        "regularMarketTime": now,
        "hasPrePostMarketData": True,
        "gmtoffset": offset,
        "timezone": "EST",
        "exchangeTimezoneName": zone,
        # what a binary fraction of 32 bits makes of it, as Yahoo sends them
        "regularMarketPrice": sim.prices[symbol] + Decimal("0.0000012"),
        "fiftyTwoWeekHigh": 199.62,
        "fiftyTwoWeekLow": 164.08,
        "regularMarketVolume": sim.volumes[symbol],
        "longName": LISTED[symbol][2],
        "shortName": LISTED[symbol][2],
        "chartPreviousClose": sim.days(symbol)[-1][4],
        "priceHint": hint,
        "currentTradingPeriod": {"pre": period, "regular": period, "post": period},
        "dataGranularity": "1d",
        "range": "1d",
        "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
    }


def _yahoo(sim: Sim, path: str, query: dict, fault: str, _headers) -> tuple[int, dict]:
    if fault == "unauthorized":
        return 401, {"finance": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}
    if path == "/v1/finance/search":
        wanted = query.get("q", "").lower()
        rows = [
            {
                "exchange": row[4][1],
                "exchDisp": row[4][2],
                "shortname": row[2],
                "longname": row[2],
                "quoteType": row[3],
                "symbol": symbol,
                "score": 20_000.0,
                "typeDisp": row[3].title(),
                "isYahooFinance": True,
            }
            for symbol, row in LISTED.items()
            if wanted in symbol.lower() or wanted in row[2].lower()
        ]
        return 200, {"count": len(rows), "quotes": rows, "news": [], "nav": [], "lists": [], "explains": []}
    if path == "/v8/finance/spark":
        found = {}
        for symbol in query.get("symbols", "").split(","):
            if symbol in LISTED and fault != "empty":
                now, price = sim.time_of(symbol), sim.prices[symbol]
                before = sim.days(symbol)[-1][4]
                found[symbol] = {"timestamp": [now - 60, now], "close": [price, price + Decimal("0.0000012")], "symbol": symbol, "previousClose": before}
                found[symbol] |= {"chartPreviousClose": before, "dataGranularity": 60, "end": None, "start": None}
                if symbol == "THIN":
                    found[symbol]["close"] = [price, None]
        return 200, found
    symbol = path.rpartition("/")[2]
    if symbol not in LISTED:
        return 404, {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"}}}
    result: dict = {"meta": _meta(sim, symbol), "indicators": {"quote": [{}], "adjclose": [{}]}}
    if fault != "empty":
        rows = sim.days(symbol)
        opens = ZoneInfo(LISTED[symbol][4][0])
        result["timestamp"] = [int(datetime.fromisoformat(f"{row[0]}T09:30").replace(tzinfo=opens).timestamp()) for row in rows]
        names = ("open", "high", "low", "close", "volume")
        result["indicators"] = {
            "quote": [{name: [None if at == 3 else row[place] for at, row in enumerate(rows)] for place, name in enumerate(names, 1)}],
            "adjclose": [{"adjclose": [None if at == 3 else row[4] for at, row in enumerate(rows)]}],
        }
    else:
        result["meta"].pop("regularMarketPrice")
    return 200, {"chart": {"result": [result], "error": None}}


def _alphavantage(sim: Sim, _path: str, query: dict, fault: str, _headers) -> tuple[int, dict]:
    key = query.get("apikey", "")
    if fault == "quota_day":
        return 200, {"Information": QUOTA_DAY.format(key=key)}
    if fault == "quota":
        return 200, {"Note": QUOTA}
    if fault == "unauthorized" or key != AV_KEY:
        words = f"the parameter apikey is invalid or missing. Please claim your free API key on (https://www.alphavantage.co/support/#api-key). You sent {key}"
        return 200, {"Error Message": words}
    function, symbol = query.get("function"), query.get("symbol", "")
    root, _, suffix = symbol.partition(".")
    symbol = f"{root}.{_AV.get(suffix, suffix)}" if suffix else root
    if function == "SYMBOL_SEARCH":
        wanted = query.get("keywords", "").lower()
        rows = [
            {
                **{"1. symbol": name, "2. name": row[2], "3. type": "ETF" if row[3] == "ETF" else "Equity", "4. region": "United States"},
                **{"5. marketOpen": "09:30", "6. marketClose": "16:00", "7. timezone": "UTC-04", "8. currency": "USD", "9. matchScore": "0.8000"},
            }
            for name, row in LISTED.items()
            if row[4] == US and (wanted in name.lower() or wanted in row[2].lower())
        ]
        return 200, {"bestMatches": rows}
    known = symbol in LISTED and fault != "empty"
    if function == "GLOBAL_QUOTE":
        if not known:
            return 200, {"Global Quote": {}}
        price, day = sim.prices[symbol], datetime.fromtimestamp(sim.time_of(symbol), UTC).date()
        while day.weekday() >= 5:
            day -= timedelta(days=1)
        before = sim.days(symbol)[-1][4]
        quote = {"01. symbol": query["symbol"], "02. open": str(price), "03. high": str(price), "04. low": str(price), "05. price": f"{price:.4f}"}
        quote |= {"06. volume": str(sim.volumes[symbol]), "07. latest trading day": day.isoformat(), "08. previous close": f"{before:.4f}"}
        return 200, {"Global Quote": quote | {"09. change": f"{price - before:.4f}", "10. change percent": "0.1000%"}}
    if function == "TIME_SERIES_DAILY":
        if symbol not in LISTED:
            return 200, {"Error Message": "Invalid API call. Please retry or visit the documentation (https://www.alphavantage.co/documentation/)"}
        names = ("1. open", "2. high", "3. low", "4. close", "5. volume")
        rows = {row[0]: {name: str(value) for name, value in zip(names, row[1:], strict=True)} for row in reversed(sim.days(symbol)[-100:])} if known else {}
        about = {"1. Information": "Daily Prices", "2. Symbol": symbol, "3. Last Refreshed": "", "4. Output Size": "Compact", "5. Time Zone": "US/Eastern"}
        return 200, {"Meta Data": about, "Time Series (Daily)": rows}
    if function == "OVERVIEW":
        about = {"Symbol": symbol, "Name": LISTED[symbol][2], "Exchange": "NASDAQ", "Currency": "USD", "Sector": "TECHNOLOGY", "MarketCapitalization": "1"}
        return 200, about if known else {}
    return 200, {"Error Message": "This API function does not exist"}


def _polygon(sim: Sim, path: str, query: dict, fault: str, headers) -> tuple[int, dict]:
    given = query.get("apiKey") or headers.get("authorization", "").removeprefix("Bearer ")
    if fault == "unauthorized" or given != POLYGON_KEY:
        return 401, {"status": "ERROR", "request_id": "r1", "error": "Unknown API Key"}
    if fault == "quota":
        words = "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue."
        return 429, {"status": "ERROR", "request_id": "r1", "error": words}
    us = {symbol.replace("-", "."): symbol for symbol, row in LISTED.items() if row[4] == US}
    parts = path.strip("/").split("/")
    about = {"status": "OK", "request_id": "r1"}
    if path.startswith("/v2/snapshot"):
        if sim.free_plan:
            return 403, {"status": "NOT_AUTHORIZED", "request_id": "r1", "message": "You are not entitled to this data. Please upgrade your plan"}
        wanted = [us[name] for name in query.get("tickers", "").split(",") if name in us and fault != "empty"]
        rows = []
        for symbol in wanted:
            price, at = sim.prices[symbol], sim.time_of(symbol) * 10**9
            day = {"c": price, "h": price, "l": price, "o": price, "v": sim.volumes[symbol], "vw": price}
            before = {**day, "c": sim.days(symbol)[-1][4]}
            trade = {"c": [12], "i": "1", "p": price, "s": 100, "t": at, "x": 4}
            quote = {"P": price + Decimal("0.01"), "S": 3, "p": price - Decimal("0.01"), "s": 5, "t": at}
            rows.append({"ticker": symbol.replace("-", "."), "day": day, "prevDay": before, "lastTrade": trade, "lastQuote": quote, "updated": at, "min": day})
        return 200, {**about, "count": len(rows), "tickers": rows}
    if path.startswith("/v3/reference/tickers"):
        if len(parts) == 4:
            symbol = us.get(parts[3])
            row = {"ticker": parts[3], "name": LISTED[symbol][2], "primary_exchange": "XNAS", "type": "CS", "market_cap": 1.5e12} if symbol else None
            return (200, {**about, "results": row}) if row else (404, {"status": "NOT_FOUND", "request_id": "r1", "message": "Ticker not found."})
        wanted = query.get("search", "").lower()
        rows = [
            {"ticker": name, "name": LISTED[symbol][2], "market": "stocks", "locale": "us", "primary_exchange": "XNAS", "active": True}
            | {"type": "ETF" if LISTED[symbol][3] == "ETF" else "CS", "currency_name": "usd"}
            for name, symbol in us.items()
            if wanted in name.lower() or wanted in LISTED[symbol][2].lower()
        ]
        return 200, {**about, "count": len(rows), "results": rows}
    symbol = us.get(parts[3], "")
    rows = []
    if symbol and fault != "empty":
        for day, opened, high, low, close, volume in sim.days(symbol):
            at = int(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)
            rows.append({"v": volume, "vw": close, "o": opened, "c": close, "h": high, "l": low, "t": at, "n": 5})
    if parts[-1] == "prev":
        rows = [{**row, "T": parts[3], "t": row["t"] + 16 * 3_600_000} for row in rows[-1:]]
    answer = {**about, "ticker": parts[3], "queryCount": len(rows), "resultsCount": len(rows), "adjusted": False, "count": len(rows)}
    return 200, answer | ({"results": rows} if rows else {})


@contextmanager
def sources() -> Iterator[Sim]:
    """The sources, serving in a thread of this process."""
    with Sim() as sim:
        thread = threading.Thread(target=sim.serve_forever)
        thread.start()
        try:
            yield sim
        finally:
            sim.released.set()
            sim.shutdown()
            thread.join()


if __name__ == "__main__":
    with sources() as served:
        print(json.dumps({"rest": served.url, "keys": {"alphavantage": AV_KEY, "polygon": POLYGON_KEY}}), flush=True)
        threading.Event().wait()
