"""The provider table: what is refused at start, by field and remedy, and what a page is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from proxy.config import Config, read_config
from proxy.providers import Provider

ROOT = Path(__file__).resolve().parents[3]
TABLE: dict[str, Any] = {
    "id": "some",
    "name": "Some",
    "client_id_env": "SOME_ID",
    "client_secret_env": "SOME_SECRET",
    "authorize_url": "https://some.example/authorize",
    "token_url": "https://some.example/token",
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": "Some"}, "id"),
        ({"client_id_env": "the-id"}, "client_id_env"),
        ({"client_id": "abc"}, "client_id"),
        ({"token_url": "http://some.example/token"}, "https"),
        ({"token_url": "https://user@some.example/token"}, "user name"),
        ({"authorize_url": "https://some.example/#there"}, "fragment"),
        ({"token_url": None}, "token_url: needed"),
        ({"authorize_url": None}, "authorize_url: needed"),
        ({"flows": ["device"]}, "device_url: needed"),
        ({"flows": ["implicit"]}, "flows"),
        ({"discovery": True}, "issuer: discovery"),
        ({"scopes": ["a"], "default_scopes": ["b"]}, "default_scopes"),
        ({"client_secret_env": None}, 'token_auth = "none"'),
        ({"revoke": "rfc7009"}, "revoke_url: needed"),
        ({"deadline_s": 0}, "deadline_s"),
        ({"code_s": 3600}, "code_s"),
    ],
)
def test_what_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Provider.model_validate(TABLE | change)
    assert told in str(caught.value)


def test_what_a_page_is_told() -> None:
    provider = Provider.model_validate(TABLE | {"flows": ["web", "device"], "device_url": "https://some.example/device", "trading": True})
    nothing, some, all_of_it = {}, {"SOME_ID": "x"}, {"SOME_ID": "x", "SOME_SECRET": "hidden"}
    assert (provider.public(nothing.get)["ready"], provider.public(nothing.get)["missing"]) == (False, ["SOME_ID", "SOME_SECRET"])
    assert (provider.public(some.get)["flows"], provider.public(some.get)["missing"]) == (["device"], ["SOME_SECRET"])
    told = provider.public(all_of_it.get)
    assert (told["flows"], told["missing"], told["trading"], told["refresh"]) == (["web", "device"], [], True, "vault")
    assert "hidden" not in str(told) and "example" not in str(told)


def test_the_tables_that_come_with_it(tmp_path: Path) -> None:
    """They stand, and become ready by the environment alone."""
    (tmp_path / "index.html").write_text("page")
    bare = read_config({}, tmp_path, ROOT / "proxy" / "kontor.toml")
    assert {provider.id for provider in bare.oauth} == {"github", "ctrader", "alpaca"}
    assert not any(provider.usable(bare.secret) for provider in bare.oauth)
    names = {name: "set" for provider in bare.oauth for name in (provider.client_id_env, provider.client_secret_env)}
    config = read_config(names, tmp_path, ROOT / "proxy" / "kontor.toml")
    assert all(provider.usable(config.secret) == provider.flows for provider in config.oauth)
    assert {provider.id for provider in config.oauth if provider.keep_refresh == "cookie"} == {"ctrader"}


def test_two_of_a_name(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="oauth: every name has to be there once"):
        Config(folder=tmp_path, oauth=[TABLE, TABLE])
