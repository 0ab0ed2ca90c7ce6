"""The relay over real sockets: what passes, what is refused, what is kept from whom, and how a socket ends."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from websockets.exceptions import ConnectionClosed
from websockets.server import ServerProtocol

from proxy import relay as relay_module
from proxy.config import Config, Inject, Limits, Relay, read_config
from proxy.errors import Refused
from proxy.guard import guarded_connector
from proxy.observe import Observer
from proxy.relay import Relays, Secrets
from tests.unit.proxy.names import dns
from tests.unit.proxy.sockets import PAGE, PATIENCE_S, Venue, closed, page, running

SECRETS = {"CLIENT": "client-7", "SECRET": 'quote" and \\ and é/', "KEY": "k-123456"}
CTRADER = Inject(field="payloadType", equals=2100, set_env={"payload.clientId": "CLIENT", "payload.clientSecret": "SECRET"})


def allowed(connection: HTTPConnection) -> None:
    """Only this page."""
    if connection.headers.get("origin") != PAGE:
        raise Refused("bad_origin", "This page may not use the proxy.")


class Running:
    """A running proxy with one relay, ``path`` its address."""

    def __init__(self, port: int, relays: Relays, server: uvicorn.Server, log: io.StringIO) -> None:
        self.port, self.relays, self.server, self.log, self.path = port, relays, server, log, "/api/relay/venue"

    def page(self, path: str = "", **options):
        """A page's socket."""
        return page(self.port, path or self.path, **options)


@asynccontextmanager
async def proxied(url: str, private: bool = True, limits: Limits | None = None, secrets: dict[str, str] = SECRETS, **fields) -> AsyncIterator[Running]:
    """A proxy with one relay to ``url``."""
    options, resolver, fields = fields.pop("options", {}), fields.pop("resolver", None), {"name": "venue", "url": url} | fields
    peer = url.split("/")[2]
    config = Config(folder=Path("."), relays=(Relay(**fields),), allow_private=frozenset({peer}), secrets=secrets, limits=limits or Limits())
    if not private:
        config = config.model_copy(update={"allow_private": frozenset(), "resolver": resolver})
    log = io.StringIO()
    relays = Relays(config, lambda: guarded_connector(config), allowed, lambda connection: connection.client.host, Observer(log))
    async with running(Starlette(routes=relays.routes), **options) as (port, server):
        yield Running(port, relays, server, log)
    await relays.close()


async def test_messages_pass_both_ways_in_order_and_unchanged() -> None:
    sent = [*(f"message {number} é" for number in range(200)), bytes(range(256)), "", b"", "x" * 100_000, '{"a": 1.10}']
    async with Venue().listening() as venue, proxied(venue.url) as proxy, proxy.page() as socket:
        for message in sent:
            await socket.send(message)
        assert [await socket.recv() for _ in sent] == sent
    assert venue.heard == sent


async def test_the_venue_gets_the_configured_headers_and_nothing_of_the_page() -> None:
    async with Venue(header=("X-Api-Key", SECRETS["KEY"])).listening() as venue:
        async with proxied(venue.url, headers_env={"X-Api-Key": "KEY"}, origin="https://venue.example") as proxy:
            async with proxy.page(additional_headers={"Cookie": "session=1", "Authorization": "Bearer page", "X-Other": "1"}) as socket:
                await socket.send("hello")
                assert await socket.recv() == "hello"
    request = venue.sockets[0].request
    assert request.headers["x-api-key"] == SECRETS["KEY"]
    assert request.headers["origin"] == "https://venue.example"
    assert not {"cookie", "authorization", "x-other", "x-forwarded-for"} & {name.lower() for name in request.headers}
    assert request.path == "/stream"


async def test_a_subprotocol_is_agreed_between_page_and_venue() -> None:
    async with Venue(subprotocols=["v2.json"]).listening() as venue, proxied(venue.url) as proxy:
        async with proxy.page(subprotocols=["v1.json", "v2.json"]) as socket:
            assert socket.subprotocol == "v2.json"


