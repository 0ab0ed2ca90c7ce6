"""Venues' WebSockets for pages that cannot open them: the venue wants headers, has no browser access, or asks for a server's secret.

Only the relays of the configuration exist, and only for allowed pages. Messages pass one by one, each side waiting for the other, so
a slow reader slows the sender down and nothing piles up. Secrets go into the named messages on their way to the venue and are cut out
of whatever comes back. Close codes are carried through. It never reconnects, stores or interprets messages: that is the desk's work.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, AnyStr, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from aiohttp import WSMsgType
from starlette.requests import HTTPConnection
from starlette.routing import WebSocketRoute
from starlette.types import Message, Receive, Scope, Send

from .config import Config, Relay
from .errors import Refused
from .observe import Observer

REFUSED, IDLE, TOO_MANY, LOST, NOT_SET_UP, TOO_BIG, GONE = 4403, 4408, 4429, 4502, 4503, 1009, 1001
CLOSE_CODES = {"bad_origin": REFUSED, "needs_header": REFUSED, "not_found": REFUSED, "busy": TOO_MANY, "not_set_up": NOT_SET_UP}
"""Refusal to close code; every other refusal is LOST."""
_SENDABLE = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})
STALL_S = 30.0  # how long a page may take nothing
_CLOSE_S = 2.0  # how long a side may take to answer a close


class End(NamedTuple):
    """What the page is told at the end, and the code that the venue is told."""

    code: int
    reason: str
    venue_code: int = 1000


class Secrets:
    """The secrets of one relay: put into the messages named in the configuration, taken out of everything the page receives."""

    def __init__(self, relay: Relay, secret: Callable[[str | None], str | None]) -> None:
        names = {*relay.headers_env.values(), *(name for inject in relay.inject for name in inject.set_env.values())}
        self.missing = sorted(name for name in names if not secret(name))
        self.headers = {header: secret(name) or "" for header, name in relay.headers_env.items()}
        self._inject = [(entry, json.dumps(entry.equals), {path: secret(name) for path, name in entry.set_env.items()}) for entry in relay.inject]
        written = {form for name in names if (value := secret(name)) for form in _written(value)}
        self._hidden = sorted(written, key=len, reverse=True)

    def fill(self, text: str) -> str:
        """``text`` to the venue, with the secrets when it is a message that gets some."""
        for entry, literal, values in self._inject:
            if literal not in text:  # most messages: not worth reading as JSON
                continue
            try:
                message = json.loads(text)
            except (ValueError, RecursionError):
                return text
            if isinstance(message, dict) and message.get(entry.field) == entry.equals and type(message[entry.field]) is type(entry.equals):
                for path, value in values.items():
                    _put(message, path.split("."), value)
                text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
        return text

    def hide(self, message: AnyStr) -> AnyStr:
        """``message`` from the venue, text or binary, without the secrets should it repeat one."""
        if isinstance(message, str):
            for value in self._hidden:
                if value in message:
                    message = message.replace(value, "[secret]")
            return message
        for value in self._hidden:
            if value.encode() in message:
                message = message.replace(value.encode(), b"[secret]")
        return message


def _written(value: str) -> set[str]:
    """``value`` as it is and as JSON may write it."""
    found = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    return found | {text.replace("/", "\\/") for text in found}


def _put(message: dict[str, Any], path: list[str], value: str | None) -> None:
    for part in path[:-1]:
        inner = message.get(part)
        message[part] = message = inner if isinstance(inner, dict) else {}
    message[path[-1]] = value


class _Pair:
    """One page and one venue. ``_moved`` is the loop's time of the last message, ``_held`` since when the page has not taken one."""

    def __init__(self, relay: Relay, secrets: Secrets, venue: aiohttp.ClientWebSocketResponse, receive: Receive, send: Send) -> None:
        self._relay, self._secrets, self._venue, self._receive, self._send = relay, secrets, venue, receive, send
        self._now = asyncio.get_running_loop().time
        self._moved, self._held = self._now(), math.inf

    async def run(self) -> End:
        """Pass messages until one side ends, nothing moves for too long, or a message is too big."""
        idle_s = self._relay.idle_s or math.inf
        tasks = {asyncio.create_task(self._to_venue()), asyncio.create_task(self._to_page())}
        try:
            # Looked at now and then: a timer for each message would cost more than the message.
            while True:
                left = self._moved + idle_s - self._now()
                done, _ = await asyncio.wait(tasks, timeout=max(0, min(left, STALL_S)), return_when=asyncio.FIRST_COMPLETED)
                if done:
                    return done.pop().result()
                if self._now() >= self._held + STALL_S:
                    return End(IDLE, f"The page took nothing for {STALL_S:g} s.", GONE)
                if self._now() >= self._moved + idle_s:
                    return End(IDLE, f"No message for {idle_s:g} s.", GONE)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _to_venue(self) -> End:
        limit = self._relay.max_message
        while (message := await self._receive())["type"] != "websocket.disconnect":
            text, data = message.get("text"), message.get("bytes") or b""
            if len(data if text is None else text.encode()) > limit:
                return End(TOO_BIG, f"A message is larger than {limit} bytes.", GONE)
            try:
                await (self._venue.send_bytes(data) if text is None else self._venue.send_str(self._secrets.fill(text)))
            except (aiohttp.ClientError, OSError):
                return End(LOST, "The connection to the venue was lost.")
            self._moved = self._now()
        code = message.get("code") or 1000
        return End(code, "", code if 3000 <= code <= 4999 else 1000 if code in (1000, 1005) else GONE)

    async def _to_page(self) -> End:
        while True:
            kind, data, extra = await self._venue.receive()
            if kind is WSMsgType.TEXT:
                message: Message = {"type": "websocket.send", "text": self._secrets.hide(data)}
            elif kind is WSMsgType.BINARY:
                message = {"type": "websocket.send", "bytes": self._secrets.hide(data)}
            else:
                return self._left(kind, data, extra)
            self._held = self._now()
            try:
                await self._send(message)
            except (OSError, RuntimeError):  # the page is gone
                return End(GONE, "", GONE)
            self._moved, self._held = self._now(), math.inf

    def _left(self, kind: WSMsgType, data: Any, extra: Any) -> End:
        """What the venue's end means to the page. 1005, 1006 and 1015 cannot be sent."""
        if kind is WSMsgType.CLOSE:
            return End(data if data in _SENDABLE else 1000, self._secrets.hide(extra or ""))
        if self._venue.close_code == TOO_BIG:
            return End(TOO_BIG, f"A message of the venue is larger than {self._relay.max_message} bytes.")
        silent = isinstance(self._venue.exception(), aiohttp.ServerTimeoutError)
        return End(LOST, "The venue did not answer a ping." if silent else "The connection to the venue was lost.")


