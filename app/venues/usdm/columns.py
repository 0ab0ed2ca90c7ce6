"""What Binance USD-M's messages look like; the events made of them are those of the spot venue's columns."""

from __future__ import annotations

from collections.abc import Sequence

from app.model.instrument import Instrument
from app.platform.columns import Layout, Layouts

from ..binance.columns import ANY, TIME
from ..binance.columns import layouts as layouts_of_binance
from ..columns import PAIR

QUOTE = Layout(
    '{"stream":"<row:1>@bookTicker","data":{"e":"bookTicker","u":<skip>,"s":"<row:0>","b":"<units:0>","B":"<units:1>","a":"<units:0>","A":"<units:1>",'
    '"T":<skip>,"E":<skip>}}',
    ((0, 2, 1, ANY),),
)
TRADE = Layout(
    '{"stream":"<row:1>@aggTrade","data":{"e":"aggTrade","E":<skip>,"s":"<row:0>","a":<int>,"p":"<units:0>","q":"<units:1>","f":<skip>,"l":<skip>,'
    f'"T":{TIME},"m":<flag>}}}}'
)
DEPTH = Layout(
    f'{{"stream":"<row:1>@depth@100ms","data":{{"e":"depthUpdate","E":{TIME},"T":<skip>,"s":"<row:0>","U":<int>,"u":<int>,"pu":<int>,'
    '"b":<list:0>,"a":<list:0>}}',
    ((3, 1, 1, ANY), (1, 2, 0, ANY)),
    (PAIR,),
)


def layouts(instruments: Sequence[Instrument], many: bool = False) -> Layouts:
    """What the streams look like, a row for each instrument."""
    return layouts_of_binance(instruments, many, (QUOTE, TRADE, DEPTH))