async def test_the_application_is_signed_in_without_the_page_knowing_the_secret() -> None:
    venue = Venue(ctrader=(SECRETS["CLIENT"], SECRETS["SECRET"]))
    async with venue.listening(), proxied(venue.url, inject=(CTRADER,)) as proxy, proxy.page() as socket:
        await socket.send('{"clientMsgId":"1","payloadType":2100}')
        assert json.loads(await socket.recv()) == {"clientMsgId": "1", "payloadType": 2101}
        await socket.send('{ "payloadType" : 2149, "payload":{"accessToken":"t","n":12345678901234567890.10}}')
        assert await socket.recv() == venue.heard[1] == '{ "payloadType" : 2149, "payload":{"accessToken":"t","n":12345678901234567890.10}}'
    assert json.loads(venue.heard[0])["payload"] == {"clientId": SECRETS["CLIENT"], "clientSecret": SECRETS["SECRET"]}


async def test_what_the_page_writes_in_the_secrets_place_is_replaced() -> None:
    venue = Venue(ctrader=(SECRETS["CLIENT"], SECRETS["SECRET"]))
    async with venue.listening(), proxied(venue.url, inject=(CTRADER,)) as proxy, proxy.page() as socket:
        await socket.send(json.dumps({"payloadType": 2100, "payload": {"clientId": "other", "clientSecret": "guess", "more": 1}}))
        assert json.loads(await socket.recv())["payloadType"] == 2101


async def test_a_secret_that_the_venue_repeats_is_cut_out() -> None:
    venue = Venue(ctrader=("another client", "another secret"))
    async with venue.listening(), proxied(venue.url, inject=(CTRADER,)) as proxy, proxy.page() as socket:
        await socket.send('{"payloadType":2100,"payload":{}}')
        answer = await socket.recv()
    assert SECRETS["SECRET"] in json.loads(venue.heard[0])["payload"].values()
    assert json.loads(answer)["payload"]["given"] == {"clientId": "[secret]", "clientSecret": "[secret]"}


@given(st.text(), st.text(), st.sampled_from(sorted(SECRETS.values())))
def test_whatever_stands_around_it_a_secret_does_not_reach_the_page(before: str, after: str, value: str) -> None:
    secrets = Secrets(Relay(name="venue", url="wss://a.example", inject=(CTRADER,), headers_env={"X-Api-Key": "KEY"}), SECRETS.get)
    for text in (before + value + after, json.dumps([before, value, after]), json.dumps([before, value, after], ensure_ascii=False).replace("/", "\\/")):
        for message in (secrets.hide(text), secrets.hide(text.encode(errors="replace")).decode()):
            assert value not in message and value not in message.replace("\\/", "/") and json.dumps(value)[1:-1] not in message
            assert "[secret]" in message


@pytest.mark.parametrize(
    "text",
    [
        *('{"payloadType":"2100"}', '{"payload":{"payloadType":2100}}', "[2100]", "2100", '{"payloadType":2100.0}', '{"payloadType":21000}'),
        *("{2100", '{"payloadType":2100', "[" * 100_000 + "2100", '{"other":2100}', '{"payloadType":null,"a":2100}', '"2100"'),
    ],
)
def test_no_other_message_gets_the_secret(text: str) -> None:
    assert Secrets(Relay(name="venue", url="wss://a.example", inject=(CTRADER,)), SECRETS.get).fill(text) == text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_messages_that_are_not_named_stay_as_they_are(value: object) -> None:
    text = json.dumps(value)
    assert Secrets(Relay(name="venue", url="wss://a.example", inject=(CTRADER,)), SECRETS.get).fill(text) == text


