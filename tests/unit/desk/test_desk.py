import sqlite3
from contextlib import closing

from app.model.market import Trade
from app.platform.native.sqlite import SqliteStore
from app.vault.staging import MANIFEST, MANIFEST_IDS
from tests.unit.desk.conftest import BUY, start_desk

PASSPHRASE = "correct horse battery staple"


async def quoted(page):
    await page.ask("watch", symbols=["BTCUSDT"])
    await page.until(lambda m: m["t"] == "tick" and any(row[0] == "BTCUSDT" and row[1] and row[2] for row in m["quotes"]), "a quote")
    await page.until(lambda m: m["t"] == "tick" and m.get("book", {}).get("state") == "live", "a live book")


async def test_a_market_order_is_journalled_acknowledged_and_filled(desk_page):
    page = desk_page
    await quoted(page)
    result = await page.ask("order.submit", token="t1", clicked_ms=0, **BUY)
    assert result["status"] == "filled", result
    row = page.orders()[result["client_order_id"]]
    assert row["filled"] == "0.01" and row["remaining"] == "0"
    fills = [row for m in page.messages if m["t"] == "fills" for row in m["rows"]]
    assert [fill["client_order_id"] for fill in fills] == [result["client_order_id"]]
    account = await page.until(lambda m: m["t"] == "tick" and m.get("account", {}).get("positions"), "a position")
    assert account["account"]["positions"][0]["symbol"] == "BTCUSDT"


async def test_the_same_press_never_makes_a_second_order(desk_page):
    page = desk_page
    await quoted(page)
    first = await page.ask("order.submit", token="once", **BUY)
    second = await page.ask("order.submit", token="once", **BUY)
    assert first["client_order_id"] == second["client_order_id"]
    assert len(page.orders()) == 1


async def test_nonsense_names_the_field_and_the_remedy(desk_page):
    page = desk_page
    await quoted(page)
    answer = await page.ask("order.submit", token="t", **{**BUY, "qty": "many"})
    assert answer["error"]["field"] == "qty" and answer["error"]["remedy"]
    assert page.orders() == {}


async def test_a_vault_keeps_what_happened_so_far_and_a_restart_finds_it(tmp_path):
    store = tmp_path / "vault.sqlite"
    page = await start_desk(store)
    await quoted(page)
    filled = await page.ask("order.submit", token="a", **BUY)
    resting = await page.ask("order.submit", token="b", **{**BUY, "type": "limit", "tif": "gtc", "price": "50000"})
    assert resting["status"] == "accepted"
    made = await page.ask("vault.create", secret=bytearray(PASSPHRASE.encode()))
    assert made["vault"]["state"] == "unlocked"
    late = await page.ask("order.submit", token="c", **{**BUY, "side": "sell"})
    before = page.orders()
    cash = page.desk.trade.account()["cash"]
    await page.desk.stop()

    again = await start_desk(store)
    await again.ask("watch", symbols=["BTCUSDT"])
    assert again.latest("vault")["state"] == "locked"
    assert not again.latest("order_state")["accepting"]
    refused = await again.ask("order.submit", token="d", **BUY)
    assert refused["error"]["code"] == "not_accepting"
    wrong = await again.ask("vault.unlock", secret=bytearray(b"not the passphrase"))
    assert wrong["error"]["code"] and again.latest("vault")["state"] == "locked"
    opened = await again.ask("vault.unlock", secret=bytearray(PASSPHRASE.encode()))
    assert opened["vault"]["state"] == "unlocked"
    assert {key: (row["status"], row["filled"]) for key, row in again.orders().items()} == {
        key: (row["status"], row["filled"]) for key, row in before.items()
    }
    assert {filled["client_order_id"], resting["client_order_id"], late["client_order_id"]} == set(again.orders())
    assert again.desk.trade.account()["cash"] == cash
    await again.ask("order.cancel", client_order_id=resting["client_order_id"])
    await again.until(lambda m: m["t"] == "orders" and any(row["status"] == "cancelled" for row in m["rows"]), "the cancel")
    await again.ask("vault.lock")
    assert again.orders() == {} and again.latest("vault")["state"] == "locked"
    assert again.latest("account")["positions"] == [] and again.latest("account")["cash"] == "–"
    await again.desk.stop()


async def test_an_intent_without_an_answer_is_asked_about_after_a_restart_and_never_sent_again(tmp_path):
    store = tmp_path / "vault.sqlite"
    page = await start_desk(store)
    await quoted(page)
    await page.ask("vault.create", secret=bytearray(PASSPHRASE.encode()))
    desk = page.desk
    sent = []
    desk.trade.execution.submit = sent.append  # the tab dies after the journal has the intent, before the venue has it
    engine = desk.trade.engine
    await desk.trade.writer.command(lambda: engine.submit(BUY, "x"))
    assert len(sent) == 1
    await desk.stop()

    again = await start_desk(store)
    await again.ask("vault.unlock", secret=bytearray(PASSPHRASE.encode()))
    await again.until(lambda m: m["t"] == "orders" and any(row["status"] == "rejected" for row in m["rows"]), "the resolution")
    (row,) = again.orders().values()
    assert row["client_order_id"] == sent[0].client_order_id
    assert row["status"] == "rejected" and row["filled"] == "0"
    await again.desk.stop()


async def test_a_slow_page_gets_the_newest_state_and_no_backlog(desk_page):
    page = desk_page
    await quoted(page)
    page.desk.painted = lambda seq: None  # the page stops painting
    ticks = sum(m["t"] == "tick" for m in page.messages)
    events = page.desk.feed.events
    await page.until(lambda m: m["t"] == "stats" and page.desk.feed.events > events + 500, "more market data")
    assert sum(m["t"] == "tick" for m in page.messages) <= ticks + 1


