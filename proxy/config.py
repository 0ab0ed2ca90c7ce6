"""The configuration: one TOML file and the environment, checked whole at start into frozen models.

The file (KONTOR_CONFIG, else kontor.toml beside this module) says what may be reached and how much. Secrets are never in it: a field
whose name ends in ``_env`` names the environment variable that holds one (`Config.secret`). A mistake is a ConfigError that names
the field and the remedy.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .errors import Refused
from .providers import Provider

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"
_PATTERN = re.compile(r"(\*|(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\])")
# Never copied from a request, whatever a rule says: the proxy sets them itself, or they speak of the hop to it.
_NEVER = re.compile(
    r"host|cookie|origin|referer|connection|keep-alive|te|trailer|upgrade|transfer-encoding|content-length|expect|forwarded|via|(sec|proxy|x-forwarded)-.*"
)


class ConfigError(Refused, ValueError):
    """The configuration says something unusable; the message names the field and the remedy."""

    def __init__(self, detail: str) -> None:
        super().__init__("config", detail)

    def __str__(self) -> str:
        return self.detail


class Model(BaseModel):
    """What every part of the configuration is: unchangeable, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def origin(text: str, schemes: tuple[str, ...] = ("https", "http")) -> str:
    """``text`` when it is an origin such as https://host:port, else a ValueError that says so."""
    parts = urlsplit(text)
    if parts.scheme not in schemes or not parts.hostname or parts.path or parts.query or parts.fragment or re.search(r"[;*\s'@]", text):
        raise ValueError(f"has to be an origin such as {schemes[0]}://host:port, received {text!r}")
    return text


Origin = Annotated[str, AfterValidator(origin)]