def test_a_place_that_is_no_object_is_made_one() -> None:
    secrets = Secrets(Relay(name="venue", url="wss://a.example", inject=(CTRADER,)), SECRETS.get)
    for payload in ("null", "7", "[1]", '"text"'):
        assert json.loads(secrets.fill('{"payloadType":2100,"payload":' + payload + "}"))["payload"]["clientSecret"] == SECRETS["SECRET"]


@pytest.mark.parametrize(("code", "reason"), [(1000, "bye"), (1001, ""), (1008, "policy"), (1011, "oops"), (1012, ""), (3000, "x"), (4001, "é" * 60)])
async def test_the_venues_close_code_reaches_the_page(code: int, reason: str) -> None:
    async with Venue().listening() as venue, proxied(venue.url) as proxy, proxy.page() as socket:
        await socket.send(f"[close {code} {reason}]")
        assert await closed(socket) == (code, reason)


async def test_a_close_without_a_code_is_an_ordinary_one() -> None:
    async with Venue().listening() as venue, proxied(venue.url) as proxy, proxy.page() as socket:
        connection = await venue.connected()
        connection.protocol.send_close()
        connection.transport.writelines(connection.protocol.data_to_send())
        assert await closed(socket) == (1000, "")


async def test_a_venue_that_vanishes_is_told_apart() -> None:
    async with Venue().listening() as venue, proxied(venue.url) as proxy, proxy.page() as socket:
        await socket.send("[abort]")
        assert await closed(socket) == (4502, "The connection to the venue was lost.")


@pytest.mark.parametrize(("code", "told"), [(1000, 1000), (4321, 4321), (3000, 3000), (1011, 1001), (1001, 1001)])
async def test_the_pages_close_code_reaches_the_venue(code: int, told: int) -> None:
    async with Venue().listening() as venue, proxied(venue.url) as proxy, proxy.page() as socket:
        connection = await venue.connected()
        await socket.close(code)
        assert (await closed(connection))[0] == told


async def test_a_page_that_vanishes_frees_the_venue() -> None:
    async with Venue().listening() as venue, proxied(venue.url) as proxy, proxy.page() as socket:
        connection = await venue.connected()
        socket.transport.abort()
        assert (await closed(connection))[0] == 1000
        async with asyncio.timeout(PATIENCE_S):
            while proxy.relays.places.open:
                await asyncio.sleep(0.001)


async def test_a_page_that_vanishes_under_a_flood_frees_the_venue() -> None:
    async with Venue().listening() as venue, proxied(venue.url) as proxy, proxy.page(max_queue=1) as socket:
        connection = await venue.connected()
        assert await stalled(connection.send) < FLOOD / 2
        socket.transport.abort()
        assert (await closed(connection))[0] in (1000, 1001)
        async with asyncio.timeout(PATIENCE_S):
            while proxy.relays.places.open:
                await asyncio.sleep(0.001)


async def test_a_message_to_a_venue_that_is_gone_ends_the_socket() -> None:
    sent: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    await sent.put({"type": "websocket.receive", "text": "hello"})
    relay = Relay(name="venue", url="wss://a.example")
    async with Venue().listening() as venue, aiohttp.ClientSession() as session:
        connection = await session.ws_connect(venue.url)
        await connection.close()
        pair = relay_module._Pair(relay, Secrets(relay, SECRETS.get), connection, sent.get, sent.put)
        assert await pair._to_venue() == (4502, "The connection to the venue was lost.", 1000)


@pytest.mark.parametrize("origin", [None, "null", "http://127.0.0.1:8001", "https://evil.example"])
async def test_another_page_is_refused_before_the_venue_hears_of_it(origin: str | None) -> None:
    async with Venue().listening() as venue, proxied(venue.url) as proxy, proxy.page(origin=origin) as socket:
        assert await closed(socket) == (4403, "This page may not use the proxy.")
        assert venue.sockets == []


async def test_a_relay_that_is_not_configured_is_refused() -> None:
    async with Venue().listening() as venue, proxied(venue.url) as proxy, proxy.page("/api/relay/other") as socket:
        assert await closed(socket) == (4403, "There is no relay 'other'.")


