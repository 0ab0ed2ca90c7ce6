"""`python -m proxy` as it is started, asked everything that its own description allows and forbids."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
import webbrowser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from proxy.__main__ import main
from proxy.config import read_config

from . import peer as acts
from .peer import Peer, running_peer

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = """
allow_private = ["127.0.0.1:{port}"]
[[rules]]
name = "peer"
hosts = ["127.0.0.1"]
scheme = "http"
ports = [{port}]
methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
per_minute = 1000000
[[oauth]]
id = "peer"
name = "Peer"
authorize_url = "http://127.0.0.1:{port}/authorize"
token_url = "http://127.0.0.1:{port}/grant"
device_url = "http://127.0.0.1:{port}/grant"
revoke_url = "http://127.0.0.1:{port}/grant"
revoke = "rfc7009"
client_id_env = "PEER_ID"
client_secret_env = "PEER_SECRET"
scopes = ["read", "trade"]
flows = ["web", "device"]
"""
GRANT = {
    "access_token": "token",
    "token_type": "bearer",
    "device_code": "device",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://a.example/",
    "expires_in": 600,
}


async def grant(hit: acts.Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """What a provider says to everything."""
    body = json.dumps(GRANT).encode()
    writer.write(acts.head(length=len(body), Content_Type="application/json") + body)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Peer]:
    """A peer in a thread of its own."""
    acts.ACTS["grant"] = grant
    ready: list[Peer] = []
    up, loop = threading.Event(), asyncio.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        async with running_peer() as made:
            ready.append(made)
            up.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert up.wait(10)
    yield ready[0]
    loop.call_soon_threadsafe(end.set)
    thread.join()
    loop.close()


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def health(port: int) -> bool:
    """Whether it answers within ten seconds."""
    for _ in range(1000):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10).close()
            return True
        except OSError:
            threading.Event().wait(0.01)
    return False


class Process:
    """A started proxy."""

    def __init__(self, folder: Path, text: str, **environ: str) -> None:
        (folder / "index.html").write_text("<!doctype html>")
        (folder / "callback.html").write_text("<!doctype html>")
        (folder / "kontor.toml").write_text(text)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {"PORT": str(self.port), "KONTOR_SITE": str(folder), "KONTOR_CONFIG": str(folder / "kontor.toml"), "CI": "true"}
        environ = os.environ | settings | environ
        self.process = subprocess.Popen([sys.executable, "-m", "proxy"], cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline().decode() == f"Kontor is at {self.url}  (end with Ctrl+C)\n"
        assert health(self.port)

    def end(self) -> int:
        """Ask it to end; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        self.process.stdout.close()
        return self.process.wait(10)