class Rule(Model):
    """What may be asked of some hosts. A request that fits no rule is refused."""

    name: str = Field(pattern=_NAME)
    hosts: tuple[str, ...] = Field(min_length=1)  # "api.example.com", "*.example.com" (below it), "*" in open mode only
    scheme: Literal["https", "http"] = "https"
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = (443,)
    methods: tuple[Method, ...] = ("GET", "HEAD")
    paths: tuple[Annotated[str, Field(pattern="^/")], ...] = ("/",)  # prefixes
    request_headers: tuple[str, ...] = ()  # copied beside the harmless ones
    authorization: bool = False  # whether the Authorization header is passed on
    max_bytes: int = Field(10 * 2**20, ge=1)  # of one answer, after decompression
    per_minute: int = Field(600, ge=1)  # requests of one session to one host
    stream: bool = False  # an answer may go on for limits.stream_s instead of limits.total_s

    @field_validator("hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not _PATTERN.fullmatch(host):
                raise ValueError(f"lists host names in lower case such as api.example.com or *.example.com, received {host!r}")
        return hosts

    @field_validator("request_headers")
    @classmethod
    def _headers(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(r"[a-z0-9-]+", name) or _NEVER.fullmatch(name) or name == "authorization":
                raise ValueError(f"lists header names in lower case that may be passed on, received {name!r}; for authorization set authorization = true")
        return names


class Inject(Model):
    """A relayed JSON message whose top-level ``field`` equals ``equals`` gets secrets: dotted path to environment variable."""

    field: str
    equals: int | str
    set_env: dict[str, str] = Field(min_length=1)


class Relay(Model):
    """A venue's WebSocket that the page may not or cannot open by itself."""

    name: str = Field(pattern=_NAME)
    url: str
    origin: Origin | None = None  # sent as Origin when the venue asks for one
    headers_env: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")], str] = {}  # header name to environment variable
    inject: tuple[Inject, ...] = ()
    max_message: int = Field(2**20, ge=1)  # bytes, either way
    per_session: int = Field(8, ge=1)  # sockets at once
    ping_s: float = Field(20, gt=0)  # the venue is asked for a sign of life after this silence
    idle_s: float = Field(3600, ge=0)  # a socket ends after no message for so long; 0: never

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("wss", "ws") or not parts.hostname or parts.username is not None or parts.fragment:
            raise ValueError(f"has to be a wss:// address, received {url!r}")
        return url


class Limits(Model):
    """Seconds, bytes and counts that hold for everything."""

    connect_s: float = Field(5, gt=0)
    first_byte_s: float = Field(10, gt=0)
    idle_s: float = Field(15, gt=0)
    total_s: float = Field(60, gt=0)
    stream_s: float = Field(3600, gt=0)
    request_bytes: int = Field(2**20, ge=0)
    header_bytes: int = Field(32 * 2**10, ge=1024)
    ratio: int = Field(100, ge=1)  # a body may grow by this much when decompressed
    redirects: int = Field(3, ge=0, le=10)
    per_session: int = Field(64, ge=1)  # requests at once
    per_host: int = Field(128, ge=1)  # requests at once, of everybody
    sign_in: int = Field(120, ge=1)  # calls of sign-in a minute of one reader
    tunnel: int = Field(64, ge=1)  # requests at once over one tunnel
    tunnel_bytes: int = Field(2 * 2**20, ge=1)  # of one answer over a tunnel


class Config(Model):
    """All that the proxy knows. ``folder`` is the built site (None: no desk), ``connect`` are origins that workers may reach beyond the venues."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    folder: Path | None
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    connect: tuple[Annotated[str, AfterValidator(lambda text: origin(text, ("wss", "ws", "https", "http")))], ...] = ()
    url: Origin | None = None  # where the desk is opened from outside, such as https://desk.example.com
    origins: tuple[Origin, ...] = ()  # further pages that may use the proxy
    open: bool = False  # any public host; only when bound to this computer
    key_env: str | None = None  # when set, the CORS.SH form asks for this key
    rules: tuple[Rule, ...] = ()
    relays: tuple[Relay, ...] = ()
    oauth: tuple[Provider, ...] = ()
    limits: Limits = Limits()
    allow_private: frozenset[str] = frozenset()  # "host:port" that may be reached although it is not public
    deny: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()  # networks never reached, such as one's own public addresses
    ca_file: Path | None = None  # further certificate authorities
    trusted_proxies: tuple[str, ...] = ()  # load balancers whose X-Forwarded-For and -Proto are believed
    sealing_keys: tuple[tuple[str, bytes], ...] = Field(default_factory=lambda: (("random", os.urandom(32)),), repr=False)  # newest first
    secrets: Mapping[str, str] = Field({}, repr=False)
    resolver: Any = Field(None, exclude=True)  # an aiohttp resolver instead of the system's, for tests

    @field_validator("allow_private")
    @classmethod
    def _private(cls, names: frozenset[str]) -> frozenset[str]:
        for name in names:
            if not re.fullmatch(r"[^\s/*@]+:\d{1,5}", name):
                raise ValueError(f"lists host:port without patterns, received {name!r}")
        return names

    @model_validator(mode="after")
    def _whole(self) -> Config:
        if self.open and self.host not in LOOPBACK:
            raise ValueError(f"open: the open mode reaches any public host and needs host = \"127.0.0.1\", received {self.host!r}; list rules instead")
        if not self.open and any(pattern == "*" for rule in self.rules for pattern in rule.hosts):
            raise ValueError('rules: hosts = ["*"] is for the open mode; name the hosts')
        for relay in self.relays:
            parts = urlsplit(relay.url)
            if parts.scheme == "ws" and f"{parts.hostname}:{parts.port or 80}" not in self.allow_private:
                raise ValueError(f"relays: {relay.name} has to use wss://, as ws:// can be read on the way; it is for hosts named in allow_private")
        for kind, items in (("rules", self.rules), ("relays", self.relays), ("oauth", [entry for entry in self.oauth])):
            names = [getattr(item, "name" if kind != "oauth" else "id") for item in items]
            if len(names) != len(set(names)):
                raise ValueError(f"{kind}: every name has to be there once, received {names}")
        return self

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """The rules in the order they are tried, with those of the open mode last."""
        return self.rules + (OPEN if self.open else ())

    @property
    def direct(self) -> tuple[str, ...]:
        """What the desk's workers may ask without the proxy: the origins in ``connect`` and the https hosts of the rules."""
        secure = [rule for rule in self.rules if rule.scheme == "https"]
        hosts = [(host, port) for rule in secure for host in rule.hosts if host != "*" and not host.startswith("[") for port in rule.ports]
        return self.connect + tuple(dict.fromkeys(f"https://{host}" + ("" if port == 443 else f":{port}") for host, port in hosts))

    def secret(self, name: str | None) -> str | None:
        """The secret in the environment variable ``name`` (what a field ``*_env`` says), None when it is not set."""
        return self.secrets.get(name) if name else None


OPEN = tuple(
    Rule(name=f"open-{scheme}", hosts=("*",), scheme=scheme, ports=(port,), methods=METHODS, authorization=True, stream=True)
    for scheme, port in (("https", 443), ("http", 80))
)
"""What the open mode adds."""


def _named(value: Any, key: str = "") -> Iterator[str]:
    """The environment variables that fields ending in _env name."""
    if key.endswith("_env"):
        yield from value.values() if isinstance(value, dict) else [value]
    elif isinstance(value, dict):
        for inner, child in value.items():
            yield from _named(child, inner)
    elif isinstance(value, list):
        for child in value:
            yield from _named(child)


def _keys(text: str) -> Iterable[tuple[str, bytes]]:
    for entry in text.split(","):
        name, _, key = entry.strip().partition(":")
        try:
            raw = base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        if not re.fullmatch(r"[\w-]{1,20}", name) or len(raw) != 32:
            remedy = "newest first, each key 32 random bytes in base64url; `python -m proxy --new-key` makes one"
            raise ConfigError(f"KONTOR_KEYS has to list name:key pairs, {remedy}")
        yield name, raw


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"KONTOR_CONFIG: {path} cannot be read ({error.strerror}); name a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"KONTOR_CONFIG: {path} is not TOML: {error}") from error


def _sentence(error: ValidationError, path: Path) -> str:
    lines = []
    for problem in error.errors():
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]).lstrip(".")
        name = {"connect": "KONTOR_CONNECT", "host": "HOST", "port": "PORT"}.get(field.split("[")[0], field)
        text = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {text}" if name else text)
    return f"{path.name}: " + "; ".join(lines)


