"""The chain in a simulated internet behind a browser's policy: what it tries, what it never does, what it says."""

from __future__ import annotations

import asyncio
import json

import pytest

from app.net.fetch import STRATEGIES, Attempt, Chain, FetchFailed, FetchUnknown, Request, Response
from app.net.fetch.hedging import race
from app.net.fetch.messages import CAUSES
from app.platform.interfaces import HttpAnswer
from tests.unit.net.world import SITE, Host, World, simulate

URL = "https://api.example/v1/time?x=1"


def world(proxy: str = "up", **host: object) -> World:
    made = World(proxy)
    made.hosts["api.example"] = Host(**host)  # type: ignore[arg-type]
    return made


def outcomes(attempts: tuple[Attempt, ...]) -> dict[str, str]:
    return {item.strategy: item.cause or item.outcome for item in attempts if item.outcome in ("ok", "failed")}


def test_the_direct_way_is_first_and_enough() -> None:
    async def run() -> Response:
        return await net.chain().fetch(Request(URL))

    net = world()
    answer = simulate(run)
    assert (answer.strategy, answer.status, answer.stale_s) == ("direct", 200, None)
    assert net.arrived() == 1 and not net.proxy_saw


def test_without_cors_the_proxy_answers_and_the_cause_is_named() -> None:
    async def run() -> tuple[Response, Response, Chain]:
        chain = net.chain()
        return await chain.fetch(Request(URL)), await chain.fetch(Request(URL)), chain

    net = world(cors=False)
    first, second, chain = simulate(run)
    assert first.strategy == "proxy"
    assert outcomes(first.attempts) == {"direct": "cors", "service_worker": "cors", "worker": "cors", "proxy": "ok"}
    assert outcomes(second.attempts) == {"proxy": "ok"}  # learned
    assert chain.learning.hosts["api.example"].learned["direct"].cause == "cors"
    assert "does not allow pages of other sites" in first.attempts[1].sentence("api.example")


def test_a_preflight_that_fails_is_left_out_by_the_simple_form() -> None:
    async def run() -> Response:
        return await net.chain().fetch(Request(URL, headers={"Cache-Control": "no-cache"}))

    net = world(proxy="none")
    original = net._send

    async def strict(call, via):  # a host that answers simple requests only
        net.hosts["api.example"].cors = "cache-control" not in call.headers
        return await original(call, via)

    net._send = strict
    assert simulate(run).strategy == "simple"


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name not in ("stale", "simple")])
def test_every_strategy_answers_by_itself(name: str) -> None:
    async def run() -> Response:
        chain = net.chain()
        chain.learning.set_order("api.example", [name])
        return await chain.fetch(Request(URL))

    net = world(body=b'{"serverTime":1}')
    answer = simulate(run)
    assert (answer.strategy, answer.status, answer.body) == (name, 200, b'{"serverTime":1}')
    assert [call.url for call in net.hosts["api.example"].hits] == [URL]


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 404, 409, 422, 429, 500, 503])
@pytest.mark.parametrize("name", ["direct", "proxy", "allorigins", "tunnel"])
def test_the_targets_own_status_is_the_answer_whatever_the_way(name: str, status: int) -> None:
    async def run() -> Response:
        chain = net.chain()
        chain.learning.set_order("api.example", [name])
        return await chain.fetch(Request(URL))

    net = world(status=status, body=b"said")
    answer = simulate(run)
    assert (answer.status, answer.body) == (status, b"said")
    assert net.arrived() == 1


def test_a_post_that_may_have_arrived_is_not_repeated() -> None:
    async def run() -> None:
        chain = net.chain()
        chain.learning.succeeded("api.example", "direct", 5.0)
        with pytest.raises(FetchUnknown) as caught:
            await chain.fetch(Request(URL, "POST", body=b"order"))
        assert "not sent again" in caught.value.reason and caught.value.remedy

    net = world(fate="reset")
    simulate(run)
    assert net.arrived() == 1 and not net.proxy_saw


