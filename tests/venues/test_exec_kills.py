"""A desk's process killed at random moments while it trades on the emulated exchange; another desk opens its vault, and both have to agree.

    KONTOR_KILLS=200 KONTOR_SEED=7 pytest tests/venues/test_exec_kills.py -s

The same with tab and browser: tests/e2e/test_kill.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.venues.exec_desk import SYMBOL, RealDesk, real_desk, start_real
from tests.venues.live_desk import until

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"), pytest.mark.flaky(reruns=0)]
KILLS = int(os.environ.get("KONTOR_KILLS", "2"))
SEED = int(os.environ.get("KONTOR_SEED", "0")) or random.randrange(1, 10**6)
ROOT = Path(__file__).resolve().parents[2]


async def killed(desk: RealDesk, seed: int, after_s: float, told: Counter, acknowledged: set[str]) -> None:
    """Let a child trade and kill it a while after it was armed."""
    emulator = desk.emulator
    given = {"store": str(desk.store), "seed": seed, "addresses": {"binance_ws": emulator.ws, "binance_rest": emulator.http, "binance_trade": emulator.api}}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.venues.kill_desk", json.dumps(given), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    loop = asyncio.get_running_loop()

    async def play() -> None:
        while child.returncode is None:
            emulator.player.step(2)
            for order in [order for order in desk.account.orders if order.works and not order.executed and order.number % 2]:
                emulator.exchange.trade(SYMBOL, order.price, Decimal("0.001"))
            await asyncio.sleep(0.005)

    playing = asyncio.create_task(play())
    try:
        async with asyncio.timeout(60):
            while line := await child.stdout.readline():
                said = json.loads(line)
                told.update(said.keys())
                if "armed" in said:
                    loop.call_later(after_s, child.kill)
                acknowledged |= {said["acknowledged"]} if "acknowledged" in said else set()
                assert said.get("refused") is None, said
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
        await playing


@pytest.mark.timeout(120 + 60 * KILLS)
async def test_a_process_killed_at_random_moments_loses_and_doubles_nothing(tmp_path):
    print(f"KONTOR_SEED={SEED} KONTOR_KILLS={KILLS}")
    draw, told, acknowledged = random.Random(SEED), Counter(), set()
    # Each desk asks about its last orders: with the venue's usual limit most of the time would go in waiting for the next minute.
    async with real_desk(tmp_path, weight_limit=10**6) as desk:
        await desk.armed()
        await desk.desk.stop()
        kill = 0
        while kill < KILLS or (len(acknowledged) < KILLS and kill < 5 * KILLS):  # a busy machine may die each time before the first answer
            after_s = draw.uniform(0, 0.6)
            await killed(desk, draw.randrange(10**9), after_s, told, acknowledged)
            desk.page = await start_real(desk.emulator, desk.store)
            await desk.page.ask("vault.unlock", secret=bytearray(b"correct horse battery"))
            await until(lambda: desk.state == "ready" and not desk.desk.trade.resolver.owed, f"seed {SEED}, kill {kill}: everything answered", 60)
            assert not acknowledged - desk.engine.orders.keys(), f"seed {SEED}, kill {kill}: acknowledged and lost"
            await desk.page.ask("order.cancel_all", symbol=None)
            await until(lambda: not desk.engine.working, f"seed {SEED}, kill {kill}: all ended; {desk.orders()}")
            await desk.agree()
            mine = {cid for cid, order in desk.engine.orders.items() if order.status.value not in ("rejected", "denied")}
            assert mine <= set(desk.emulator.exchange.placed), f"seed {SEED}, kill {kill}: here and not at the exchange"
            assert len(desk.engine.orders) <= told["pressed"], f"seed {SEED}, kill {kill}: more orders than presses"
            await desk.desk.stop()
            kill += 1
            if kill % 10 == 0:
                print(f"{kill} kills, {told['pressed']} orders pressed", flush=True)
        orders, fills = len(desk.emulator.exchange.placed), sum(order.executed > 0 for order in desk.account.orders)
        moved = f"{told['moved']} moved while partly filled"
        print(f"{kill} kills, {told['pressed']} orders pressed, {orders} placed, {len(acknowledged)} acknowledged, {fills} filled, {moved}; {SYMBOL}")
        assert orders >= KILLS and acknowledged
