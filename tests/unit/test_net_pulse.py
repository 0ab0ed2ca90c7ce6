"""Noticing that the desk was away: asleep, throttled, with its clock set; and not when it was only busy."""

from app.net.pulse import BEAT_S, JUMP_S, LATE_S, Pulse
from tests.unit.manual import NS, ManualTime


def beating() -> tuple[ManualTime, Pulse, list[str]]:
    time, heard = ManualTime(), []
    pulse = Pulse(time, time, heard.append)
    pulse.start()
    return time, pulse, heard


def test_an_ordinary_day_is_silent():
    time, _, heard = beating()
    time.advance(86_400)
    assert heard == [] and time.pending() == 1


def test_a_busy_machine_is_not_away_and_a_sleeping_one_is_once():
    time, pulse, heard = beating()
    time.clock.advance(round((BEAT_S + LATE_S - 0.1) * NS))
    time.advance(0.0)
    assert heard == []
    time.clock.advance(3_600 * NS)
    time.advance(0.0)
    time.advance(60.0)
    assert heard == ["the desk was suspended for 3600 s"] and pulse.counts == {"suspended": 1, "clock": 0}


def test_a_frame_before_the_late_beat_finds_it_out_and_the_beat_does_not_tell_it_again():
    time, pulse, heard = beating()
    time.clock.advance(100 * NS)
    pulse.check()
    pulse.check()
    time.advance(60.0)
    assert heard == ["the desk was suspended for 100 s"]


def test_a_clock_that_jumps_either_way_is_told_and_one_that_drifts_is_not():
    time, pulse, heard = beating()
    time.clock.set_wall(time.now_ns() + round((JUMP_S - 0.5) * NS))
    time.advance(10.0)
    assert heard == []
    time.clock.set_wall(time.now_ns() - 3_600 * NS)
    time.advance(10.0)
    time.clock.set_wall(time.now_ns() + 7_200 * NS)
    time.advance(10.0)
    assert [text.split(":")[0] for text in heard] == ["the clock jumped back by 3600 s", "the clock jumped ahead by 7200 s"]
    assert pulse.counts == {"suspended": 0, "clock": 2}


def test_stopped_it_neither_beats_nor_looks():
    time, pulse, heard = beating()
    pulse.stop()
    time.clock.advance(1_000 * NS)
    pulse.check()
    assert heard == [] and time.pending() == 0
