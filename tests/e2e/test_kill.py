"""Killing the tab or the whole browser at random moments while orders are under way, with an open vault.

After each death the desk is opened again on the same profile. What had been acknowledged is there, no order is there twice,
no fill is doubled, cash is to the last digit what the fills say, and what was unanswered is resolved by asking the venue. On paper, and
on an account of the emulated exchange, which knows by itself what was placed, cancelled, made smaller and filled: the desk has to say the same.

    KONTOR_KILLS=200 KONTOR_SEED=7 pytest tests/e2e/test_kill.py -s
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, TimeoutError, expect

from app.venues.binance.replacing import new_id
from tests.e2e.chrome import Chrome
from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.serving import SITE, Server, binance_emulator, serving
from tests.e2e.test_real import Exchange
from tests.venues.exec_sdks import KEY, SECRET

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.flaky(reruns=0)]  # what is lost once is lost: no second try

KILLS = int(os.environ.get("KONTOR_KILLS", "4"))  # the fourth takes the whole browser
REAL_KILLS = int(os.environ.get("KONTOR_KILLS", "2"))
SEED = int(os.environ.get("KONTOR_SEED", "0")) or random.randrange(1, 10**6)
FINAL = {"filled", "cancelled", "rejected", "expired"}
CASH = Decimal(100_000)

# Sends orders one after another without waiting, cancels some, and says aloud what was acknowledged and filled.
TRADE = """([symbol, bid, seed]) => {
  let state = seed;
  const chance = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  const tell = (what) => console.log("kontor-kill " + JSON.stringify(what));
  const sent = new Map();
  let id = 5e12, round = 0;
  kontor.desk.addEventListener("message", ({ data }) => {
    if (typeof data !== "string") return;
    const message = JSON.parse(data);
    if (message.t === "fills" && !message.reset) for (const row of message.rows) tell({ fill: row });
    if (message.t === "orders" && !message.reset) for (const row of message.rows) tell({ order: row.client_order_id, status: row.status });
    if (message.t !== "reply" || !sent.has(message.id)) return;
    if (!message.ok) return tell({ refused: message.error });
    tell({ acknowledged: message.result.client_order_id, status: message.result.status, token: sent.get(message.id) });
    if (message.result.status === "accepted" && chance() < 0.5)
      kontor.desk.postMessage(JSON.stringify({ do: "order.cancel", id: 0, client_order_id: message.result.client_order_id }));
  });
  const go = () => {
    const buy = chance() < 0.5, market = chance() < 0.6, token = `kill-${seed}-${round++}`;
    const price = market ? null : (bid + (buy ? -1 : 1) * Math.round(chance() * 40)).toFixed(0);
    const qty = (0.001 * (1 + Math.round(chance() * 3))).toFixed(3);
    const order = { symbol, side: buy ? "buy" : "sell", type: market ? "market" : "limit", tif: market ? "ioc" : "gtc", qty, price,
      stop: null, post_only: false, reduce_only: false };
    sent.set(++id, token);
    tell({ sending: token });
    kontor.desk.postMessage(JSON.stringify({ do: "order.submit", id, token, ...order }));
    if (round < 8) setTimeout(go, chance() * 25);
  };
  go();
}"""


# The same at a real account: limits that rest and market orders, some cancelled, some made smaller or given another price as soon as they are accepted.
TRADE_REAL = TRADE.replace(
    "postMessage(JSON.stringify({ do: \"order.cancel\", id: 0, client_order_id: message.result.client_order_id }));",
    """postMessage(JSON.stringify(chance() < 0.5
        ? { do: "order.cancel", id: 0, client_order_id: message.result.client_order_id }
        : { do: "order.amend", id: 0, client_order_id: message.result.client_order_id, ...changed(), stop: null }));""",
)
TRADE_REAL = TRADE_REAL.replace(
    "const go = () =>",
    """const changed = () => chance() < 0.5 ? { qty: "0.001", price: null } : { qty: null, price: (bid + Math.round(chance() * 80) - 40).toFixed(0) };
  const go = () =>""",
)
assert "changed()" in TRADE_REAL and "changed =" in TRADE_REAL

# After the vault has opened: nothing is on its way to the venue any more. A death before the first order leaves none.
ANSWERED = """() => {
  const orders = Object.values(window.seen.orders);
  return window.seen.latest.vault?.state === "unlocked" && !orders.some(({ status }) => ["new", "pending", "unknown"].includes(status));
}"""


ENDED_ROW = """({ status }) => ["filled", "cancelled", "rejected", "denied", "expired"].includes(status)"""
ENDED = f"() => Object.values(window.seen.orders).every({ENDED_ROW})"


class Witness:
    """What was seen of the desk before it died; survives every death."""

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.acknowledged: dict[str, str] = {}
        self.fills: dict[str, dict] = {}
        self.final: dict[str, str] = {}
        self.refused: list[dict] = []

    @property
    def under_way(self) -> bool:
        """Whether the desk died in the middle of trading, not before."""
        return len(self.acknowledged) >= KILLS and bool(self.fills)

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self._hear(message.text))

    def _hear(self, text: str) -> None:
        if not text.startswith("kontor-kill "):
            return
        told = json.loads(text.removeprefix("kontor-kill "))
        if "refused" in told:
            self.refused.append(told["refused"])
        elif "sending" in told:
            self.sent.add(told["sending"])
        elif "fill" in told:
            self.fills[told["fill"]["fill_id"]] = told["fill"]
        elif "acknowledged" in told:
            self.acknowledged[told["acknowledged"]] = told["token"]
        if told.get("status") in FINAL:
            self.final[told.get("order") or told["acknowledged"]] = told["status"]


def open_desk(page: Page, server: Server) -> DeskPage:
    """A desk that is ready, listened to from its first order message on."""
    desk = DeskPage(page, server.url)
    desk.open(speed=BRISK)
    desk.follow()
    return desk


def check(seen: dict, witness: Witness, where: str) -> None:
    """Nothing lost, nothing doubled, every number to its last digit."""
    orders, fills, account = seen["orders"], seen["fills"], seen["latest"]["account"]
    missing = witness.acknowledged.keys() - orders.keys()
    assert not missing, f"{where}: acknowledged and lost: {missing}"
    assert seen["listed"] == len(orders), f"{where}: a client order id stands twice"
    assert len(orders) <= len(witness.sent), f"{where}: {len(orders)} orders from {len(witness.sent)} presses"
    doubled = [name for name, count in Counter(row["fill_id"] for row in fills).items() if count > 1]
    assert not doubled, f"{where}: doubled fills {doubled}"
    lost = witness.fills.keys() - {row["fill_id"] for row in fills}
    assert not lost, f"{where}: fills seen and lost: {lost}"
    for row in fills:
        # Where on the recording's own time line a fill stands is known only in the run that made it.
        assert {**witness.fills.get(row["fill_id"], row), "bar_ns": None} == {**row, "bar_ns": None}, f"{where}: a fill changed"
    changed = {name: (status, orders[name]["status"]) for name, status in witness.final.items() if orders[name]["status"] != status}
    assert not changed, f"{where}: finished orders changed: {changed}"

    filled: Counter[str] = Counter()
    cash, position = CASH, Decimal(0)
    for row in fills:
        side = 1 if row["side"] == "buy" else -1
        qty = Decimal(row["qty"])
        filled[row["client_order_id"]] += qty
        position += side * qty
        cash -= side * qty * Decimal(row["price"]) + Decimal(row["fee"])
    for name, row in orders.items():
        assert Decimal(row["filled"]) == filled[name] <= Decimal(row["qty"]), f"{where}: {name} says {row['filled']}, its fills {filled[name]}"
        assert (row["status"] == "filled") == (filled[name] == Decimal(row["qty"])), f"{where}: {name} is {row['status']} with {filled[name]}"
    assert {row["currency"]: exact(row["amount"]) for row in account["ledgers"]} == {"USDT": cash}, f"{where}: cash"
    assert sum(exact(row["qty"]) for row in account["positions"]) == position, f"{where}: position"


def exact(shown: str) -> Decimal:
    """The number in display text."""
    return Decimal(shown.replace(",", "").replace("\u2212", "-"))


@pytest.mark.timeout(180 + 60 * KILLS)
def test_kills_at_random_moments_lose_nothing_and_double_nothing(browser: Browser, server: Server, tmp_path: Path):
    print(f"KONTOR_SEED={SEED} KONTOR_KILLS={KILLS}")
    draw = random.Random(SEED)
    chrome, witness = Chrome(browser.browser_type, tmp_path / "profile"), Witness()
    (tmp_path / "profile").mkdir()
    try:
        page = chrome.start().pages[0]
        desk = open_desk(page, server)
        desk.create_vault()
        desk.ask("paper.settings", latency_ms="5", jitter_ms="20")
        kill = 0
        while kill < KILLS or (not witness.under_way and kill < 5 * KILLS):  # a busy machine may die each time before the first answer
            page, where = killed(chrome, desk, witness, draw, kill, TRADE, 250)
            desk = open_desk(page, server)
            desk.unlock()
            page.wait_for_function(ANSWERED, timeout=30_000)
            settled(desk)
            check(desk.seen(), witness, where)
            desk.check_console()
            witness.final |= {name: row["status"] for name, row in desk.seen()["orders"].items() if row["status"] in FINAL}
            kill += 1
    finally:
        chrome.kill()
    unanswered = len(witness.sent) - len(witness.acknowledged)
    print(f"{kill} kills, {len(witness.sent)} orders sent, {unanswered} unanswered at a death, {len(witness.fills)} fills seen before one")
    assert witness.refused == []
    assert witness.under_way, "the orders were really under way"


def open_real(page: Page, url: str, said: dict) -> DeskPage:
    """A desk on the exchange's account, with market data."""
    desk = DeskPage(page, url)
    where = {"binance_ws": said["ws"], "binance_rest": said["rest"], "binance_trade": said["api"]}
    desk.open(venue="binance", account="binance", binance_symbols="BTCUSDT", **where)
    desk.follow()
    expect(desk.by("connection-status")).to_contain_text("live", timeout=30_000, ignore_case=True)
    return desk


