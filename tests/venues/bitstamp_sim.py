"""Bitstamp's public feed (whole books, differences, trades) and the public REST that goes with it."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.venues.sims.exchange import Client, Exchange, dumps
from tests.venues.sims.mill import Change, Mill

DEPTH = 100


class Bitstamp(Exchange):
    """Natives are btcusd and the like."""

    name = "bitstamp"
    decimals = (2, 8)

    def __init__(self, natives=("btcusd",), **options) -> None:
        super().__init__(natives, **options)

    def obey(self, client: Client, request: dict) -> None:
        event = request["event"]
        if event == "bts:heartbeat":
            return self.say(client, dumps({"event": event, "channel": "", "data": {"status": "success"}}), False)
        channel = request["data"]["channel"]
        kind, _, native = channel.rpartition("_")
        if native not in self.mills or kind not in ("order_book", "diff_order_book", "live_trades"):
            return self.say(client, dumps({"event": "bts:error", "channel": channel, "data": {"code": None, "message": "Bad subscription string."}}), False)
        if event == "bts:unsubscribe":
            client.topics.pop(channel, None)
            return self.say(client, dumps({"event": "bts:unsubscription_succeeded", "channel": channel, "data": {}}), False)
        client.topics[channel] = None
        return self.say(client, dumps({"event": "bts:subscription_succeeded", "channel": channel, "data": {}}), False)

    def ask_to_reconnect(self) -> None:
        """Tell everybody to come again."""
        for client in self.clients:
            self.say(client, dumps({"event": "bts:request_reconnect", "channel": "", "data": ""}), False)

    def tell(self, client: Client, mill: Mill, change: Change) -> None:
        native = mill.native
        if (channel := f"order_book_{native}") in client.topics:
            data = self._levels(mill, mill.top("bids", DEPTH), mill.top("asks", DEPTH))
            self.say(client, dumps({"data": data, "channel": channel, "event": "data"}))
        if (channel := f"diff_order_book_{native}") in client.topics:
            self.say(client, dumps({"data": self._levels(mill, change.bids, change.asks), "channel": channel, "event": "data"}))
        if (channel := f"live_trades_{native}") in client.topics and change.trade:
            price, size, sold, number = change.trade
            data = {
                "id": number,
                "timestamp": str(change.time_ns // 10**9),
                "amount": float(mill.size(size)),
                "amount_str": mill.size(size),
                "price": float(mill.price(price)),
                "price_str": mill.price(price),
                "type": int(sold),
                "microtimestamp": str(change.time_ns // 1000),
                "buy_order_id": 1,
                "sell_order_id": 2,
            }
            self.say(client, dumps({"data": data, "channel": channel, "event": "trade"}))

    @staticmethod
    def _levels(mill: Mill, bids: dict[int, int], asks: dict[int, int]) -> dict:
        sides = {
            name: [[mill.price(price), mill.size(size)] for price, size in levels.items()] for name, levels in (("bids", bids), ("asks", asks))
        }
        return {"timestamp": str(mill.time_ns // 10**9), "microtimestamp": str(mill.time_ns // 1000), **sides}

    def rest(self, path: str) -> tuple[int, str]:
        place = urlsplit(path).path.strip("/").split("/")
        if place[-1] in ("trading-pairs-info", "markets"):
            return 200, dumps([self._pair(native, place[-1]) for native in self.mills])
        if place[-2] == "order_book" and place[-1] in self.mills:
            mill = self.mills[place[-1]]
            bids, asks = mill.top("bids", 10_000), mill.top("asks", 10_000)
            return 200, dumps(self._levels(mill, bids, asks))
        if place[-1] == "currencies":
            return 200, dumps([])
        return 404, dumps({"status": "error", "reason": "Not found", "code": "404"})

    def _pair(self, native: str, form: str) -> dict:
        base, quote = native[:-3].upper(), native[-3:].upper()
        state = self.halted.get(native, "Enabled")
        shared = {"base_decimals": self.decimals[1], "counter_decimals": self.decimals[0], "trading": state, "instant_and_market_orders": "Enabled"}
        old = {"name": f"{base}/{quote}", "url_symbol": native, "minimum_order": f"10.00 {quote}"}
        new = {
            "name": f"{base}/{quote}",
            "market_symbol": native,
            "base_currency": base,
            "counter_currency": quote,
            "minimum_order_value": "10.00",
            "minimum_order_amount": "0.00000001",
            "market_type": "SPOT",
        }
        return shared | (old if form == "trading-pairs-info" else {**old, **new})
