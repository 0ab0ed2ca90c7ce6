"""Sealed texts and what is used once: opened by the right key for the right purpose in time, else not at all."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey

from proxy.sealing import MAX_COOKIE, Once, Sealer, Unsealed, cookie_name, set_cookie

OLD, NEW = ("old", b"o" * 32), ("new", b"n" * 32)


def code(sealer: Sealer, purpose: str, text: str) -> str:
    """Why a text does not open."""
    with pytest.raises(Unsealed) as caught:
        sealer.open(purpose, text)
    return caught.value.code


def test_sealed_and_opened() -> None:
    now = [100.0]
    sealer = Sealer([NEW], lambda: now[0])
    text = sealer.seal("transaction", {"a": "b"}, 10)
    assert sealer.open("transaction", text) == {"a": "b", "exp": 110.0}
    assert text != sealer.seal("transaction", {"a": "b"}, 10)
    now[0] = 110.0
    assert code(sealer, "transaction", text) == "expired"


def test_another_purpose_does_not_open_it() -> None:
    sealer = Sealer([NEW])
    assert code(sealer, "refresh", sealer.seal("transaction", {}, 10)) == "broken"


def test_keys_are_changed_one_after_the_other() -> None:
    text = Sealer([OLD]).seal("p", {"a": 1}, 10)
    both = Sealer([NEW, OLD])
    assert both.open("p", text)["a"] == 1
    assert json.loads(base64.urlsafe_b64decode(both.seal("p", {}, 10).split(".")[0] + "==="))["kid"] == "new"
    assert code(Sealer([NEW]), "p", text) == "broken"
    assert code(Sealer([("old", b"x" * 32)]), "p", text) == "broken"


def test_without_keys_a_random_one_serves_this_process() -> None:
    assert code(Sealer(), "p", Sealer().seal("p", {}, 10)) == "broken"


@pytest.mark.parametrize("keys", [[("a", b"short")], [("a", b"1" * 32), ("a", b"2" * 32)]])
def test_unusable_keys(keys: list[tuple[str, bytes]]) -> None:
    with pytest.raises(ValueError, match="exactly 32 bytes"):
        Sealer(keys)


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_no_bit_may_change(place: int, bit: int) -> None:
    sealer = Sealer([NEW])
    parts = sealer.seal("p", {"a": "secret"}, 10).split(".")
    number = (0, 2, 3, 4)[place % 4]
    raw = bytearray(base64.urlsafe_b64decode(parts[number] + "==="))
    raw[place % len(raw)] ^= 1 << bit
    parts[number] = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert code(sealer, "p", ".".join(parts)) == "broken"


@given(st.text(max_size=80) | st.lists(st.sampled_from(["e30", "bnVsbA", "W10", "", "AAAA", "eyJhbGciOiJkaXIifQ"]), min_size=4, max_size=6).map(".".join))
def test_nonsense_is_broken(text: str) -> None:
    assert code(Sealer([NEW]), "p", text) == "broken"


@pytest.mark.parametrize("algorithm", ["A128KW", "A256KW", "A256GCMKW"])
def test_other_algorithms_do_not_count(algorithm: str) -> None:
    size = int(algorithm[1:4]) // 8
    key = OctKey.import_key(b"n" * size)
    text = jwe.encrypt_compact({"alg": algorithm, "enc": "A256GCM", "kid": "new", "typ": "p"}, b'{"exp": 9e9}', key, [algorithm, "A256GCM"])
    assert code(Sealer([("new", b"n" * 32)]), "p", text) == "broken"


def test_headers_nested_too_deep() -> None:
    header = base64.urlsafe_b64encode(b"[" * 20_000).decode()
    assert code(Sealer([NEW]), "p", f"{header}..AAAA.AAAA.AAAA") == "broken"


def test_contents_without_an_end_do_not_open() -> None:
    text = jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM", "kid": "new", "typ": "p"}, b"[]", OctKey.import_key(NEW[1]))
    assert code(Sealer([NEW]), "p", text) == "broken"


def test_once() -> None:
    now = [0.0]
    once = Once(lambda: now[0], limit=2)
    assert once.take("a", 10) and not once.take("a", 10)
    assert once.take("b", 20)
    assert not once.take("c", 30)  # full: refused, nothing is forgotten
    assert not once.take("a", 10)
    now[0] = 11
    assert once.take("c", 30) and not once.take("b", 20)


def test_cookies() -> None:
    assert cookie_name("n", True) == "__Host-n" and cookie_name("n", False) == "n"
    assert set_cookie("n", "v", secure=True, max_age=5, same_site="Strict") == "__Host-n=v; Path=/; Max-Age=5; HttpOnly; SameSite=Strict; Secure"
    with pytest.raises(ValueError, match="browsers keep 3800"):
        set_cookie("n", "v" * MAX_COOKIE, secure=False, max_age=5, same_site="Lax")