class Places:
    """How many sockets each reader has open, by what they lead to."""

    def __init__(self) -> None:
        self.open: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def take(self, who: str, what: str, most: int) -> Iterator[None]:
        """Hold one of ``most`` places, or `Refused`."""
        if self.open[who, what] >= most:
            raise Refused("busy", f"{most} sockets to {what} are open already.", "Close one first.")
        self.open[who, what] += 1
        try:
            yield
        finally:
            self.open[who, what] -= 1
            if not self.open[who, what]:
                del self.open[who, what]


class Relays:
    """ASGI application for /api/relay/{name}.

    ``connector`` makes the guarded way out, ``allowed`` refuses pages that may not, ``identity`` says whose socket it is. A socket's line
    in the log comes when it ends, with the close code as outcome.
    """

    def __init__(
        self,
        config: Config,
        connector: Callable[[], aiohttp.BaseConnector],
        allowed: Callable[[HTTPConnection], object],
        identity: Callable[[HTTPConnection], str],
        observer: Observer,
    ) -> None:
        self._observer = observer
        self._limits, self._connector, self._allowed, self._identity = config.limits, connector, allowed, identity
        self._relays = {relay.name: (relay, Secrets(relay, config.secret)) for relay in config.relays}
        self._session: aiohttp.ClientSession | None = None
        self.places = Places()
        self.routes = [WebSocketRoute("/api/relay/{name}", self)]

    async def close(self) -> None:
        """Let go of the way out. The sockets end by the server's shutdown, which closes them with 1012."""
        if self._session is not None:
            await self._session.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One page's socket. The page is accepted once the venue is: what is open is open all the way."""
        connection = HTTPConnection(scope)
        await receive()  # websocket.connect
        try:
            self._allowed(connection)
            relay, secrets = self._named(scope["path_params"]["name"])
            taken = self.places.take(self._identity(connection), relay.name, relay.per_session)
            with taken, self._observer.request("relay", rule=relay.name, host=urlsplit(relay.url).hostname) as line:
                venue, end = await self._connect(relay, secrets, scope["subprotocols"]), End(GONE, "", GONE)
                try:
                    await send({"type": "websocket.accept", "subprotocol": venue.protocol})
                    end = await _Pair(relay, secrets, venue, receive, send).run()
                finally:
                    await venue.close(code=end.venue_code)
                line["outcome"] = end.code
            await close(send, end.code, end.reason)
        except Refused as error:
            self._observer.refuse(error)
            await refuse(send, error)

    def _named(self, name: str) -> tuple[Relay, Secrets]:
        if name not in self._relays:
            raise Refused("not_found", f"There is no relay {name!r}.", "GET /api/config lists the relays.")
        relay, secrets = self._relays[name]
        if secrets.missing:
            raise Refused("not_set_up", f"Whoever runs the proxy has to set {' and '.join(secrets.missing)} for the relay {name}.")
        return relay, secrets

    async def _connect(self, relay: Relay, secrets: Secrets, protocols: Iterable[str]) -> aiohttp.ClientWebSocketResponse:
        if self._session is None:
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(connector=self._connector(), cookie_jar=jar, trust_env=False, middlewares=(_only_upgrades,))
        try:
            async with asyncio.timeout(self._limits.connect_s + self._limits.first_byte_s):
                return await self._session.ws_connect(
                    relay.url,
                    protocols=tuple(protocols),
                    headers=secrets.headers,
                    origin=relay.origin,
                    heartbeat=relay.ping_s,
                    max_msg_size=relay.max_message + 1,  # aiohttp refuses from this size on
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
                )
        except aiohttp.WSServerHandshakeError as error:
            raise Refused("refused", f"The venue {relay.name} answered {error.status} to the handshake.") from error
        except TimeoutError as error:
            raise Refused("connect_timeout", f"The venue {relay.name} did not answer.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Refused("refused", f"The venue {relay.name} cannot be reached.") from error


async def _only_upgrades(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """A venue that redirects would take the secret headers along: nothing but a WebSocket is an answer."""
    response = await handler(request)
    if response.status != 101:
        response.close()
        raise aiohttp.WSServerHandshakeError(response.request_info, (), status=response.status)
    return response


async def refuse(send: Send, error: Refused) -> None:
    """Accept and close: a page learns the code and the reason of accepted sockets only."""
    await send({"type": "websocket.accept"})
    await close(send, CLOSE_CODES.get(error.code, LOST), error.detail)


async def close(send: Send, code: int, reason: str) -> None:
    """Close the page's socket; of no effect when the page has closed it."""
    try:
        async with asyncio.timeout(_CLOSE_S):
            await send({"type": "websocket.close", "code": code, "reason": reason.encode()[:123].decode(errors="ignore")})
    except (OSError, RuntimeError, TimeoutError):
        return
