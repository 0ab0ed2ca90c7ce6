"""What the page is told of orders, and how often: an order alone step by step, many no more often than the page has frames."""

from __future__ import annotations

import asyncio

from app.desk.telling import AT_ONCE, FRAME_S, Telling
from tests.venues.live_desk import until


def made(sent: list[dict]) -> Telling:
    orders = {f"order-{number}": number for number in range(100)}
    return Telling(sent.append, lambda: orders, lambda order: {"row": order}, lambda _id: None, lambda: None, lambda: None)


async def test_the_steps_of_one_order_are_told_one_by_one():
    sent: list[dict] = []
    telling = made(sent)
    for step in range(AT_ONCE):
        telling.note(["order-1"], [], patient=False)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(sent) == step + 1


async def test_many_orders_are_told_no_more_often_than_frames_and_none_is_left_out():
    sent: list[dict] = []
    telling, loop = made(sent), asyncio.get_running_loop()
    began = loop.time()
    for number in range(100):
        telling.note([f"order-{number}"], [], patient=False)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(sent) <= AT_ONCE + 2 + (loop.time() - began) / FRAME_S
    await until(lambda: sum(len(message["rows"]) for message in sent) == 100, "all of them")
    assert [row["row"] for message in sent for row in message["rows"]] == [*range(100)]
