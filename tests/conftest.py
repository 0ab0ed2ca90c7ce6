"""What holds for every test."""

import os

from hypothesis import HealthCheck, settings

# A test that generates its input is never failed for the time it took: the machine may be busy. Where a change is judged,
# the same input comes every time.
settings.register_profile(
    "kontor", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=os.environ.get("CI") == "true", print_blob=True
)
settings.load_profile("kontor")


def pytest_xdist_auto_num_workers() -> int:
    """For ``-n auto``: twice as many workers as cores, since many tests wait for time and sockets that are real."""
    return 2 * (os.cpu_count() or 1)
