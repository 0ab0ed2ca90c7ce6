"""Configuration from the file and the environment: what is refused is named, with the remedy."""

from __future__ import annotations

import base64
import tomllib
from pathlib import Path

import pytest

from proxy import VERSION
from proxy.config import OPEN, Config, ConfigError, read_config

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that counts as a built site."""
    (tmp_path / "index.html").write_text("page")
    return tmp_path


@pytest.fixture
def read(folder: Path):
    """Reads a configuration file with this text."""

    def read(text: str = "", **environ: str) -> Config:
        file = folder / "kontor.toml"
        file.write_text(text)
        return read_config(environ, folder, file)

    return read


def test_nothing_set_is_a_local_desk(folder: Path) -> None:
    config = read_config({}, folder)
    assert (config.folder, config.host, config.port, config.connect, config.open) == (folder, "127.0.0.1", 8000, (), False)
    assert {"binance", "alpaca-trading", "github"} <= {rule.name for rule in config.rules}, "the file that comes along is used"


def test_everything_set(folder: Path) -> None:
    environ = {"PORT": "80", "HOST": "0.0.0.0", "KONTOR_SITE": str(folder), "KONTOR_CONNECT": "ws://127.0.0.1:9000 https://api.example.com"}
    more = {"KONTOR_URL": "https://desk.example.com/", "KONTOR_ORIGINS": "https://a.example", "KONTOR_KEYS": f"b:{KEY},a:{KEY}"}
    config = read_config(environ | more, Path("/nowhere"))
    assert (config.folder, config.host, config.port) == (folder, "0.0.0.0", 80)
    assert config.connect == ("ws://127.0.0.1:9000", "https://api.example.com")
    assert (config.url, config.origins) == ("https://desk.example.com", ("https://a.example",))
    assert config.sealing_keys == (("b", bytes(range(32))), ("a", bytes(range(32))))


@pytest.mark.parametrize("port", ["", "eighty", "-1", "65536", "80.0", "8000 "])
def test_a_wrong_port_is_named(folder: Path, port: str) -> None:
    with pytest.raises(ConfigError, match=r"PORT has to be a number from 0 to 65535"):
        read_config({"PORT": port}, folder)


def test_a_missing_site_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"KONTOR_SITE: .*make build"):
        read_config({}, tmp_path)


@pytest.mark.parametrize(
    "origin",
    ["*", "https://*.example.com", "example.com", "https://a.example/path", "ftp://a.example", "https://a.example;script-src", "https://", "'self'"],
)
def test_an_origin_that_would_bend_the_policy_is_refused(folder: Path, origin: str) -> None:
    with pytest.raises(ConfigError, match="KONTOR_CONNECT"):
        read_config({"KONTOR_CONNECT": f"wss://good.example {origin}"}, folder)


def test_secrets_come_from_the_environment_by_name(read) -> None:
    text = """
        key_env = "CORS_KEY"
        [[relays]]
        name = "ctrader"
        url = "wss://demo.ctraderapi.com:5036"
        headers_env = { "x-key" = "SOCKET_KEY", "x-other" = "NOT_SET" }
        inject = [{ field = "payloadType", equals = 2100, set_env = { "payload.clientSecret" = "CTRADER_SECRET" } }]
    """
    config = read(text, CORS_KEY="one", SOCKET_KEY="two", CTRADER_SECRET="three", UNNAMED="four")
    assert config.secrets == {"CORS_KEY": "one", "SOCKET_KEY": "two", "CTRADER_SECRET": "three"}
    assert [config.secret("SOCKET_KEY"), config.secret("NOT_SET"), config.secret(None)] == ["two", None, None]
    assert "three" not in repr(config) and "sealing" not in repr(config)


def test_without_keys_each_process_has_its_own(read) -> None:
    first, second = read(), read()
    assert first.sealing_keys[0][0] == "random" and len(first.sealing_keys[0][1]) == 32
    assert first.sealing_keys != second.sealing_keys


def test_the_open_mode_adds_rules_and_only_on_this_computer(read) -> None:
    assert read().all_rules == ()
    assert read("open = true").all_rules == OPEN
    assert read(KONTOR_OPEN="1").open
    with pytest.raises(ConfigError, match=r'open: .*needs host = "127.0.0.1"'):
        read("open = true", HOST="0.0.0.0")
    with pytest.raises(ConfigError, match="open"):
        read(KONTOR_OPEN="perhaps")


RULE = '[[rules]]\nname = "a"\nhosts = ["a.example"]\n'
NEVER = ("cookie", "host", "sec-fetch-mode", "authorization", "X-Big", "proxy-a")
RELAY = '[[relays]]\nname = "a"\nurl = "wss://a.example"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("opne = true", "opne: Extra inputs are not permitted"),
        ("open = ", "is not TOML"),
        ("secrets = {}", "secrets does not belong into the file"),
        ('url = "https://desk.example.com/path"', "url: has to be an origin"),
        ('allow_private = ["127.0.0.1"]', "allow_private: lists host:port"),
        ('allow_private = ["*:80"]', "allow_private: lists host:port"),
        ('deny = ["nonsense"]', r"deny\[0\]"),
        ('[[rules]]\nname = "a"\nhosts = []', r"rules\[0\].hosts"),
        ('[[rules]]\nname = "A b"\nhosts = ["a.example"]', r"rules\[0\].name"),
        ('[[rules]]\nname = "a"\nhosts = ["https://a.example"]', r"rules\[0\].hosts: lists host names"),
        ('[[rules]]\nname = "a"\nhosts = ["*"]', "for the open mode"),
        (RULE + RULE, "rules: every name has to be there once"),
        (RULE + 'methods = ["CONNECT"]', r"rules\[0\].methods\[0\]"),
        (RULE + "ports = [0]", r"rules\[0\].ports\[0\]"),
        (RULE + 'paths = ["api"]', r"rules\[0\].paths\[0\]"),
        (RULE + 'scheme = "ftp"', r"rules\[0\].scheme"),
        *((RULE + f'request_headers = ["{name}"]', r"request_headers: lists header names") for name in NEVER),
        (RELAY + RELAY, "relays: every name"),
        (RELAY + 'origin = "a.example"', r"relays\[0\].origin: has to be an origin"),
        (RELAY + 'inject = [{ field = "a", equals = 1, set_env = {} }]', "set_env"),
        ('[[relays]]\nname = "a"\nurl = "https://a.example"', r"relays\[0\].url: has to be a wss:// address"),
        ('[[relays]]\nname = "a"\nurl = "wss://user@a.example"', r"relays\[0\].url"),
        ('[[relays]]\nname = "a"\nurl = "ws://a.example"', "relays: a has to use wss://"),
        ("[limits]\ntotal_s = 0", r"limits.total_s"),
    ],
)
def test_a_mistake_in_the_file_names_its_field(read, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        read(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("keys", ["x", "a:short", f"{KEY}", f"a b:{KEY}", f"a:{KEY},", "a:!!!!"])
def test_a_wrong_key_is_refused_without_telling_it(read, keys: str) -> None:
    with pytest.raises(ConfigError, match="KONTOR_KEYS has to list name:key pairs") as error:
        read(KONTOR_KEYS=keys)
    assert KEY not in str(error.value)


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"KONTOR_CONFIG: .*nowhere.toml cannot be read"):
        read_config({"KONTOR_CONFIG": "/nowhere.toml"}, folder)


def test_a_proxy_without_a_desk(read) -> None:
    assert read(KONTOR_SITE="none").folder is None


def test_the_file_s_own_folder_and_lists_are_added_to(read, folder: Path) -> None:
    config = read(f'folder = "{folder}"\norigins = ["https://a.example"]', KONTOR_ORIGINS="https://b.example")
    assert (config.folder, config.origins) == (folder, ("https://a.example", "https://b.example"))


def test_the_version_is_the_package_s() -> None:
    root = Path(__file__).resolve().parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert (project["version"], project["scripts"]) == (VERSION, {"kontor-proxy": "proxy.__main__:main"})


def test_nothing_can_be_changed(read) -> None:
    with pytest.raises(ValueError, match="frozen"):
        read().open = True


def test_the_file_that_comes_along_reads_only_where_it_need_not_write() -> None:
    data = tomllib.loads(Path(read_config.__code__.co_filename).with_name("kontor.toml").read_text())
    writing = {rule["name"] for rule in data["rules"] if set(rule.get("methods", ["GET"])) - {"GET", "HEAD"}}
    assert data["open"] is False and data["allow_private"] == []
    assert writing == {"alpaca-trading"}
