"""Runs the real server over the built site in its own process, on a free port, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(os.environ.get("KONTOR_SITE", ROOT / "build" / "site"))
"""The built site under test."""


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server process; ``stop`` and ``start`` again keep the address, as a network outage does."""

    def __init__(self, site: Path, port: int, connect: str = "", environ: dict[str, str] | None = None) -> None:
        self.site, self.port, self.connect, self.environ = site, port, connect, environ or {}
        self.url = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Serve, and return when it answers."""
        environ = os.environ | {"PORT": str(self.port), "HOST": "127.0.0.1", "KONTOR_SITE": str(self.site), "KONTOR_CONNECT": self.connect, "CI": "true"}
        environ |= self.environ
        self._process = subprocess.Popen([sys.executable, "-m", "proxy"], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=1).close()
                return
            except (urllib.error.URLError, OSError):
                if self._process.poll() is not None:
                    raise RuntimeError(f"the server ended with {self._process.returncode}") from None
        raise RuntimeError("the server did not answer within 20 s")

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


@contextmanager
def serving(site: Path, connect: str = "", environ: dict[str, str] | None = None, port: int = 0) -> Iterator[Server]:
    """A started server, stopped at the end; ``environ`` adds to its environment, such as KONTOR_CONFIG."""
    server = Server(site, port or free_port(), connect, environ)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def binance_emulator(*arguments: str) -> Iterator[dict]:
    """The Binance emulator in its own process; gives {"port", "ws", "rest"}."""
    with saying("tests.venues.binance_emulator", "--port", "0", *arguments) as said:
        yield said


@contextmanager
def venue_emulators(*names: str) -> Iterator[dict]:
    """Emulators of other venues in one process; gives {name: {"port", "ws", "rest"}}."""
    with saying("tests.venues.sims", *names) as said:
        yield said


@contextmanager
def saying(module: str, *arguments: str) -> Iterator[dict]:
    """A module that says what it serves in its first line, in its own process."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