def test_a_post_goes_on_only_while_certainly_nothing_was_sent() -> None:
    async def run() -> Response:
        chain = net.chain()
        chain.learning.set_order("api.example", ["direct", "worker", "proxy", "tunnel"])
        return await chain.fetch(Request(URL, "POST", body=b"order"))

    net = world()
    net.policy = ("other.example",)
    answer = simulate(run)
    assert outcomes(answer.attempts) == {"direct": "policy", "worker": "policy", "proxy": "ok"}
    assert net.arrived() == 1


def test_an_unknown_host_gets_a_post_by_the_way_that_tells_what_happened() -> None:
    async def run() -> Response:
        return await net.chain().fetch(Request(URL, "POST", body=b"order"))

    net = world(cors=False)
    assert simulate(run).strategy == "proxy"
    assert net.arrived() == 1


@pytest.mark.parametrize(
    "request_",
    [
        Request(URL, headers={"Authorization": "Bearer abc"}),
        Request(URL, headers={"APCA-API-KEY-ID": "abc"}),
        Request(URL, headers={"X-MBX-APIKEY": "abc"}),
        Request("https://api.example/x?signature=abc"),
        Request("https://api.example/x?apiKey=abc"),
        Request("https://api.example/x?listenKey=abc"),
        Request(URL, credentials="own"),
        Request(URL, "POST", idempotent=True, body=b'{"client_secret": "abc"}'),
        Request(URL, "POST", idempotent=True, body=b"grant_type=refresh_token&refresh_token=abc"),
        Request("https://api.example/x?q=hunter2hunter2"),
        Request(URL, headers={"x-trace": "hunter2hunter2"}),
    ],
    ids=lambda request: f"{request.method} {sorted(request.headers)} {request.url[-20:]}",
)
def test_credentials_pass_only_through_a_proxy_of_the_traders_own(request_: Request) -> None:
    async def run() -> str:
        chain = net.chain()
        chain.trace.secrets.add("hunter2hunter2")
        with pytest.raises(FetchFailed) as caught:
            await chain.fetch(request_)
        assert not net.proxy_saw
        assert {item.cause for item in caught.value.attempts if item.strategy == "proxy"} == {"proxy_refused"}
        assert "not marked as your own" in caught.value.reason
        chain.learning.clear("api.example")
        chain.proxies.mark(SITE, True)
        return (await chain.fetch(request_)).strategy

    net = world(cors=False)
    assert simulate(run) == "proxy"


def test_plain_requests_are_not_taken_for_secret() -> None:
    async def run() -> Response:
        return await net.chain().fetch(Request("https://api.example/klines?symbol=BTCUSDT&interval=1m&limit=500", headers={"Accept": "*/*"}))

    net = world(cors=False)
    assert simulate(run).strategy == "proxy"


def test_a_slow_read_is_hedged_and_an_effect_never() -> None:
    async def run() -> tuple[Response, int]:
        chain = net.chain()
        chain.learning.set_order("api.example", ["direct", "proxy"])
        read = await chain.fetch(Request(URL))
        hits = net.arrived()
        with pytest.raises(FetchUnknown):
            await chain.fetch(Request(URL, "POST", deadline_s=5.0))
        return read, net.arrived() - hits

    net = world()
    slow = Host(fate="hang")
    original = net._send

    async def uneven(call, via):  # the direct way hangs, the proxy answers
        return await (slow.take(call) if call.url.startswith("https://api") else original(call, via))

    net._send = uneven
    read, effects = simulate(run)
    assert read.strategy == "proxy" and read.ms < 2_000
    assert [(item.strategy, item.outcome) for item in read.attempts] == [("proxy", "ok")]
    assert effects == 0 and len(slow.hits) == 2  # the read and the post, each once


