from __future__ import annotations

from app.market.trades import KEPT, Tape
from tests.unit.market.kit import trade


def test_a_trade_is_kept_once() -> None:
    tape = Tape()
    assert tape.add(trade(1, 10, number="7"))
    assert not tape.add(trade(1, 10, number="7"))
    assert (len(tape.rows), tape.count) == (1, 1)


def test_trades_without_id_are_all_kept() -> None:
    tape = Tape()
    assert tape.add(trade(1, 10))
    assert tape.add(trade(1, 10))
    assert len(tape.rows) == 2


def test_a_late_trade_does_not_move_the_last_price_back() -> None:
    tape = Tape()
    tape.add(trade(5, 50, number="2"))
    tape.add(trade(4, 40, number="1"))
    assert tape.last == trade(5, 50, number="2")
    tape.add(trade(5, 51, number="3"))
    assert tape.last is not None
    assert tape.last.price == 51


def test_the_tape_is_bounded_and_still_knows_recent_ids() -> None:
    tape = Tape()
    for number in range(5 * 2000):
        assert tape.add(trade(number + 1, 10, number=str(number)))
    assert len(tape.rows) == KEPT
    assert not tape.add(trade(1, 10, number=str(4 * 2000 + 1)))
