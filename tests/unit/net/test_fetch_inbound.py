"""Hostile answers: every way to be wrong is refused with the place, nothing that passes holds what was not allowed."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.net.fetch import Response
from app.net.fetch.inbound import BadContent, flag, json_of, maybe, number, one_of, parse, record, rows, text, whole

CANDLE = record({"time": whole(0), "close": number(0), "side": one_of("buy", "sell"), "live": flag, "note": maybe(text(20))})
GOOD = {"time": 1, "close": "64000.10", "side": "buy", "live": True, "note": None}


def answer(body: bytes | str | object, kind: str = "application/json; charset=utf-8") -> Response:
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return Response(200, {"content-type": kind}, data, "https://api.example/", "direct", 1.0)


def test_a_good_answer_passes_with_exact_decimals_and_without_unknown_fields() -> None:
    found = json_of(answer([{**GOOD, "extra": 1}]), rows(CANDLE))
    assert found == [{**GOOD, "close": Decimal("64000.10")}]
    assert json_of(answer("[0.1]"), rows(number()), exact=True) == [Decimal("0.1")]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"time": -1}, "[1].time"),
        ({"time": 1.5}, "[1].time"),
        ({"time": True}, "[1].time"),
        ({"time": 2**70}, "[1].time"),
        ({"close": "NaN"}, "[1].close"),
        ({"close": "1e999999999"}, "[1].close"),
        ({"close": "1e-999999999"}, "[1].close"),
        ({"close": "Infinity"}, "[1].close"),
        ({"close": "1_000"}, "[1].close"),
        ({"close": "١"}, "[1].close"),
        ({"close": "9" * 100}, "[1].close"),
        ({"close": "-0.01"}, "[1].close"),
        ({"close": None}, "[1].close"),
        ({"close": True}, "[1].close"),
        ({"side": "hold"}, "[1].side"),
        ({"side": ["buy"]}, "[1].side"),
        ({"live": 1}, "[1].live"),
        ({"note": "x" * 21}, "[1].note"),
        ({"note": {}}, "[1].note"),
    ],
)
def test_each_wrong_field_is_named(change: dict, place: str) -> None:
    with pytest.raises(BadContent) as caught:
        json_of(answer([GOOD, {**GOOD, **change}]), rows(CANDLE))
    assert caught.value.field == place and caught.value.cause == "bad_content" and caught.value.remedy


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>", b"{", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e999}', b'{"a":' + b"9" * 5000 + b"}", b"\xff\xfe"),
        *(b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b'{"a":1,"a":2}', b'["' + b"\\" * 99_999, b'[1,]', b"[1] [2]"),
    ],
    ids=range(15),
)
def test_what_is_no_plain_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadContent):
        json_of(answer(body), rows(number()))


def test_type_size_depth_and_count_are_bounded() -> None:
    for kind in ("text/html", "image/png", "application/xhtml+xml"):
        with pytest.raises(BadContent, match="JSON was asked for"):
            json_of(answer([1], kind), rows(number()))
    with pytest.raises(BadContent, match="bytes"):
        json_of(answer("[" + " " * 100 + "]"), rows(number()), most_bytes=50)
    with pytest.raises(BadContent, match="entries"):
        json_of(answer([1, 2, 3]), rows(number(), most=2))
    assert json_of(answer("[" * 32 + "]" * 32), lambda value, place: value)
    with pytest.raises(BadContent, match="nested"):
        json_of(answer("[" * 33 + "]" * 33), lambda value, place: value)
    assert json_of(answer(['[[["' * 40]), rows(text())) == ['[[["' * 40]


def test_text_loses_what_could_deceive() -> None:
    assert json_of(answer(["a\u202egnp.exe\x1b[31m\u0000b"]), rows(text())) == ["agnp.exe[31mb"]


def test_a_byte_order_mark_and_missing_type_are_fine() -> None:
    assert json_of(answer(b"\xef\xbb\xbf[1]", ""), rows(whole())) == [1]


def finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(finite(item) for item in value.values())
    return all(finite(item) for item in value) if isinstance(value, list) else True


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(plain)
def test_parse_agrees_with_json_or_refuses(value: object) -> None:
    body = json.dumps(value).encode()
    try:
        found = parse(body)
    except BadContent:
        assert not finite(value) or len(max(body.split(b","), key=len)) > 60
    else:
        assert finite(found) and json.dumps(found) == json.dumps(value)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_pass_or_be_refused(body: bytes) -> None:
    try:
        parse(body)
    except BadContent as error:
        assert error.reason