def test_hedges_are_few_when_everything_is_slow() -> None:
    async def run() -> Chain:
        chain = net.chain()
        for number in range(100):
            net.hosts[f"{number}.example"] = Host(delay_s=4.0)
            await chain.fetch(Request(f"https://{number}.example/"))
        return chain

    net = world()
    chain = simulate(run)
    assert 5 < chain.hedges <= 5 + 0.1 * 100 + 1 and chain.requests == 100
    assert net.most_under_way <= 3  # two ways at once, and the question whether there is a proxy


def test_a_host_that_asks_for_quiet_is_not_hedged() -> None:
    async def run() -> Chain:
        chain = net.chain()
        await chain.fetch(Request(URL))
        net.hosts["api.example"].delay_s = 3.0
        await chain.fetch(Request(URL))
        return chain

    net = world(status=429, headers={"retry-after": "60"})
    assert simulate(run).hedges == 0
    assert net.arrived() == 2


@pytest.mark.parametrize("deadline_s", [0.3, 2.0, 15.0])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_deadline_holds_when_nothing_answers(method: str, deadline_s: float) -> None:
    async def run() -> tuple[float, FetchFailed]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        with pytest.raises(FetchFailed) as caught:
            await net.chain().fetch(Request(URL, method, deadline_s=deadline_s))
        return loop.time() - start, caught.value

    net = world(fate="hang")
    took_s, error = simulate(run)
    assert took_s <= deadline_s + 0.001
    assert error.cause == "timeout" and isinstance(error, FetchUnknown) == (method == "POST")


def test_the_deadline_holds_even_for_a_transport_that_cannot_be_stopped() -> None:
    async def run() -> float:
        async def stubborn(call, via="here"):
            for _ in range(20):  # twenty times told to stop, and still there
                try:
                    await asyncio.sleep(1000)
                except asyncio.CancelledError:
                    continue
            return HttpAnswer(200, {}, b"", call.url)

        net.send = stubborn
        start = asyncio.get_running_loop().time()
        with pytest.raises(FetchFailed):
            await net.chain().fetch(Request(URL, deadline_s=3.0))
        return asyncio.get_running_loop().time() - start

    net = world()
    assert simulate(run) <= 3.001


def test_a_circuit_opens_is_half_open_once_and_closes() -> None:
    async def run() -> None:
        chain = net.chain()
        state = chain.learning.state
        chain.learning.set_order("api.example", ["direct"])
        for _ in range(2):
            with pytest.raises(FetchFailed):
                await chain.fetch(Request(URL))
        assert state("api.example", "direct") == "open"
        hits = net.arrived()
        with pytest.raises(FetchFailed) as caught:
            await chain.fetch(Request(URL))
        assert net.arrived() == hits and "left out for another" in caught.value.attempts[0].detail
        await asyncio.sleep(chain.learning.again_in_s("api.example", "direct"))
        assert state("api.example", "direct") == "half_open"
        results = await asyncio.gather(*(chain.fetch(Request(URL)) for _ in range(5)), return_exceptions=True)
        assert net.arrived() == hits + 1 and all(isinstance(result, FetchFailed) for result in results)
        first_s, longer_s = 10.0, chain.learning.again_in_s("api.example", "direct")
        assert longer_s > first_s
        await asyncio.sleep(longer_s)
        net.hosts["api.example"].fate = "answer"
        assert (await chain.fetch(Request(URL))).ok
        assert state("api.example", "direct") == "works"

    net = world(fate="reset")
    simulate(run)


@pytest.mark.parametrize(("worked", "longest_s"), [(True, 30.0), (False, 300.0)])
def test_what_worked_before_is_tried_again_sooner_than_what_never_did(worked: bool, longest_s: float) -> None:
    async def run() -> float:
        learning = net.chain().learning
        if worked:
            learning.succeeded("api.example", "direct", 5.0)
        for _ in range(20):
            learning.failed("api.example", "direct", "unknown")
        return learning.again_in_s("api.example", "direct")

    net = world()
    assert simulate(run) == longest_s


