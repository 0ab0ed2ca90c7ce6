"""Fills of a recording stand where they were made in it, also when all are told again."""

from app.desk.filltimes import KEPT, FillTimes


def row(name: str) -> dict:
    return {"fill_id": name, "symbol": "A", "ts": 9}


def bars(message: dict) -> list:
    return [row["bar_ns"] for row in message["rows"]]


def test_a_fill_keeps_the_recorded_moment_at_which_it_was_made():
    present = [100]
    times = FillTimes(lambda _symbol: present[0])
    assert bars(times.mark({"t": "fills", "reset": False, "rows": [row("f1")]})) == [100]
    present[0] = 200
    assert bars(times.mark({"t": "fills", "reset": False, "rows": [row("f1"), row("f2")]})) == [100, 200]
    assert bars(times.mark({"t": "fills", "reset": True, "rows": [row("f0"), row("f1")]})) == [None, 100], "one of another run has no place"
    assert times.mark({"t": "orders", "rows": [{}]}) == {"t": "orders", "rows": [{}]}
    for number in range(KEPT + 5):
        times.mark({"t": "fills", "reset": False, "rows": [row(f"g{number}")]})
    assert bars(times.mark({"t": "fills", "reset": True, "rows": [row("f1")]})) == [None]
