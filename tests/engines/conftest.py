"""The other two engines, each with the real server over the built site."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.e2e.serving import ROOT, Server, free_port, serving
from tests.engines.drivers import Driver, Firefox, WebKit
from tools import browsers


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that the test may stop."""
    with serving(ROOT / "build" / "site") as started:
        yield started


@pytest.fixture(scope="session")
def display() -> Iterator[None]:
    """A virtual screen for WebKit, which has no headless mode."""
    if os.environ.get("DISPLAY"):
        yield
        return
    number = 50 + free_port() % 1000
    process = subprocess.Popen(["Xvfb", f":{number}", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not os.path.exists(f"/tmp/.X11-unix/X{number}"):
        assert time.monotonic() < deadline and process.poll() is None, "Xvfb did not start"
    os.environ["DISPLAY"] = f":{number}"
    yield
    del os.environ["DISPLAY"]
    process.terminate()
    process.wait(10)


@pytest.fixture(params=["firefox", "webkit"])
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A fresh browser; on failure a picture is left in test-results."""
    if request.param == "firefox":
        path = browsers.firefox()
        assert path, "Firefox is missing: run `python -m tools.browsers firefox`"
        started: Driver = Firefox(path)
    else:
        request.getfixturevalue("display")
        found = browsers.webkit()
        assert found, "WebKit is missing: run `python -m tools.browsers webkit`"
        started = WebKit(*found)
    yield started
    folder = ROOT / "test-results"
    folder.mkdir(exist_ok=True)
    started.shot(folder / f"{started.name}-last.png")
    started.quit()