def test_rules_that_are_against_it_are_asked_once_and_never_shut_out_another_request() -> None:
    async def run() -> tuple[FetchFailed, Response]:
        chain = net.chain()
        net.rules = ("other.example",)
        with pytest.raises(FetchFailed) as caught:
            await chain.fetch(Request(URL))
        net.rules = ("*",)
        return caught.value, await chain.fetch(Request(URL))

    net = world(cors=False)
    error, answer = simulate(run)
    assert len([item for item in error.attempts if item.outcome == "failed" and item.cause == "proxy_refused"]) == 1
    assert error.cause == "cors" and "Through the proxy it does not work either" in error.reason
    assert answer.strategy in ("proxy", "allorigins")


def test_a_network_that_is_back_is_used_at_once() -> None:
    async def run() -> Response:
        chain = net.chain()
        for _ in range(3):
            with pytest.raises(FetchFailed):
                await chain.fetch(Request(URL))
        net.proxy, net.hosts["api.example"].fate = "up", "answer"
        with pytest.raises(FetchFailed):
            await chain.fetch(Request(URL))
        chain.network_is_back()
        return await chain.fetch(Request(URL))

    net = world("down", fate="reset")
    assert simulate(run).ok


def test_a_stale_copy_is_the_last_resort_and_says_its_age() -> None:
    async def run() -> tuple[Response, Response]:
        chain = net.chain()
        fresh = await chain.fetch(Request(URL))
        net.online = False
        await asyncio.sleep(90)
        stale = await chain.fetch(Request(URL))
        for other in (Request(URL, stale_ok=False), Request(URL, credentials="own"), Request(URL + "2"), Request(URL, "POST", body=b"")):
            with pytest.raises(FetchFailed):
                await chain.fetch(other)
        return fresh, stale

    net = world(body=b"kept")
    fresh, stale = simulate(run)
    assert fresh.stale_s is None
    assert stale.strategy == "stale" and stale.body == b"kept" and stale.stale_s == pytest.approx(90, abs=1)


def test_an_answer_to_credentials_is_nobody_elses_copy() -> None:
    async def run() -> None:
        chain = net.chain()
        assert (await chain.fetch(Request(URL, headers={"authorization": "Bearer abc"}))).ok
        net.online = False
        with pytest.raises(FetchFailed):
            await chain.fetch(Request(URL))

    net = world(body=b"private")
    simulate(run)


def test_a_silent_proxy_does_not_hold_a_post_beyond_its_deadline() -> None:
    async def run() -> float:
        start = asyncio.get_running_loop().time()
        with pytest.raises(FetchFailed):
            await net.chain().fetch(Request(URL, "POST", body=b"", deadline_s=0.5))
        return asyncio.get_running_loop().time() - start

    net = world("hang", fate="refused")
    assert simulate(run) <= 0.501


def test_a_race_ends_in_time_whatever_its_ways_do() -> None:
    async def run() -> float:
        async def endless() -> None:
            await asyncio.Event().wait()

        start = asyncio.get_running_loop().time()
        assert await race([endless, endless, endless], 2.0, lambda _: 0.5, lambda: None) is None
        return asyncio.get_running_loop().time() - start

    assert simulate(run) == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("control", ["no-store", "private, max-age=5"])
def test_what_a_server_calls_private_is_never_kept(control: str) -> None:
    async def run() -> None:
        chain = net.chain()
        await chain.fetch(Request(URL))
        net.online = False
        with pytest.raises(FetchFailed) as caught:
            await chain.fetch(Request(URL))
        assert caught.value.cause == "offline"

    net = world(headers={"cache-control": control})
    simulate(run)


