"""Several tabs: who follows sees its own part of the market live and changes nothing; the lead goes over whole; two never write or send."""

from __future__ import annotations

import asyncio
import json

import pytest

from app.desk import recorder
from app.desk.followers import ASLEEP_NS, MOST, READS
from app.desk.recorder import LEASE_NS, VaultRecorder
from app.desk.requests import REQUESTS
from app.platform.errors import StoreFull
from app.platform.memory import MemoryStore
from app.platform.native import build
from app.vault import Vault, VaultConflict
from tests.unit.desk.conftest import BUY, QUICK
from tests.unit.desk.tabs import PASSPHRASE, Channels, following, quoted, start, unlocked

STOP = {**BUY, "side": "sell", "type": "stop", "tif": "gtc", "stop": "30000"}


async def led(**more):
    """A desk with quotes, and the channels of its browser."""
    tabs = Channels()
    page = await start(tabs=tabs, **more)
    await quoted(page)
    return tabs, page


async def some(page, count: int, wanted) -> list[dict]:
    """So many messages, from now on."""
    first = len(page.messages)
    await page.until(lambda _m: sum(bool(wanted(m)) for m in page.messages[first:]) >= count, f"{count} messages")
    return [m for m in page.messages[first:] if wanted(m)]


async def test_a_tab_that_follows_looks_at_what_it_likes_and_both_see_every_change_of_the_same_bars():
    tabs, desk = await led()
    one, other = await following(tabs, desk, "one"), await following(tabs, desk, "other")
    assert desk.latest("followers")["count"] == 2
    assert one.latest("hello")["venue"] == "replay" and one.latest("instruments") == desk.latest("instruments")
    symbols = [row["symbol"] for row in one.latest("instruments")["rows"]]
    assert len(symbols) > 1
    await one.ask("watch", symbols=symbols)
    await one.ask("focus", symbol=symbols[1], timeframe="1m")
    assert one.latest("bars")["symbol"] == symbols[1] and desk.desk.publisher.focus == symbols[0]
    ticks = await some(one, 3, lambda m: m["t"] == "tick" and m.get("book"))
    assert {m["book"]["symbol"] for m in ticks} == {symbols[1]}
    ticks = await some(desk, 3, lambda m: m["t"] == "tick" and m.get("book"))
    assert {m["book"]["symbol"] for m in ticks} == {symbols[0]}

    def bars(page) -> dict[int, list]:
        rows: dict[int, list] = {}
        for m in page.messages:
            if m["t"] == "bars" and (m["symbol"], m["timeframe"]) == (symbols[0], "1s"):
                rows = {row[0]: row for row in m["rows"]}
            elif m["t"] == "tick" and m.get("bar") and (m["bar"]["symbol"], m["bar"]["timeframe"]) == (symbols[0], "1s"):
                rows |= {row[0]: row for row in m["bar"]["rows"]}
        return rows

    for _ in range(3):
        await some(other, 1, lambda m: m["t"] == "tick" and m.get("bar"))
    await desk.ask("replay.control", action="pause")
    truth = {row[0]: row for row in desk.desk.publisher.charts.desk.drawn(desk.desk.market.bars(symbols[0], "1s").rows())}
    assert len(truth) > 3
    for page in (desk, other):
        await page.until(lambda _m, page=page: {time: row for time, row in bars(page).items() if time in truth} == truth, "every bar as it is")
    await desk.desk.stop()


