"""A day of four venues in simulated time: five hundred disconnects, sleeps, silences, lies; every book right whenever it says so.

`make soak` runs the whole day; `make test` a few hours of it.
"""

from __future__ import annotations

import os
import random

import pytest

from app.venues.base import ConnectionState
from tests.venues.sims.exchange import FAULTS
from tests.venues.sims.hand import LIVE, Hand, exchange_of

DISCONNECTS = int(os.environ.get("KONTOR_DISCONNECTS", "60"))
WHOLE_S = 24 * 3600 * DISCONNECTS / 500


@pytest.mark.slow
async def test_a_day_of_disconnects():
    rng = random.Random(24)
    desk = await Hand(*[exchange_of(name, levels=14) for name in LIVE], labels=True).start()
    begun, cuts, shown = desk.time.monotonic_ns(), 0, 0
    while cuts < DISCONNECTS:
        exchange = desk.exchanges[rng.choice(list(LIVE))]
        clients = len(exchange.clients)
        kind = rng.choice((*["disconnect"] * 8, "frames", "frames", "stall", "refuse", "refuse", "sleep", "offline"))
        if kind == "frames":
            exchange.plan = [rng.choice(FAULTS) for _ in range(5)]
        elif kind == "sleep":
            desk.time.clock.advance(rng.randrange(20, 400) * 10**9)
        elif kind == "offline":
            desk.down = True
            for venue in desk.venues:
                venue.went_offline()
            await desk.pass_s(rng.randrange(1, 90))
            desk.down = False
            for venue in desk.venues:
                venue.retry_now()
        elif kind == "stall":
            exchange.stall()
            await desk.pass_s(30.0)
            assert not exchange.stalled, "silence was not noticed"
        else:
            exchange.refusing = rng.randrange(4) if kind == "refuse" else 0
            cuts += clients > 0
            exchange.disconnect()
        await desk.step(1)
        exchange.plan.clear()
        await desk.step(3)
        shown += len(LIVE) * 3 - desk.check()
        await desk.pass_s(rng.uniform(90, 250))
        await desk.step()
    assert (desk.time.monotonic_ns() - begun) / 1e9 > WHOLE_S
    await desk.live()
    await desk.step(3)
    assert desk.check() == len(LIVE) * 3
    assert all(venue.connection.state is ConnectionState.LIVE for venue in desk.venues)
    assert shown > DISCONNECTS, "what was lost was shown as untrusted meanwhile"
    for venue in desk.venues:
        assert all(row["attempts"] <= 20 for row in venue.sockets())
        venue.stop()
    await desk.pass_s(1.0)
    assert desk.time.pending() == 0
