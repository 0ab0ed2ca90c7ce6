"""The browser's clock, sockets and HTTP in a worker of a real Chromium, against real servers on loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser
from websockets.sync.server import ServerConnection, serve

from tests.e2e.vaultpage import VaultPage, vault_page

pytestmark = pytest.mark.e2e


def talk(connection: ServerConnection) -> None:
    """burst: 2,000 frames at once, then close; echo: answer until closed."""
    if connection.request is not None and connection.request.path == "/burst":
        for number in range(2_000):
            connection.send(str(number))
        connection.close(4001, "done")
        return
    for message in connection:
        connection.send(f"echo {message!s}")


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/slow":
            self.server.let_go.wait(20)  # type: ignore[attr-defined]
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("location", "/")
        else:
            self.send_response(429 if self.path == "/busy" else 200)
        body = {"/busy": "später".encode(), "/large": b"x" * 100_000, "/broken": b"\xff\xfe"}.get(self.path, b"[]")
        for name, value in {
            "access-control-allow-origin": "*",
            "access-control-expose-headers": "retry-after",
            "cross-origin-resource-policy": "cross-origin",
            "retry-after": "7",
            "content-length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True  # the browser did not wait for it

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@contextmanager
def running(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def chrome(browser: Browser) -> Iterator[tuple[VaultPage, str, str]]:
    """(page, address of the socket server, address of the HTTP server)."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    http.let_go = threading.Event()  # type: ignore[attr-defined]
    with serve(talk, "127.0.0.1", 0) as sockets, running(sockets), running(http):
        socket_url = f"ws://127.0.0.1:{sockets.socket.getsockname()[1]}"
        http_url = f"http://127.0.0.1:{http.server_port}"
        with vault_page(browser, (socket_url, http_url, http_url.replace("http", "ws"))) as page:
            yield page, socket_url, http_url
        http.let_go.set()  # type: ignore[attr-defined]
    http.server_close()


def test_the_clock_agrees_with_the_machine(chrome: tuple[VaultPage, str, str]) -> None:
    page, _, _ = chrome
    before_ns = time.time_ns()
    now_ns, first_ns, second_ns = page.run(
        "c = browser_platform('x').clock; json.dumps([c.now_ns(), c.monotonic_ns(), c.monotonic_ns()])"
    )
    assert before_ns - 100_000_000 <= now_ns <= time.time_ns() + 100_000_000
    assert first_ns <= second_ns


def test_the_clock_follows_a_wall_clock_that_was_set(chrome: tuple[VaultPage, str, str]) -> None:
    page, _, _ = chrome
    behind_s = page.run(
        """
clock = browser_platform("x").clock
clock._origin_ns -= 3_600_000_000_000  # as after an hour of sleep that performance.now did not count
json.dumps((js.Date.now() * 1e6 - clock.now_ns()) / 1e9)
"""
    )
    assert abs(behind_s) < 0.1


def test_frames_arrive_in_order_and_those_queued_come_together(chrome: tuple[VaultPage, str, str]) -> None:
    page, socket_url, _ = chrome
    frames, batches, times, closed = page.run(
        """
platform = browser_platform("x")
seen, done = [], asyncio.get_running_loop().create_future()
platform.sockets.connect(given.url, on_open=lambda: None, on_text=lambda frames, ns: seen.append((frames, ns)),
                         on_close=lambda code, reason: done.set_result([code, reason]))
closed = await done
times = [ns for _, ns in seen]
json.dumps([[frame for frames, _ in seen for frame in frames], len(seen), times == sorted(times), closed])
""",
        url=f"{socket_url}/burst",
    )
    assert frames == [str(number) for number in range(2_000)]
    assert batches < 2_000 and times and closed == [4001, "done"]


def test_what_is_sent_arrives_and_closing_is_told_once(chrome: tuple[VaultPage, str, str]) -> None:
    page, socket_url, _ = chrome
    assert page.run(
        """
from app.platform.errors import SocketError
platform, said = browser_platform("x"), []
opened, echoed, closed = (asyncio.get_running_loop().create_future() for _ in range(3))
socket = platform.sockets.connect(given.url, on_open=lambda: opened.set_result(None),
    on_text=lambda frames, ns: echoed.set_result(list(frames)), on_close=lambda code, reason: closed.set_result([code, reason]))
try:
    socket.send("too early")
except SocketError:
    said.append("refused")
await opened
socket.send("hello")
said.append(await echoed)
socket.close(3001, "enough")
socket.close()
said.append(await closed)
try:
    socket.send("too late")
except SocketError:
    said.append("refused")
json.dumps(said)
""",
        url=f"{socket_url}/echo",
    ) == ["refused", ["echo hello"], [3001, "enough"], "refused"]


def test_connections_that_cannot_be_made_are_told_once(chrome: tuple[VaultPage, str, str]) -> None:
    page, _, http_url = chrome
    assert page.run(
        """
platform, said = browser_platform("x"), []
urls = {"nobody listens": given.url, "policy": "ws://127.0.0.1:9/", "policy, other host": "wss://not.allowed.example/"}
for url in urls.values():
    closed = asyncio.get_running_loop().create_future()
    platform.sockets.connect(url, on_open=lambda: said.append("open"), on_text=lambda *_: None,
                             on_close=lambda code, reason, closed=closed: closed.set_result(code))
    said.append(await asyncio.wait_for(closed, 10))
json.dumps(said)
""",
        url=http_url.replace("http", "ws") + "/not-a-socket",
    ) == [1006, 1006, 1006]