def read_config(environ: Mapping[str, str], default_folder: Path, default_file: Path | None = None) -> Config:
    """The checked configuration from the file and PORT, HOST, KONTOR_SITE, KONTOR_CONNECT, KONTOR_URL, KONTOR_ORIGINS, KONTOR_OPEN, KONTOR_KEYS."""
    path = Path(environ.get("KONTOR_CONFIG") or default_file or Path(__file__).with_name("kontor.toml"))
    data = _file(path)
    port = environ.get("PORT", str(data.get("port", 8000)))
    if not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ConfigError(f"PORT has to be a number from 0 to 65535, received {port!r}")
    site = environ.get("KONTOR_SITE") or data.get("folder") or default_folder
    folder = None if site == "none" else Path(site)
    if folder and not (folder / "index.html").is_file():
        raise ConfigError(f"KONTOR_SITE: there is no built site in {folder}; run `make build`, or set KONTOR_SITE=none for a proxy without a desk")
    for field in ("sealing_keys", "secrets", "resolver"):
        if field in data:
            raise ConfigError(f"{path.name}: {field} does not belong into the file; secrets come from the environment")
    data |= {"folder": folder, "port": int(port), "secrets": {name: environ[name] for name in _named(data) if environ.get(name)}}
    for field, name in (("host", "HOST"), ("url", "KONTOR_URL")):
        if environ.get(name):
            data[field] = environ[name].rstrip("/")
    for field, name in (("connect", "KONTOR_CONNECT"), ("origins", "KONTOR_ORIGINS")):
        if environ.get(name):
            data[field] = [*data.get(field, []), *environ[name].split()]
    if "KONTOR_OPEN" in environ:
        data["open"] = environ["KONTOR_OPEN"]
    if environ.get("KONTOR_KEYS"):
        data["sealing_keys"] = tuple(_keys(environ["KONTOR_KEYS"]))
    try:
        return Config(**data)
    except ValidationError as error:
        raise ConfigError(_sentence(error, path)) from error