def reconciled(desk: DeskPage) -> None:
    """Nothing owed any more, and every difference gone."""
    desk.page.wait_for_function("() => window.seen.latest.execution?.state === 'ready'", timeout=60_000)
    desk.page.wait_for_function(ANSWERED, timeout=60_000)


def after(theirs: dict[str, dict], row: dict) -> str:
    """The name of the order that replaced another, or of what was left of it; "" where there is none."""
    name = row["replacedBy"] or new_id(row["clientOrderId"], row["orderId"])
    return name if name in theirs else ""


def whole(theirs: dict[str, dict], row: dict) -> tuple[dict, Decimal]:
    """The order that another became, and what was executed before it."""
    before = Decimal(0)
    while name := after(theirs, row):
        before += Decimal(row["executedQty"])
        row = theirs[name]
    return row, before


def agree(desk: DeskPage, exchange: Exchange, witness: Witness, where: str) -> None:
    """Desk and exchange say the same of every order, fill and balance; nothing was sent twice, nothing acknowledged is lost."""
    told, seen = exchange.orders(), desk.seen()
    orders, fills = seen["orders"], seen["fills"]
    theirs = {row["clientOrderId"]: row for row in told["orders"]}
    for name in [name for name, row in theirs.items() if row["replacedBy"]]:
        assert theirs[name]["status"] == "CANCELED" and Decimal(theirs[name]["executedQty"]) == 0, f"{where}: {name} was replaced"
    follows = {after(theirs, row) for row in theirs.values()}
    theirs = {name: whole(theirs, row) for name, row in theirs.items() if name not in follows}
    doubled = [name for name, count in Counter(told["placed"]).items() if count > 1]
    assert not doubled, f"{where}: sent twice: {doubled}"
    assert not witness.acknowledged.keys() - orders.keys(), f"{where}: acknowledged and lost: {witness.acknowledged.keys() - orders.keys()}"
    assert not theirs.keys() - orders.keys(), f"{where}: at the exchange and not here: {theirs.keys() - orders.keys()}"
    assert len(orders) <= len(witness.sent), f"{where}: {len(orders)} orders from {len(witness.sent)} presses"
    filled: Counter[str] = Counter()
    for row in fills:
        filled[row["client_order_id"]] += Decimal(row["qty"])
    assert len({row["fill_id"] for row in fills}) == len(fills), f"{where}: a fill stands twice"
    lost = witness.fills.keys() - {row["fill_id"] for row in fills}
    assert not lost, f"{where}: fills seen and lost: {lost}"
    words = {"FILLED": "filled", "CANCELED": "cancelled", "EXPIRED": "expired", "EXPIRED_IN_MATCH": "expired", "REJECTED": "rejected"}
    for name, row in orders.items():
        there, before = theirs.get(name, (None, 0))
        if there is None:
            assert row["status"] in ("rejected", "denied") and not filled[name], f"{where}: {name} is {row['status']} here and not at the exchange"
            continue
        said = (words[there["status"]], before + Decimal(there["executedQty"]), before + Decimal(there["origQty"]))
        assert (row["status"], filled[name], Decimal(row["qty"])) == said, f"{where}: {name}: {row['status']} {filled[name]} {row['qty']} here, {said} there"
        assert Decimal(row["filled"]) == filled[name], f"{where}: {name} says {row['filled']}, its fills {filled[name]}"
    differences = desk.ask("reconciliation.state")["differences"]
    assert not differences, f"{where}: {differences}"


