"""A Chromium of its own process group over a profile on disk, which can be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, BrowserType

from tools.browsers import ALONE, chromium

PATIENCE_S = 60.0


class Chrome:
    """``context`` is the profile's; ``kill`` ends every process of the browser at once, as a power cut would."""

    def __init__(self, kind: BrowserType, profile: Path) -> None:
        self._kind, self._profile = kind, profile
        self._process: subprocess.Popen | None = None
        self._browser: Browser | None = None
        self.context: BrowserContext | None = None

    def start(self) -> BrowserContext:
        """Start the browser over the profile and connect to it."""
        path, arguments = chromium()
        port_file = self._profile / "DevToolsActivePort"
        port_file.unlink(missing_ok=True)
        for name in ("SingletonLock", "SingletonSocket", "SingletonCookie"):  # left by a killed browser
            (self._profile / name).unlink(missing_ok=True)
        command = [
            path or self._kind.executable_path, *arguments, *ALONE, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={self._profile}",
            "--no-default-browser-check", "--hide-crash-restore-bubble", "--window-size=1440,900", "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + PATIENCE_S
        while not (port_file.exists() and len(port_file.read_text().split()) == 2):
            assert self._process.poll() is None, f"the browser ended with {self._process.returncode}"
            assert time.monotonic() < deadline, "the browser did not open its port"
            time.sleep(0.02)
        self._browser = self._kind.connect_over_cdp(f"http://127.0.0.1:{port_file.read_text().split()[0]}")
        self.context = self._browser.contexts[0]
        return self.context

    def kill(self) -> None:
        """SIGKILL to the whole process group."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None
        if self._browser is not None:
            self._browser.close()
            self._browser = None
