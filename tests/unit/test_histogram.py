import random

from app.health.histogram import Histogram


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
