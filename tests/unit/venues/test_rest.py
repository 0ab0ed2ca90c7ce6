"""REST requests of the live venue: pacing, refusals, unusable answers."""

import asyncio

import pytest

from app.platform.errors import FetchError
from app.platform.interfaces import Answer
from app.venues.binance.live import snapshot_weight
from app.venues.dialect import with_path
from app.venues.rest import Quota, Rest, judge, retry_after_s
from tests.unit.manual import ManualTime


class Answers:
    """A fetch that gives prepared answers, then empty objects."""

    def __init__(self, *prepared) -> None:
        self.prepared = list(prepared)
        self.urls = []

    async def fetch(self, url, *, timeout_s=10.0, max_bytes=8_000_000):
        self.urls.append(url)
        answer = self.prepared.pop(0) if self.prepared else Answer(200, "{}", {})
        if isinstance(answer, Exception):
            raise answer
        return answer


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def client(fetch, time, weight=3000, **options) -> Rest:
    return Rest("https://venue/api/v3/", fetch, time, time, Quota(weight, 60.0, "x-mbx-used-weight-1m"), **options)


async def test_requests_leave_one_after_another_and_in_order():
    fetch, time, done = Answers(), ManualTime(), []
    rest = client(fetch, time)
    for number in range(3):
        rest.get(f"/x?n={number}", 1, lambda answer, number=number: done.append((number, answer.error)))
    assert fetch.urls == []
    await settle()
    assert fetch.urls == [f"https://venue/api/v3/x?n={number}" for number in range(3)]
    assert done == [(0, ""), (1, ""), (2, "")]


async def test_weight_is_never_exceeded():
    fetch, time, done = Answers(), ManualTime(), []
    rest = client(fetch, time, weight=100)
    for _ in range(5):
        rest.get("/depth", 50, done.append)
    await settle()
    assert len(done) == 2
    time.advance(59)
    await settle()
    assert len(done) == 2
    time.advance(1.1)
    await settle()
    assert len(done) == 4


async def test_the_venues_own_count_is_believed():
    fetch, time, done = Answers(Answer(200, "{}", {"x-mbx-used-weight-1m": "2990"})), ManualTime(), []
    rest = client(fetch, time, weight=3000)
    rest.get("/a", 5, done.append)
    rest.get("/b", 20, done.append)
    await settle()
    assert len(done) == 1


@pytest.mark.parametrize(
    ("status", "header", "wait"), [(429, "7", 7), (418, "300", 300), (429, "", 60), (418, "soon", 120)]
)
async def test_a_refusal_is_waited_out_and_the_request_repeated(status, header, wait):
    fetch, time, done, told = Answers(Answer(status, "{}", {"retry-after": header})), ManualTime(), [], []
    rest = client(fetch, time, on_trouble=lambda: told.append(rest.trouble))
    rest.get("/a", 1, done.append)
    rest.get("/b", 1, done.append)
    await settle()
    assert done == [] and len(fetch.urls) == 1
    assert f"waiting {wait} s as told" in rest.trouble
    time.advance(wait - 0.1)
    await settle()
    assert len(fetch.urls) == 1
    time.advance(0.2)
    await settle()
    assert len(done) == 2 and fetch.urls[1].endswith("/a")
    assert rest.trouble == "" and rest.refusals == 1 and told[-1] == ""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (FetchError("no answer within 10 s", "timeout"), "no answer"),
        (Answer(200, "<!doctype html><p>captive portal", {}), "a web page came"),
        (Answer(403, "<html>blocked", {}), "a web page came"),
        (Answer(403, "", {}), "firewall"),
        (Answer(400, '{"code":-1121,"msg":"Invalid symbol."}', {}), "Invalid symbol"),
        (Answer(500, '{"code":true,"msg":7}', {}), "HTTP 500"),
        (Answer(500, "[" * 3000, {}), "HTTP 500"),
        (Answer(200, "", {}), "no data"),
        (Answer(200, "NaN", {}), "no data"),
    ],
)
async def test_an_unusable_answer_is_an_error_in_words(answer, words):
    time, done = ManualTime(), []
    rest = client(Answers(answer), time)
    rest.get("/a", 1, done.append)
    await settle()
    assert words in done[0].error and done[0].text == "" and rest.failures == 1


async def test_clear_forgets_what_was_asked_but_not_the_wait():
    fetch, time, done = Answers(Answer(429, "", {"retry-after": "30"})), ManualTime(), []
    rest = client(fetch, time)
    rest.get("/a", 1, done.append)
    await settle()
    rest.clear()
    rest.get("/b", 1, done.append)
    time.advance(29)
    await settle()
    assert len(fetch.urls) == 1
    time.advance(2)
    await settle()
    assert fetch.urls[1:] == ["https://venue/api/v3/b"] and len(done) == 1


async def test_an_answer_under_way_when_cleared_is_never_delivered():
    gate, time, done = asyncio.Event(), ManualTime(), []

    class Slow:
        async def fetch(self, url, **options):
            await gate.wait()
            return Answer(200, "{}", {})

    rest = client(Slow(), time)
    rest.get("/a", 1, done.append)
    await settle()
    rest.clear()
    gate.set()
    await settle()
    assert done == []


def test_retry_after_is_bounded():
    assert retry_after_s("99999999", 60) == 3 * 86_400
    assert retry_after_s("0", 60) == 1
    assert retry_after_s("-5", 60) == retry_after_s("1e9", 60) == 60


def test_snapshot_weights_are_the_documented_ones():
    assert [snapshot_weight(limit) for limit in (5, 100, 500, 1000, 5000)] == [5, 5, 25, 50, 250]


def test_an_address_without_a_path_gets_the_usual_one():
    assert with_path("ws://127.0.0.1:9", "/stream") == "ws://127.0.0.1:9/stream"
    assert with_path("ws://127.0.0.1:9/", "/stream") == "ws://127.0.0.1:9/stream"
    assert with_path("ws://host/other", "/stream") == "ws://host/other"


def test_good_answers_pass():
    assert judge(200, ' {"a":1}').error == "" and judge(200, "[]").error == ""