@pytest.fixture(scope="module")
def process(upstream: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The proxy, in front of the peer."""
    made = Process(tmp_path_factory.mktemp("site"), SETTINGS.format(port=upstream.port), PEER_ID="id", PEER_SECRET="the-secret")
    yield made
    assert made.end() in (0, -signal.SIGTERM)


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance, response_headers_conformance, unsupported_method]


@schemathesis.check
def harmless(ctx, response, case) -> None:
    """No cookie and no open door with any answer, and never a secret."""
    allowed = response.headers.get("access-control-allow-origin")
    assert not allowed, allowed
    assert not [cookie for cookie in response.headers.get("set-cookie", []) if "kontor-" not in cookie]
    assert "the-secret" not in response.text


Asked = Counter[tuple[str, int]]


def explore(operation, mode: GenerationMode, process: Process, upstream: Peer, asked: Asked) -> None:
    """Ask one operation in many ways and hold each answer against the description; half of the time about what exists."""
    label = f"{operation.method.upper()} {operation.path}"

    @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
    def ask(case, real: bool) -> None:
        if real and case.query and "url" in case.query:
            case.query["url"] = upstream.url("/echo")
        if real and case.path_parameters and "provider" in case.path_parameters:
            case.path_parameters["provider"] = "peer"
            if isinstance(case.body, dict) and mode is GenerationMode.POSITIVE:
                case.body |= {"scope": "read"}
        response = case.call(base_url=process.url, headers={"origin": process.url}, timeout=20)
        asked[label, response.status_code] += 1
        case.validate_response(response, checks=[*CHECKS, harmless])

    ask()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "otherwise"])
def test_every_answer_is_as_described(process: Process, upstream: Peer, mode: GenerationMode) -> None:
    description = schemathesis.openapi.from_url(f"{process.url}/openapi.json")
    asked: Asked = Counter()
    for found in description.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.POSITIVE or [*operation.iter_parameters(), *operation.body]:
            explore(operation, mode, process, upstream, asked)
    labels = {label for label, _ in asked}
    for label in ("GET /api/fetch", "POST /api/fetch", "GET /get", "GET /", "POST /api/oauth/{provider}/start", "POST /api/oauth/{provider}/refresh"):
        assert label in labels
        assert asked[label, 200] or mode is GenerationMode.NEGATIVE, f"{label} was never answered well: {asked}"


def test_the_configuration_is_told_without_secrets(process: Process) -> None:
    with urllib.request.urlopen(f"{process.url}/api/config") as answer:
        text = answer.read().decode()
    told = json.loads(text)
    assert (told["open"], told["relays"], [rule["name"] for rule in told["rules"]]) == (False, [], ["peer"])
    assert told["providers"][0]["id"] == "peer" and told["limits"]["redirects"] == 3
    assert "the-secret" not in text


def test_a_new_key_is_one_that_is_taken(tmp_path: Path) -> None:
    made = subprocess.run([sys.executable, "-m", "proxy", "--new-key"], cwd=ROOT, capture_output=True, text=True, timeout=30).stdout.strip()
    (tmp_path / "index.html").write_text("page")
    (name, key), *_ = read_config({"KONTOR_KEYS": made}, tmp_path).sealing_keys
    assert name.isdecimal() and len(key) == 32


def test_the_open_mode_says_so(tmp_path: Path) -> None:
    process = Process(tmp_path, "", KONTOR_OPEN="1")
    said = process.process.stdout.readline().decode()
    with urllib.request.urlopen(f"{process.url}/api/config") as answer:
        assert json.load(answer)["open"] is True
    assert said.startswith("The open mode is on")
    process.end()


def test_it_opens_a_window_and_ends_when_asked(tmp_path: Path, monkeypatch) -> None:
    """The command in this process: it serves until the signal, and the window is opened once."""
    (tmp_path / "index.html").write_text("page")
    (tmp_path / "kontor.toml").write_text("")
    port, opened, answered = free_port(), threading.Event(), []
    monkeypatch.setattr(sys, "argv", ["proxy", "--open"])
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.set())
    monkeypatch.delenv("CI", raising=False)
    for name, value in {"PORT": str(port), "KONTOR_SITE": str(tmp_path), "KONTOR_CONFIG": str(tmp_path / "kontor.toml")}.items():
        monkeypatch.setenv(name, value)

    def watch() -> None:
        answered.append(opened.wait(20) and health(port))
        os.kill(os.getpid(), signal.SIGTERM)

    ended, thresholds = threading.Thread(target=watch), gc.get_threshold()
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        ended.start()
        assert main() == 0
    finally:
        ended.join()
        signal.signal(signal.SIGTERM, before)
        gc.unfreeze()
        gc.set_threshold(*thresholds)
    assert answered == [True]


@pytest.mark.parametrize("word", ["SITE", "PORT"])
def test_a_mistake_ends_the_start_with_a_sentence(tmp_path: Path, word: str) -> None:
    environ = {"PORT": "none", "KONTOR_SITE": str(tmp_path)} if word == "PORT" else {"KONTOR_SITE": "/nowhere"}
    ended = subprocess.run([sys.executable, "-m", "proxy"], cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert ended.stderr.startswith("proxy: PORT has to be" if word == "PORT" else "proxy: KONTOR_SITE: there is no built site")
    assert "Traceback" not in ended.stderr
