"""The state machine, cell by cell: docs/order-outcomes.md is the specification, the engine is what is driven."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from app.model import events
from app.model.orders import Fill, Liquidity, OrderIntent, OrderStatus, OrderType, Side, TimeInForce
from app.trading import states
from app.trading.effects import QueryOrder, SendAmend, SendCancel, SendOrder
from app.trading.engine import Engine
from tests.unit.manual import ManualTime
from tests.unit.trading.kit import ACCOUNT

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "order-outcomes.md"
SPECIFIED = DOCUMENT.read_text().split("```")[1].strip()
CID = "kt-x"
QTY = Decimal(4)
KINDS = {SendOrder: "send", SendCancel: "cancel", SendAmend: "amend", QueryOrder: "query"}
INTENT = OrderIntent(CID, ACCOUNT, "desk", 1, "TOY", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, QTY, Decimal(100))
HELD = replace(INTENT, type=OrderType.LIMIT_IF_TOUCHED, stop=Decimal(101), held=True)


def fill(qty: int, number: str) -> events.OrderFilled:
    return events.OrderFilled(9, Fill(number, CID, "TOY", Side.BUY, Decimal(qty), Decimal(100), Decimal(0), "USDT", Liquidity.TAKER, 9))


EVENTS = {
    "sent": events.OrderSent(9, CID),
    "accepted": events.OrderAccepted(9, CID, "v"),
    "rejected": events.OrderRejected(9, CID, "code", "reason"),
    "triggered": events.OrderTriggered(9, CID, Decimal(101)),
    "filled": fill(1, "one"),
    "cancel_req": events.OrderCancelRequested(9, CID),
    "cancelled": events.OrderCancelled(9, CID, "reason"),
    "expired": events.OrderExpired(9, CID, "reason"),
    "amend_req": events.OrderAmendRequested(9, CID, QTY, None, None),
    "amended": events.OrderAmended(9, CID, QTY, Decimal(99), None),
    "refused": events.OrderChangeRefused(9, CID, "cancel", "code", "reason"),
    "unknown": events.OrderUnknown(9, CID, "evidence"),
    "released": events.OrderReleased(9, CID, QTY),
    "denied": events.OrderDenied(9, CID, "code", "reason"),
}
WAYS = {
    "held": (),
    "new": (),
    "pending": ("sent",),
    "accepted": ("sent", "accepted"),
    "partially_filled": ("sent", "accepted", fill(1, "first")),
    "filled": ("sent", "accepted", fill(4, "first")),
    "cancelled": ("sent", "accepted", "cancelled"),
    "rejected": ("sent", "rejected"),
    "denied": ("denied",),
    "expired": ("sent", "accepted", "expired"),
    "unknown": ("sent", "unknown"),
}


def cells() -> list[tuple[str, str, str]]:
    header, *rows = (line.split() for line in SPECIFIED.splitlines())
    return [(row[0], column, cell) for row in rows for column, cell in zip(header[1:], row[1:], strict=True)]


def engine_at(state: str) -> Engine:
    engine = Engine(ACCOUNT, ManualTime())
    engine.apply(events.AccountOpened(1, ACCOUNT, "USDT", Decimal(1000)))
    engine.apply(events.OrderSubmitted(1, HELD if state in ("held", "denied") else INTENT))
    for step in WAYS[state]:
        engine.apply(EVENTS[step] if isinstance(step, str) else step)
    assert engine.orders[CID].status == state and engine.anomalies == []
    return engine


def opened(order) -> str:
    return "filled" if order.filled >= order.qty else "partially_filled" if order.filled else "accepted"


def test_the_document_names_every_state_and_event():
    assert {(state, event) for state, event, _ in cells()} == {(status.value, name) for status in OrderStatus for name in EVENTS}
    assert set(EVENTS) == set(states.COLUMNS) and {type(event) for event in EVENTS.values()} == set(states.COLUMNS.values())
    assert set(states.OUTCOMES) == set(OrderStatus)


@pytest.mark.parametrize(("state", "name", "cell"), cells(), ids=lambda value: value)
def test_every_cell_does_what_the_document_says(state, name, cell):
    engine = engine_at(state)
    order = engine.orders[CID]
    filled = order.filled
    effects = engine.apply(EVENTS[name])
    action, _, effect = cell.rstrip("!").partition(">")
    expected = {".": state, "keep": state, "late": state, "part": state, "open": opened(order), "fill": opened(order)}.get(action, action)
    if action == "rejected" and filled:
        expected = "cancelled"
    assert order.status == expected
    assert [KINDS[type(item)] for item in effects if type(item) in KINDS] == ([effect] if effect else [])
    assert bool(engine.anomalies) is cell.endswith("!")
    assert order.filled == filled + (name == "filled" and action in ("fill", "part", "late"))
    assert (CID in engine.working) == order.is_working
    assert order.late_fill is (action == "late")


def test_a_late_fill_that_completes_an_order_makes_it_filled():
    engine = engine_at("cancelled")
    engine.apply(fill(4, "late"))
    assert engine.orders[CID].status is OrderStatus.FILLED


def test_no_order_of_events_sends_an_order_twice():
    for state in ("new", "held"):
        for steps in itertools.product(EVENTS, repeat=3):
            engine = Engine(ACCOUNT, ManualTime())
            effects = engine.apply(events.OrderSubmitted(1, HELD if state == "held" else INTENT))
            for step in (*steps, "released", "released"):
                effects += engine.apply(EVENTS[step])
            effects += engine.apply(events.OrderSubmitted(1, INTENT))
            sent = [effect for effect in effects if isinstance(effect, SendOrder)]
            assert len(sent) <= 1, steps
            if state == "held" and sent:
                assert sent[0].intent.type is OrderType.LIMIT and sent[0].intent.client_order_id == CID


def test_a_status_cannot_be_set_by_hand():
    order = engine_at("accepted").orders[CID]
    with pytest.raises(AttributeError):
        order.status = OrderStatus.NEW


def test_only_a_final_state_that_a_venue_contradicts_is_left_again():
    for (status, _), cell in states.TABLE.items():
        if status.is_final and (cell.action in ("set", "open", "fill", "late")):
            assert cell.anomaly
        assert cell.effect != "send" or (status is OrderStatus.HELD and cell.status is OrderStatus.NEW)
        assert cell.status is not OrderStatus.HELD
