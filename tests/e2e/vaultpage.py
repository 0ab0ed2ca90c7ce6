"""Runs Python in a bare worker of a real Chromium: the built site's interpreter and code, without the desk."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from proxy.policy import headers

HERE = Path(__file__).parent
SITE = HERE.parent.parent / "build" / "site"

_PAGE = b"<!doctype html><meta charset=utf-8><title>vault</title><script type=module src=page.mjs></script>"
# The page compiles the runtime and fetches the other parts once and hands them to each worker, as the desk's page does. Many tests start worker
# after worker: each would do it again.
_PAGE_SCRIPT = b"""
const plain = location.search === "?plain";
const handOver = plain ? () => {} : (await import("./app/platform/interpreter.mjs")).handingOver();
const waiting = new Map();
let worker, count = 0;
globalThis.said = [];
globalThis.bytes = (value) => value?.bytes ? Uint8Array.from(value.bytes) : value;
globalThis.begin = () => {
  worker = new Worker("vault_worker.mjs" + location.search, {type: "module"});
  worker.onmessage = ({data: {id, result, error}}) => {
    if (id === "said") { said.push(result); return; }
    const [done, failed] = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) done(result); else failed(new Error(error));
  };
  handOver(worker);
};
globalThis.run = (code, given) => new Promise((done, failed) => {
  waiting.set(++count, [done, failed]);
  const converted = Array.isArray(given) ? given : Object.fromEntries(Object.entries(given).map(([k, v]) => [k, bytes(v)]));
  worker.postMessage({id: count, code, given: converted});
});
globalThis.end = () => { worker.terminate(); waiting.clear(); };
begin();
globalThis.ready = true;
"""


class _Handler(BaseHTTPRequestHandler):
    connect: tuple[str, ...] = ()
    beside: dict[str, Path] = {}

    def do_GET(self) -> None:
        path = self.path.split("?")[0].lstrip("/")
        own = {"vault.html": _PAGE, "page.mjs": _PAGE_SCRIPT, "vault_worker.mjs": (HERE / "vault_worker.mjs").read_bytes()}
        body = own.get(path)
        if path in self.beside:
            body = self.beside[path].read_bytes()
        if body is None and (SITE / path).is_file():
            body = (SITE / path).read_bytes()
        self.send_response(200 if body is not None else 404)
        for name, value in headers(path, self.connect).items():
            self.send_header(name, value)
        kind = {".mjs": "text/javascript", ".wasm": "application/wasm"}.get(Path(path).suffix, guess_type(path)[0])
        self.send_header("content-type", kind or "application/octet-stream")
        self.send_header("content-length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


class VaultPage:
    """A page with one worker, whose Python starts from the snapshot, or ``plain``, the slow way. `run` takes Python source and gives its
    JSON-decoded last value."""

    def __init__(self, page: Page, url: str, plain: bool = False) -> None:
        self.page, self.url = page, url
        page.goto(f"{url}/vault.html{'?plain' if plain else ''}")
        page.wait_for_function("() => globalThis.ready")

    def run(self, code: str, **given: Any) -> Any:
        """Run source in the worker; bytes in `given` arrive as JS Uint8Arrays on the global `given`."""
        wire = {name: {"bytes": list(value)} if isinstance(value, bytes) else value for name, value in given.items()}
        source = (HERE / "vault_in_browser.py").read_text() + "\n" + code
        result = self.page.evaluate("([code, given]) => run(code, given)", [source, wire])
        return json.loads(result) if isinstance(result, str) else result

    def occurrences(self, *needles: bytes) -> list[int]:
        """How often each needle occurs in the interpreter's heap."""
        return self.page.evaluate("([code, given]) => run(code, given)", ["find", [list(needle) for needle in needles]])

    def restart(self) -> None:
        """End the worker at once and start another."""
        self.page.evaluate("() => { end(); begin(); }")


@contextmanager
def vault_page(
    browser: Browser | BrowserContext, connect: tuple[str, ...] = (), beside: dict[str, Path] | None = None
) -> Iterator[VaultPage]:
    """A page on a fresh origin, in a fresh profile in memory or in the profile given, whose worker may reach the origins in ``connect``
    and load the files ``beside`` it by name too."""
    handler = type("Handler", (_Handler,), {"connect": connect, "beside": beside or {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    context = browser.new_context() if isinstance(browser, Browser) else browser
    try:
        yield VaultPage(context.new_page(), f"http://127.0.0.1:{server.server_port}")
    finally:
        context.close()
        server.shutdown()
        server.server_close()
        thread.join()