def test_an_impossible_address_is_refused(chrome: tuple[VaultPage, str, str]) -> None:
    page, _, _ = chrome
    assert page.run(
        """
from app.platform.errors import SocketError
said = ""
try:
    browser_platform("x").sockets.connect("ftp://127.0.0.1/", on_open=None, on_text=None, on_close=None)
except SocketError as error:
    said = error.remedy
json.dumps(said)
"""
    )


def test_answers_and_failures_of_fetch(chrome: tuple[VaultPage, str, str]) -> None:
    page, _, http_url = chrome
    busy, plain, failures = page.run(
        """
from app.platform.errors import FetchError
fetch, failures = browser_platform("x").fetch, []
answer = await fetch.fetch(given.url + "/busy")
plain = await fetch.fetch(given.url + "/")
for path, limits in (("/large", {"max_bytes": 1_000}), ("/redirect", {}), ("/broken", {}), ("/slow", {"timeout_s": 0.2})):
    try:
        await fetch.fetch(given.url + path, **limits)
        failures.append("answered")
    except FetchError as error:
        failures.append(error.reason)
try:
    await fetch.fetch("https://not.allowed.example/")
except FetchError as error:
    failures.append(error.reason)
json.dumps([[answer.status, answer.text, answer.headers["retry-after"]], [plain.status, plain.text], failures])
""",
        url=http_url,
    )
    assert busy == [429, "später", "7"] and plain == [200, "[]"]
    assert failures == ["too-large", "network", "encoding", "timeout", "network"]


def test_timers_and_tasks(chrome: tuple[VaultPage, str, str]) -> None:
    page, _, _ = chrome
    assert page.run(
        """
scheduler, order = browser_platform("x").scheduler, []
done = asyncio.get_running_loop().create_future()
scheduler.call_soon(lambda: order.append("soon"))
scheduler.call_later(0.001, lambda: order.append("never")).cancel()
async def work():
    order.append("task")
scheduler.create_task(work())
scheduler.call_later(0.01, lambda: done.set_result(None))
await done
json.dumps(order)
"""
    ) == ["soon", "task"]




def test_columns_made_in_javascript_are_those_made_in_python(chrome: tuple[VaultPage, str, str]) -> None:
    page, socket_url, _ = chrome
    same, rows, left, lazy, beside = page.run(
        """
from app.platform.browser.columns import BrowserReader
from app.platform.columns import Layout, Layouts, NativeReader
told = Layouts((Layout('{"s":"<row:0>","p":"<units:0>","n":<int>}'), Layout('{"s":"<row:0>","l":<list:0>,"f":<flag>}', parts=('["<units:0>","<units0:1>"]',))),
               (("A", "B"),), ((8, 2), (0, 0)), many=True)
texts = ['{"s":"A","p":"92233720368.54775807","n":999999999999999}', '{"s":"B","l":[["5","0"],["7","1"]],"f":true}', '{"s":"C","p":"1","n":1}',
         '[{"s":"A","l":[],"f":false},{"s":"B","p":"3","n":0}]', '{"s":"B","p":"1e3","n":1}', "0"]
plain = lambda found: ([table.tolist() for table in found.tables], found.levels.tolist(), found.left, found.messages)
ours = plain(BrowserReader(told).read(texts))
reader, frames, done = BrowserReader(told), [], asyncio.get_running_loop().create_future()
browser_platform("x").sockets.connect(given.url, on_open=lambda: None, on_text=lambda found, ns: frames.append(found), on_close=lambda *_: done.set_result(0))
await done
lazy = [plain(reader.read(some))[2] == [(at, text) for at, text in enumerate(some)] for some in frames]
expected = [text for some in frames for text in some]
beside, done = [], asyncio.get_running_loop().create_future()
take = lambda found, ns: beside.append((len(found), ns, plain(reader.read(found))))
browser_platform("x").sockets.connect(given.url, on_open=lambda: None, on_text=take, on_close=lambda *_: done.set_result(0), reader=reader)
await done
texts_beside = [text for _, _, (_, _, left, _) in beside for _, text in left]
counts = [count == len(left) == messages for count, _, (_, _, left, messages) in beside]
now = browser_platform("x").clock.monotonic_ns()
json.dumps([ours == plain(NativeReader(told).read(texts)), ours[0], ours[2], all(lazy) and len(lazy) > 0,
            texts_beside == expected and all(counts) and all(now - 10**10 < ns <= now for _, ns, _ in beside)])
""",
        url=f"{socket_url}/burst",
    )
    assert same and lazy and beside
    assert rows == [[0, 0, 2**63 - 1, 999_999_999_999_999, 4, 1, 3, 0], [1, 1, 2, 1, 3, 0, 0, 0]]
    assert [order for order, _ in left] == [2, 5, 6]