async def test_a_relay_without_its_secrets_says_what_to_set() -> None:
    async with Venue().listening() as venue, proxied(venue.url, inject=(CTRADER,), secrets={"CLIENT": "c"}) as proxy, proxy.page() as socket:
        assert await closed(socket) == (4503, "Whoever runs the proxy has to set SECRET for the relay venue.")
        assert venue.sockets == []


async def test_one_session_has_a_few_sockets_and_gets_them_back() -> None:
    async with Venue().listening() as venue, proxied(venue.url, per_session=2) as proxy:
        async with proxy.page() as first, proxy.page():
            async with proxy.page() as third:
                assert await closed(third) == (4429, "2 sockets to venue are open already.")
            await first.close()
            await closed(venue.sockets[0])
            async with asyncio.timeout(PATIENCE_S):
                while sum(proxy.relays.places.open.values()) > 1:
                    await asyncio.sleep(0.001)
            async with proxy.page() as again:
                await again.send("here")
                assert await again.recv() == "here"


async def test_a_venue_that_refuses_the_handshake_is_told() -> None:
    async with Venue(header=("X-Api-Key", "another")).listening() as venue:
        async with proxied(venue.url, headers_env={"X-Api-Key": "KEY"}) as proxy, proxy.page() as socket:
            assert await closed(socket) == (4502, "The venue venue answered 401 to the handshake.")


async def test_a_redirect_is_not_followed() -> None:
    hits = 0

    async def elsewhere(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal hits
        hits += 1
        writer.close()

    async with await asyncio.start_server(elsewhere, "127.0.0.1", 0) as other:
        target = other.sockets[0].getsockname()[1]

        async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % target)
            writer.close()

        async with await asyncio.start_server(redirect, "127.0.0.1", 0) as venue:
            url = f"ws://127.0.0.1:{venue.sockets[0].getsockname()[1]}/"
            async with proxied(url, headers_env={"X-Api-Key": "KEY"}) as proxy, proxy.page() as socket:
                assert await closed(socket) == (4502, "The venue venue answered 302 to the handshake.")
    assert hits == 0


async def test_a_venue_that_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with proxied(f"ws://127.0.0.1:{port}/") as proxy, proxy.page() as page_socket:
        assert await closed(page_socket) == (4502, "The venue venue cannot be reached.")


async def test_a_private_address_is_not_reached_unless_named() -> None:
    async with Venue().listening() as venue, proxied(venue.url, private=False) as proxy, proxy.page() as socket:
        assert await closed(socket) == (4502, "The venue venue cannot be reached.")
        assert venue.sockets == []


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]])
async def test_a_venues_name_that_leads_inside_is_not_followed(answers: list[str]) -> None:
    async with Venue().listening() as venue:
        with dns({"venue.example.com": [answers]}) as (zone, resolver):
            url = venue.url.replace("127.0.0.1", "venue.example.com")
            async with proxied(url, private=False, resolver=resolver, headers_env={"X-Api-Key": "KEY"}) as proxy, proxy.page() as page_socket:
                code, reason = await closed(page_socket)
                assert code == 4502 and reason.endswith("is not on the open internet.")
        assert zone.asked and venue.sockets == []


async def test_a_venue_that_says_nothing_to_the_handshake_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}/"
        async with proxied(url, limits=Limits(connect_s=0.1, first_byte_s=0.1)) as proxy, proxy.page() as page_socket:
            assert await closed(page_socket) == (4502, "The venue venue did not answer.")


async def test_a_page_that_leaves_during_the_handshake_frees_everything() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}/"
        async with proxied(url, limits=Limits(connect_s=0.2, first_byte_s=0.2)) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            key = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            writer.write(f"GET {proxy.path} HTTP/1.1\r\nHost: a\r\nOrigin: {PAGE}\r\n{key}\r\n".encode())
            async with asyncio.timeout(PATIENCE_S):
                while not proxy.relays.places.open:
                    await asyncio.sleep(0.001)
                writer.transport.abort()
                while proxy.relays.places.open:
                    await asyncio.sleep(0.001)
            assert reader.at_eof() or reader.exception() is None


