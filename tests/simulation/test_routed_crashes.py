"""Routed orders on a desk that crashes at any point, on paper and with a venue that outlives it: no leg doubled or sent elsewhere, no whole overfilled."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from app.model.orders import OrderStatus, leg_order_id
from app.trading.canonical import state_hash
from app.trading.engine import Engine
from tests.simulation.trading_world import World
from tests.unit.trading.kit import ACCOUNT, TOY, held_of

SEEDS = 120
STEPS = 140
THREE = (TOY, replace(TOY, symbol="TOY.B", venue="b"), replace(TOY, symbol="TOY.C", venue="c", lot=500))


class RoutedWorld(World):
    """Three listings of one thing; every market and limit order is routed."""

    instruments = THREE

    def ticket(self) -> dict:
        found = super().ticket()
        how = self.rng.choice(["best", "split", "split", "this"])
        if found["type"] == "stop" or (found["tif"] == "fok" and how == "split"):
            how = "this"
        return {**found, "route": how, "qty": str(self.rng.randint(1, 12))}


def check(world: RoutedWorld) -> Counter:
    engine, seen = world.engine, Counter()
    assert len(world.sent) == len(set(world.sent)), "an order was sent twice"
    assert set(world.sent) <= set(engine.orders), "an order was sent before it was journalled"
    for key, routed in engine.routed.by_id.items():
        legs = routed.legs
        assert [leg.client_order_id for leg in legs] == [leg_order_id(key, number) for number in range(1, len(legs) + 1)], "a leg is lost, or was added"
        assert sum(leg.intent.qty for leg in legs) == routed.event.qty and sum(leg.qty for leg in legs) >= routed.filled
        assert routed.filled <= max(routed.event.qty, sum(leg.qty for leg in legs)), "the whole is overfilled"
        assert len({leg.symbol for leg in legs}) == len(legs), "two legs at one venue"
        seen[routed.event.how, len(legs) > 1] += 1
        seen[routed.status] += 1
    for symbol in (item.symbol for item in THREE):
        assert engine.portfolio.qty(symbol) == held_of(engine, symbol)
    cash = Decimal(100_000)
    for fill in engine.fills:
        cash -= fill.qty * fill.price * fill.side.sign + fill.fee
    assert engine.portfolio.cash == {"USDT": cash}
    assert state_hash(Engine.replay(ACCOUNT, world.time, world.entries())) == state_hash(engine)
    return seen


@pytest.mark.parametrize("remote", [False, True], ids=["paper", "remote"])
def test_routed_orders_survive_crashes(remote):
    seen, crashes = Counter(), 0
    for seed in range(SEEDS):
        world = RoutedWorld(seed, remote=remote)
        world.run(STEPS)
        world.settle()
        seen += check(world)
        assert world.unresolved() == [], seed
        assert not any(routed.status in (OrderStatus.NEW, OrderStatus.PENDING, OrderStatus.UNKNOWN) for routed in world.engine.routed.by_id.values())
        world.write([event for key, routed in world.engine.routed.by_id.items() if routed.is_working for event in world.engine.cancel(key)])
        world.settle()
        seen["cancelled whole"] += check(world)[OrderStatus.CANCELLED]
        assert not any(routed.is_working for routed in world.engine.routed.by_id.values()), seed
        crashes += world.crashes
    assert crashes > 100 and seen["split", True] > 20 and seen["best", False] > 20 and seen[OrderStatus.FILLED] > 20 and seen["cancelled whole"] > 5
