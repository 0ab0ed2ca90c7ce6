"""`python -m tests.venues.sims kraken coinbase`: emulators on loopback ports, moving by themselves. Prints {"kraken": {"ws", "rest", "port"}, …} as one line.

GET /admin/step/n, /admin/fault/drop, /admin/refuse/n, /admin/disconnect and /admin/stall steer one; every answer says how it stands.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json

from .hand import LIVE, exchange_of
from .server import Served


async def main() -> None:
    """Serve until the process ends."""
    parser = argparse.ArgumentParser(description="Emulators of live venues.")
    parser.add_argument("names", nargs="+", choices=list(LIVE))
    parser.add_argument("--every", type=float, default=0.1, help="seconds between moves of the market")
    options = parser.parse_args()
    async with contextlib.AsyncExitStack() as stack:
        served = [await stack.enter_async_context(Served(exchange_of(name, levels=40), every_s=options.every)) for name in options.names]
        print(json.dumps({each.exchange.name: {"ws": each.ws, "rest": each.http, "port": each.port} for each in served}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
