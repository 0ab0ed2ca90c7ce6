"""Run the Binance emulator: `python -m tests.venues.binance_emulator --port 0 --speed 20`.

Prints one JSON line with its port and addresses once it listens, then serves until interrupted.
Faults are posted to /admin/fault, the pace to /admin/control; /admin/state and /admin/log tell what happened.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from contextlib import suppress
from pathlib import Path

from tests.venues.binance_sim.server import Emulator
from tests.venues.binance_sim.session import ROOT

RECORDING = ROOT / "recordings" / "binance-btcusdt-2024.jsonl.gz"


async def main(options: argparse.Namespace) -> None:
    """Serve until cancelled."""
    emulator = Emulator(
        options.recording,
        port=options.port,
        speed=options.speed,
        loop=not options.once,
        paused=options.paused,
        wait=options.wait,
        now=options.now,
        log=options.log,
        clones=tuple(filter(None, options.clones.split(","))),
        mirrors=tuple(filter(None, options.mirrors.split(","))),
        ping_s=options.ping,
        weight_limit=options.weight_limit,
    )
    await emulator.start()
    print(
        json.dumps({"port": emulator.port, "ws": f"{emulator.ws}/stream", "rest": f"{emulator.http}/api/v3", "api": emulator.api}),
        flush=True,
    )
    try:
        await emulator.wait_closed()
    finally:
        await emulator.close()


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="A Binance spot exchange on loopback, played from a recording.")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--speed", type=float, default=1.0, help="0.1 to 100; 0 as fast as clients take it")
    parser.add_argument("--recording", type=Path, default=RECORDING, help="a JSON lines recording, gzipped or not")
    parser.add_argument(
        "--clones", default="", help="further symbols, comma separated, that repeat the recording's first"
    )
    parser.add_argument("--mirrors", default="", help="further symbols, comma separated, that have the book of the recording's first and no streams")
    parser.add_argument("--once", action="store_true", help="stop at the end of the session instead of going round")
    parser.add_argument("--paused", action="store_true", help="begin held; POST /admin/control to step or go on")
    parser.add_argument("--wait", action="store_true", help="begin when the first client subscribes")
    parser.add_argument("--now", action="store_true", help="move event times to the present")
    parser.add_argument("--log", action="store_true", help="keep when each update was sent, for /admin/log")
    parser.add_argument("--ping", type=float, default=20.0, help="seconds between protocol pings")
    parser.add_argument("--weight-limit", type=int, default=6000, help="request weight a minute")
    return parser.parse_args()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(arguments()))
