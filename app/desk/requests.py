"""What the page may ask: one function a request, all listed in REQUESTS. Arguments are as in docs/messages.md."""

from __future__ import annotations

from typing import Any

from app.market.frames import BadFrame
from app.model.units import BadNumber, parse_decimal

from . import booking, display
from .charts import DESK
from .errors import Refusal
from .historyrequests import HISTORY_REQUESTS
from .journalrequests import JOURNAL_REQUESTS
from .netrequests import NETWORK_REQUESTS
from .orderrequests import ORDER_REQUESTS, symbol_of, text_of, trade_of
from .publisher import BEATS
from .realrequests import REAL_REQUESTS
from .riskside import RISK_REQUESTS
from .sourcerequests import SOURCE_REQUESTS
from .statements import statement
from .tape import TapeFilter
from .vaultfiles import VAULT_FILE_REQUESTS
from .vaultrequests import VAULT_REQUESTS

PAPER_FIELDS = ("latency_ms", "jitter_ms", "maker_fee_bps", "taker_fee_bps", "venue_fees")


def watch(desk: Any, request: dict) -> None:
    """Quotes of these symbols only, with the columns chosen."""
    desk.publisher.watch([str(symbol) for symbol in request.get("symbols", ())], request.get("columns") or (), request.get("spark") or "hour")
    desk.publisher.flush()


def rank(desk: Any, request: dict) -> dict:
    """Instruments by a column of the watchlist."""
    symbols = request.get("symbols")
    known = [symbol for symbol in symbols if isinstance(symbol, str) and desk.market.knows(symbol)] if isinstance(symbols, list) else list(desk.market.symbols)
    return {"symbols": desk.publisher.summarising().rank(str(request.get("column")), bool(request.get("falling")), known)}


def attend(desk: Any, request: dict) -> None:
    """How much the trader attends to the page decides how often it is told."""
    attention = request.get("attention")
    if attention not in BEATS:
        raise Refusal("bad_attention", f"there is no attention {attention!r}", f"use one of {', '.join(BEATS)}", "attention")
    desk.publisher.attend(attention)
    desk.locking.attend(attention)


def focus(desk: Any, request: dict) -> None:
    """Book, tape and bars follow this instrument."""
    symbol, timeframe = _bars(desk, request)
    desk.publisher.set_focus(symbol, timeframe)
    desk.publisher.flush()
    desk.fill_from_history()


def chart_open(desk: Any, request: dict) -> None:
    """Bars for one more chart, or other ones for a chart that is open."""
    symbol, timeframe = _bars(desk, request)
    desk.publisher.charts.open(text_of(request, "chart"), symbol, timeframe)
    desk.fill_from_history()


def chart_close(desk: Any, request: dict) -> None:
    """Nobody looks at a chart any more."""
    desk.publisher.charts.close(text_of(request, "chart"))


def heat_open(desk: Any, request: dict) -> dict:
    """The book of one instrument over time."""
    return desk.publisher.heat.open(symbol_of(desk, request))


def heat_close(desk: Any, _request: dict) -> None:
    """Nobody looks at it any more."""
    desk.publisher.heat.close()


def indicators_list(_desk: Any, _request: dict) -> dict:
    """Every indicator with its parameters."""
    from .studies import rows_of_catalogue

    return {"rows": rows_of_catalogue()}


def indicators_set(desk: Any, request: dict) -> dict:
    """Show these indicators on a chart; where none is named, on the one in focus."""
    rows, chart = request.get("rows"), request.get("chart")
    if not isinstance(rows, list):
        raise Refusal("bad_request", "rows has to be a list", "reload the page", "rows")
    return {"rows": desk.publisher.charts.get(DESK if chart is None else text_of(request, "chart")).choose(rows)}


def quote(desk: Any, request: dict) -> dict:
    """The newest quote of one instrument, as exact text."""
    symbol = symbol_of(desk, request)
    item, found = desk.market.instrument(symbol), desk.market.quote(symbol)
    if found is None:
        return {"symbol": symbol, "bid": None, "ask": None}
    return {"symbol": symbol, "bid": str(item.price(found.bid)), "ask": str(item.price(found.ask)), "ts": found.ts}


def tape_filter(desk: Any, request: dict) -> None:
    """What the tape shows of the trades."""
    desk.publisher.choose_tape(TapeFilter.read(request))


def depth(desk: Any, request: dict) -> dict:
    """How much of one book lies how near to its middle, and what a size would cost."""
    symbol, text = symbol_of(desk, request), request.get("size")
    book = desk.market.book(symbol)
    answer = {"symbol": symbol, "state": book.state, "rows": display.bands(book), "curve": display.curve(book)}
    if text:
        try:
            size = parse_decimal(text)
            if size <= 0:
                raise BadNumber("not above zero")
            answer["cost"] = display.costs(book, size)
        except BadNumber as error:
            raise Refusal("bad_size", f"the size cannot be used: {error}", "type a quantity such as 1.5", "size") from error
    return answer


