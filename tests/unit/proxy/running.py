"""The real proxy over a real socket, in the test's own event loop."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import uvicorn

from proxy.config import METHODS, Config, Rule
from proxy.observe import Observer
from proxy.server import create_app, server_config

KONTOR = {"x-kontor": "1", "accept-encoding": "identity"}


async def until(condition: Callable[[], object]) -> None:
    """Wait for ``condition``, ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


class Running:
    """``client`` speaks to it as the desk's own page does; ``lines`` are what it has logged."""

    def __init__(self, server: uvicorn.Server, port: int, log: io.StringIO) -> None:
        self.server, self.port, self._log = server, port, log
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx.AsyncClient(base_url=self.url, headers=KONTOR | {"origin": self.url}, trust_env=False, timeout=20)

    def fetch(self, url: str, method: str = "GET", **more: Any) -> Any:
        """A request in the native form; awaitable."""
        return self.client.request(method, f"/api/fetch?url={quote(url, safe='')}", **more)

    @property
    def log(self) -> str:
        """All that was logged."""
        return self._log.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What was logged, line by line."""
        return [json.loads(line) for line in self.log.splitlines()]


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Running]:
    """The proxy with ``config``, on a free port."""
    log = io.StringIO()
    server = uvicorn.Server(server_config(config.model_copy(update={"port": 0}), create_app(config, Observer(log))))
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), task
        await asyncio.sleep(0.005)
    made = Running(server, server.servers[0].sockets[0].getsockname()[1], log)
    try:
        async with made.client:
            yield made
    finally:
        server.should_exit = True
        await task


def config_for(*ports: int, **fields: Any) -> Config:
    """A configuration that may reach loopback on these ports, with a rule for all of it; ``limits`` and rule fields by keyword."""
    rule = {name: fields.pop(name) for name in [*fields] if name in Rule.model_fields and name not in Config.model_fields}
    base = {"name": "peer", "hosts": ["127.0.0.1"], "scheme": "http", "ports": ports, "methods": METHODS, "max_bytes": 2**20, "per_minute": 10_000}
    return Config(**{"folder": Path(__file__).parent, "rules": [base | rule], "allow_private": {f"127.0.0.1:{port}" for port in ports}} | fields)
