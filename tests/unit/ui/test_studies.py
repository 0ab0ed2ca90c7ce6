"""The indicators on a chart as the page keeps them, and the names of kinds of bars."""

from app.ui.frames import FRAMES
from app.ui.views.bars import Bars, frame_text, has_days, has_seconds, seconds
from app.ui.views.studies import Study, next_id, next_tone, number_text, read_number, remembered, wanted_rows

PERIOD = {"name": "timeperiod", "label": "Period", "kind": "int", "default": 14, "low": 2, "high": 1000, "step": 1, "choices": []}
SOURCE = {"name": "source", "label": "Source", "kind": "choice", "default": "close", "low": 0, "high": 0, "step": 1, "choices": ["close", "open"]}
LINES = [{"name": "plus", "draw": "line", "tone": "up"}, {"name": "state", "draw": "hidden", "tone": ""}, {"name": "minus", "draw": "line", "tone": ""}]
RSI = {"name": "RSI", "pane": "own", "params": [PERIOD, SOURCE], "outputs": [{"name": "rsi", "draw": "line", "tone": ""}]}
DMI = {"name": "DMI", "pane": "overlay", "params": [PERIOD], "outputs": LINES}


def test_the_name_says_what_is_not_usual():
    assert Study("i1", RSI, {}, 0).name == "RSI 14"
    assert Study("i1", RSI, {"timeperiod": 9, "source": "open"}, 0).name == "RSI 9 open"


def test_values_by_bar():
    study = Study("i1", DMI, {}, 2)
    assert study.update([60, 1.0, 0.0, 2.0]) is False, "nothing is known before the series has come"
    study.reset([60, 120], [[None, 1.5], [0.0, 1.0], [2.0, -2.5]])
    assert study.values(120) == [1.5, 1.0, -2.5] and study.values(90) == [None, None, None]
    assert study.texts(120, 1) == ["1.5", "−2.5"]
    assert study.texts(60, 1) == ["–", "2.0"] and study.texts(None, 1) == ["–", "–"]
    assert study.spoken(120, 1) == "DMI 14: plus 1.5, minus −2.5"
    assert study.update([120, 9.0, 1.0, 3.0]) and study.update([180, 4.0, 1.0, None])
    assert study.values(120)[0] == 9.0 and study.values(180) == [4.0, 1.0, None]
    assert study.update([90, 0.0, 0.0, 0.0]) is False, "a bar that came late waits for the series to come anew"
    assert [study.colour(at) for at in (0, 2)] == ["up", "study-5"]


def test_numbers_are_short_and_true():
    assert [number_text(value, None) for value in (None, 0.0, 1234567.8, 1234.5678, 0.12345, -0.00001234)] == [
        "–", "0.00", "1,234,568", "1,234.57", "0.1235", "−1.23e-05",
    ]  # fmt: skip
    assert number_text(61000.5, 2) == "61,000.50"


def test_what_was_typed():
    assert read_number(" 21 ", PERIOD) == (21, "")
    for text in ("", "x", "1", "1001", "2.5", "nan"):
        value, problem = read_number(text, PERIOD)
        assert value is None and problem == "Use a whole number from 2 to 1000."
    assert read_number("1,000", PERIOD) == (1000, "")


def test_what_is_remembered_survives_a_new_version():
    kept = wanted_rows([Study("i1", RSI, {"timeperiod": 9}, 0), Study("i2", DMI, {}, 1)])
    kept[1]["name"] = "GONE"
    kept[0]["params"]["gone"] = 1
    (study,) = remembered([*kept, "nonsense", {"name": "RSI"}], {"RSI": RSI})
    assert (study.id, study.params) == ("i1", {"timeperiod": 9})
    assert remembered(None, {}) == []
    assert next_id([study]) == "i2" and next_tone([study]) == 1


def test_kinds_of_bars():
    assert [seconds(name) for name in ("1s", "4h", "1d", "1w", "1M", "ticks:10")] == [1, 14_400, 86_400, 0, 0, 0]
    assert [name for name in FRAMES if has_days(name)] != [] and has_days("1w") and not has_days("ticks:10")
    assert has_seconds("30s") and has_seconds("value:1000") and not has_seconds("1m") and not has_seconds("1w")
    assert frame_text("ticks:1000") == "1,000 ticks" and frame_text("volume:10") == "volume 10" and frame_text("5m") == "5m"
    bars = Bars()
    bars.reset([[60, 1, 1, 1, 1, 1], [300, 1, 1, 1, 1, 1]], [[100, 200, "lost"]], "1w")
    assert bars.slots() == [] and bars.gap_at(150) == "lost"