@pytest.mark.timeout(180 + 60 * REAL_KILLS)
def test_kills_at_random_moments_leave_desk_and_exchange_in_agreement(browser: Browser, tmp_path: Path):
    print(f"KONTOR_SEED={SEED} KONTOR_KILLS={REAL_KILLS}")
    draw = random.Random(SEED)
    chrome, witness = Chrome(browser.browser_type, tmp_path / "profile"), Witness()
    (tmp_path / "profile").mkdir()
    with binance_emulator("--speed", "1", "--now") as said:
        exchange = Exchange(said)
        with serving(SITE, f"{exchange.base} ws://127.0.0.1:{said['port']}") as server:
            try:
                page = chrome.start().pages[0]
                desk = open_real(page, server.url, said)
                desk.create_vault()
                desk.ask_with("execution.key", secret=SECRET, api_key=KEY, algorithm="HMAC-SHA256")
                for kill in range(REAL_KILLS):
                    reconciled(desk)
                    desk.ask("execution.arm", confirmed=True)
                    page, where = killed(chrome, desk, witness, draw, kill, TRADE_REAL, 400)
                    desk = open_real(page, server.url, said)
                    desk.unlock()
                    reconciled(desk)
                    desk.ask("order.cancel_all", symbol=None)
                    ended(page, where)
                    for _ in range(3):  # a whole second in which everything was compared twice
                        page.evaluate("() => { window.seen.latest.stats = null }")
                        page.wait_for_function("() => window.seen.latest.stats", timeout=10_000)
                    agree(desk, exchange, witness, where)
                    print(f"{where}: agreed, {len(witness.sent)} orders sent", flush=True)
            finally:
                chrome.kill()
            placed, made = len(exchange.orders()["placed"]), len(witness.fills)
    print(f"{REAL_KILLS} kills, {len(witness.sent)} orders sent, {placed} placed, {len(witness.acknowledged)} acknowledged, {made} fills seen before a death")
    assert witness.refused == []
    assert placed >= REAL_KILLS, "orders were really under way"


