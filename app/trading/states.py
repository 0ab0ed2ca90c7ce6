"""The order state machine: one table, state x event -> state and effect. Every cell has an outcome.

A cell is ``[what][>effect][!]``. What: a status name sets it; `open` sets accepted, partially_filled or filled by the
quantity filled; `fill` applies a fill, then as `open`; `part` applies one to an order whose rest is not known, which stays so
unless the fill completes it; `late` applies a fill to an order thought finished, which stays as it
was unless the fill completes it; `keep` takes note without a change of status; `.` does nothing. Effect: what the desk does
next (`send`, `cancel`, `amend`, `query`). A trailing `!` also records an anomaly: venues do fill after a cancel was
acknowledged, and a journal may have lost a record.

`Order.move` is the only way a status changes, and takes an event: a transition that is not here cannot be written down. A new order starts as
`BIRTH`, `ADOPTION` or `FOUND` says. `send` stands in two places only, the birth of an order that is not held and the release of one that is, so no
order is ever sent a second time.
"""

from __future__ import annotations

from typing import NamedTuple

from app.model import events
from app.model.orders import OrderStatus

COLUMNS: dict[str, type] = {
    "sent": events.OrderSent,
    "accepted": events.OrderAccepted,
    "rejected": events.OrderRejected,
    "triggered": events.OrderTriggered,
    "filled": events.OrderFilled,
    "cancel_req": events.OrderCancelRequested,
    "cancelled": events.OrderCancelled,
    "expired": events.OrderExpired,
    "amend_req": events.OrderAmendRequested,
    "amended": events.OrderAmended,
    "refused": events.OrderChangeRefused,
    "unknown": events.OrderUnknown,
    "released": events.OrderReleased,
    "denied": events.OrderDenied,
}

TABLE_TEXT = """
state            sent    accepted    rejected triggered filled      cancel_req  cancelled expired amend_req  amended refused    unknown       released denied
held             .!      open>query! rejected keep      fill>query! keep        cancelled expired keep       keep    keep       .!            new>send denied
new              pending open!       rejected keep!     fill!       keep>cancel cancelled expired keep>amend keep!   keep>query unknown>query .!       .!
pending          .       open        rejected keep!     fill        keep>cancel cancelled expired keep>amend keep!   keep>query unknown>query .!       .!
accepted         .       keep        rejected keep      fill        keep>cancel cancelled expired keep>amend open    keep>query unknown>query .!       .!
partially_filled .       keep        rejected keep      fill        keep>cancel cancelled expired keep>amend open    keep>query unknown>query .!       .!
filled           .       keep        .!       keep      late!       keep        .!        .!      keep       open!   keep       .!            .!       .!
cancelled        .       keep        .!       .!        late!       keep        .         .!      keep       .!      keep       .!            .!       .!
rejected         .!      open>query! .        .!        fill>query! keep        .!        .!      keep       .!      keep       .!            .!       .!
denied           .!      open>query! .!       .!        fill>query! keep        .!        .!      keep       .!      keep       .!            .!       .
expired          .       keep        .!       .!        late!       keep        .!        .       keep       .!      keep       .!            .!       .!
unknown          .       open        rejected open      part        keep>cancel cancelled expired keep>amend open    keep>query keep>query    .!       .!
"""

ACTIONS = ("open", "fill", "part", "late", "keep", ".")
EFFECTS = ("send", "cancel", "amend", "query")

OUTCOMES: dict[OrderStatus, str] = {
    OrderStatus.HELD: "held",
    OrderStatus.NEW: "in_flight",
    OrderStatus.PENDING: "in_flight",
    OrderStatus.ACCEPTED: "confirmed",
    OrderStatus.PARTIALLY_FILLED: "confirmed",
    OrderStatus.FILLED: "confirmed",
    OrderStatus.CANCELLED: "confirmed",
    OrderStatus.EXPIRED: "confirmed",
    OrderStatus.REJECTED: "rejected",
    OrderStatus.DENIED: "denied",
    OrderStatus.UNKNOWN: "unresolved",
}
"""What is known about an order in each state: see docs/order-outcomes.md."""


class Cell(NamedTuple):
    """What one event does to an order in one state. ``status`` is set where ``action`` is "set"; ``effect`` may be None."""

    action: str
    status: OrderStatus | None
    effect: str | None
    anomaly: bool


BIRTH = {
    False: Cell("set", OrderStatus.NEW, "send", False),
    True: Cell("set", OrderStatus.HELD, None, False),
}
"""What the submission of an intent does, by whether it starts held."""
ADOPTION = Cell("set", OrderStatus.UNKNOWN, None, True)
"""What the first fill of an order does whose intent is missing from the journal."""
FOUND = Cell("set", OrderStatus.ACCEPTED, None, False)
"""What an order starts as that works at the venue and was not sent by this desk: never sent, all of it known."""


def _parse(text: str) -> dict[tuple[OrderStatus, type], Cell]:
    header, *rows = (line.split() for line in text.strip().splitlines())
    table = {}
    for state, *cells in rows:
        for column, cell in zip(header[1:], cells, strict=True):
            word, _, effect = cell.rstrip("!").partition(">")
            if effect and effect not in EFFECTS:
                raise ValueError(f"the state table knows no effect {effect}")
            known = word in ACTIONS
            status = None if known else OrderStatus(word)
            table[OrderStatus(state), COLUMNS[column]] = Cell(word if known else "set", status, effect or None, cell.endswith("!"))
    return table


TABLE = _parse(TABLE_TEXT)