async def cash_book(desk: Any, request: dict) -> dict:
    """Cash that no fill moves (a transfer, dividend, interest, financing or fee), or a split."""
    return await booking.book(trade_of(desk, request), {name: request.get(name) for name in booking.FIELDS})


async def journal_export(desk: Any, _request: dict) -> dict:
    """The whole journal as text, not encrypted."""
    return {"text": await desk.trade.export()}


async def journal_fill(desk: Any, request: dict) -> dict:
    """From a fill back to its order, the entry that let it in, and the limits in force."""
    return {"lines": await desk.trade.cause(text_of(request, "fill_id"))}


def account_choose(desk: Any, request: dict) -> dict:
    """Show another account of this desk; orders are for it from now on."""
    desk.accounts.choose(request.get("account"))
    return desk.accounts.message()


async def replay_control(desk: Any, request: dict) -> dict:
    """Play, pause, step, seek, speed, loop."""
    if desk.venue.name != "replay":
        raise Refusal("no_replay", "this venue is live and cannot be replayed", "open the desk with ?venue=replay")
    try:
        result = desk.venue.control(request.get("action"), request.get("value"))
        if result is not None and hasattr(result, "__await__"):
            await result
    except ValueError as error:
        raise Refusal("bad_control", str(error), "see the replay bar", "value") from error
    desk.send_venue()
    return {"replay": desk.venue.status()}


async def paper_settings(desk: Any, request: dict) -> dict:
    """Read or change the paper venue's latency and fees."""
    fields = {key: request[key] for key in PAPER_FIELDS if request.get(key) is not None}
    if fields:
        desk.accounts.paper.change_paper_settings(fields)
        await desk.keeping.keep_settings()
    return desk.accounts.paper.paper_settings()


def health(desk: Any, _request: dict) -> dict:
    """Everything the health page shows."""
    return desk.health.report()


def health_page(desk: Any, request: dict) -> None:
    """The page's own histograms, for the export."""
    desk.health.page_histograms = list(request.get("histograms", ()))


async def health_probe(desk: Any, request: dict) -> dict:
    """Read up to 500 journal records back from the vault, one by one, into the store_read histogram."""
    return await desk.keeping.probe(min(500, max(1, int(request.get("reads") or 1))))


async def tab_offer(desk: Any, _request: dict) -> dict:
    """Ask a tab that follows to take over; it then asks this one to hand over."""
    if desk.followers is None or not desk.followers.ask_to_take_over():
        raise Refusal("nobody_follows", "no other tab follows this one", "open the desk in another tab first")
    return {}


def exposure(desk: Any, request: dict) -> dict:
    """Exposure of the account, grouped by anything."""
    return desk.portfolio.exposure(request.get("by"))


def equity_curve(desk: Any, request: dict) -> dict:
    """The equity over time."""
    return desk.portfolio.curve_view(request.get("span"))


REQUESTS = {
    "tab.offer": tab_offer,
    "attend": attend,
    "watch": watch,
    "rank": rank,
    "focus": focus,
    "chart.open": chart_open,
    "chart.close": chart_close,
    "heat.open": heat_open,
    "heat.close": heat_close,
    "indicators.list": indicators_list,
    "indicators.set": indicators_set,
    "quote": quote,
    "tape.filter": tape_filter,
    "depth": depth,
    "cash.book": cash_book,
    "journal.export": journal_export,
    "journal.fill": journal_fill,
    "statement": statement,
    "portfolio.exposure": exposure,
    "equity.curve": equity_curve,
    "account.choose": account_choose,
    "replay.control": replay_control,
    "paper.settings": paper_settings,
    "health": health,
    "health.page": health_page,
    "health.probe": health_probe,
    **ORDER_REQUESTS,
    **HISTORY_REQUESTS,
    **JOURNAL_REQUESTS,
    **VAULT_FILE_REQUESTS,
    **NETWORK_REQUESTS,
    **VAULT_REQUESTS,
    **RISK_REQUESTS,
    **REAL_REQUESTS,
    **SOURCE_REQUESTS,
}


def _bars(desk: Any, request: dict) -> tuple[str, str]:
    """Instrument and time frame, both known."""
    symbol, timeframe = symbol_of(desk, request), str(request.get("timeframe", "1s"))
    try:
        desk.market.bars(symbol, timeframe)
    except BadFrame as error:
        reason, _, remedy = str(error).partition("; ")
        raise Refusal("bad_timeframe", reason, remedy, "timeframe") from error
    return symbol, timeframe
