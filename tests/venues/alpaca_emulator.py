"""Run the Alpaca emulator: `python -m tests.venues.alpaca_emulator --every 0.2`.

Prints one JSON line with its port and addresses once it listens, then serves until interrupted. POST /admin/account opens an account
(``key_id``, ``secret``, ``cash``), /admin/trade and /admin/quote move a market, /admin/fault plans a fault (tests/venues/alpaca_sim/faults.py),
/admin/disconnect drops the accounts' streams; every answer, and GET /admin/state, says how it stands.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from contextlib import suppress

from tests.venues.alpaca_sim.server import Emulator


async def main(options: argparse.Namespace) -> None:
    """Serve until cancelled."""
    emulator = await Emulator(options.port, options.per_minute, options.every).start()
    print(json.dumps({"port": emulator.port, "trade": emulator.http, "rest": emulator.http, "ws": emulator.ws}), flush=True)
    try:
        await emulator.wait_closed()
    finally:
        await emulator.close()


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Alpaca on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--every", type=float, default=0.0, help="seconds between moves of the markets; 0: only by hand")
    parser.add_argument("--per-minute", type=int, default=200, help="requests a minute")
    return parser.parse_args()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(arguments()))