def test_on_plain_files_the_proxy_strategies_say_so() -> None:
    async def run() -> FetchFailed:
        with pytest.raises(FetchFailed) as caught:
            await net.chain().fetch(Request(URL))
        return caught.value

    net = world("none", cors=False)
    error = simulate(run)
    said = {item.strategy: item.detail for item in error.attempts if item.cause == "proxy_down"}
    assert set(said) == {"proxy", "allorigins", "allorigins_raw", "corsproxy", "corssh", "tunnel"}
    assert all("plain files" in detail for detail in said.values())
    assert "plain files" in error.reason and error.remedy


@pytest.mark.parametrize(
    "body",
    [b"<!doctype html>", b"{}", b'{"rules":1}', b'{"rules":[1]}', b"[" * 9_999, b'{"rules":[],"open":"yes"}', b'{"rules":[]' + b" " * 2**20 + b"}"],
    ids=range(7),
)
def test_what_only_looks_like_a_proxys_configuration_is_none(body: bytes) -> None:
    async def run() -> Chain:
        chain = net.chain()
        assert not await chain.proxies.present()
        return chain

    net = world()

    async def pretend(call, via="here"):
        return HttpAnswer(200, {}, body, call.url)

    net.send = pretend
    assert simulate(run).proxies.state == "none"


@pytest.mark.parametrize("fate", ["dns", "tls", "refused"])
def test_what_the_proxy_meets_explains_what_the_browser_hides(fate: str) -> None:
    async def run() -> FetchFailed:
        with pytest.raises(FetchFailed) as caught:
            await net.chain().fetch(Request(URL))
        return caught.value

    net = world(fate=fate)
    error = simulate(run)
    assert error.cause == fate and outcomes(error.attempts)["direct"] == fate


@pytest.mark.parametrize(("can_probe", "cause"), [(True, "cors"), (False, "unknown")])
def test_without_a_proxy_a_host_that_answers_at_all_is_refused_by_cors(can_probe: bool, cause: str) -> None:
    async def run() -> FetchFailed:
        with pytest.raises(FetchFailed) as caught:
            await net.chain().fetch(Request(URL))
        return caught.value

    net = world("none", cors=False)
    net.can_probe = can_probe
    error = simulate(run)
    assert outcomes(error.attempts) == dict.fromkeys(("direct", "service_worker", "worker"), cause)


def test_http_to_another_machine_is_mixed_content_and_is_not_tried() -> None:
    async def run() -> FetchFailed:
        with pytest.raises(FetchFailed) as caught:
            await net.chain().fetch(Request("http://api.example/"))
        return caught.value

    net = world("none")
    error = simulate(run)
    assert error.cause == "mixed_content" and net.arrived() == 0


def test_learned_order_and_marks_survive_a_restart_as_text_without_secrets() -> None:
    async def run() -> None:
        chain = net.chain()
        await chain.fetch(Request(URL, headers={"x-odd": "1"}))
        with pytest.raises(FetchFailed):
            await chain.fetch(Request("https://api.example/secret-path?token=hunter2", headers={"authorization": "Bearer hunter2"}))
        chain.learning.set_order("other.example", ["tunnel", "direct"])
        chain.proxies.mark(SITE, True)
        chain.proxies.use("corsproxy", "https://proxy.example")
        text = chain.settings_text()
        assert not any(word in text for word in ("hunter2", "secret-path", "v1/time", "Bearer", "x-odd"))
        again = net.chain(text)
        assert again.learning.order("api.example") == chain.learning.order("api.example")
        assert again.learning.order("api.example")[0] == "proxy"
        assert again.learning.order("other.example") == ["tunnel", "direct"]
        assert again.proxies.is_own("proxy") and again.proxies.base("corsproxy") == "https://proxy.example/"
        assert again.settings_text() == text
        answer = await again.fetch(Request(URL))
        assert outcomes(answer.attempts) == {"proxy": "ok"}

    net = world(cors=False)
    simulate(run)


