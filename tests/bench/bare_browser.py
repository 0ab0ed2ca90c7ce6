"""Chromium with nothing between it and the figures: scripts are run in its page, and that is all.

A driver for tests listens to every frame of every socket; with thousands of frames a second that takes more of the machine than the page does.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from websockets.sync.client import ClientConnection, connect

from tools.browsers import ALONE, chromium

START_S = 30


class BarePage:
    """One page; ``run`` is all that can be done with it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._number = socket, 0

    def go(self, url: str) -> None:
        """Load an address; returns before it is loaded."""
        self._ask("Page.navigate", url=url)

    def run(self, script: str, seconds: float = 120.0) -> Any:
        """The value of an expression, awaited. RuntimeError with its words where it throws."""
        answer = self._ask("Runtime.evaluate", seconds, expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"].get("exception", answer["exceptionDetails"]))[:2000])
        return answer["result"].get("value")

    def until(self, what: str, seconds: float = 30.0) -> None:
        """Wait for an expression to hold. RuntimeError when it does not in time."""
        end = time.monotonic() + seconds
        while not self.run(what):
            if time.monotonic() > end:
                raise RuntimeError(f"waited in vain for {what}")
            time.sleep(0.1)

    def _ask(self, method: str, seconds: float = 30.0, **params: Any) -> dict:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=seconds))
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]


@contextmanager
def bare_page(width: int = 1440, height: int = 900) -> Iterator[BarePage]:
    """A page of a browser of its own, ended afterwards."""
    path, arguments = chromium()
    if path is None:
        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:  # the browser may still write while it ends
        flags = ["--headless", "--remote-debugging-port=0", f"--user-data-dir={home}", f"--window-size={width},{height}"]
        with subprocess.Popen([path, *arguments, *ALONE, *flags, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                with connect(_page_of(Path(home) / "DevToolsActivePort"), proxy=None, max_size=None) as socket:
                    yield BarePage(socket)
            finally:
                process.terminate()


def _page_of(told: Path) -> str:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if told.exists() and (lines := told.read_text().split()):
            with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=10) as answer:
                pages = [row["webSocketDebuggerUrl"] for row in json.load(answer) if row["type"] == "page"]
            if pages:
                return pages[0]
        time.sleep(0.05)
    raise RuntimeError(f"the browser did not start within {START_S} s")
