"""The tape on the page: held still without losing anything, runs that go on, own fills told from others'."""

from app.ui.tape_rules import OwnFills, TapeLook, TapeRows, own_row

BTC = {"symbol": "BTCUSDT", "base": "BTC", "quote": "USDT"}
ETH = {"symbol": "ETHUSDT", "base": "ETH", "quote": "USDT"}
SECOND = 1_000_000_000


def row(number: int, size: str = "1", count: int = 1, at: int = 0) -> list:
    return [at, "61,837.88", size, "buy", False, count, number]


def test_a_look_is_remembered_for_each_instrument_or_for_a_currency():
    look = TapeLook(side="buy", runs=True).with_amounts(BTC, "0.5", "")
    assert TapeLook.from_kept(look.to_kept()) == look
    assert look.least_and_large(BTC) == ("0.5", "") and look.least_and_large(ETH) == ("", "")
    assert look.request(BTC) == {"side": "buy", "unit": "base", "least": "0.5", "large": None, "runs": True}
    assert (look.count(BTC), look.count(ETH)) == (3, 2)
    quote = TapeLook(unit="quote").with_amounts(BTC, "10,000", "1e6")
    assert quote.request(ETH) == {"side": "", "unit": "quote", "least": "10000", "large": "1e6", "runs": False}
    assert quote.with_amounts(ETH, "", "") == TapeLook(unit="quote")
    assert TapeLook().to_kept() is None
    for nonsense in (None, 3, {"side": "x", "unit": 2, "runs": "yes", "amounts": {"a": "b", "c": [1, 2]}}):
        assert TapeLook.from_kept(nonsense) == TapeLook()


def test_while_held_nothing_is_drawn_and_everything_is_counted():
    tape = TapeRows(3)
    assert tape.take([row(1)]) == [row(1)]
    tape.held = True
    assert tape.take([row(2), row(3)]) == [] and tape.take([row(4)]) == [] and tape.waiting == 3
    assert tape.release() == [row(2), row(3), row(4)] and tape.waiting == 0 and not tape.held


def test_a_run_that_goes_on_takes_its_own_place_and_is_no_new_row():
    tape = TapeRows()
    tape.take([row(1), row(2)])
    tape.held = True
    tape.take([row(2, "3", 2)])
    assert tape.rows == [row(1), row(2, "3", 2)] and tape.waiting == 0


def test_the_print_of_an_own_fill_is_marked_once_whichever_comes_first():
    fill = {"symbol": "BTCUSDT", "price": "61837.88", "qty": "1.0", "ts": 10 * SECOND, "fill_id": "f1", "side": "buy"}
    own = OwnFills()
    assert own.note(fill, [row(1, at=5 * SECOND), row(2, at=11 * SECOND)]) and own.is_own(row(2)) and not own.is_own(row(1))
    assert not own.mark(row(3, at=10 * SECOND), "BTCUSDT"), "one fill is one print"
    assert not own.note({**fill, "fill_id": "f2"}, [row(4, size="2", at=10 * SECOND), row(5, count=2, at=10 * SECOND)])
    assert not own.mark(row(6, at=10 * SECOND), "ETHUSDT")
    assert own.mark(row(7, at=12 * SECOND), "BTCUSDT") and own.is_own(row(7))
    own.reset()
    assert not own.is_own(row(7))
    tape = TapeRows()
    tape.take([row(1), own_row(fill, "61,837.88", "1")])
    assert tape.forget_own() and tape.rows == [row(1)] and not tape.forget_own(), "nothing of a locked account stays"
    assert own_row(fill, "61,837.88", "1")[3:] == ["buy", False, 1, "own f1"]