async def test_who_follows_may_read_and_changes_nothing():
    tabs, desk = await led()
    await desk.ask("order.submit", token="a", **BUY)
    before = desk.desk.trade.engine.last_seq
    one = await following(tabs, desk)
    assert [*one.orders()] == [*desk.orders()] and one.latest("fills")["rows"] and one.latest("account")["positions"]
    assert not one.latest("order_state")["accepting"] and desk.latest("order_state")["accepting"]
    for name in sorted({*REQUESTS, "no.such"} - READS):
        answer = await one.ask(name, symbol="BTCUSDT", token="b", client_order_id=next(iter(desk.orders())), confirm="wipe", confirmed=True)
        assert answer["error"]["code"] == "following", name
    assert (await one.ask("order.submit", token="b", **BUY))["error"]["remedy"]
    assert (await one.ask("paper.settings", latency_ms="1"))["error"]["code"] == "following"
    assert (await one.ask("vault.lock_settings", idle_s=5))["error"]["code"] == "following"
    assert (await one.ask("paper.settings"))["currency"] and (await one.ask("order.preview", **BUY))["notional"]
    assert (await one.ask("quote", symbol="BTCUSDT"))["bid"] and (await one.ask("health"))["histograms"]
    assert (await one.ask("risk.state"))["limits"] and (await one.ask("indicators.list"))["rows"]
    assert desk.desk.trade.engine.last_seq == before
    # what the desk does shows at once
    await desk.ask("order.submit", token="c", **BUY)
    await one.until(lambda m: m["t"] == "fills" and not m["reset"], "the fill")
    assert one.orders() == desk.orders()
    await desk.desk.stop()


async def test_no_secret_and_nothing_that_opens_the_vault_crosses():
    tabs = Channels()
    desk = await unlocked(tabs=tabs)
    one = await following(tabs, desk)
    slots = [slot["id"] for slot in desk.latest("vault")["slots"]]
    for name in sorted(READS - {"vault.lock", "history.check"}):
        await one.ask(name, symbol="BTCUSDT", timeframe="1s", attention="active", rows=[], symbols=[], fill_id="x", what="fills", **{"from": "", "to": ""})
    crossed = "".join(text for ends in tabs.ends.values() for end in ends for text in end.posted)
    assert slots and PASSPHRASE.decode() not in crossed and not any(slot in crossed for slot in slots)
    assert '"kdf"' not in crossed and '"prf_salt"' not in crossed
    await desk.desk.stop()


async def test_a_page_that_does_not_paint_is_sent_nothing_and_costs_the_desk_no_tick():
    tabs, desk = await led()
    slow, quick = await following(tabs, desk, "slow"), await following(tabs, desk, "quick")
    slow.paints = False
    await some(slow, 1, lambda m: m["t"] == "tick")
    seen = sum(m["t"] == "tick" for m in slow.messages)
    await some(desk, 20, lambda m: m["t"] == "tick")
    await some(quick, 20, lambda m: m["t"] == "tick")
    assert sum(m["t"] == "tick" for m in slow.messages) - seen <= 1
    # frozen for long: nothing at all is kept for it
    follower = desk.desk.followers.tabs["slow"]
    before = follower.publisher
    await slow.ask("heat.open", symbol="BTCUSDT")
    before._owed_since -= ASLEEP_NS
    desk.desk.followers.second()
    assert follower.asleep and "slow" not in desk.desk.locking.elsewhere
    count, sent = len(slow.messages), before.sent
    assert before not in desk.desk.publishers and before.heat.symbol == "" and len(desk.desk.followers._shared.readers) == 2
    await desk.ask("order.submit", token="a", **BUY)
    await some(desk, 5, lambda m: m["t"] == "tick")
    assert len(slow.messages) == count and before.sent == sent
    # it wakes: everything comes anew
    slow.paints = True
    slow.tell("painted", slow.latest("tick")["seq"])
    assert [m["t"] for m in slow.messages[count:]][:2] == ["again", "welcome"]
    assert slow.orders() == desk.orders()
    await slow.ask("focus", symbol="BTCUSDT", timeframe="1s")
    await some(slow, 2, lambda m: m["t"] == "tick")
    await desk.desk.stop()


async def test_a_tab_that_comes_later_shows_fills_of_a_replay_where_the_desk_does():
    tabs, desk = await led()
    await desk.ask("order.submit", token="a", **BUY)
    await desk.until(lambda m: m["t"] == "fills" and m["rows"], "a fill")
    late = await following(tabs, desk)
    ((there,), (here,)) = ([row for m in page.messages if m["t"] == "fills" for row in m["rows"]] for page in (late, desk))
    assert there == here and there["bar_ns"] is not None
    await desk.desk.stop()


