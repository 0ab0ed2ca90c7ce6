"""A browser with a profile on the disk, as a trader's has.

A context of Playwright's own is a private window: databases and files are in memory there, so strict writes look cheap, and files are written by way of
another process, so the write-ahead log looks dear.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from playwright.sync_api import BrowserContext, Playwright

from tools.browsers import chromium


@contextmanager
def profile(playwright: Playwright, *arguments: str) -> Iterator[BrowserContext]:
    """A browser of its own at 1440 x 900, with a new profile; both are gone afterwards. ``arguments``: more of them for the browser."""
    path, common = chromium()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # the browser may still write while it ends
        context = playwright.chromium.launch_persistent_context(
            folder, executable_path=path, args=[*common, *arguments], viewport={"width": 1440, "height": 900}
        )
        yield context
        context.close()
