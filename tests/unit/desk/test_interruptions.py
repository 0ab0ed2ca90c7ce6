"""What happens to a desk from outside: storage that is full, data that is evicted, a clock that jumps, a network that goes. docs/tabs.md."""

from __future__ import annotations

import pytest

from tests.unit.desk.conftest import BUY
from tests.unit.desk.tabs import PASSPHRASE, Channels, following, quoted, start, unlocked
from tests.unit.desk.test_tabs import Counted

HOUR = 3600 * 10**9


def full(page, spare: int = 0) -> None:
    store = page.platform.store
    store.quota = store._size(store.records) + spare


async def test_a_full_store_refuses_the_order_and_sends_nothing_until_there_is_room_again():
    page = await unlocked(tabs=Channels())
    await page.ask("order.submit", token="a", **BUY)
    window = await following(page.desk.around.tabs.channels, page)
    full(page)
    submit = page.desk.trade.execution.submit
    counted = Counted(page.desk.trade.execution)
    refused = await page.ask("order.submit", token="b", **BUY)
    assert refused["error"]["code"] == "vault-full" and refused["error"]["remedy"]
    assert counted.sent == [] and len(page.orders()) == 1 and len(window.orders()) == 1
    assert page.latest("vault")["state"] == "unlocked", "nothing else is closed by it"
    page.platform.store.quota = None
    page.desk.trade.execution.submit = submit
    assert (await page.ask("order.submit", token="c", **BUY))["status"] == "filled"
    # the venue's word that finds no room is kept in memory, orders are refused meanwhile, and it is written as soon as it fits
    full(page)
    page.desk.trade.writer.report(page.desk.trade.engine.risk.set_state("desk", "reduce_only", 1))
    await page.until(lambda m: m["t"] == "toast" and m["code"] == "journal_failed", "that the journal is stuck")
    page.desk.send_order_state()
    assert not page.latest("order_state")["accepting"] and "journal" in page.latest("order_state")["reason"]
    assert (await page.ask("order.submit", token="d", **BUY))["error"]["code"] in ("journal_failed", "vault-full")
    page.platform.store.quota = None
    page.desk.trade.writer.retry()
    await page.until(lambda m: m["t"] == "risk" and m["states"], "the state, written")
    assert page.desk.order_state()["accepting"]
    await page.desk.stop()


async def test_an_evicted_vault_ends_this_desk_before_anything_is_sent():
    page = await unlocked(tabs=Channels())
    await page.ask("order.submit", token="a", **BUY)
    counted = Counted(page.desk.trade.execution)
    page.platform.store.records.clear()  # the browser needed the room
    assert (await page.ask("order.submit", token="b", **BUY))["error"]["code"] == "lost_lead"
    assert counted.sent == [] and page.latest("lost") and page.latest("vault")["state"] == "other_tab"
    after = await start(platform=page.platform, again=1)
    assert after.latest("vault")["state"] in ("damaged", "memory") and after.latest("vault")["cause"] in ("evicted", "")
    for each in (page, after):
        await each.desk.stop()


@pytest.mark.parametrize("by_ns", [-HOUR, HOUR])
async def test_a_clock_that_jumps_doubles_and_loses_nothing(by_ns):
    page = await unlocked(tabs=Channels())
    await page.ask("vault.lock_settings", sleep=False, idle_s=None, hidden_s=None)
    await page.ask("order.submit", token="a", **BUY)
    stop = {**BUY, "side": "sell", "type": "stop", "tif": "gtc", "stop": "30000"}
    await page.ask("order.submit", token="b", **stop)
    page.clock.by_ns += by_ns
    page.desk._second()
    assert (await page.ask("order.submit", token="c", **BUY))["status"] == "filled"
    statuses = sorted(row["status"] for row in page.orders().values())
    assert statuses == ["accepted", "filled", "filled"]
    await page.ask("vault.lock")
    await page.ask("vault.unlock", secret=bytearray(PASSPHRASE))
    assert sorted(row["status"] for row in page.orders().values()) == statuses
    entries = [line for line in (await page.ask("journal.export"))["text"].splitlines() if line]
    assert len(entries) == len(set(entries))
    await page.desk.stop()


async def test_a_clock_that_jumps_forward_locks_as_sleep_does():
    page = await unlocked(tabs=Channels())
    page.clock.by_ns += HOUR
    assert (await page.ask("order.submit", token="a", **BUY))["error"]["code"] == "not_accepting"
    assert (await page.until(lambda m: m["t"] == "lock", "the lock"))["why"] == "sleep"
    await page.desk.stop()


async def test_offline_and_online_lose_no_order_on_paper():
    page = await start(tabs=Channels())
    await quoted(page)
    page.desk.offline()
    assert (await page.ask("order.submit", token="a", **BUY))["status"] == "filled"
    page.desk.online()
    assert len(page.orders()) == 1
    await page.desk.stop()
