"""Drives a desk the way a trader does, through the test ids that tests/README.md promises."""

from __future__ import annotations

import base64
import itertools
from decimal import Decimal
from typing import Any

from playwright.sync_api import Locator, Page, expect

PASSPHRASE = "correct horse battery staple"
READY_MS = 60_000
BRISK = 4
"""How many times faster than it was the recording is played where a test asks for nothing else: prices move every few milliseconds, and the desk has
most of its core left for what the test does. Those that wait for minutes of the market ask for more."""

# One request to the desk worker, as the page would send it. Ids stand apart from the page's own.
ASK = """([id, request]) => new Promise((resolve, reject) => {
  const patience = setTimeout(() => reject(new Error(`no reply to ${request.do}`)), 30_000);
  const hear = ({ data }) => {
    if (typeof data !== "string" || !data.includes(`"id":${id}`)) return;
    clearTimeout(patience);
    kontor.desk.removeEventListener("message", hear);
    resolve(JSON.parse(data));
  };
  kontor.desk.addEventListener("message", hear);
  kontor.desk.postMessage(JSON.stringify({ ...request, id }));
})"""

# The same with a secret (text) and a file (base64), given away as buffers; a reply's file comes back as base64.
ASK_WITH = """([id, request, secret, file]) => new Promise((resolve, reject) => {
  const patience = setTimeout(() => reject(new Error(`no reply to ${request.do}`)), 90_000);
  const packed = (bytes) => { let text = ""; for (const byte of bytes) text += String.fromCharCode(byte); return btoa(text); };
  const hear = ({ data }) => {
    const text = typeof data === "string" ? data : data?.text;
    if (!text?.includes(`"id":${id}`)) return;
    clearTimeout(patience);
    kontor.desk.removeEventListener("message", hear);
    resolve({ ...JSON.parse(text), file: data.file ? packed(data.file) : null });
  };
  kontor.desk.addEventListener("message", hear);
  const { do: what, ...args } = request;
  const message = { do: what, id, args: JSON.stringify(args) };
  if (secret !== null) message.secret = new TextEncoder().encode(secret);
  if (file !== null) message.file = Uint8Array.from(atob(file), (symbol) => symbol.charCodeAt(0));
  const given = [message.secret, message.file].filter(Boolean).map((bytes) => bytes.buffer);
  kontor.desk.postMessage(message, given);
  if (given.some((buffer) => buffer.byteLength)) reject(new Error("a buffer was not given away"));
})"""

# What the desk worker says from now on, by topic: the newest of each, all orders and fills.
FOLLOW = """() => {
  const seen = (window.seen = { orders: {}, fills: [], latest: {} });
  kontor.desk.addEventListener("message", ({ data }) => {
    if (typeof data !== "string") return;
    const message = JSON.parse(data);
    seen.latest[message.t] = message;
    if (message.account) seen.latest.account = message.account;
    if (message.t === "orders") {
      if (message.reset) { seen.orders = {}; seen.listed = message.rows.length; }
      for (const row of message.rows) seen.orders[row.client_order_id] = row;
    }
    if (message.t === "fills") seen.fills = message.reset ? message.rows : seen.fills.concat(message.rows);
  });
}"""
# Resolves when no price, size or book row of the page has changed for a while; gives how many changes it saw before. How old a price is
# goes on by the second while the market stands, and some text is written again as it was.
STILL = """(quiet) => new Promise((resolve) => {
  let changes = 0;
  const places = document.querySelectorAll('[data-slot="book"], [data-slot="tape"], [data-slot="watchlist"]');
  const aged = ({ target }) => (target.closest ? target : target.parentElement)?.closest(".cell-age");
  const same = ({ type, oldValue, target }) => type === "characterData" && oldValue === target.data;
  const observer = new MutationObserver((records) => {
    if (records.every((record) => aged(record) || same(record))) return;
    changes += 1;
    clearTimeout(timer);
    timer = setTimeout(done, quiet);
  });
  const done = () => { observer.disconnect(); resolve(changes); };
  let timer = setTimeout(done, quiet);
  for (const place of places) observer.observe(place, { subtree: true, childList: true, characterData: true, characterDataOldValue: true });
})"""
# Every best bid on the page: in a market that moves, one of them changes soon, of one instrument alone perhaps not for some seconds.
BIDS = "() => [...document.querySelectorAll('[data-testid=quote-row] [data-testid=bid]')].map((bid) => bid.textContent).join()"
STARTED = "() => (document.documentElement?.dataset.desk ?? 'booting') !== 'booting'"
SHOWN = "(id) => document.querySelector(`[data-testid='${id}']`)?.checkVisibility()"
_ids = itertools.count(10**12)


class Refused(Exception):
    """The desk worker refused a request; the error is as docs/messages.md has it."""

    def __init__(self, error: dict) -> None:
        super().__init__(f"{error['code']}: {error['reason']}")
        self.error = error


