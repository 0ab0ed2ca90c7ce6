"""A proxy with a configuration of its own, and a site on loopback that does not let web pages read it, for tests of the network."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.serving import SITE, Server, free_port, serving


class _Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        data = json.dumps({"path": self.path, "serverTime": 1}).encode()
        self.send_response(404 if self.path.startswith("/nothing") else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if self.path.startswith("/open"):
            self.send_header("access-control-allow-origin", "*")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Site(http.server.ThreadingHTTPServer):
    """``url`` without CORS, but for what is below /open; ``asked`` holds every request's path and headers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Site)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.host = f"127.0.0.1:{self.server_port}"
        self.url = f"http://{self.host}"


@contextmanager
def site() -> Iterator[Site]:
    """The site, serving."""
    with Site() as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        try:
            yield served
        finally:
            served.shutdown()
            thread.join()


def toml(value: Any) -> str:
    """A value as TOML has it (JSON's strings, lists and booleans are TOML's)."""
    return json.dumps(value)


def table(name: str, fields: dict[str, Any]) -> str:
    """One [[name]] table; dictionaries become inline tables."""
    lines = [f"[[{name}]]"]
    for key, value in fields.items():
        if isinstance(value, dict):
            inner = ", ".join(f"{part} = {toml(text)}" for part, text in value.items())
            lines.append(f"{key} = {{ {inner} }}")
        elif value is not None:
            lines.append(f"{key} = {toml(value)}")
    return "\n".join(lines) + "\n"


def rule(host: str, **more: Any) -> str:
    """A rule that lets the proxy ask a site on loopback."""
    name, _, port = host.partition(":")
    return table("rules", {"name": "test-site", "hosts": [name], "scheme": "http", "ports": [int(port)], **more})


@contextmanager
def proxy(folder: Path, text: str, connect: str = "", port: int = 0, **environ: str) -> Iterator[Server]:
    """The real proxy over the built site with this configuration."""
    file = folder / "kontor.toml"
    file.write_text(text, encoding="utf-8")
    with serving(SITE, connect, {"KONTOR_CONFIG": str(file), **environ}, port or free_port()) as server:
        yield server