@pytest.mark.parametrize(
    "text",
    [
        *("", "nonsense", "[]", "[" * 5000, '{"v":1}', '{"v":2,"own":["https://evil/"]}'),
        *('{"v":1,"hosts":{"a":{"order":["x"],"learned":{"direct":[1]}}},"own":3}', '{"v":1,"bases":{"proxy":"http://evil/"}}'),
    ],
)
def test_a_broken_setting_costs_only_what_was_learned(text: str) -> None:
    async def run() -> None:
        chain = net.chain(text)
        assert chain.learning.order("a") == list(STRATEGIES) and not chain.proxies.own
        assert (await chain.fetch(Request(URL))).ok

    net = world()
    simulate(run)


def test_a_foreign_proxys_own_error_is_not_taken_for_the_targets() -> None:
    async def run() -> FetchFailed:
        chain = net.chain()
        chain.proxies.use("corsproxy", "https://proxy.example/")
        chain.learning.set_order("api.example", ["corsproxy"])
        with pytest.raises(FetchFailed) as caught:
            await chain.fetch(Request(URL))
        return caught.value

    net = world()
    net.hosts["proxy.example"] = Host(status=429)
    assert simulate(run).cause == "proxy_refused"


def test_testing_an_address_tries_everything_and_explains_each_row() -> None:
    async def run() -> tuple[list[Attempt], list[Attempt], Chain]:
        chain = net.chain()
        rows: list[Attempt] = []
        return await chain.test(URL, rows.append), rows, chain

    net = world(cors=False)
    log, rows, chain = simulate(run)
    assert [item.strategy for item in log] == list(STRATEGIES)
    by_name = {item.strategy: item for item in rows}
    assert {name for name, item in by_name.items() if item.outcome == "ok"} == {"proxy", "allorigins", "allorigins_raw", "corsproxy", "corssh", "tunnel"}
    assert by_name["direct"].cause == "cors" and by_name["simple"].outcome == "skipped"
    lines = chain.trace.since(0)
    assert {line["step"] for line in lines} >= {"direct", "proxy", "tunnel"} and all(line["ms"] is not None for line in lines)
    assert lines[0]["rerun"] == {"do": "net.test", "url": URL}
    assert not any("x=1" in line["text"] for line in lines)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (Request("ftp://a.example/"), "url"),
        (Request("https://user:pass@a.example/"), "url"),
        (Request("https://a.example/ x"), "url"),
        (Request("https:///x"), "url"),
        (Request("https://a.example:/"), "url"),
        (Request("https://a.example:99999/"), "url"),
        (Request("https://a.example\\@b.example/"), "url"),
        (Request("https://a.example/" + "x" * 9000), "url"),
        (Request(URL, "TRACE"), "method"),
        (Request(URL, body=b"x"), "body"),
        (Request(URL, headers={"a": "b\r\nc: d"}), "headers"),
        (Request(URL, deadline_s=0), "deadline_s"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_field(request_: Request, field: str) -> None:
    async def run() -> None:
        with pytest.raises(FetchFailed) as caught:
            await net.chain().fetch(request_)
        assert caught.value.field in (field, "body") and caught.value.remedy and not caught.value.attempts

    net = world()
    simulate(run)
    assert net.arrived() == 0


def test_every_cause_has_a_sentence_and_a_remedy() -> None:
    from app.net.fetch.words import remedy, sentence

    said = {sentence(cause, "api.example") for cause in CAUSES}
    assert len(said) == len(CAUSES) and all(text.endswith(".") for text in said)
    assert all(remedy(cause, "api.example") for cause in CAUSES)


def test_lines_hide_secrets_by_value() -> None:
    async def run() -> str:
        chain = net.chain()
        chain.trace.secrets.add("s3cr3t/value")
        await chain.fetch(Request("https://api.example/s3cr3t%2Fvalue/x", credentials="own"))
        return json.dumps(chain.trace.since(0))

    net = world()
    assert "s3cr3t" not in simulate(run)
