"""Cost of a frame of each venue in the desk's own interpreter, Pyodide, from socket text to the market state: `python -m tests.bench.bench_venues`.

Frames are what the venues' emulators send of 40 instruments (for Binance spot: the recorded session), in the shapes of the venues. Yardstick: the same
frames parsed one by one as objects. What both know in the end is compared. `reading` is the part of the columns that the reader takes.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from app.model.instrument import Instrument
from tests.bench.results import emit
from tests.unit.venues.recorded import messages, sessions
from tests.venues.sims.exchange import Exchange
from tests.venues.sims.hand import exchange_of, symbol_of

ROOT = Path(__file__).resolve().parents[2]
FRAMES, ROUNDS, INSTRUMENTS = 6000, 4, 40
BATCHES = (1, 10, 100)
NATIVE = {"kraken": "C{}/USD", "coinbase": "C{}-USD", "bitstamp": "c{}usd", "usdm": "C{}USDT"}
ASKED = {
    "kraken": lambda name: [
        {"method": "subscribe", "params": {"channel": channel, "symbol": [name], "depth": 10, "snapshot": True}} for channel in ("book", "trade")
    ],
    "coinbase": lambda name: [{"type": "subscribe", "channel": channel, "product_ids": [name]} for channel in ("level2", "market_trades")],
    "bitstamp": lambda name: [{"event": "bts:subscribe", "data": {"channel": f"{kind}_{name}"}} for kind in ("order_book", "live_trades")],
    "usdm": lambda name: [
        {"method": "SUBSCRIBE", "params": [f"{name.lower()}@{kind}"], "id": 1} for kind in ("depth@100ms", "bookTicker", "aggTrade")
    ],
}


def stream(venue: str) -> dict:
    """Instruments, and frames as one connection gets them."""
    natives = tuple(NATIVE[venue].format(f"{n:03d}") for n in range(INSTRUMENTS))
    exchange: Exchange = exchange_of(venue, natives)
    path = {"usdm": "/public/stream"}.get(venue, "/")
    client = exchange.connect(path)
    for native in natives:
        for request in ASKED[venue](native):
            exchange.hear(client, json.dumps(request))
    while len(client.out) < FRAMES:
        exchange.step()
    price, size = exchange.decimals
    scales = (max(price, 8), max(size, 8)) if venue == "coinbase" else (price, size)
    rows = [dict(symbol=symbol_of(venue, n), venue=venue, native=n, base=n[:4], quote="USD", price_scale=scales[0], size_scale=scales[1]) for n in natives]
    return {"instruments": rows, "frames": client.out[:FRAMES]}


def recorded() -> dict:
    """The session of Binance spot."""
    name = "binance-btcusdt-2024"
    fields = [field for field in Instrument.__dataclass_fields__ if field not in ("min_notional",)]
    plain = [{field: value for field in fields if isinstance(value := getattr(item, field), str | int)} for item in sessions()[name].instruments]
    return {"instruments": plain, "frames": [message.raw for message in messages(name) if message.direction == "recv"][:FRAMES]}


def main() -> None:
    """Print the figures."""
    told = {"binance": recorded(), **{venue: stream(venue) for venue in NATIVE}}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(told, file)
        file.flush()
        for batch in BATCHES:
            command = ["node", str(ROOT / "tests" / "bench" / "venues.mjs"), str(ROOT / "build" / "site"), file.name, str(batch), str(ROUNDS)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for venue, row in found.items():
                if not row["same"]:
                    raise SystemExit(f"{venue}: objects and columns do not know the same in the end")
                name = f"venues_{venue}_{batch}_at_once"
                emit(name, row["columns"], "us", "the same frames as objects", row["columns"] / row["objects"], row["frames"])
                emit(f"{name}_reading", row["reading"], "us", "all of the columns", row["reading"] / row["columns"], row["frames"])


if __name__ == "__main__":
    main()
