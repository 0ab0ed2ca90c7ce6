"""Entry of the desk worker: builds the browser's platform around the desk and joins it to the page.

Called by worker/desk.mjs once Python is up. Messages are JSON texts; a message that carries secrets or a file comes and
goes as an object, whose buffers are passed on as JS handles and never become Python values.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Awaitable, Callable

from js import URL, Object, kontor, performance
from pyodide.ffi import create_proxy, to_js

from app.desk.locking import CHANNEL
from app.desk.service import Desk
from app.desk.settings import from_query
from app.desk.surroundings import Surroundings
from app.platform.browser import browser_platform
from app.platform.browser.basics import BrowserChannel, use_turns
from app.platform.scheduler import begun


def opened(data) -> tuple[dict, dict]:
    """A request that came as an object: its plain arguments as JSON text, a file and secrets as JS handles."""
    request = {**(json.loads(data.args) if hasattr(data, "args") else {}), "do": data.do, "id": data.id}
    if hasattr(data, "file"):
        request["file"] = data.file
    return request, {name: getattr(data, name) for name in ("secret", "current") if hasattr(data, name)}


def main(scope, settings: dict, again: int = 0, given: str = "", settle_s: float = 0.0) -> None:
    """Start the desk on this worker's global ``scope``; ``settings`` is the page's URL query, the rest as in Surroundings."""
    # Market events live for moments and form no cycles: looking for cycles every 2,000 of them would be most of the work.
    gc.set_threshold(50_000, 20, 20)
    use_turns()
    site = str(URL.new("../", scope.location.href).href)
    platform = browser_platform(site=site)

    async def read_bytes(path: str) -> bytes:
        return (await kontor.readBytes(path)).to_bytes()

    async def package(name: str, rest: Callable[[], Awaitable[object]]) -> None:
        from app.platform.browser.packages import load_package  # only ever wanted in a fast market

        await load_package(name, rest)

    def post_beside(name: str):
        def post(text: str, buffer) -> None:
            message = Object.new()
            message.text = text
            setattr(message, name, buffer)
            scope.postMessage(message, to_js([buffer.buffer]))

        return post

    desk = Desk(
        Surroundings.on(
            platform,
            post=scope.postMessage,
            post_secret=post_beside("secret"),
            post_file=post_beside("file"),
            read_bytes=read_bytes,
            memory=lambda: kontor.heapBytes(),
            package=package,
            epoch_ms=lambda: performance.timeOrigin + performance.now(),
            base=site,
            tabs=BrowserChannel(CHANNEL),
            channel=BrowserChannel,
            again=again,
            given=given,
            settle_s=settle_s,
        ),
        from_query(settings),
    )
    tasks: set[asyncio.Task] = set()

    def receive(event) -> None:
        data = event.data
        if isinstance(data, str):
            request, secrets = json.loads(data), {}
            if request.get("do") == "painted":
                desk.painted(request["seq"])
                return
        else:
            request, secrets = opened(data)
        # begins at once instead of behind what has queued
        task = begun(desk.receive(request, **secrets))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def start() -> None:
        try:
            await desk.start()
        except Exception as error:
            scope.postMessage(json.dumps({"t": "fatal", "phase": "desk", "error": f"{type(error).__name__}: {error}"}))
            raise
        gc.freeze()  # what is there by now stays: looking through it for garbage would take the thread for 20 ms at a time

    kontor.receive(create_proxy(receive))
    scope.addEventListener("online", create_proxy(lambda _event: desk.online()))
    scope.addEventListener("offline", create_proxy(lambda _event: desk.offline()))
    task = asyncio.get_event_loop().create_task(start())
    tasks.add(task)
    task.add_done_callback(tasks.discard)
