"""A desk in a process of its own that trades on an emulated account as fast as it can, to be killed: python -m tests.venues.kill_desk JSON.

Says a line of JSON when it is armed, for each press, and for each acknowledgement.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any

from tests.unit.desk.conftest import start_desk
from tests.venues.exec_desk import PASSPHRASE, SYMBOL


def say(**what: Any) -> None:
    """One line, at once: what is said is what a trader would have seen."""
    print(json.dumps(what), flush=True)


async def main(given: dict) -> None:
    """Unlock, reconcile, arm, trade until killed."""
    draw = random.Random(given["seed"])
    page = await start_desk(Path(given["store"]), venue="binance", account="binance", addresses=given["addresses"], symbols={"binance": (SYMBOL,)})
    await page.ask("vault.unlock", secret=bytearray(PASSPHRASE))
    while page.desk.real.view()["state"] != "ready" or not page.desk.market.book(SYMBOL).is_trusted:
        await asyncio.sleep(0.005)
    await page.ask("execution.arm", confirmed=True)
    say(armed=True)
    for number in range(1_000):
        asyncio.get_running_loop().create_task(order(page, draw, f"{given['seed']}-{number}"))
        await asyncio.sleep(draw.uniform(0, 0.02))


async def order(page: Any, draw: random.Random, token: str) -> None:
    """One press, and perhaps a cancel or an amendment after it."""
    quote = page.desk.market.quote(SYMBOL)
    bid = page.desk.market.instrument(SYMBOL).price(quote.bid)
    market, side = draw.random() < 0.5, draw.choice(["buy", "sell"])
    price = None if market else str(bid + (-1 if side == "buy" else 1) * draw.randrange(60))
    fields = {"symbol": SYMBOL, "side": side, "type": "market" if market else "limit", "tif": "ioc" if market else "gtc", "price": price, "stop": None}
    say(pressed=token)
    answer = await page.ask("order.submit", token=token, qty=f"0.00{draw.randrange(2, 6)}", post_only=False, reduce_only=False, **fields)
    if "error" in answer:
        say(refused=answer["error"]["code"])
        return
    cid = answer["client_order_id"]
    say(acknowledged=cid)
    if draw.random() < 0.5:
        await chase(page, draw, cid)
    elif draw.random() < 0.3:
        await page.ask("order.cancel", client_order_id=cid)
    elif draw.random() < 0.6:
        qty, price = draw.choice([("0.001", None), ("0.006", None), (None, str(bid - 70)), ("0.003", str(bid + draw.randrange(-60, 60)))])
        await page.ask("order.amend", client_order_id=cid, qty=qty, price=price, stop=None)


async def chase(page: Any, draw: random.Random, cid: str) -> None:
    """Once it is partly filled an order follows the price."""
    order = page.desk.trade.engine.orders[cid]
    while order.is_working and not order.filled:
        await asyncio.sleep(0.005)
    while order.is_working:
        bid = page.desk.market.instrument(SYMBOL).price(page.desk.market.quote(SYMBOL).bid)
        found = await page.ask("order.amend", client_order_id=cid, qty=None, price=str(bid + draw.randrange(-60, 60)), stop=None)
        if found.get("outcome") == "amended":
            say(moved=cid)
        await asyncio.sleep(draw.uniform(0, 0.05))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