async def test_replay_controls_answer_with_the_replay(desk_page):
    page = desk_page
    assert (await page.ask("replay.control", action="pause"))["replay"]["paused"] is True
    assert (await page.ask("replay.control", action="speed", value=5))["replay"]["speed"] == 5
    assert (await page.ask("replay.control", action="speed", value=-1))["error"]["code"] == "bad_control"
    assert (await page.ask("replay.control", action="seek", value=60))["replay"]["position_s"] >= 60


async def test_unknown_requests_are_refused_and_health_reports(desk_page):
    page = desk_page
    assert (await page.ask("launch.missiles"))["error"]["code"] == "unknown_request"
    before = (await page.ask("health"))["counters"]["duplicate_trades"]
    page.desk.market.apply([Trade("BTCUSDT", 1, 1, 100, 1, False, "again")] * 3)
    report = await page.ask("health")
    assert report["counters"]["duplicate_trades"] == before + 2 and report["counters"]["broken_books"] == 0
    assert {item["name"] for item in report["histograms"]} >= {"frame_to_engine", "store_write", "quote_read"}


async def test_a_vault_whose_manifest_was_lost_takes_writes_again_once_that_is_accepted(tmp_path):
    path = tmp_path / "vault.sqlite"
    page = await start_desk(path)
    await quoted(page)
    await page.ask("vault.create", secret=bytearray(PASSPHRASE.encode()))
    first = await page.ask("order.submit", token="a", **BUY)
    await page.desk.stop()
    store = SqliteStore(path)
    await store.open()
    for copy in MANIFEST_IDS:
        await store.delete(MANIFEST, copy)
    store.close()

    again = await start_desk(path)
    await again.ask("vault.unlock", secret=bytearray(PASSPHRASE.encode()))
    assert again.latest("vault")["read_only"] is True
    assert set(again.orders()) == {first["client_order_id"]}
    await quoted(again)
    refused = await again.ask("order.submit", token="b", **BUY)
    assert refused["error"]["remedy"]
    accepted = await again.ask("vault.accept")
    assert accepted["vault"]["read_only"] is False
    assert (await again.ask("order.submit", token="c", **BUY))["status"] == "filled"
    await again.desk.stop()


async def test_a_lost_manifest_refuses_orders_until_what_is_readable_is_accepted(tmp_path):
    store = tmp_path / "vault.sqlite"
    page = await start_desk(store)
    await quoted(page)
    await page.ask("vault.create", secret=bytearray(PASSPHRASE.encode()))
    await page.ask("order.submit", token="a", **BUY)
    await page.ask("order.submit", token="b", **{**BUY, "type": "limit", "tif": "gtc", "price": "50000"})
    # The third is unanswered when the desk ends: opening it again has something to write.
    await page.ask("paper.settings", latency_ms="60000")
    await page.ask("order.submit", token="c", **BUY)
    await page.ask("paper.settings", latency_ms="0")
    before = set(page.orders())
    await page.desk.stop()
    with closing(sqlite3.connect(store)) as database:
        database.execute("update records set value = zeroblob(length(value)) where cls = 'manifest'")
        database.commit()

    again = await start_desk(store)
    await quoted(again)
    opened = await again.ask("vault.unlock", secret=bytearray(PASSPHRASE.encode()))
    assert opened["vault"]["read_only"] and set(again.orders()) == before
    assert not again.latest("order_state")["accepting"]
    refused = await again.ask("order.submit", token="d", **BUY)
    assert refused["error"]["code"] == "not_accepting"
    accepted = await again.ask("vault.accept")
    assert not accepted["vault"]["read_only"] and again.latest("order_state")["accepting"]
    filled = await again.ask("order.submit", token="e", **BUY)
    assert filled["status"] == "filled" and set(again.orders()) == {*before, filled["client_order_id"]}
    await again.desk.stop()


async def test_cash_is_told_before_the_fill_that_changed_it(desk_page):
    page = desk_page
    await quoted(page)
    await page.ask("order.submit", token="t", **BUY)
    topics = [m["t"] for m in page.messages]
    told = next(n for n, m in enumerate(page.messages) if m["t"] == "account")
    assert told < next(n for n, m in enumerate(page.messages) if m["t"] == "fills" and m["rows"])
    assert page.messages[told]["cash"] != "100,000.00" and topics[told + 1] == "orders"


async def test_an_order_that_is_answered_at_once_is_told_once_and_after_the_reply(desk_page):
    page = desk_page
    await quoted(page)
    await page.ask("order.submit", token="t", **BUY)
    told = [m for m in page.messages if m["t"] == "reply" or (m.get("rows") and m["t"] in ("orders", "fills"))]
    told = told[-3:]
    assert [m["t"] for m in told] == ["reply", "orders", "fills"]
    assert [row["status"] for row in told[1]["rows"]] == ["filled"], "nothing of its way there"


async def test_an_order_without_a_quick_answer_is_shown_as_sent(desk_page):
    page = desk_page
    await quoted(page)
    await page.ask("paper.settings", latency_ms="150")
    await page.ask("order.submit", token="t", **BUY)
    statuses = [row["status"] for m in page.messages if m["t"] == "orders" for row in m["rows"]]
    assert statuses[0] in ("new", "pending") and statuses[-1] == "filled"


async def test_attention_is_one_of_three_words(desk_page):
    assert (await desk_page.ask("attend", attention="resting")) == {}
    assert (await desk_page.ask("attend", attention="asleep"))["error"]["field"] == "attention"
