"""Orders and fills out of a snapshot are lines until somebody looks, and then what they were, to the last digit."""

import json
from decimal import Decimal

from app.model.orders import Fill, Liquidity, OrderIntent, OrderType, Side, TimeInForce
from app.trading import shelf
from app.trading.order import Order

FILL = Fill("f-1", "kt-1", "BTCUSDT", Side.SELL, Decimal("1.50"), Decimal("84000.10"), Decimal("-0.0000001"), "BNB", Liquidity.MAKER, 7, "USDT")
TERMS = (Side.SELL, OrderType.ICEBERG, TimeInForce.GTD, Decimal(2), Decimal("84000.1"))
INTENT = OrderIntent("kt-1", "a", "desk", 3, "BTCUSDT", *TERMS, display=Decimal("0.5"), expires_ns=9)


def order() -> Order:
    made = Order.of(INTENT, 5)
    made.filled, made.reason, made.sent_ns = Decimal("1.50"), "line\nbreak \u20ac", 6
    return made


def test_a_row_is_the_thing_again():
    for thing in (FILL, INTENT, order()):
        text = shelf.line(thing)
        assert "\n" not in text
        assert shelf.of_row(type(thing), json.loads(text)) == thing
    held = shelf.OrderShelf({"kt-1": shelf.line(order())})
    assert held.line("kt-1") == shelf.line(order()) and [*held.values()] == [order()] and dict.__getitem__(held, "kt-1") == held.line("kt-1")
    assert len(held.values()) == 1 and [*reversed(held.values())] == [order()] and order() in held.values()
    held["kt-1"].code = "changed"
    assert held.get("kt-1").code == "changed" and held.last(5)[0] is held["kt-1"] and dict(held.items())["kt-1"] is held["kt-1"]
    assert held.get("none") is None and "none" not in held and len(held) == 1


def test_fills_are_found_by_name_without_reading_the_others():
    other = shelf.line(FILL).replace("kt-1", "kt-2").replace("f-1", "f-2")
    fills = shelf.FillShelf([shelf.line(FILL), other, "[broken, but nobody asks for it"])
    assert [*fills.having("f-1")] == [*fills.having("kt-1")] == [FILL] and [fill.fill_id for fill in fills.having("kt-2")] == ["f-2"]
    fills.pop()
    fills.append(FILL)
    assert [fill.fill_id for fill in fills] == ["f-1", "f-2", "f-1"] == [fill.fill_id for fill in reversed(fills)][::-1]
    assert fills[-1] is FILL and fills[:1] == [FILL] and fills == [*fills] and fills.lines(0, 1) == [shelf.line(FILL)] != fills