def ended(page: Page, where: str) -> None:
    """Every order has come to its end; what has not is named."""
    try:
        page.wait_for_function(ENDED, timeout=60_000)
    except TimeoutError as error:
        open_rows = page.evaluate(f"() => Object.values(window.seen.orders).filter((row) => !({ENDED_ROW})(row))")
        toasts = page.locator("[data-testid=toast]").all_text_contents()
        raise AssertionError(f"{where}: {open_rows} {toasts}") from error


def killed(chrome: Chrome, desk: DeskPage, witness: Witness, draw: random.Random, kill: int, script: str, most_ms: float) -> tuple[Page, str]:
    """One round: trade, and die a while after; every fourth time with the whole browser. The page to go on with, and where that was."""
    whole, after_ms, page = kill % 4 == 3, draw.uniform(0, most_ms), desk.page
    witness.watch(page)
    bid, _ = desk.quote()
    with page.expect_console_message(lambda message: "kontor-kill" in message.text):
        page.evaluate(script, ["BTCUSDT", float(bid), draw.randrange(1, 10**6)])
    page.wait_for_timeout(after_ms)  # the moment of its death, not a wait for anything
    if whole:
        chrome.kill()
        page = chrome.start().pages[0]
    else:
        crash(page)
        page.close()
        page = chrome.context.new_page()
    return page, f"seed {SEED}, kill {kill} ({'browser' if whole else 'tab'} after {after_ms:.0f} ms)"


def crash(page: Page) -> None:
    """Kill the tab's process."""
    with page.expect_event("crash"), pytest.raises(Error, match="crash"):
        page.goto("chrome://crash")


def settled(desk: DeskPage) -> None:
    """Nothing working any more and the account told since: what is read next belongs together."""
    desk.ask("replay.control", action="pause")
    desk.ask("order.cancel_all", symbol=None)
    expect(desk.by("order-row", status="accepted")).to_have_count(0)
    expect(desk.by("order-row", status="partially_filled")).to_have_count(0)
    for _ in range(2):  # the account goes with a beat, and only if it changed; a whole second has every beat in it
        desk.page.evaluate("() => { window.seen.latest.stats = null }")
        desk.page.wait_for_function("() => window.seen.latest.stats", timeout=10_000)
    desk.page.wait_for_function("() => window.seen.latest.account", timeout=10_000)
