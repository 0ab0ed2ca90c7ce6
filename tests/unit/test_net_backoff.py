"""Delays between attempts, and sliding limits."""

import random

from hypothesis import given
from hypothesis import strategies as st

from app.net.backoff import Backoff
from app.net.pacing import NS, RateWindow


class Draws:
    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


def test_delays_double_up_to_the_cap():
    backoff = Backoff(Draws(1.0), first_s=0.5, cap_s=10)
    assert [backoff.next_delay() for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]


def test_jitter_takes_off_at_most_half():
    assert Backoff(Draws(0.0), first_s=2).next_delay() == 1.0


def test_delays_of_two_desks_differ():
    one, two = Backoff(random.Random(1)), Backoff(random.Random(2))
    assert [one.next_delay() for _ in range(5)] != [two.next_delay() for _ in range(5)]


def test_a_stable_connection_forgives_and_a_short_one_does_not():
    backoff = Backoff(Draws(1.0), first_s=1, stable_s=60)
    backoff.next_delay()
    backoff.next_delay()
    backoff.held(59.9)
    assert backoff.next_delay() == 4
    backoff.held(60)
    assert backoff.next_delay() == 1


def test_a_million_failures_do_not_overflow():
    backoff = Backoff(Draws(1.0), cap_s=30)
    backoff.attempts = 1_000_000
    assert backoff.next_delay() == 30


def test_window_lets_the_limit_pass_and_says_when_room_comes_back():
    window = RateWindow(5, 1.0)
    for at in range(5):
        assert window.delay_s(at * NS // 10) == 0
        window.take(at * NS // 10)
    assert window.delay_s(NS // 2) == 0.5
    assert window.delay_s(NS) == 0
    assert window.used(NS) == 4


def test_window_waits_for_several_entries_when_the_cost_is_high():
    window = RateWindow(100, 60)
    window.take(0, 60)
    window.take(10 * NS, 40)
    assert window.delay_s(20 * NS, 50) == 40
    assert window.delay_s(20 * NS, 70) == 50


def test_a_cost_above_the_limit_waits_for_an_empty_window():
    window = RateWindow(10, 1)
    assert window.delay_s(0, 50) == 0
    window.take(0, 50)
    assert window.delay_s(0, 50) == 1


def test_the_other_sides_count_is_believed_when_it_is_higher():
    window = RateWindow(100, 60)
    window.take(0, 10)
    window.raise_to(0, 90)
    window.raise_to(0, 5)
    assert window.used(0) == 90


@given(st.lists(st.tuples(st.integers(0, 2 * NS), st.integers(1, 10)), max_size=60))
def test_whoever_waits_as_told_never_exceeds_the_limit(steps):
    window, now, taken = RateWindow(10, 1.0), 0, []
    for pause, cost in steps:
        now += pause
        now += round(window.delay_s(now, cost) * NS)
        window.take(now, cost)
        taken.append((now, cost))
        assert sum(amount for when, amount in taken if when > now - NS) <= 10
