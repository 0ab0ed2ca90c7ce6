"""Alpaca's REST where the browser is not let through: the trader's own proxy carries the key, writes it nowhere, and nobody else's does."""

import json

import pytest

from app.platform.errors import HttpError
from app.platform.interfaces import HttpCall
from app.platform.native.http import NativeHttp
from app.platform.native.keywork import NativeInjector
from app.venues.alpaca.places import Credentials, Places
from app.venues.alpaca.way import Way
from tests.unit.proxy.running import config_for, running
from tests.venues.alpaca_sim.server import Emulator

KEY, SECRET = "PKTESTKEY0123456789A", "s3cretOfAnAlpacaAccount0123456789abcdEFG"


class Closed(NativeHttp):
    """A browser that is not let through to the broker, and is not told why."""

    hides_causes = True

    def __init__(self, site: str, closed: str) -> None:
        super().__init__(site)
        self._closed = closed
        self.direct: list[str] = []

    async def send(self, call: HttpCall, via: str = "here"):
        if call.url.startswith(self._closed):
            self.direct.append(call.method)
            raise HttpError("failed to fetch", "network")
        return await super().send(call, via)


@pytest.fixture
async def emulator():
    made = await Emulator().start()
    made.open(KEY, SECRET)
    yield made
    await made.close()


def credentials(emulator: Emulator) -> Credentials:
    places = Places.of(False, {"alpaca_trade": emulator.http, "alpaca_rest": emulator.http, "alpaca_ws": emulator.ws})
    return Credentials(KEY, NativeInjector(SECRET.encode(), frozenset(places.origins)), places)


async def test_the_own_proxy_carries_reads_and_orders_and_logs_no_secret(emulator):
    found = credentials(emulator)
    rule = {"request_headers": ["apca-api-key-id", "apca-api-secret-key"], "paths": ["/v2/"]}
    async with running(config_for(emulator.port, **rule)) as proxy:
        http = Closed(proxy.url, emulator.http)

        async def own() -> str:
            return f"{proxy.url}/"

        way = Way(http, own)
        answer = await way.send("GET", f"{emulator.http}/v2/account", None, found)
        assert answer.status == 200 and json.loads(answer.body)["currency"] == "USD"
        body = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "time_in_force": "day", "limit_price": "100", "client_order_id": "x"}
        placed = await way.send("POST", f"{emulator.http}/v2/orders", json.dumps(body).encode(), found)
        assert placed.status == 200
        order_id = json.loads(placed.body)["id"]
        assert (await way.send("PATCH", f"{emulator.http}/v2/orders/{order_id}", b'{"limit_price":"101"}', found)).status == 200
        assert (await way.send("DELETE", f"{emulator.http}/v2/orders/{order_id}", None, found)).status == 422
        emulator.faults.add("cut", match="POST")
        with pytest.raises(HttpError) as lost:
            await way.send("POST", f"{emulator.http}/v2/orders", json.dumps({**body, "client_order_id": "y"}).encode(), found)
        assert lost.value.sent
        assert http.direct == ["GET"], "what can have an effect is never tried twice"
        assert proxy.log and SECRET not in proxy.log and KEY not in proxy.log
        await http.close()


async def test_no_other_proxy_is_given_the_key_and_the_secret_goes_nowhere_else(emulator):
    found = credentials(emulator)

    async def none() -> str:
        return ""

    http = Closed("http://127.0.0.1:1", emulator.http)
    with pytest.raises(HttpError, match="mark this site's proxy as your own"):
        await Way(http, none).send("GET", f"{emulator.http}/v2/account", None, found)
    open_way = Way(NativeHttp(), none)
    with pytest.raises(HttpError, match="was not kept for") as refused:
        await open_way.send("GET", "http://127.0.0.1:9/v2/account", None, found)
    assert not refused.value.sent and SECRET not in str(refused.value)
    with pytest.raises(HttpError, match="was not kept for"):
        await open_way.send("GET", "http://127.0.0.1:9/api/fetch?url=http://evil.example/", None, found)