class DeskPage:
    """A page with a desk in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.errors: list[str] = []
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, route: str = "", **query) -> None:
        """Load the desk and wait until real quotes stand on the page."""
        text = "&".join(f"{name}={value}" for name, value in query.items())
        self.page.goto(f"{self.url}/{'?' + text if text else ''}{route}")
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait for data-desk=ready."""
        self.page.wait_for_function(STARTED, timeout=READY_MS)  # looks with every frame; a locator, twice a second
        assert self.page.evaluate("() => document.documentElement.dataset.desk") == "ready", self.by("boot-progress").text_content()

    def by(self, test_id: str, **attributes: str) -> Locator:
        """Elements with a test id and data attributes."""
        extra = "".join(f'[data-{name.replace("_", "-")}="{value}"]' for name, value in attributes.items())
        return self.page.locator(f'[data-testid="{test_id}"]{extra}')

    def ask(self, do: str, **arguments: Any) -> dict:
        """Ask the desk worker; raises Refused."""
        reply = self.page.evaluate(ASK, [next(_ids), {"do": do, **arguments}])
        if not reply["ok"]:
            raise Refused(reply["error"])
        return reply["result"]

    def ask_with(self, do: str, secret: str | None = None, file: bytes | None = None, **arguments: Any) -> tuple[dict, bytes]:
        """Ask with a secret and a file; the result and the file that came with it. Raises Refused."""
        packed = None if file is None else base64.b64encode(file).decode()
        reply = self.page.evaluate(ASK_WITH, [next(_ids), {"do": do, **arguments}, secret, packed])
        if not reply["ok"]:
            raise Refused(reply["error"])
        return reply["result"], base64.b64decode(reply["file"] or "")

    def follow(self) -> None:
        """Keep what the desk worker says from now on, for ``seen``."""
        self.page.evaluate(FOLLOW)

    def seen(self) -> dict:
        """Orders by client order id, fills, and the latest message of each topic, since ``follow``."""
        return self.page.evaluate("() => window.seen")

    def pause(self) -> None:
        """Hold the recording still."""
        self.ask("replay.control", action="pause")

    def wait_still(self) -> None:
        """Wait until the last market data of a paused recording is drawn: the worker has answered since, and nothing changed after that."""
        while self.page.evaluate(STILL, 350):
            self.ask("health")

    def play(self) -> None:
        """Let the recording go on."""
        self.ask("replay.control", action="play")

    def quote(self, symbol: str = "BTCUSDT") -> tuple[Decimal, Decimal]:
        """Best bid and ask as the desk worker has them."""
        found = self.ask("quote", symbol=symbol)
        return Decimal(found["bid"]), Decimal(found["ask"])

    def book(self) -> tuple[Decimal, Decimal]:
        """Best bid and ask of the book shown, which orders meet; a quote comes by a stream of its own and may be ahead of it."""
        best = (self.page.locator(f".level.{side}[data-index='0'] .level-price").text_content() for side in ("bid", "ask"))
        bid, ask = (Decimal(text.replace(",", "")) for text in best)
        return bid, ask

    def go(self, route: str) -> None:
        """Change the route, as a link would."""
        self.page.evaluate("(route) => { location.hash = route }", f"#/{route}")

    def fill_ticket(self, side: str = "buy", kind: str = "market", qty: str = "0.01", price: str = "", stop: str = "", tif: str = "") -> None:
        """Write a ticket without sending it."""
        self.by(f"ticket-side-{side}").click()
        self.by("ticket-type").select_option(kind)
        if tif:
            self.by("ticket-tif").select_option(tif)
        self.by("ticket-qty").fill(qty)
        if price:
            self.by("ticket-price").fill(price)
        if stop:
            self.by("ticket-stop").fill(stop)

    def submit(self, **ticket: str) -> None:
        """Write a ticket and send it."""
        self.fill_ticket(**ticket)
        expect(self.by("ticket-submit")).to_be_enabled()
        self.by("ticket-submit").click()

    def orders(self) -> dict[str, str]:
        """Client order id -> status, of every order row."""
        rows = self.by("order-row").evaluate_all("rows => rows.map(row => [row.dataset.clientOrderId, row.dataset.status])")
        return dict(rows)

    def create_vault(self, passphrase: str = PASSPHRASE) -> None:
        """Make a vault and come back to the desk."""
        self.go("vault")
        self.by("vault-passphrase").fill(passphrase)
        self.by("vault-passphrase-repeat").fill(passphrase)
        self.by("vault-create").click()
        self.page.wait_for_function(SHOWN, arg="vault-lock", timeout=20_000)
        self.go("desk")

    def unlock(self, passphrase: str = PASSPHRASE) -> None:
        """Open the vault where the desk asks for it."""
        self.by("vault-passphrase").fill(passphrase)
        self.by("vault-unlock").click()

    def check_console(self) -> None:
        """No error was written to the console."""
        assert self.errors == [], self.errors