async def test_a_closed_tab_is_forgotten_and_too_many_are_told_so():
    tabs, desk = await led()
    windows = [await following(tabs, desk, f"w{number}") for number in range(MOST)]
    late = await following(tabs, desk, "late")
    assert late.latest("full")["most"] == MOST and not any(m["t"] == "tick" for m in late.messages)
    late.close()
    for window in windows:
        window.close()
    await desk.until(lambda m: m["t"] == "followers" and m["count"] == 0, "that nobody follows")
    assert not desk.desk.followers.tabs and len(desk.desk.followers._shared.readers) == 1 and not desk.desk.locking.elsewhere
    await some(desk, 3, lambda m: m["t"] == "tick")
    assert (await desk.ask("tab.offer"))["error"]["code"] == "nobody_follows"
    await desk.desk.stop()


async def taken_over(tabs: Channels, desk, window) -> object:
    """The lead goes from ``desk`` to ``window``, as their pages do it."""
    answer = await window.ask("tab.hand_over")
    assert (await desk.until(lambda m: m["t"] == "handed", "word for its page"))["to"] == window.name
    await desk.desk.stop()  # its page ends it before it lets go of the lead
    window.close()
    return await start(tabs=tabs, platform=desk.platform, again=1, given=answer["given"])


async def test_a_session_in_memory_goes_over_whole():
    tabs, desk = await led()
    await desk.ask("order.submit", token="a", **BUY)
    await desk.ask("order.submit", token="b", **STOP)
    await desk.ask("paper.settings", latency_ms="40")
    one = await following(tabs, desk)
    orders, cash = desk.orders(), desk.desk.account()["cash"]
    assert sorted(row["status"] for row in orders.values()) == ["accepted", "filled"]
    assert await desk.ask("tab.offer") == {} and one.latest("take")
    lead = await taken_over(tabs, desk, one)
    assert (await desk.ask("order.submit", token="c", **BUY))["error"]["code"] == "not_accepting" and desk.orders() == {}
    assert lead.latest("vault")["state"] == "memory" and lead.desk.account()["cash"] == cash
    assert {key: row["status"] for key, row in lead.orders().items()} == {key: row["status"] for key, row in orders.items()}
    assert (await lead.ask("paper.settings"))["latency_ms"] == "40"
    await quoted(lead)
    await lead.ask("order.submit", token="d", **BUY)
    assert len(lead.orders()) == 3
    # and what happened there is kept when a vault is made here
    await lead.ask("vault.create", secret=bytearray(PASSPHRASE))
    await lead.ask("vault.lock")
    await lead.ask("vault.unlock", secret=bytearray(PASSPHRASE))
    assert len(lead.orders()) == 3
    await lead.desk.stop()


async def test_an_open_vault_is_locked_by_the_hand_over_and_opens_in_the_other_tab():
    tabs = Channels()
    desk = await unlocked(tabs=tabs)
    pressed = [desk.ask("order.submit", token=f"t{number}", **BUY) for number in range(5)]
    one = await following(tabs, desk)
    done = asyncio.gather(*pressed)
    lead = await taken_over(tabs, desk, one)
    answers = await done
    assert desk.desk.keeping.vault.state == "locked" and lead.latest("vault")["state"] == "locked"
    assert not lead.latest("order_state")["accepting"]
    await lead.ask("vault.unlock", secret=bytearray(PASSPHRASE))
    sent = {answer["client_order_id"] for answer in answers if "error" not in answer}
    assert sent <= set(lead.orders()), "what was acknowledged is there"
    assert len(lead.orders()) == len(set(lead.orders()))
    await lead.desk.stop()


async def test_a_desk_that_is_not_ready_hands_nothing_over():
    tabs, desk = await led()
    one = await following(tabs, desk)
    desk.desk.keeping.state = "starting"
    assert (await one.ask("tab.hand_over"))["error"]["code"] == "not_ready"
    desk.desk.keeping.state = "memory"
    assert (await desk.ask("order.submit", token="a", **BUY))["status"] == "filled"
    await desk.desk.stop()


# Two that lead: one was frozen while the lead was taken from it.


class Counted:
    """Counts what an execution is told to send."""

    def __init__(self, execution) -> None:
        self.sent: list = []
        for name in ("submit", "cancel", "amend"):
            setattr(execution, name, lambda *what, name=name: self.sent.append((name, *what)))


