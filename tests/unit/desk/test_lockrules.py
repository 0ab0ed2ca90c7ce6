"""When the vault locks by itself, and how wrong passphrases are slowed: rules over a clock that the test moves."""

from __future__ import annotations

import pytest

from app.desk.errors import Refusal
from app.desk.lockrules import LONGEST_S, SHORTEST_S, SLEEP_S, Attempts, LockRules, LockSettings


class Clock:
    """Wall and monotonic time that move apart when told to."""

    def __init__(self) -> None:
        self.wall, self.mono = 1_700_000_000 * 10**9, 5 * 10**9

    def now_ns(self) -> int:
        return self.wall

    def monotonic_ns(self) -> int:
        return self.mono

    def pass_(self, seconds: float, wall: float | None = None) -> None:
        self.mono += int(seconds * 1e9)
        self.wall += int((seconds if wall is None else wall) * 1e9)


def run(clock: Clock, rules: LockRules, seconds: int, work: bool | None = None) -> str:
    """Second by second; ``work`` None: no tab in sight."""
    for _ in range(seconds):
        clock.pass_(1)
        if why := rules.due() if work is None else rules.sign(work):
            return why
    return ""


def test_work_in_any_tab_keeps_it_open_and_its_end_locks_after_the_idle_time():
    clock = Clock()
    rules = LockRules(clock, LockSettings(idle_s=300, hidden_s=None))
    assert run(clock, rules, 1000, work=True) == ""
    assert run(clock, rules, 299, work=False) == ""
    assert run(clock, rules, 1, work=False) == "idle"


def test_no_tab_in_sight_locks_sooner_than_idleness():
    clock = Clock()
    rules = LockRules(clock, LockSettings(idle_s=900, hidden_s=60))
    assert run(clock, rules, 58) == "" and run(clock, rules, 5, work=False) == ""
    assert run(clock, rules, 59) == "" and run(clock, rules, 1) == "hidden"


@pytest.mark.parametrize("wall", [SLEEP_S, 8 * 3600])
def test_a_gap_is_sleep_even_where_the_monotonic_clock_slept_too(wall: int):
    clock = Clock()
    rules = LockRules(clock)
    run(clock, rules, 10, work=True)
    clock.pass_(0.5, wall=wall)
    assert rules.due() == "sleep"


def test_the_first_touch_after_a_sleep_does_not_count_as_work():
    clock = Clock()
    rules = LockRules(clock, LockSettings(idle_s=600, sleep=False))
    clock.pass_(1, wall=3600)
    assert rules.sign(work=True) == "idle"
    rules = LockRules(clock)
    clock.pass_(1, wall=3600)
    assert rules.sign(work=True) == "sleep"


def test_setting_the_clock_back_does_not_keep_it_open():
    clock = Clock()
    rules = LockRules(clock, LockSettings(idle_s=300, hidden_s=None))
    clock.pass_(1, wall=-7 * 24 * 3600)
    assert run(clock, rules, 298, work=False) == ""
    assert run(clock, rules, 1, work=False) == "idle"


def test_what_is_switched_off_never_locks():
    clock = Clock()
    rules = LockRules(clock, LockSettings(idle_s=None, hidden_s=None, sleep=False))
    clock.pass_(10**6)
    assert rules.due() == "" == rules.sign(work=False)


def test_opening_begins_to_count_anew():
    clock = Clock()
    rules = LockRules(clock)
    clock.pass_(10**6)
    rules.begin()
    assert rules.due() == ""


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"idle_s": SHORTEST_S - 1}, "idle_s"), ({"hidden_s": LONGEST_S + 1}, "hidden_s"), ({"idle_s": "60"}, "idle_s"), ({"idle_s": True}, "idle_s")]
    + [({"idle_s": 60.5}, "idle_s"), ({"sleep": 1}, "sleep"), ({"sleep": None}, "sleep"), ({"other": 1}, "other")],
)
def test_a_bad_setting_is_named_and_changes_nothing(fields: dict, field: str):
    with pytest.raises(Refusal) as refused:
        LockSettings().changed(fields)
    assert refused.value.field == field and refused.value.remedy


def test_settings_survive_a_record_and_a_broken_record_is_an_error():
    wanted = LockSettings().changed({"idle_s": None, "hidden_s": 77, "sleep": False})
    assert LockSettings.from_record(wanted.to_record()) == wanted
    assert LockSettings.from_record(b'{"idle_s":60,"of a later version":1}') == LockSettings(idle_s=60)
    for broken in (b"", b"[]", b"{", b'{"idle_s":"no"}', b"\xff"):
        with pytest.raises(ValueError):
            LockSettings.from_record(broken)


def test_the_first_wrong_passphrases_cost_nothing_then_each_doubles_the_wait():
    clock = Clock()
    attempts = Attempts(clock)
    waits = []
    for _ in range(12):
        attempts.check()
        attempts.wrong()
        waits.append(attempts.wait_s)
        if attempts.wait_s:
            with pytest.raises(Refusal) as refused:
                attempts.check()
            assert refused.value.code == "too_soon"
        clock.pass_(attempts.wait_s)
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    attempts.wrong()
    attempts.right()
    attempts.check()
    assert attempts.failed == 0 and attempts.wait_s == 0


def test_setting_the_wall_clock_does_not_end_the_wait():
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(5):
        attempts.wrong()
    clock.pass_(0, wall=10**6)
    assert attempts.wait_s == 4
