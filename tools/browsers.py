"""The browsers that the tests drive: finds them, installs what is missing.

    python -m tools.browsers chromium [firefox] [webkit]

Chromium is the one that belongs to the installed Playwright, else the system's (KONTOR_CHROMIUM names one). Where nothing is
there, Playwright's own download is tried, then the Debian packages, as root. Firefox and WebKit are the system's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import playwright

DOWNLOAD_TIMEOUT_S = 240
SYSTEM_CHROMIUM = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
DEBIAN = {"chromium": ["chromium"], "firefox": ["firefox-esr"], "webkit": ["webkit2gtk-driver", "xvfb"]}
# Quiet start, and no throttling of a window that nobody looks at: the figures are taken in it.
ARGUMENTS = [
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]

ALONE = ["--disable-features=HeapProfilerReporting"]
"""More of them for a browser that Playwright does not start itself. In one of sixty such browsers Chromium samples its heap, and there pages of the desk have
crashed: it follows frames beyond the end of the second stack that WebAssembly waits on."""


def main() -> int:
    """Make sure of the browsers named on the command line; returns the exit status."""
    missing = [name for name in sys.argv[1:] or ["chromium"] if not ensure(name)]
    for name in missing:
        print(f"{name} is missing. Install it with:  sudo apt-get install {' '.join(DEBIAN[name])}", file=sys.stderr)
    return 1 if missing else 0


def chromium() -> tuple[str | None, list[str]]:
    """Executable (None: the one that Playwright starts by itself) and launch arguments."""
    arguments = list(ARGUMENTS)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses its sandbox to root
    named = os.environ.get("KONTOR_CHROMIUM")
    return named or (None if _own_chromium() else _first(SYSTEM_CHROMIUM)), arguments


def firefox() -> str | None:
    """Firefox's executable, or None."""
    return _first(("firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"))


def webkit() -> tuple[str, str] | None:
    """The WebKitGTK driver and the browser it starts, or None."""
    driver = _first(("WebKitWebDriver",))
    browsers = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    return (driver, str(browsers[-1])) if driver and browsers and _first(("xvfb-run",)) else None


def ensure(name: str) -> bool:
    """Whether the browser is there now, after trying to install it."""
    present: dict[str, Callable[[], bool]] = {
        "chromium": lambda: bool(os.environ.get("KONTOR_CHROMIUM") or _own_chromium() or _first(SYSTEM_CHROMIUM)),
        "firefox": lambda: firefox() is not None,
        "webkit": lambda: webkit() is not None,
    }
    if present[name]():
        return True
    if name == "chromium":
        _download()
    if not present[name]() and shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        _apt(DEBIAN[name])
    return present[name]()


def _first(names: tuple[str, ...]) -> str | None:
    return next((path for name in names if (path := shutil.which(name))), None)


def _own_chromium() -> bool:
    """Whether the build that this Playwright wants was downloaded completely."""
    table = json.loads((Path(playwright.__file__).parent / "driver" / "package" / "browsers.json").read_text())
    revision = next(row["revision"] for row in table["browsers"] if row["name"] == "chromium-headless-shell")
    home = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "ms-playwright"
    home = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or home)
    return (home / f"chromium_headless_shell-{revision}" / "INSTALLATION_COMPLETE").is_file()


def _download() -> None:
    print("  fetching Chromium for Playwright", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]
    try:
        done = subprocess.run(command, timeout=DOWNLOAD_TIMEOUT_S, stdout=sys.stderr, stderr=subprocess.DEVNULL, check=False)
        if done.returncode:
            print("  Playwright could not fetch its Chromium", file=sys.stderr)
    except subprocess.TimeoutExpired:
        print(f"  Playwright's Chromium did not come within {DOWNLOAD_TIMEOUT_S} s", file=sys.stderr)


def _apt(packages: list[str]) -> None:
    print(f"  installing {', '.join(packages)}", file=sys.stderr, flush=True)
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    quiet = {"env": environ, "stdout": subprocess.DEVNULL, "check": False}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)
    done = subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], **quiet)
    if done.returncode:
        print(f"  apt-get ended with {done.returncode}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