CHUNK = "x" * 65_536
FLOOD = 1024  # chunks: 64 MiB, far more than sockets hold


async def stalled(send) -> int:
    """How many chunks went out before the other side's slowness is felt."""
    for count in range(FLOOD):
        try:
            async with asyncio.timeout(1):
                await send(CHUNK)
        except TimeoutError:
            return count
    return FLOOD


async def test_a_slow_page_slows_the_venue_and_loses_nothing() -> None:
    async with Venue().listening() as venue, proxied(venue.url) as proxy, proxy.page(max_queue=1) as socket:
        connection = await venue.connected()
        count = await stalled(connection.send)
        assert 0 < count < FLOOD / 2
        async with asyncio.timeout(PATIENCE_S):
            assert [len(await socket.recv()) for _ in range(count)] == [len(CHUNK)] * count
            await connection.send("on")
            while (message := await socket.recv()) != "on":
                assert message == CHUNK  # the one that was under way


async def test_a_slow_venue_slows_the_page() -> None:
    gate = asyncio.Event()
    got = 0

    async def slow(connection) -> None:
        nonlocal got
        await gate.wait()
        async for _ in connection:
            got += 1

    venue = Venue()
    venue._speak = slow
    async with venue.listening(max_queue=1), proxied(venue.url) as proxy, proxy.page() as socket:
        count = await stalled(socket.send)
        assert 0 < count < FLOOD / 2
        gate.set()
        async with asyncio.timeout(PATIENCE_S):
            while got < count:
                await asyncio.sleep(0.001)


async def test_a_page_that_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "STALL_S", 0.2)
    monkeypatch.setattr(relay_module, "_CLOSE_S", 0.2)
    async with Venue().listening() as venue, proxied(venue.url) as proxy, proxy.page(max_queue=1) as socket:
        connection = await venue.connected()
        with pytest.raises(ConnectionClosed):
            for _ in range(FLOOD):
                await connection.send(CHUNK)
        assert (await closed(connection))[0] == 1001
        async with asyncio.timeout(PATIENCE_S):
            while proxy.relays.places.open:
                await asyncio.sleep(0.001)
        socket.transport.abort()


async def test_too_big_a_message_ends_the_socket_whoever_sent_it() -> None:
    async with Venue().listening() as venue, proxied(venue.url, max_message=1000) as proxy:
        async with proxy.page() as socket:
            await socket.send("x" * 1000)
            assert await socket.recv() == "x" * 1000
            await socket.send("é" * 501)
            assert await closed(socket) == (1009, "A message is larger than 1000 bytes.")
            assert (await closed(venue.sockets[-1]))[0] == 1001
        async with proxy.page() as socket:
            await socket.send(b"x" * 1001)
            assert (await closed(socket))[0] == 1009
        async with proxy.page() as socket:
            connection = await venue.connected(3)
            await connection.send("x" * 1001)
            assert await closed(socket) == (1009, "A message of the venue is larger than 1000 bytes.")
    assert venue.heard == ["x" * 1000]


async def test_a_venue_that_answers_no_ping_is_lost() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        protocol.send_response(protocol.accept(protocol.events_received()[0]))
        writer.writelines(protocol.data_to_send())
        await reader.read()  # to the end, without a word
        writer.close()

    async with await asyncio.start_server(deaf, "127.0.0.1", 0) as venue:
        async with proxied(f"ws://127.0.0.1:{venue.sockets[0].getsockname()[1]}/", ping_s=0.1) as proxy, proxy.page() as socket:
            assert await closed(socket) == (4502, "The venue did not answer a ping.")