async def woken() -> tuple:
    """A tab that held an open vault and sleeps, and one that has taken the lead and opened it."""
    tabs = Channels()
    old = await unlocked(tabs=tabs)
    await old.ask("order.submit", token="a", **BUY)
    new = await start(tabs=tabs, platform=old.platform, again=1)
    await quoted(new)
    await new.ask("vault.unlock", secret=bytearray(PASSPHRASE))
    assert len(new.orders()) == 1
    return old, new


@pytest.mark.parametrize("what", ["order", "cancel", "report", "kill", "settings"])
async def test_a_tab_that_lost_the_lead_writes_and_sends_nothing(what):
    old, new = await woken()
    counted = Counted(old.desk.trade.execution)
    before = await new.desk.trade.export()
    if what == "order":
        assert (await old.ask("order.submit", token="b", **BUY))["error"]["code"] == "lost_lead"
    elif what == "cancel":
        await old.ask("order.cancel_all", symbol=None)  # nothing works: nothing is written either
        assert (await old.ask("position.close", symbol="BTCUSDT", token="x"))["error"]["code"] == "lost_lead"
    elif what == "report":
        old.desk.trade.writer.report(old.desk.trade.engine.recover(10**20) or old.desk.trade.engine.submit({**BUY}, "late"))
    elif what == "kill":
        assert (await old.ask("risk.kill", flatten=True))["error"]["code"] == "lost_lead"
    else:
        assert (await old.ask("paper.settings", latency_ms="9"))["error"]["code"] == "vault-conflict"
        assert (await old.ask("order.submit", token="b", **BUY))["error"]["code"] == "lost_lead"
    await old.until(lambda m: m["t"] == "lost", "that the lead is lost")
    assert counted.sent == [] and old.desk.trade.engine is None and old.orders() == {}
    assert (await old.ask("order.submit", token="c", **BUY))["error"]["code"] == "not_accepting"
    assert await new.desk.trade.export() == before, "its journal goes on as if nobody else had been there"
    assert (await new.ask("order.submit", token="b", **BUY))["status"] == "filled"
    assert sum(m["t"] == "lost" for m in old.messages) == 1
    for page in (old, new):
        await page.desk.stop()


@pytest.mark.parametrize("taken", [True, False])
async def test_who_sleeps_between_writing_and_sending_looks_first_whether_it_still_leads(taken, monkeypatch):
    tabs = Channels()
    old = await unlocked(tabs=tabs)
    counted = Counted(old.desk.trade.execution)
    vault, others = old.desk.keeping.vault, []
    append = vault.append

    async def freeze(*what, **how):
        await append(*what, **how)  # it is durable; then the tab is frozen, and another one takes the lead
        monkeypatch.setattr(vault, "append", append)
        old.clock.by_ns += 2 * LEASE_NS
        if taken:
            others.append(await start(tabs=tabs, platform=old.platform, again=1))
            await others[0].ask("vault.unlock", secret=bytearray(PASSPHRASE))

    monkeypatch.setattr(vault, "append", freeze)
    task = asyncio.get_running_loop().create_task(old.ask("order.submit", token="a", **BUY))
    if taken:
        assert (await task)["error"]["code"] == "lost_lead" and counted.sent == []
        (row,) = others[0].orders().values()
        assert row["status"] == "unknown" or row["outcome"] != "in_flight", "the other tab finds out what became of it"
    else:
        await old.until(lambda _m: counted.sent, "the order sent")
        assert [name for name, *_ in counted.sent] == ["submit"]
        task.cancel()
    for page in (old, *others):
        await page.desk.stop()


