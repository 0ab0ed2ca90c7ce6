"""Two accounts of one desk, each with its journal and a venue over a line that fails, and one order over both of them: killed between any two steps.

    python -m tests.simulation.accounts_world SEED     replays one schedule and says what it did

What writes, sends, tells and recalls is the product's own (`RoutedSending`, `Trade`, `Writer`), on a loop that does one thing at a time
(`step_loop`): a kill may come while a journal is being written, between that write and what it lets leave, and between one account's
write and the next's. The journals are what is left; a write that was under way is durable or is not, by the seed.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Coroutine
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any

from app.desk.errors import Refusal
from app.desk.routedsending import RoutedSending
from app.desk.rows import part_in, parts_of
from app.trading.errors import Denied
from tests.simulation.accounts_sides import CASH, LISTINGS, NAMES, Half, ShallowMarket
from tests.simulation.fault_venue import Broken
from tests.simulation.fault_world import agree, many
from tests.simulation.step_loop import StepLoop
from tests.unit.manual import NS, ManualTime
from tests.unit.trading.kit import fields
from tests.unit.trading.snapshots import let_go

STEPS = 240
_REFUSED = (Denied, Refusal, OSError)


class AccountsWorld:
    """One seed."""

    def __init__(self, seed: int) -> None:
        self.seed, self.rng, self.time, self.life = seed, random.Random(seed), ManualTime(), 0
        self.market = ShallowMarket()
        self.counts: dict[str, int] = {}
        self.presses: dict[str, dict] = {}
        self._token = 0
        self.loop: StepLoop = None
        self.sides: list[Half] = []
        self.sides += (Half(self, name) for name in NAMES)
        self.desk = SimpleNamespace(
            around=SimpleNamespace(clock=self.time, scheduler=self.time, epoch_ms=lambda: self.time.now_ns() / 1e6),
            accounts=SimpleNamespace(all=self.sides, several=True, named=lambda name: next(each for each in self.sides if each.name == name)),
            market=SimpleNamespace(instrument=lambda symbol: next(item for item in LISTINGS.values() if item.symbol == symbol)),
            toast=self.toast,
        )
        self._boot()
        self.drain()

    def toast(self, _level: str, text: str, code: str = "") -> None:
        """What the trader is told."""
        if code == "route_half":
            self._count("recalled" if "was stopped before" in text else "told")

    def _boot(self) -> None:
        self.life += 1
        self.loop, self.sending = StepLoop(self.time, _REFUSED), RoutedSending(self.desk)
        for each in self.sides:
            each.boot()
        self._task(self._open)
        self._second(self.life)

    async def _open(self) -> None:
        while True:
            try:
                for each in self.sides:
                    await each.open()
                break
            except _REFUSED:  # the trader unlocks again
                for each in self.sides:
                    await each.trade.close()
                await asyncio.sleep(1)
        await self.sending.recall()

    def _second(self, life: int) -> None:
        if life == self.life:
            self.time.call_later(1.0, partial(self._second, life))
            with self.loop.running():
                for each in self.sides:
                    each.second()
                self.sending.second()

    def _task(self, work: Callable[[], Coroutine]) -> None:
        async def guarded() -> None:
            try:
                await work()
            except _REFUSED as error:
                self._count(f"refused: {getattr(error, 'code', 'storage')}")

        with self.loop.running():
            self.loop.create_task(guarded())

    # What may happen.

    def crash(self) -> None:
        """The tab is gone between two steps; a new one starts from the journals and reconciles."""
        self._count("crash")
        writing = [each.name for each in self.sides if each.disk.writing is not None]
        for each in self.sides:
            each.disk.killed(durable=self.rng.random() < 0.5)
            each.trade.writer.stuck = Broken("dead")  # nothing of it goes on while its tasks are dropped
        self.loop.kill()
        self._count(f"crash while {len(writing)} were written")
        for each in self.sides:
            let_go(each.check_replay())
            each.line.reset()
            each.broken_store = False
            let_go(each.trade.engine) if each.trade.engine is not None else None
        self.check_parts()
        self._boot()

    def fault(self) -> None:
        """One of the faults of the surroundings begins or ends."""
        rng, side = self.rng, self.rng.choice(self.sides)
        match rng.choice(["line", "storm", "store", "arm", "crash", "crash", "crash"]):
            case "line":
                side.line.disconnect() if side.line.connected else self._connect(side)
            case "storm":
                side.line.storm = "" if side.line.storm else rng.choice(["429", "5xx"])
            case "store":
                self._count("storage")
                side.broken_store = not side.broken_store
            case "arm":
                side.armed = not side.armed
            case "crash":
                self.crash()

    def heal(self, side: Half) -> None:
        """What was wrong around an account is mended."""
        side.armed, side.broken_store, side.line.storm = True, False, ""
        self._connect(side)

    def _connect(self, side: Half) -> None:
        if not side.line.connected:
            side.line.connect()
            side.reconcile()

    def trade(self) -> None:
        """The trader does something."""
        rng, home = self.rng, self.rng.choice(self.sides)
        choice, engine = rng.random(), home.trade.engine
        routed = [*engine.routed.by_id][-12:] if engine is not None else []
        if choice < 0.55 or not routed:
            self._token += 1
            self._press(home, str(self._token), self._ticket(home))
        elif choice < 0.7:
            lately = [token for token, press in self.presses.items() if press["life"] == self.life and press["ids"]]
            token = rng.choice(lately or [str(self._token)])
            self._press(home, token, self.presses[token]["ticket"])  # the same press again, from whichever account
        elif choice < 0.9:
            self._task(partial(self.sending.cancel, home, rng.choice(routed)))
        elif engine.working:
            self._task(partial(home.trade.amend, rng.choice([*engine.working]), str(rng.choice([1, 4, 9])), None, None))

    def _press(self, home: Half, token: str, ticket: dict) -> None:
        known = self.presses.get(token)
        if known is None or known["life"] != self.life:  # a new desk does not know the presses of the one before
            known = self.presses[token] = {"ticket": ticket, "life": self.life, "ids": set()}

        async def pressed() -> None:
            answer = await self.sending.submit(home, ticket, token, None)
            known["ids"].add(answer["client_order_id"])
            if len(known["ids"]) > 1:
                raise Broken(f"one press made two orders: {sorted(known['ids'])}")

        self._task(pressed)

    def _ticket(self, home: Half) -> dict:
        rng = self.rng
        side = rng.choice(["buy", "sell"])
        qty, how = str(rng.randint(3, 14)), rng.choice(["split", "split", "split", "best"])
        near = {"buy": "100.01", "sell": "99.99"}[side]
        found = fields(side, "market", str(min(int(qty), 4 if how == "best" else 8)), tif="ioc") if rng.random() < 0.6 else fields(side, "limit", qty, near)
        return {**found, "symbol": home.item.symbol, "route": how}

    def step(self) -> None:
        """One thing happens."""
        rng = self.rng
        choice = rng.random()
        writing = [each for each in self.sides if each.disk.writing is not None]
        if choice < 0.03:
            self.fault()
        elif choice < 0.06:
            self.heal(rng.choice(self.sides))
        elif choice < 0.16:
            self.trade()
        elif choice < 0.24:
            rng.choice(self.sides).line.venue.move()
        elif choice < 0.75 and not self.loop.idle:
            self._run()
        elif choice < 0.85 and writing:
            side = rng.choice(writing)
            side.disk.end(side.broken_store)
        elif choice > 0.85 or (self.loop.idle and not writing):
            self.time.advance(rng.choice([0.005, 0.02, 0.1, 0.5]))
        self.check()

    def _run(self) -> bool:
        return self.loop.step()

    def drain(self) -> None:
        """Let the desk finish what it is at."""
        while True:
            if self._run():
                continue
            side = next((each for each in self.sides if each.disk.writing is not None), None)
            if side is None:
                return
            side.disk.end(side.broken_store)

    def settle(self) -> None:
        """No more faults: the desk has to find out the truth by itself."""
        for each in self.sides:
            each.line.calm = True
            self.heal(each)
        for _ in range(100):
            self.drain()
            before = [len(each.disk.records) for each in self.sides]
            self.time.advance(3.0)
            self.drain()
            self.check()
            if before == [len(each.disk.records) for each in self.sides] and not any(each.trade.resolver.owed for each in self.sides):
                break

    def run(self, steps: int = STEPS) -> None:
        """The whole schedule."""
        for _ in range(steps):
            self.step()
        self.settle()
        self.check_settled()

    # What must hold.

    def check(self) -> None:
        """After every step."""
        for each in self.sides:
            each.check()

    def check_parts(self) -> None:
        """Journals hold the first parts of an order or all of them, each as the plan has it: that of the order's account is written first."""
        for parts, there in self._plans():
            held = [each is not None for each in there]
            if held != sorted(held, reverse=True):
                raise Broken(f"a later part is in its journal and an earlier one is not: {[part['client_order_id'] for part in parts]}")
            for part, found in zip(parts, there, strict=True):
                if found is not None and sum(leg.intent.qty for leg in found.legs) != Decimal(part["qty"]):
                    raise Broken(f"{part['client_order_id']} is not what the plan says")

    def _plans(self) -> list[tuple[list[dict], list[Any]]]:
        """The parts of each plan that any journal has, with the routed order where its account's journal holds it."""
        engines = {each.name: each.trade.engine for each in self.sides}
        plans = dict.fromkeys(each.event.plan for engine in engines.values() if engine is not None for each in engine.routed.by_id.values())
        found = [(plan, parts_of(plan)) for plan in plans]
        return [(parts, [part_in(engines[part["account"]], part, plan) for part in parts]) for plan, parts in found if all(engines.values())]

    def check_settled(self) -> None:
        """At the end each desk side and its venue agree, and every half is told in every journal that holds a part of it."""
        self.loop.raise_failed()
        self.check_parts()
        for each in self.sides:
            if left := each.proposed():
                raise Broken(f"{each.name} still holds buying power for {[order.client_order_id for order in left]}")
            let_go(each.check_replay())
            agree(each.trade.engine, each.line.venue, CASH)
            if strangers := set(each.line.venue.orders) - each.sent:
                raise Broken(f"came from nowhere: {strangers}")
        for parts, there in self._plans():
            half = None in there
            self._count("half" if half else "whole" if len(parts) > 1 else "alone")
            for part, found in zip(parts, there, strict=True):
                if found is not None and len(parts) > 1:
                    note = self.desk.accounts.named(part["account"]).trade.engine.notes.get(f"order:{found.leg_ids[0]}")
                    if half != (note is not None and note.tags == "half"):
                        raise Broken(f"{part['client_order_id']} is {'half an' if half else 'a whole'} order, and its journal says {note and note.text!r}")

    def let_go(self) -> None:
        """Nothing is asked of it any more."""
        for each in self.sides:
            each.trade.writer.stuck = Broken("dead")
            let_go(each.trade.engine) if each.trade.engine is not None else None
            each.line.let_go()
        self.loop.kill()
        self.time.forget()

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def run(seed: int) -> AccountsWorld:
    """One schedule; a failure names the command that replays it."""
    world = AccountsWorld(seed)
    try:
        world.run()
    except Exception as error:
        world.let_go()
        raise Broken(f"schedule {seed}: {type(error).__name__}: {error}\nreplay it: python -m tests.simulation.accounts_world {seed}") from error
    return world


if __name__ == "__main__":
    with many():
        done = run(int(sys.argv[1]))
    for each in done.sides:
        engine = each.trade.engine
        print(f"seed {done.seed}, {each.name}: {len(engine.orders)} orders, {len(engine.fills)} fills, {len(each.disk.records)} records, {each.line.faults}")
    print(done.counts, f"{done.time.monotonic_ns() / NS:.0f} s")
