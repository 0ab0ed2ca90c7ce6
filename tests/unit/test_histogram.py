import random

from app.health.histogram import Histogram, Window


def test_percentiles_are_within_nine_percent_of_the_sorted_samples():
    rng = random.Random(7)
    samples = sorted(rng.lognormvariate(1, 1.5) for _ in range(20_000))
    histogram = Histogram("x")
    for value in samples:
        histogram.record(value)
    for fraction in (0.1, 0.5, 0.9, 0.99, 0.999):
        true = samples[int(fraction * len(samples))]
        assert abs(histogram.percentile(fraction) / true - 1) < 0.1
    assert histogram.max == samples[-1]
    assert histogram.count == len(samples)


def test_absurd_values_are_kept_in_the_outer_buckets():
    histogram = Histogram("x")
    for value in (-5.0, 0.0, 1e12):
        histogram.record(value)
    wire = histogram.to_wire()
    assert wire["count"] == 3 and wire["max"] == 1e12
    assert sum(count for _, count in wire["buckets"]) == 3


def test_empty_and_cleared_report_zero():
    histogram = Histogram("x")
    histogram.record(3)
    histogram.clear()
    assert histogram.to_wire() == {"name": "x", "unit": "ms", "count": 0, "p50": 0.0, "p99": 0.0, "max": 0.0, "buckets": []}


def test_a_window_knows_only_the_last_thirty_seconds():
    window = Window("x")
    assert window.percentile(0.99, 0.0) is None
    for at in range(100):
        window.record(700.0, 1_000.0 + at)  # a slow start
    for second in range(2, 60):
        window.record(4.0, second * 1000.0)
        p99 = window.percentile(0.99, second * 1000.0)
        assert p99 > 600 if second < 25 else p99 < 5 if second >= 31 else True, second
    assert window.percentile(0.99, 95_000.0) is None, "nothing was painted for half a minute: there is no figure"


def test_histograms_add_up():
    one, other, both = Histogram("x"), Histogram("x"), Histogram("x")
    for ms in (1.0, 2.0, 300.0):
        one.record(ms)
        both.record(ms)
    for ms in (0.5, 40.0):
        other.record(ms)
        both.record(ms)
    one.add(other)
    assert one.to_wire() == both.to_wire()