async def test_a_page_that_answers_no_ping_frees_the_venue() -> None:
    options = {"ws_ping_interval": 0.1, "ws_ping_timeout": 0.1}
    async with Venue().listening() as venue, proxied(venue.url, options=options) as proxy, proxy.page() as socket:
        connection = await venue.connected()
        socket.transport.pause_reading()
        assert (await closed(connection))[0] == 1000
        socket.transport.abort()


async def test_a_socket_without_messages_ends_and_one_with_messages_goes_on() -> None:
    async with Venue().listening() as venue, proxied(venue.url, idle_s=0.3) as proxy, proxy.page() as socket:
        began = asyncio.get_running_loop().time()
        for number in range(5):
            await socket.send(f"{number}")
            assert await socket.recv() == f"{number}"
            await asyncio.wait([asyncio.create_task(socket.wait_closed())], timeout=0.1)
        assert await closed(socket) == (4408, "No message for 0.3 s.")
        assert asyncio.get_running_loop().time() - began > 0.7
        assert (await closed(venue.sockets[0]))[0] == 1001


async def test_a_relay_may_stay_silent_for_ever() -> None:
    async with Venue().listening() as venue, proxied(venue.url, idle_s=0, ping_s=0.05) as proxy, proxy.page() as socket:
        connection = await venue.connected()
        await asyncio.wait([asyncio.create_task(socket.wait_closed())], timeout=0.3)
        await connection.send("late")
        assert await socket.recv() == "late"


async def test_a_shutdown_tells_both_sides() -> None:
    async with Venue().listening() as venue, proxied(venue.url) as proxy, proxy.page() as socket:
        connection = await venue.connected()
        proxy.server.should_exit = True
        assert (await closed(socket))[0] == 1012
        assert (await closed(connection))[0] == 1001


async def test_the_log_tells_of_a_socket_without_its_secrets() -> None:
    venue = Venue(ctrader=(SECRETS["CLIENT"], SECRETS["SECRET"]))
    async with venue.listening(), proxied(venue.url, inject=(CTRADER,), headers_env={"X-Api-Key": "KEY"}) as proxy:
        async with proxy.page(proxy.path + "?token=hidden") as socket:
            await socket.send('{"payloadType":2100}')
            await socket.recv()
            await socket.send("[close 4001 done]")
            await closed(socket)
        async with proxy.page(origin="https://evil.example") as socket:
            await closed(socket)
        text = proxy.log.getvalue()
    line = json.loads(text)
    assert (line["form"], line["rule"], line["host"], line["outcome"]) == ("relay", "venue", "127.0.0.1", 4001)
    assert not any(value in text for value in (*SECRETS.values(), "token", "2100"))


def test_the_relays_that_come_with_it_hide_the_client_id_and_secret(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("")
    names = {"KONTOR_CTRADER_CLIENT_ID": "client-1", "KONTOR_CTRADER_CLIENT_SECRET": "secret-1"}
    config = read_config(names, tmp_path)
    assert [relay.name for relay in config.relays] == ["ctrader-demo", "ctrader-live"]
    for relay in config.relays:
        secrets = Secrets(relay, config.secret)
        assert secrets.missing == []
        assert json.loads(secrets.fill('{"payloadType":2100}'))["payload"] == {"clientId": "client-1", "clientSecret": "secret-1"}
        assert Secrets(relay, read_config({}, tmp_path).secret).missing == sorted(names)


def test_a_secret_does_not_go_over_an_open_line() -> None:
    relay = {"name": "venue", "url": "ws://venue.example/stream"}
    with pytest.raises(ValueError, match=r"relays: venue has to use wss://"):
        Config(folder=Path("."), relays=(relay,))
    assert Config(folder=Path("."), relays=(relay,), allow_private=frozenset({"venue.example:80"})).relays[0].url == relay["url"]
    with pytest.raises(ValueError, match="headers_env"):
        Config(folder=Path("."), relays=(relay | {"url": "wss://venue.example", "headers_env": {"a\r\nb": "X"}},))
