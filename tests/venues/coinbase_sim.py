"""Coinbase's public Advanced Trade feed and its public list of products."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.venues.sims.exchange import Client, Exchange, dumps, iso
from tests.venues.sims.mill import Change, Mill


class Coinbase(Exchange):
    """Every frame of a connection has the next number, also one that a fault swallows."""

    name = "coinbase"
    decimals = (2, 8)

    def __init__(self, natives=("BTC-USD",), **options) -> None:
        super().__init__(natives, **options)
        self._beats = 0

    def obey(self, client: Client, request: dict) -> None:
        channel, products = request["channel"], request.get("product_ids", [])
        if any(product not in self.mills for product in products):
            return self.say(client, dumps({"type": "error", "message": f"invalid product_ids: {products}"}), False)
        fresh = []
        for topic in [f"{channel}:{product}" for product in products] or [channel]:
            if request["type"] == "unsubscribe":
                client.topics.pop(topic, None)
            else:
                client.topics[topic] = None
                fresh.append(topic)
        listed: dict[str, list[str]] = {}
        for topic in client.topics:
            name, _, product = topic.partition(":")
            listed.setdefault(name, []).append(product or "heartbeats")
        for topic in fresh:
            name, _, product = topic.partition(":")
            if name == "level2":
                mill = self.mills[product]
                self._send(client, "l2_data", [self._event(mill, "snapshot", mill.bids, mill.asks)], mill.time_ns)
            elif name == "market_trades":
                self._send(client, "market_trades", [{"type": "snapshot", "trades": []}], self.mills[product].time_ns)
        self._send(client, "subscriptions", [{"subscriptions": listed}], 0, data=False)

    def beat(self) -> None:
        self._beats += 1
        for client in self.clients:
            if "heartbeats" in client.topics and self._beats % 10 == 0:
                self._send(client, "heartbeats", [{"current_time": iso(0), "heartbeat_counter": self._beats}], 0)

    def tell(self, client: Client, mill: Mill, change: Change) -> None:
        if f"level2:{mill.native}" in client.topics:
            self._send(client, "l2_data", [self._event(mill, "update", change.bids, change.asks)], change.time_ns)
        if f"market_trades:{mill.native}" in client.topics and change.trade:
            price, size, sold, number = change.trade
            row = {
                "product_id": mill.native,
                "trade_id": str(number),
                "price": mill.price(price),
                "size": mill.size(size),
                "time": iso(change.time_ns),
                # The maker's side.
                "side": "BUY" if sold else "SELL",
            }
            self._send(client, "market_trades", [{"type": "update", "trades": [row]}], change.time_ns)

    def _send(self, client: Client, channel: str, events: list[dict], time_ns: int, data: bool = True) -> None:
        frame = {"channel": channel, "client_id": "", "timestamp": iso(time_ns), "sequence_num": client.sequence, "events": events}
        client.sequence += 1
        self.say(client, dumps(frame), data)

    @staticmethod
    def _event(mill: Mill, kind: str, bids: dict[int, int], asks: dict[int, int]) -> dict:
        when = iso(mill.time_ns)
        updates = [
            {"side": side, "event_time": when, "price_level": mill.price(price), "new_quantity": mill.size(size)}
            for side, levels in (("bid", bids), ("offer", asks))
            for price, size in levels.items()
        ]
        return {"type": kind, "product_id": mill.native, "updates": updates}

    def rest(self, path: str) -> tuple[int, str]:
        parts = urlsplit(path)
        if parts.path.endswith("/market/products"):
            wanted = parse_qs(parts.query).get("product_ids") or list(self.mills)
            rows = [self._product(name) for name in wanted if name in self.mills]
            return 200, dumps({"products": rows, "num_products": len(rows)})
        if parts.path.endswith("/v2/currencies") or parts.path.endswith("/v2/currencies/crypto"):
            return 200, dumps({"data": []})
        if parts.path.endswith("/exchange-rates"):
            return 200, dumps({"data": {"currency": "USD", "rates": {}}})
        return 404, dumps({"error": "NOT_FOUND", "message": "unknown path"})

    def _product(self, name: str) -> dict:
        base, _, quote = name.partition("-")
        low, high, _, _ = self.mills[name].best()
        return {
            "product_id": name,
            "price": self.mills[name].price(low + high >> 1),
            "price_percentage_change_24h": "0",
            "volume_24h": "1",
            "base_increment": "0.00000001",
            "quote_increment": "0.01",
            "price_increment": "0.01",
            "quote_min_size": "1",
            "quote_max_size": "150000000",
            "base_min_size": "0.00000001",
            "base_max_size": "3400",
            "base_name": base,
            "quote_name": quote,
            "base_currency_id": base,
            "quote_currency_id": quote,
            "base_display_symbol": base,
            "quote_display_symbol": quote,
            "status": "online",
            "is_disabled": False,
            "trading_disabled": name in self.halted,
            "cancel_only": False,
            "limit_only": False,
            "post_only": False,
            "auction_mode": False,
            "view_only": False,
            "product_type": "SPOT",
            "fcm_trading_session_details": None,
            "alias": "",
            "alias_to": [],
        }
