"""Python in a bare worker of a real Chromium, on the site of a real proxy, with a fetch chain of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.e2e import vaultpage
from tests.e2e.peers import Peer
from tests.e2e.serving import SITE, serving

LAB = """
import pyodide_js
from app.net.bridging import bridge
from app.net.fetch import Chain, FetchFailed, Request
from app.net.trace import Trace
from app.platform.browser import browser_platform
from app.platform.browser.blocking import blocking

site = str(js.URL.new("./", js.location.href).href)
platform = browser_platform("lab", site)
chain = Chain(platform.http, platform.sockets, platform.clock, platform.scheduler, site, Trace(lambda: 0.0))
wheels = [f"{site}vendor/pyodide/packages/{name}" for name in given.wheels.to_py()]
if wheels:
    await pyodide_js.loadPackage(js.Array.of(*wheels))
take_back = bridge(blocking(chain.fetch))
try:
    result = None
    {body}
finally:
    take_back()
json.dumps(result)
"""


@contextmanager
def laboratory(browser: Browser, peer: Peer, folder: Path, more: str = "") -> Iterator[vaultpage.VaultPage]:
    """A bare worker on a site whose proxy may reach the peer; ``more`` is added to the rule."""
    site = Path(shutil.copytree(SITE, folder / "site", copy_function=os.link))
    (site / "vault.html").write_bytes(vaultpage._PAGE)
    (site / "page.mjs").write_bytes(vaultpage._PAGE_SCRIPT)
    shutil.copy(vaultpage.HERE / "vault_worker.mjs", site)
    config = folder / "kontor.toml"
    config.write_text(
        f'allow_private = ["127.0.0.1:{peer.port}"]\n[[rules]]\nname = "peer"\nhosts = ["127.0.0.1"]\nscheme = "http"\n'
        f'ports = [{peer.port}]\nmethods = ["GET", "POST"]\n{more}\n'
    )
    with serving(site, peer.url, {"KONTOR_CONFIG": str(config)}) as server:
        context = browser.new_context()
        try:
            yield vaultpage.VaultPage(context.new_page(), server.url, plain=True)  # a restored Python cannot wait within a call
        finally:
            context.close()


def run(lab: vaultpage.VaultPage, body: str, *packages: str, **given: object) -> Any:
    """What ``body`` leaves in `result`; wheels of the bundle whose names start with one of ``packages`` are loaded before."""
    names = sorted(path.name for path in (SITE / "vendor" / "pyodide" / "packages").iterdir())
    wheels = [name for name in names if name.startswith(packages)] if packages else []
    code = LAB.replace("{body}", body.strip().replace("\n", "\n    "))
    return lab.run(code, wheels=wheels, **given)
