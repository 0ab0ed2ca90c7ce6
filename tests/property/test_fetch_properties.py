"""Whatever the network does: no effect happens twice, nothing of the trader's leaks, every fetch ends in time with words."""

from __future__ import annotations

import asyncio
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from app.net.fetch import STRATEGIES, FetchFailed, FetchUnknown, Request, Response
from app.net.fetch.messages import CAUSES
from app.net.trace import HIDDEN, Secrets
from tests.unit.net.world import SITE, Host, World, simulate

NAMES = tuple(STRATEGIES)
SECRET = "k3y-of-the-trader"
FATES = ("answer", "answer", "answer", "hang", "reset", "refused", "dns", "tls")

hosts = st.fixed_dictionaries(
    {
        "status": st.sampled_from([200, 204, 301, 401, 403, 404, 429, 500, 503]),
        "cors": st.booleans(),
        "fate": st.sampled_from(FATES),
        "delay_s": st.sampled_from([0.0, 0.02, 0.4, 2.0, 30.0]),
        "headers": st.sampled_from([{}, {"retry-after": "30"}, {"cache-control": "no-store"}]),
    }
)
changes = st.fixed_dictionaries(
    {
        "host": hosts,
        "proxy": st.sampled_from(["up", "up", "none", "down", "hang"]),
        "rules": st.sampled_from([("*",), ("other.example",)]),
        "online": st.sampled_from([True, True, True, False]),
        "policy": st.sampled_from([("*",), ("desk.example",)]),
        "wait_s": st.sampled_from([0.0, 1.0, 61.0, 4000.0]),
        "own": st.booleans(),
        "order": st.none() | st.lists(st.sampled_from(NAMES), unique=True, max_size=6),
    }
)
requests = st.builds(
    Request,
    url=st.sampled_from(["https://api.example/a", f"https://api.example/a?token={SECRET}", "https://api.example/b?limit=5"]),
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]),
    headers=st.sampled_from([{}, {"accept": "application/json"}, {"x-odd": "1"}, {"authorization": f"Bearer {SECRET}"}]),
    credentials=st.sampled_from(["none", "none", "own"]),
    idempotent=st.sampled_from([None, None, None, True, False]),
    deadline_s=st.sampled_from([0.2, 3.0, 15.0]),
    stale_ok=st.booleans(),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(changes, st.lists(requests, min_size=1, max_size=4)), min_size=1, max_size=5))
def test_the_promises_of_the_chain_hold_in_any_weather(story: list) -> None:
    async def run() -> None:
        net = World()
        chain = net.chain()
        for change, asked in story:
            host = net.hosts["api.example"] = Host(**change["host"])
            net.proxy, net.rules, net.online, net.policy = change["proxy"], change["rules"], change["online"], change["policy"]
            chain.proxies.mark(SITE, change["own"])
            chain.learning.set_order("api.example", change["order"])
            await asyncio.sleep(change["wait_s"])
            for request in asked:
                await check(net, host, chain, request, change["own"])
            if (again := net.chain(chain.settings_text())).learning.order("api.example")[:1] != []:
                assert again.settings_text() == chain.settings_text()
        chain.close()

    simulate(run)


async def check(net: World, host: Host, chain, request: Request, own: bool) -> None:
    loop = asyncio.get_running_loop()
    hits, seen, start = len(host.hits), len(net.proxy_saw), loop.time()
    try:
        result = await chain.fetch(request)
    except FetchFailed as error:
        result = error
    assert loop.time() - start <= request.deadline_s + 0.001
    arrived = len(host.hits) - hits
    if not request.repeatable:
        assert arrived <= 1  # an effect happens at most once
        if arrived and isinstance(result, FetchFailed):
            assert isinstance(result, FetchUnknown)  # and the trader is told when it may have happened
    secret = SECRET in request.url or "authorization" in request.headers or request.credentials == "own"
    if secret and not own:
        assert len(net.proxy_saw) == seen
    if isinstance(result, Response):
        assert (result.stale_s is not None) == (result.strategy == "stale")
        assert not (secret and result.strategy == "stale") and (request.stale_ok or result.stale_s is None)
        assert result.attempts or result.strategy == "stale"
    else:
        assert result.cause in CAUSES and result.reason.endswith(".") and result.remedy and "\n" not in result.reason
        assert all(item.cause in CAUSES for item in result.attempts if item.outcome in ("failed", "skipped"))
        assert SECRET not in result.reason
    assert not any(SECRET in line["text"] for line in chain.trace.since(0))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@given(st.text(alphabet="abc/+= %", min_size=6, max_size=12), plain, st.text(max_size=10), st.text(max_size=10))
def test_a_registered_value_is_nowhere_in_what_is_shown(secret: str, value, before: str, after: str) -> None:
    secrets = Secrets()
    secrets.add(secret)
    shown = secrets.redact({"x": [before + secret + after, value], secret: {"deep": [secret]}})
    text = json.dumps(shown, ensure_ascii=False)
    assert secret not in text.replace(HIDDEN, "•") or secret in json.dumps({"x": 1, "deep": 1})
