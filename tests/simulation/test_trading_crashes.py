"""Crashes at any point between two steps of the desk: nothing doubled, nothing lost, everything resolved."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.trading.canonical import state_hash
from app.trading.engine import Engine
from tests.simulation.trading_world import World
from tests.unit.trading.kit import ACCOUNT, held_of

SEEDS = 150
STEPS = 140


def check_books(world: World) -> None:
    engine = world.engine
    assert len(world.sent) == len(set(world.sent)), "an order was sent twice"
    assert set(world.sent) <= set(engine.orders), "an order was sent before it was journalled"
    assert len({fill.fill_id for fill in engine.fills}) == len(engine.fills)
    assert engine.portfolio.qty("TOY") == held_of(engine)
    cash = Decimal(100_000)
    for fill in engine.fills:
        cash -= fill.qty * fill.price * fill.side.sign + fill.fee
    assert engine.portfolio.cash == {"USDT": cash}
    assert state_hash(Engine.replay(ACCOUNT, world.time, world.entries())) == state_hash(engine)


@pytest.mark.parametrize("first", range(0, SEEDS, 50))
def test_paper_desk_survives_crashes(first):
    fills = crashes = splits = 0
    for seed in range(first, first + 50):
        world = World(seed, remote=False)
        world.run(STEPS)
        world.settle()
        check_books(world)
        engine = world.engine
        assert world.unresolved() == [], seed
        assert not [cid for cid in engine.working if world.immediate(cid)], seed
        assert engine.anomalies == [], seed
        assert not [cid for cid, order in engine.working.items() if order.cancel_requested_ns or order.amend_requested_ns], seed
        working = list(engine.working)
        for cid in working:
            world.venue.query(cid)
        world.drain()
        assert list(engine.working) == working, seed
        for order in engine.orders.values():
            assert order.filled <= order.qty, seed
        world.write(engine.cancel_all())
        world.settle()
        before = len(engine.fills)
        for _ in range(10):
            world.move()
        world.settle()
        assert not engine.working and len(engine.fills) == before, seed
        splits += len(engine.splits)
        fills += before
        crashes += world.crashes
    assert fills > 50 and crashes > 100 and splits > 10


@pytest.mark.parametrize("first", range(0, SEEDS, 50))
def test_desk_agrees_with_a_venue_that_outlives_it(first):
    fills = crashes = 0
    for seed in range(first, first + 50):
        world = World(seed, remote=True)
        world.run(STEPS)
        world.settle()
        check_books(world)
        assert world.unresolved() == [], seed
        truth = world.remote.orders
        for cid, order in world.engine.orders.items():
            held = truth.get(cid)
            if held is None:
                assert order.code == "never_arrived" and order.filled == 0, seed
            else:
                assert order.filled == held.filled, seed
                assert order.is_working == (held.ended is None and held.filled < held.intent.qty), seed
        assert set(truth) <= set(world.engine.orders), seed
        fills += sum(len(held.fills) for held in truth.values())
        crashes += world.crashes
    assert fills > 50 and crashes > 100


def test_the_same_seed_is_the_same_journal():
    worlds = [World(77, remote=False) for _ in range(2)]
    for world in worlds:
        world.run(STEPS)
        world.settle()
    assert worlds[0].records == worlds[1].records
