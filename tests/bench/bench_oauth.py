"""How long the exchange of a code takes, from the desk's client to kept tokens: through a real proxy process, at a certified provider.

    python -m tests.bench.bench_oauth

The yardstick is the same exchange without the proxy: one POST to the provider's token endpoint. Then what may go wrong on the way: the
client named in another way, a provider that is silent (the deadline has to end it in less than three seconds).
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from starlette.responses import JSONResponse

from app.net.oauth import OAuthClient, OAuthError
from app.net.trace import Trace
from app.platform.native.basics import SystemClock
from tests.bench.results import emit, percentile
from tests.oauth.desk import ROOT, agree, oidc_provider
from tests.oauth.emulators import GitHub, Issuer, Server
from tests.oauth.test_client import BrowserHttp, Kept

SIGN_INS = 200
SILENT = 5


@contextmanager
def proxy(port: int, tables: list[dict], reached: list[str]) -> Iterator[str]:
    """A proxy in a process of its own; its address."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "index.html").write_text("page")
        lines = [f"allow_private = {json.dumps(reached)}", "[limits]", "sign_in = 100000"]
        for table in tables:
            lines += ["", "[[oauth]]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())]
        (Path(folder) / "kontor.toml").write_text("\n".join(lines))
        environ = {**os.environ, "PORT": str(port), "KONTOR_SITE": folder, "KONTOR_CONFIG": f"{folder}/kontor.toml"}
        environ |= {"DESK_ID": "desk", "DESK_SECRET": "desk-secret", "APP_ID": "the-app", "APP_SECRET": "the-secret"}
        process = subprocess.Popen([sys.executable, "-m", "proxy"], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                try:
                    httpx.get(f"http://127.0.0.1:{port}/health")
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


class Desk:
    """A desk with its cookies, before a trader who is signed in at the provider."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.browser = httpx.AsyncClient(base_url=home, verify=False, timeout=20)
        self.trader = httpx.Cookies()
        clock = SystemClock()
        self.client = OAuthClient(BrowserHttp(self.browser), f"{home}/", clock, Kept(), Trace(lambda: clock.now_ns() / 1e6))

    async def callback(self, url: str) -> str:
        """Agree at the provider; where it sends the trader back to."""
        visitor = httpx.AsyncClient(verify=False, cookies=self.trader)
        back = await agree(url, visitor)
        self.trader = visitor.cookies
        return back

    async def exchange(self, provider: str) -> float:
        """Milliseconds of the exchange of one sign-in."""
        begun = await self.client.start(provider, "openid")
        answer = await self.browser.get(await self.callback(begun["authorize_url"]))
        back = answer.headers["location"].partition("#")[2].split(":")
        started = time.perf_counter()
        try:
            await self.client.finish(*back)
        except OAuthError as error:
            if error.code != "timeout":
                raise
        return (time.perf_counter() - started) * 1000

    async def direct(self, issuer: str) -> float:
        """The same without the proxy."""
        verifier = secrets.token_urlsafe(32)
        back = f"{self.home}/oauth/callback/oidc"
        asked = {"client_id": "desk", "response_type": "code", "scope": "openid", "redirect_uri": back, "state": "x", "code_challenge_method": "S256"}
        url = str(httpx.URL(f"{issuer}/auth", params=asked | {"code_challenge": create_s256_code_challenge(verifier)}))
        code = parse_qs(urlsplit(await self.callback(url)).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        started = time.perf_counter()
        answer = await self.browser.post(f"{issuer}/token", data=form | {"client_id": "desk", "client_secret": "desk-secret"}, headers={"connection": "close"})
        ms = (time.perf_counter() - started) * 1000
        assert "access_token" in answer.json(), answer.text
        return ms


async def main() -> None:
    """All the figures."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    silent = socket.create_server(("127.0.0.1", 0), backlog=50)  # takes connections and says nothing
    picky = Issuer()

    async def by_basic_only(request: object) -> JSONResponse | None:
        refused = request.url.path == "/token" and "authorization" not in request.headers
        return JSONResponse({"error": "invalid_client"}, 401) if refused else None

    picky.fault = by_basic_only
    with ExitStack() as stack:
        issuer = stack.enter_context(oidc_provider(f"http://127.0.0.1:{port}"))
        async with Server(picky.app) as other, Server(GitHub().app) as third:
            picky.url = other.url
            scopes = {"scopes": ["openid"], "default_scopes": ["openid"]}
            app, own = {"client_id_env": "APP_ID", "client_secret_env": "APP_SECRET"}, {"client_id_env": "DESK_ID", "client_secret_env": "DESK_SECRET"}
            tables = [
                {"id": "oidc", "name": "Certified", "issuer": issuer, "discovery": True, **own, **scopes},
                {"id": "picky", "name": "Picky", "issuer": other.url, "discovery": True, **app, **scopes},
                {"id": "silent", "name": "Silent", "authorize_url": f"{third.url}/login/oauth/authorize", **app, **scopes}
                | {"token_url": f"http://127.0.0.1:{silent.getsockname()[1]}/t"},
            ]
            reached = [urlsplit(third.url).netloc, urlsplit(issuer).netloc, urlsplit(other.url).netloc, f"127.0.0.1:{silent.getsockname()[1]}"]
            desk = Desk(stack.enter_context(proxy(port, tables, reached)))
            through, without = [], []
            for _ in range(SIGN_INS):
                through.append(await desk.exchange("oidc"))
                without.append(await desk.direct(issuer))
            again = [await desk.exchange("picky") for _ in range(SIGN_INS)]
            ended = [await desk.exchange("silent") for _ in range(SILENT)]
            await desk.browser.aclose()
    silent.close()
    emit("oauth exchange p50", median(through), "ms", "without the proxy", median(through) / median(without), SIGN_INS)
    emit("oauth exchange p99", percentile(through, 0.99), "ms", "without the proxy", percentile(through, 0.99) / percentile(without, 0.99), SIGN_INS)
    emit("oauth exchange, client named again, p99", percentile(again, 0.99), "ms", "", None, SIGN_INS)
    emit("oauth exchange, silent provider, longest", max(ended), "ms", "", None, SILENT)


if __name__ == "__main__":
    asyncio.run(main())
