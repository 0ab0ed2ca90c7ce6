"""Tabs that follow this desk: each is one more reader, with a focus, a watchlist, an attention and credits of its own.

A tab that follows has a page and no worker. It reaches this one over a channel of its own that carries texts only, so nothing that travels
as bytes (secrets, files) can cross. It may read and look; whatever changes something is refused with ``following``. A slow, hidden or
frozen page owes the credit for its last tick and is sent no other: it costs this desk nothing (docs/tabs.md).
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from . import greeting, requests
from .errors import Refusal, to_wire
from .publisher import Publisher
from .sharing import SharedMarket
from .wire import to_text

MOST = 8
ASLEEP_NS = 15_000_000_000
"""A page that owes a credit for so long sleeps: it is told nothing more until it says something, and then everything anew."""
WATCHED_BY = "kontor-follow."
CHANNEL = "kontor.follow."
PASSED = {
    *("hello", "accounts", "instruments", "account", "orders", "routed", "elsewhere", "fills", "venue", "risk"),
    *("execution", "stats", "toast", "net", "lock", "notes", "sources"),
}
"""Messages that tabs that follow are sent as the page of the desk is."""
READS = {
    *("chart.open", "chart.close", "heat.open", "heat.close"),
    *("watch", "focus", "attend", "indicators.list", "indicators.set", "quote", "depth", "order.preview", "risk.state", "execution.state"),
    *("order.why", "routing"),
    *("journal.export", "journal.fill", "statement", "health", "history.list", "history.check", "vault.contents", "vault.lock"),
    *("net.state", "paper.settings", "vault.lock_settings", "search", "sources.state", "sources.company"),
    *("rank", "tape.filter", "portfolio.exposure", "equity.curve", "journal.page", "journal.state", "reconciliation.state"),
}
CHANGING = {"paper.settings": requests.PAPER_FIELDS, "routing": ("rules",), "vault.lock_settings": ("idle_s", "hidden_s", "sleep")}
"""Requests that read, unless they bring one of these."""
THERE = {
    "memory": "There it is in memory and not kept.",
    "locked": "There the vault is locked.",
    "unlocked": "There the vault is open.",
    "damaged": "There the vault cannot be opened.",
    "handing": "It is handing over.",
}
FOLLOWING = "this tab follows another one, which is the desk"
REMEDY = "take over here first, or do it in the other tab"


class Followers:
    """All of them; ``desk`` is the service."""

    def __init__(self, desk: Any) -> None:
        self._desk = desk
        self._shared = SharedMarket(desk.market)
        self._shared.reader(desk.publisher)
        self.tabs: dict[str, Follower] = {}
        desk.feed.followed = self._market

    @property
    def publishers(self) -> list[Publisher]:
        """Of every tab that follows and is awake."""
        return [tab.publisher for tab in self.awake]

    @property
    def awake(self) -> list[Follower]:
        """Tabs that are told what happens."""
        return [tab for tab in self.tabs.values() if not tab.asleep]

    def join(self, tab: str) -> None:
        """A tab asks to follow. Beyond MOST it is told no more than that."""
        if tab in self.tabs:
            self.tabs[tab].welcome()
            return
        channel = self._desk.around.channel(CHANNEL + tab)
        if len(self.tabs) >= MOST:
            channel.post(json.dumps({"t": "full", "most": MOST}))
            channel.close()
            return
        self.tabs[tab] = follower = Follower(self._desk, tab, channel, self._shared, self._hand_over)
        self._desk.around.scheduler.create_task(self._until_gone(tab))
        follower.welcome()
        self._tell_page()

    async def _until_gone(self, tab: str) -> None:
        """The page holds a lock for as long as it lives."""
        lease = await self._desk.around.locks.acquire(WATCHED_BY + tab)
        lease.release()
        if (follower := self.tabs.pop(tab, None)) is not None:
            follower.close()
            self._tell_page()

    def _tell_page(self) -> None:
        self._desk.around.post(json.dumps({"t": "followers", "count": len(self.tabs)}))

    def _market(self, rebuilt: set[str], changed: set[str], received_ms: float) -> None:
        for tab in self.awake:
            if rebuilt:
                tab.publisher.rebuilt(rebuilt)
            tab.publisher.changed(changed, received_ms)

    def send(self, message: dict, text: str) -> None:
        """What the page of the desk is sent, to those that follow."""
        kind = message["t"]
        if kind == "vault":
            text = json.dumps(self.vault(message))
        elif kind == "order_state":
            text = json.dumps(not_here(message))
        elif kind not in PASSED:
            return
        for tab in self.tabs.values():
            tab.post(text)

    def vault(self, message: dict) -> dict:
        """The ``vault`` message as a tab has it that holds no vault: where the vault is, nothing of what opens it."""
        return {
            **{"t": "vault", "state": "other_tab", "detail": THERE.get(message["state"], ""), "keeps": False, "holds": False},
            **{"since_ns": message["since_ns"], "damaged_records": message["damaged_records"], "attempts": 0, "wait_s": 0, "read_only": False},
            **{"id": message["id"], "cause": "", "slots": [], "rekey": None, "rekey_due": False, "backup": None},
        }

    def account_changed(self) -> None:
        """Figures of the account are new."""
        for publisher in self.publishers:
            publisher.account_dirty = True
            publisher.flush()

    def second(self) -> None:
        """Once a second."""
        for tab in self.awake:
            tab.second()

    def close(self) -> None:
        """The desk ends."""
        for tab in self.tabs.values():
            tab.close()
        self.tabs.clear()

    def ask_to_take_over(self) -> bool:
        """Ask the tab that its trader looks at most to take over; False: nobody follows."""
        order = {"active": 0, "resting": 1, "hidden": 2}
        if not (awake := self.awake):
            return False
        min(awake, key=lambda tab: order[tab.attention]).post(json.dumps({"t": "take"}))
        return True

    async def _hand_over(self, tab: Follower) -> dict:
        """Stop being the desk for this tab; its page leads once the page here has let go."""
        session = await self._desk.hand_over()
        self._desk.around.scheduler.call_soon(lambda: self._desk.around.post(json.dumps({"t": "handed", "to": tab.id})))
        return {"given": session.to_text() if session is not None else ""}


class Follower:
    """One tab that follows: for requests it looks like the desk, with its own publisher."""

    def __init__(self, desk: Any, tab: str, channel: Any, shared: SharedMarket, hand_over: Any) -> None:
        self._desk, self.id, self._channel, self._shared, self._hand_over = desk, tab, channel, shared, hand_over
        self._wake()
        self._tasks: set[asyncio.Task] = set()
        channel.on_message(self._hear)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk, name)

    def _wake(self) -> None:
        desk, around = self._desk, self._desk.around
        self.asleep, self.attention = False, "active"
        instruments = desk.venue.instruments()
        ways = (around.clock, around.scheduler, desk.account, desk.venue.now_ns)
        self.publisher = Publisher(desk.market, instruments, self.post, *ways, machine=around.machine, scanner=lambda: desk.scanner)
        self._reader = self._shared.reader(self.publisher)

    def _sleep(self) -> None:
        """Nothing is sent, looked at or kept for it any more."""
        if not self.asleep:
            self.asleep = True
            self._reader.leave()
            self.publisher.close()
            self._desk.forget_publisher(self.publisher)
            self._desk.locking.attend_elsewhere(self.id, None)

    def welcome(self) -> None:
        """Everything a page has to know to begin."""
        desk = self._desk
        if self.asleep:
            self._wake()
        self._send({"t": "welcome", "worker": desk.locking.worker})
        messages = [greeting.hello(desk), greeting.instruments(desk, desk.venue.instruments()), greeting.venue(desk)]
        messages.append(desk.followers.vault(desk.vault_message()))
        messages += [not_here(desk.order_state()), *map(desk.marked, desk.trade.blotter()), {"t": "risk", **desk.trade.risk.summary()}]
        if (account := desk.account()) is not None:
            messages.append({"t": "account", **account})
        messages += [{"t": "execution", **each.real.view()} for each in desk.accounts.all if each.real is not None]
        if desk.accounts.several:
            messages.append(desk.accounts.message())
        if (sources := desk.sources_message()) is not None:
            messages.append(sources)
        for message in messages:
            self._send(message)
        if not self.publisher.focus and (first := next(iter(desk.venue.instruments()), None)) is not None:
            self.publisher.set_focus(first.symbol, "1s")
        desk.locking.attend_elsewhere(self.id, self.attention)

    def post(self, text: str) -> None:
        """One message to its page, unless that sleeps."""
        if not self.asleep:
            self._channel.post(text)

    def second(self) -> None:
        """Once a second: does it still answer?"""
        if self.publisher.owes_ns > ASLEEP_NS:
            self._sleep()
        else:
            self.publisher.second()

    def close(self) -> None:
        """It is gone, or the desk is."""
        self._sleep()
        self._channel.close()

    # For requests: what is the tab's own in the place of the desk's.

    @property
    def locking(self) -> Follower:
        """Attention and locking, as this tab may ask for them."""
        return self

    def attend(self, attention: str) -> None:
        """How much its trader attends to this tab."""
        self.attention = attention
        self._desk.locking.attend_elsewhere(self.id, attention)

    async def ask(self) -> None:
        """Lock the vault where it is open."""
        await self._desk.locking.ask("tab")

    async def change(self, fields: dict) -> dict:
        """The settings for locking; they are changed in the tab that is the desk."""
        return await self._desk.locking.change({})

    def fill_from_history(self) -> None:
        """Stored bars of what this tab looks at."""
        self._desk.fill_from_history(self.publisher)

    def _hear(self, text: str) -> None:
        try:
            request = json.loads(text)
            name = request["do"]
        except (ValueError, TypeError, KeyError):
            return
        if self.asleep:
            self._wake()
            self._send({"t": "again"})
            self.welcome()
        if name == "painted":
            self.publisher.painted(request.get("seq"))
            return
        task = self._desk.around.scheduler.create_task(self._answer(name, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, name: Any, request: dict) -> None:
        reply = {"t": "reply", "id": request.get("id")}
        try:
            if (locking := self._desk.locking.look()) is not None:
                await asyncio.wait({locking})
            result = self._handled(name, request)
            if asyncio.iscoroutine(result):
                result = await result
            if name == "vault.lock":
                result = None  # who can open the vault is not this tab's to know
            reply |= {"ok": True, "result": result or {}}
        except Exception as error:
            if not hasattr(error, "code"):
                self._desk.health.note(error)
            reply |= {"ok": False, "error": to_wire(error)}
        self._send(reply)

    def _handled(self, name: Any, request: dict) -> Any:
        if name == "tab.hand_over":
            return self._hand_over(self)
        if name not in READS or any(request.get(field) is not None for field in CHANGING.get(name, ())):
            raise Refusal("following", FOLLOWING, REMEDY)
        return requests.REQUESTS[name](self, request)

    def _send(self, message: dict) -> None:
        self.post(to_text(message))


def not_here(state: dict) -> dict:
    """The ``order_state`` of a tab that follows."""
    return {**state, "accepting": False, "reason": FOLLOWING, "see": ""}
