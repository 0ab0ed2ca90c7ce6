"""The replay bar offers the speed that the recording has."""

import pytest

from app.ui.replay_speeds import speeds


@pytest.mark.parametrize(("now", "value", "text"), [(1.0, "1", "1×"), (0.0, "0", "Max"), (4.0, "4", "4×"), (0.25, "0.25", "0.25×"), (1000.0, "1000", "1000×")])
def test_the_present_speed_is_offered_in_its_place(now, value, text):
    offered = speeds(now)
    assert (value, text) in offered and f"{now:g}" == value
    assert [float(each) for each, _ in offered[:-1]] == sorted({float(each) for each, _ in offered[:-1]}), "once each, in order"
    assert offered[-1] == ("0", "Max") and len(offered) == (10 if value in ("1", "0") else 11)
