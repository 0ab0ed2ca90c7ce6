"""Orders for an open or a close, held by this desk where the venue has no auction: when they are sent, and when it is too late."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from app.model.orders import OrderStatus, TimeInForce
from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.errors import Denied
from app.trading.sessions import DAY_NS, LATE_NS, LEAD_NS, by_calendar, utc_day, window
from tests.unit.trading.kit import ACCOUNT, Rig

HOUR_NS = 3600 * 10**9


def nyse(_symbol: str, ns: int) -> tuple[int, int]:
    """14:30 to 21:00 UTC every day."""
    day = ns // DAY_NS * DAY_NS
    opens, closes = day + 14 * HOUR_NS + HOUR_NS // 2, day + 21 * HOUR_NS
    return (opens, closes) if ns < closes else (opens + DAY_NS, closes + DAY_NS)


def desk() -> Rig:
    rig = Rig()
    rig.view.session_of = nyse
    rig.time.advance(((10 * HOUR_NS) - rig.time.now_ns() % DAY_NS) % DAY_NS / 1e9)  # 10:00
    rig.book({"99": 5}, {"100": 5})
    return rig


def later(rig: Rig, hours: float) -> None:
    rig.time.advance(hours * 3600)
    rig.book({"99": 5}, {"100": 5})
    rig.follow()


@pytest.mark.parametrize(
    ("hour", "tif", "first", "until"),
    [
        (10, "at_open", 14.5, 14.5 + 300 / 3600),
        (14.5, "at_open", 38.5, 38.5 + 300 / 3600),  # the open is over: the next day's
        (15, "at_close", 21 - 10 / 3600, 21),
        (21, "at_close", 45 - 10 / 3600, 45),
        (20.9999, "at_close", 45 - 10 / 3600, 45),  # within the last seconds: the next
    ],
)
def test_the_window(hour, tif, first, until):
    found = window(TimeInForce(tif), "X", int(hour * HOUR_NS), nyse)
    assert [round(ns / HOUR_NS, 4) for ns in found] == [round(first, 4), round(until, 4)]


def test_without_a_calendar_a_session_is_the_utc_day():
    assert utc_day("X", 5) == (0, DAY_NS)
    assert window(TimeInForce.AT_OPEN, "X", 5, utc_day) == (DAY_NS, DAY_NS + LATE_NS)
    assert window(TimeInForce.AT_CLOSE, "X", 5, utc_day) == (DAY_NS - LEAD_NS, DAY_NS)


class Days:
    """Sessions of one hour at noon on even days, none known after day 9."""

    def session_at(self, ns: int):
        return next((each for each in self._all() if each.open_ns <= ns < each.close_ns), None)

    def next_session(self, ns: int):
        found = next((each for each in self._all() if each.open_ns > ns), None)
        if found is None:
            raise LookupError("the calendar ends on day 9")
        return found

    def _all(self):
        return [SimpleNamespace(open_ns=day * DAY_NS + 12 * HOUR_NS, close_ns=day * DAY_NS + 13 * HOUR_NS) for day in range(0, 10, 2)]


def test_sessions_by_calendar():
    session_of = by_calendar({"X": Days()}.get)
    assert session_of("X", 12 * HOUR_NS) == (12 * HOUR_NS, 13 * HOUR_NS)
    assert session_of("X", 13 * HOUR_NS) == (2 * DAY_NS + 12 * HOUR_NS, 2 * DAY_NS + 13 * HOUR_NS)
    assert session_of("Y", 5) == (0, DAY_NS)
    rig = desk()
    rig.view.session_of = by_calendar(lambda _symbol: Days())
    with pytest.raises(Denied) as caught:
        rig.submit("buy", "market", "1", tif="at_open")
    assert caught.value.code == "no_session" and "ends on day 9" in caught.value.reason


def test_an_at_open_order_is_held_and_sent_at_the_open_as_immediate():
    rig = desk()
    order = rig.submit("buy", "market", "1", tif="at_open")
    assert order.status is OrderStatus.HELD and order.intent.held and not rig.engine.fills
    later(rig, 4.4)
    assert order.status is OrderStatus.HELD
    rig.trade("100", 1, "buy")
    assert order.status is OrderStatus.HELD, "a trade triggers nothing: it waits for the time"
    later(rig, 0.11)
    assert order.status is OrderStatus.FILLED and order.at_venue().tif is TimeInForce.IOC


def test_what_a_limit_on_close_does_not_get_is_cancelled():
    rig = desk()
    order = rig.submit("buy", "limit", "9", "100", tif="at_close")
    later(rig, 10.9)
    assert order.status is OrderStatus.HELD
    later(rig, 0.0998)
    assert order.status is OrderStatus.CANCELLED and order.filled == 5


def test_a_desk_that_was_closed_at_the_time_does_not_send_it_late():
    rig = desk()
    order = rig.submit("buy", "market", "1", tif="at_open")
    rig.time.advance(6 * 3600)
    rig.restart()
    rig.book({"99": 5}, {"100": 5})
    rig.follow()
    order = rig.engine.orders[order.client_order_id]
    assert order.status is OrderStatus.EXPIRED and "open passed while this desk could not send it" in order.reason and not rig.engine.fills
    assert state_hash(Engine.replay(ACCOUNT, rig.time, rig.entries(), rig.view)) == state_hash(rig.engine)


def test_a_desk_that_opens_again_in_time_sends_it():
    rig = desk()
    order = rig.submit("buy", "market", "1", tif="at_open")
    rig.time.advance(4.5 * 3600 + 60)
    rig.restart()
    rig.book({"99": 5}, {"100": 5})
    rig.follow()
    assert rig.engine.orders[order.client_order_id].status is OrderStatus.FILLED


def test_risk_is_asked_again_when_it_is_sent():
    rig = desk()
    order = rig.submit("buy", "market", "1", tif="at_open")
    rig.take(rig.engine.risk.limit("instrument:TOY", "order_qty", "0.5", 1))
    later(rig, 4.51)
    assert order.status is OrderStatus.DENIED and order.code == "risk_order_qty"


def session_hours(rig: Rig) -> None:
    rig.take(rig.engine.risk.limit("desk", "hours", "session", 1))


def test_hours_are_asked_when_it_is_sent_not_while_it_waits():
    rig = desk()
    session_hours(rig)
    with pytest.raises(Denied, match="session of TOY is closed"):
        rig.submit("buy", "market", "1")
    order = rig.submit("buy", "limit", "1", "100", tif="at_open")
    rig.amend(order, qty="2")
    rig.take(rig.engine.risk.limit("instrument:TOY", "hours", "08:00-09:00", 1))
    late = rig.submit("buy", "limit", "1", "100", tif="at_close")
    rig.take(rig.engine.risk.limit("instrument:TOY", "hours", "", 1))
    later(rig, 4.51)
    assert order.status is OrderStatus.FILLED and late.status is OrderStatus.HELD
    rig.take(rig.engine.risk.limit("instrument:TOY", "hours", "08:00-09:00", 1))
    later(rig, 6.489)
    assert late.status is OrderStatus.DENIED and late.code == "risk_hours"


def test_hours_that_are_not_known_deny_and_hold_nothing_else_up():
    rig = desk()
    held = rig.submit("buy", "limit_if_touched", "1", "98", "98.5")
    other = rig.submit("buy", "limit_if_touched", "2", "97", "98.5")
    session_hours(rig)
    rig.view.session_of = by_calendar({"TOY": Days()}.get)
    with pytest.raises(Denied) as caught:
        rig.submit("buy", "market", "1")
    assert caught.value.code == "risk_hours" and "ends on day 9" in caught.value.reason and caught.value.remedy
    rig.trade("98.40", 1, "sell")
    assert [order.status for order in (held, other)] == [OrderStatus.DENIED] * 2 and held.code == "risk_hours"


def test_it_can_be_cancelled_and_amended_while_it_is_held():
    rig = desk()
    order = rig.submit("buy", "limit", "2", "100", tif="at_open")
    rig.amend(order, qty="1")
    assert order.status is OrderStatus.HELD and order.qty == 1
    rig.cancel(order)
    assert order.status is OrderStatus.CANCELLED


def test_a_venue_with_an_auction_gets_the_order_itself():
    rig = desk()
    rig.view.native_tifs = frozenset({"at_open"})
    (event,) = rig.engine.submit({**{"symbol": "TOY", "side": "buy", "type": "market", "tif": "at_open", "qty": "1"}}, "press")
    assert event.intent.tif is TimeInForce.AT_OPEN and not event.intent.held and event.intent.release_ns is None


@pytest.mark.parametrize("more", [{"type": "stop", "stop": "110"}, {"type": "iceberg", "price": "99", "display": "1"}, {"post_only": True, "price": "99"}])
def test_what_cannot_wait_for_a_session_is_refused(more):
    rig = desk()
    kind = more.pop("type", "limit")
    with pytest.raises(Denied) as caught:
        rig.submit("buy", kind, "2", tif="at_close", **more)
    assert caught.value.field == "tif" and caught.value.remedy