@pytest.mark.parametrize("fails", [2, 10**6])
async def test_a_lead_that_cannot_be_proved_at_once_is_proved_again_and_jams_nothing(fails, monkeypatch):
    monkeypatch.setattr(recorder, "CLAIM_AGAIN_S", 0)
    tabs = Channels()
    page = await unlocked(tabs=tabs)
    vault, store, left = page.desk.keeping.vault, page.platform.store, [fails]
    append, commit = vault.append, store.commit

    async def slow(*what, **how):
        await append(*what, **how)
        monkeypatch.setattr(vault, "append", append)
        page.clock.by_ns += 2 * LEASE_NS
        monkeypatch.setattr(store, "commit", no_room)

    async def no_room(*what, **how):
        left[0] -= 1
        if left[0] >= 0:
            raise StoreFull("no room left")
        await commit(*what, **how)

    monkeypatch.setattr(vault, "append", slow)
    answer = await page.ask("order.submit", token="a", **BUY)
    if fails == 2:
        assert answer["status"] == "filled" and left[0] < 0
        assert (await page.ask("order.submit", token="b", **BUY))["status"] == "filled"
    else:
        assert answer["error"]["code"] == "lost_lead" and page.desk.trade.engine is None
        assert page.latest("vault")["state"] == "other_tab"
    await page.desk.stop()


async def test_the_tab_that_took_the_lead_waits_until_nothing_of_the_other_can_leave():
    tabs = Channels()
    old = await unlocked(tabs=tabs)
    new = await start(tabs=tabs, platform=old.platform, again=1, settle_s=3600.0)
    opened = asyncio.get_running_loop().create_task(new.ask("vault.unlock", secret=bytearray(PASSPHRASE)))
    await new.until(lambda m: m["t"] == "vault" and m["holds"], "the keys")
    # the vault is claimed first: from here on the other writes nothing, and what it wrote before is read after the wait
    await new.until(lambda _m: new.desk.keeping.vault.commits >= 1 and new.desk.keeping.vault.state == "open", "the claim")
    assert (await old.ask("order.submit", token="b", **BUY))["error"]["code"] == "lost_lead"
    assert not opened.done() and new.desk.trade.engine is None
    new.desk.keeping._settled_ns = 0  # the hour is over
    assert (await opened)["vault"]["state"] == "unlocked"
    for page in (old, new):
        await page.desk.stop()


@pytest.mark.parametrize("seed", range(12))
async def test_of_many_that_open_one_vault_only_the_last_writes(seed):
    """Whatever the order of opening and writing: one history, each record by whoever had the lead when it was written."""
    import random

    rng, platform = random.Random(seed), build(MemoryStore())
    first = await Vault.create(platform.store, platform.crypto, platform.clock, platform.entropy, bytearray(PASSPHRASE), [], kdf=QUICK)
    await first.claim()
    holders, leader, lost, kept = [first], first, [], []
    number = 0
    for _ in range(40):
        if rng.random() < 0.2:
            leader = await Vault.find(platform, QUICK)
            await leader.unlock(bytearray(PASSPHRASE))
            await leader.claim()
            holders.append(leader)
            number = int(((await leader.scan("journal")).last_id) or 0)
            assert number == (kept[-1] if kept else 0), "who takes the lead reads all that was written"
            continue
        vault = rng.choice(holders)
        recorder = VaultRecorder(vault, platform.clock, lambda _ms: None, lost=lambda vault=vault: lost.append(vault))
        try:
            await recorder.append(number + 1, b"{}")
        except Exception as error:
            assert getattr(error, "code", "") == "lost_lead" and vault is not leader and lost[-1] is vault
        else:
            assert vault is leader
            number += 1
            kept.append(number)
    reader = await Vault.find(platform, QUICK)
    assert await reader.unlock(bytearray(PASSPHRASE)) == ()
    found = await reader.scan("journal")
    assert [int(record.id) for record in found.records] == kept and not found.damaged
    with pytest.raises(VaultConflict):
        await holders[0].claim() if holders[0] is not leader else raise_conflict()


def raise_conflict() -> None:
    raise VaultConflict("nobody else came")


async def test_texts_that_nobody_understands_change_nothing():
    tabs, desk = await led()
    one = await following(tabs, desk)
    for text in ("", "[]", "{}", "null", json.dumps({"do": "painted"}), json.dumps({"do": "painted", "seq": "x"}), json.dumps({"do": ["x"], "id": 1})):
        one.own.post(text)
    await one.ask("watch", symbols=["BTCUSDT", "no such"])
    await some(one, 2, lambda m: m["t"] == "tick")
    await desk.desk.stop()
