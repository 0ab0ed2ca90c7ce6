"""The desk: composes feed, publisher, trade and keeping, and answers the page's requests."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from app.health.histogram import Histogram
from app.net.trace import Trace
from app.platform.scheduler import hurry

from . import greeting
from .accounts import Account, Accounts
from .errors import Refusal, to_wire
from .feed import Feed
from .filltimes import FillTimes
from .health import HealthReport
from .keeping import Keeping
from .lines import tell_boot, tell_request
from .locking import Locking
from .marketview import TimedMarket
from .orderrequests import ORDER_REQUESTS
from .pace import Pace
from .publisher import Publisher
from .requests import REQUESTS
from .settings import Settings
from .surroundings import Surroundings
from .vaultfiles import WithFile
from .vaultrequests import WithSecret
from .venuefetch import VenueFetch
from .venues import build_venue
from .wire import to_text

HISTORY_AFTER_S = 1.5
"""Stored history is looked for when the first rush is over."""
CURVE_AFTER_S = 3
"""Equity is sampled when the first rush is over."""
SENDING_S = 0.004
"""An order that was written has yet to be signed and sent."""
LINES_A_WORKER = 1_000_000
"""Numbers of the trace's lines go on rising over the workers of a page."""


class Desk:
    """One per desk worker. ``start`` returns when market data is on its way and the vault's state is known."""

    def __init__(self, around: Surroundings, settings: Settings) -> None:
        self.around, self.settings = around, settings
        self.store_read, self.store_write = Histogram("store_read"), Histogram("store_write")
        self.venue: Any = None
        self.market: Any = None
        self.publisher: Publisher | None = None
        self.feed: Feed | None = None
        seed = settings.seed or int.from_bytes(around.entropy.random_bytes(6), "big")
        self.accounts = Accounts(self, settings, seed)
        self.keeping: Keeping | None = None
        self.locking: Locking | None = None
        self.health: HealthReport | None = None
        self.trace = Trace(around.epoch_ms, before=around.again * LINES_A_WORKER)
        self._network: Any = None
        self._signin: Any = None
        self._backup: Any = None
        self._history: Any = None
        self._scanner: Any = None
        self.followers: Any = None
        """Tabs that follow this desk; None until there is one."""
        self._sources: Any = None
        self._market_keys: Any = None
        self._kept_since = self._seconds = 0
        self._fill_times: FillTimes | None = None
        self._pace: Pace | None = None
        self._wanted: list[str] = []
        self._ready = asyncio.Event()
        self._kept = asyncio.Event()

    @property
    def network(self) -> Any:
        """The fetch chain; made when first asked for, so that a start pays nothing."""
        if self._network is None:
            from .network import Network

            self._network = Network(self.around, self.trace, self.send, self._kept.wait, lambda: self.signin)
        return self._network

    @property
    def signin(self) -> Any:
        """Sign-ins with providers; made when first asked for."""
        if self._signin is None:
            from .signin import SignIn

            self._signin = SignIn(self)
        return self._signin

    @property
    def history(self) -> Any:
        """Stored history of bars; made when first asked for."""
        if self._history is None:
            from .history import History

            self._history = History(self)
        return self._history

    # The account that the page shows.

    @property
    def shown(self) -> Account | None:
        """The account that is shown; None before there is any."""
        return self.accounts.shown if self.accounts.all else None

    @property
    def trade(self) -> Any:
        """Its trading side."""
        return self.shown.trade if self.shown is not None else None

    @property
    def real(self) -> Any:
        """The account at its real venue; None on paper."""
        return self.shown.real if self.shown is not None else None

    @property
    def reconciling(self) -> Any:
        """Its agreement with its venue."""
        return self.shown.reconciling

    @property
    def portfolio(self) -> Any:
        """Its exposure and equity curve."""
        return self.shown.portfolio

    @property
    def sources(self) -> Any:
        """Sources that are polled; made when first asked for."""
        if self._sources is None:
            from .sources import Sources

            self._sources = Sources(self)
        return self._sources

    @property
    def scanner(self) -> Any:
        """Indicators of many instruments at once; made when a watchlist first shows one."""
        if self._scanner is None:
            from .scanner import Scanner

            around = self.around
            self._scanner = Scanner(
                *(self.market, around.clock, around.scheduler, self.venue.now_ns, None if around.package is None else self._pace.numpy),
                lambda symbol: self.history.held(symbol, "1m"),
                lambda symbols: [publisher.scanned(symbols) for publisher in self.publishers],
                self.health.note,
            )
        return self._scanner

    @property
    def backup(self) -> Any:
        """Exports and their restoring; made when first asked for."""
        if self._backup is None:
            from .backup import Backup

            self._backup = Backup(self)
        return self._backup

    async def start(self) -> None:
        """Prepare the venue, start its data, find out about the vault."""
        around = self.around
        self.venue = build_venue(around, self.settings, VenueFetch(around.fetch, lambda: self.network.chain), lambda: self.sources)
        self._fill_times = FillTimes(self.venue.now_ns) if self.venue.name == "replay" else None
        self._boot("venue")
        instruments = await self._instruments()
        told = (getattr(self.venue, name, None) for name in ("stale_after_ns", "close_before"))
        self.market = TimedMarket(instruments, self.venue.now_ns, *told)
        times = around.clock, around.scheduler, self.account, self.venue.now_ns
        self.publisher = Publisher(
            *(self.market, instruments, around.post, *times),
            lambda text, data: around.post_file(text, around.files.make(data)),
            *(around.machine, lambda: self.scanner),
        )
        self.publisher.gives_way = lambda: self.accounts.quiet_s() < SENDING_S
        self.feed = Feed(self.market, self.publisher, around.clock, around.epoch_ms, lambda _connection: self.send_venue())
        self.market.on_broken_book = getattr(self.venue, "resync", None)
        self.market.on_every = getattr(self.venue, "hand_on_every", None)
        if hasattr(self.venue, "orders_first"):
            self.venue.orders_first = lambda: self.accounts.writing
        if hasattr(self.venue, "on_joined"):
            self.venue.on_joined = self.joined
        self.accounts.make(instruments)
        self.feed.on_batch = self.accounts.on_market
        self.health = HealthReport(self)
        self._pace = Pace(self.venue, around.package, around.scheduler, self.accounts.quiet_s, self.health.note)
        self.send(greeting.hello(self))
        self.send(greeting.instruments(self, instruments))
        if instruments:
            self.publisher.set_focus(instruments[0].symbol, "1s")
        self._boot("market")
        self.venue.start(self.feed)
        self.send_venue()
        places = [(each.trade, each.journal) for each in self.accounts.all]
        self.keeping = Keeping(around, places, self.keeping_changed, self.store_write.record, self.store_read.record, around.kdf)
        for each in self.accounts.all:
            if each.real is not None:
                each.real.join(each.trade, self.keeping)
        self.locking = Locking(around.clock, around.scheduler, self.keeping, around.tabs, self.send, self.toast)
        self.keeping.use_lock_record = self.locking.use_record
        self.keeping.on_lost = lambda: self.send({"t": "lost"})
        self.locking.worker = around.entropy.random_bytes(8).hex()
        self.locking.on_follow = self._join
        self._ask_for_key()
        for each in self.accounts.all:
            each.trade.refuse_when(self.keeping.refusal)
            each.trade.risk.on_change = self.send_order_state
        self._ready.set()
        for problem in self.settings.problems:
            self.toast("warn", problem, "settings")
        await self.keeping.start()
        self._kept.set()
        if self._sources is not None:
            self._sources.begin()
        self._boot("vault")
        around.scheduler.call_later(1.0, self._second)
        around.scheduler.call_later(HISTORY_AFTER_S, self._look_for_history)

    async def stop(self) -> None:
        """Close sockets and finish what is being written."""
        self.venue.stop()
        for each in self.accounts.all:
            each.trade.execution.close()
        self.locking.close()
        if self.followers is not None:
            self.followers.close()
        if self._network is not None:
            self._network.close()
        if self._history is not None:
            self._history.close()
        if self._scanner is not None:
            self._scanner.close()
        if self._sources is not None:
            self._sources.close()
        for each in self.accounts.all:
            await each.trade.writer.close()

    def offline(self) -> None:
        """The browser says that the network is gone: what live venues show is a gap from now on."""
        gone = getattr(self.venue, "went_offline", None)
        if gone is not None:
            gone()
        self.accounts.each_real(lambda real: real.execution.reconnect("the network is gone"))

    def online(self) -> None:
        """The browser says that there is a network again: do not wait for the next try."""
        retry = getattr(self.venue, "retry_now", None)
        if retry is not None:
            retry()
        self.accounts.each_real(lambda real: real.execution.retry_now())
        if self._network is not None:
            self._network.chain.network_is_back()

    async def receive(self, request: dict, secret: Any = None, current: Any = None) -> None:
        """One request of the page, with the secret buffers that came with it; answers exactly once."""
        number, start_ns = request.get("id"), self.around.clock.monotonic_ns()
        result, failure = None, None
        try:
            name = request.get("do")
            if name in ORDER_REQUESTS:
                hurry()
            await self._ready.wait()
            if str(name).startswith("vault."):
                await self._kept.wait()  # the vault's state is known
            if (locking := self.locking.look()) is not None:
                await asyncio.wait({locking})
            handler = REQUESTS.get(name)
            if handler is None:
                raise Refusal("unknown_request", f"the desk knows no request {name!r}", "reload the page")
            given = {"secret": secret, "current": current}
            result = handler(self, request, **{name: buffer for name, buffer in given.items() if buffer is not None})
            if asyncio.iscoroutine(result):
                result = await result
        except Exception as error:
            if not hasattr(error, "code"):
                self.health.note(error)
            failure = to_wire(error)
            self.around.post(to_text({"t": "reply", "id": number, "ok": False, "error": failure}))
        else:
            reply = {"t": "reply", "id": number, "ok": True, "result": result or {}}
            if isinstance(result, WithSecret):
                reply["result"] = result.result
                self.around.post_secret(to_text(reply), result.secret)
            elif isinstance(result, WithFile):
                reply["result"] = result.result
                self.around.post_file(to_text(reply), result.file)
            else:
                self.around.post(to_text(reply))
            if isinstance(result, (WithSecret, WithFile)):
                result = result.result
        finally:
            for buffer in (secret, current):
                if buffer is not None:
                    self.around.crypto.wipe(buffer)
        tell_request(self.trace, request, result, failure, (self.around.clock.monotonic_ns() - start_ns) / 1e6)

    def again(self, request: dict) -> None:
        """Run a request of the trace once more; what comes of it shows there."""
        self.around.scheduler.create_task(self._again(request))

    async def _again(self, request: dict) -> None:
        start_ns, result, failure = self.around.clock.monotonic_ns(), None, None
        try:
            result = await REQUESTS[request["do"]](self, request)
        except Exception as error:
            failure = to_wire(error)
        tell_request(self.trace, request, result, failure, (self.around.clock.monotonic_ns() - start_ns) / 1e6)

    def painted(self, sequence: int) -> None:
        """The page has painted this tick; the only message without a reply."""
        if self.publisher is not None:
            self.publisher.painted(sequence)

    def send(self, message: dict) -> None:
        """Post a message to the page, and to those that follow what concerns them."""
        text = to_text(message)
        self.around.post(text)
        if self.followers is not None:
            self.followers.send(message, text)

    # Other tabs.

    def _join(self, tab: str) -> None:
        if self.around.channel is None:
            return
        if self.followers is None:
            from .followers import Followers

            self.followers = Followers(self)
        self.followers.join(tab)

    @property
    def publishers(self) -> list[Publisher]:
        """Of this page and of those that follow."""
        return [self.publisher, *(self.followers.publishers if self.followers is not None else ())]

    def forget_publisher(self, publisher: Publisher) -> None:
        """The page of this publisher is gone."""
        if self._history is not None:
            self._history.forget(publisher)

    async def hand_over(self) -> Any:
        """Another tab becomes the desk: sockets are closed, what is under way is written, keys are forgotten. Gives the session where it
        lies in memory alone, else None."""
        session = await self.keeping.hand_over()
        self.venue.stop()
        if self._network is not None:
            self._network.close()
        return session

    def marked(self, message: dict) -> dict:
        """A message about trading; fills of a replay say where charts show them."""
        return self._fill_times.mark(message) if self._fill_times is not None else message

    def send_trading(self, message: dict) -> None:
        """What concerns the account that is shown."""
        self.send(self.marked(message))

    def toast(self, level: str, text: str, code: str = "") -> None:
        """A notice for the trader."""
        self.send({"t": "toast", "level": level, "text": text, "code": code})

    def send_venue(self) -> None:
        """Tell the page how the venue stands."""
        self.send(greeting.venue(self))

    async def own_proxy(self) -> str:
        """The address of this site's proxy while it is the trader's own; else ""."""
        return await self.network.own_proxy()

    def _ask_for_key(self) -> None:
        """A venue whose market data needs a key gets it with the vault."""
        if not hasattr(self.venue, "use_key") and not hasattr(self.venue, "venues"):
            return
        from .marketkeys import MarketKeys, keyed

        if (venue := keyed(self.venue)) is not None:
            self._market_keys = MarketKeys(venue, self.around, self.settings, self.keeping, self.own_proxy)
            self.accounts.each_real(lambda real: self._share_key(venue, real))

    def _share_key(self, venue: Any, real: Any) -> None:
        real.key_changed = lambda: self._market_keys.look(again=True)
        real.refined = lambda found: self._refined(venue, found)

    def _refined(self, venue: Any, instruments: list) -> None:
        """A venue's instruments are known better: steps of prices and quantities."""
        label = {item.native: item.symbol for item in venue.instruments()}
        found = [replace(item, symbol=label[item.native]) for item in instruments if item.native in label]
        venue.refine(found)
        self.accounts.know(found)
        self.send(greeting.instruments(self, self.venue.instruments()))

    def joined(self, instruments: list) -> None:
        """A venue answered after the start, or an instrument was added."""
        self.market.add(instruments)
        for publisher in self.publishers:
            publisher.add(instruments)
        self.accounts.know(instruments)
        self.send(greeting.instruments(self, self.venue.instruments()))

    def _prioritise(self) -> None:
        """Feeds of instruments with positions and working orders first, then what is looked at."""
        prioritise = getattr(self.venue, "prioritise", None)
        if prioritise is not None:
            wanted = list(dict.fromkeys([*self.accounts.at_stake(), *(symbol for each in self.publishers for symbol in each.watched)]))
            if wanted != self._wanted:
                self._wanted = wanted
                prioritise(wanted)

    async def _instruments(self) -> list:
        """The venue's instruments; asks again until it answers, showing the state meanwhile."""
        wait_s = 1.0
        await self.venue.prepare()
        while not (found := self.venue.instruments()):
            self.send_venue()
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, 15.0)
            await self.venue.prepare()
        return found

    def keeping_changed(self) -> None:
        """Tell the page the state of the vault, and whether orders are taken."""
        if self.accounts.several and self.keeping.state in ("memory", "unlocked") and self.keeping.since_ns != self._kept_since:
            self.around.scheduler.create_task(self.accounts.sending.recall())
        if self.keeping.state == "unlocked":
            if self.keeping.since_ns != self._kept_since:
                self.around.scheduler.create_task(self.backup.look())
        elif self._backup is not None:
            self._backup.locked()
        self._kept_since = self.keeping.since_ns
        if self._market_keys is not None:
            self._market_keys.look()
        self.send(self.vault_message())
        self.locking.changed()
        if self._network is not None:
            self.around.scheduler.create_task(self._network.look_again())
        if self._history is not None:
            self._history.vault_changed()
        if self._sources is not None:
            self._sources.vault_changed()
        self.send_order_state()

    def vault_message(self) -> dict:
        """Where the desk's memory is."""
        backup = self._backup.view() if self._backup is not None else None
        return {"t": "vault", **self.keeping.view(), "backup": backup}

    def sources_message(self) -> dict | None:
        """Polled sources and the prices they gave; None on a desk that asks none."""
        return {"t": "sources", **self._sources.view()} if self._sources is not None else None

    def _look_for_history(self) -> None:
        self.history.look()
        if self._sources is not None:
            self._sources.want_days(self.publisher.focus)

    def bars_changed(self) -> None:
        """Other bars are stored."""
        if self._scanner is not None:
            self._scanner.forget()

    def fill_from_history(self, publisher: Publisher | None = None) -> None:
        """Show stored bars of what is in focus here or on another page, once it is known what is stored."""
        shown = publisher or self.publisher
        if self._history is not None:
            self._history.fill(shown)
        if self._sources is not None:
            self._sources.want_days(shown.focus)

    def send_order_state(self) -> None:
        """Tell the page whether orders are taken."""
        self.send(self.order_state())

    def order_state(self) -> dict:
        """Whether orders are taken, why not, and where that is changed."""
        return self.shown.order_state()

    def account(self) -> dict | None:
        """The account's figures; None while there are none."""
        return self.trade.account() if self.trade is not None else None

    def account_changed(self) -> None:
        """What the account is worth has changed."""
        self.publisher.account_dirty = True
        self.publisher.flush()
        if self.followers is not None:
            self.followers.account_changed()

    def _second(self) -> None:
        self.around.scheduler.call_later(1.0, self._second)
        self.locking.second()
        self._prioritise()
        self.accounts.second(self._seconds > CURVE_AFTER_S)
        self.publisher.second()
        for kept in self.keeping.accounts:
            kept.snapshots.second()
        if self.followers is not None:
            self.followers.second()
        self._seconds += 1
        self._pace.second(self.health.ticks_per_s)
        if self._backup is not None:
            self._backup.second()
        self.send({"t": "stats", **self.health.second()})
        if self.venue.name == "replay":
            self.send_venue()

    def _boot(self, phase: str) -> None:
        self.send({"t": "boot", "phase": phase, "ms": round(self.around.epoch_ms(), 3)})
        tell_boot(self.trace, phase)
