"""What the proxy's benchmarks run beside each other: the proxy, an upstream, npm cors-anywhere, nginx and wrk, each on its own core where there are two."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.debian import program
from tests.e2e.serving import ROOT, free_port

WORK = ROOT / "build" / "bench-proxy"
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
PROXY_CORE, OTHER_CORE = CORES[0], CORES[-1]
KIB = "x" * 1024
CA_FILE = WORK / "ca.pem"
"""Whom the benchmark's venue with TLS is certified by."""
WORK.mkdir(parents=True, exist_ok=True)
NGINX = program("nginx", "nginx")
WRK = program("wrk", "wrk", "libluajit-5.1-2")


def pin(pid: int, core: int) -> None:
    """Keep the process (0: this one) on ``core``, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, {core})


def slug(text: str) -> str:
    """``text`` as the part of a figure's name."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower())


@contextmanager
def process(command: Sequence[str], core: int, environ: dict[str, str] | None = None, **options) -> Iterator[subprocess.Popen]:
    """A process on ``core``, ended at the end."""
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.DEVNULL, **options) as child:
        pin(child.pid, core)
        try:
            yield child
        finally:
            child.terminate()


def await_port(port: int, path: str = "/") -> None:
    """Until something answers HTTP there."""
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@contextmanager
def nginx(name: str, server: str, core: int, above: str = "") -> Iterator[tuple[int, subprocess.Popen]]:
    """nginx in one process with this server block; gives its port."""
    assert NGINX is not None
    folder, port = WORK / name, free_port()
    folder.mkdir(parents=True, exist_ok=True)
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; worker_rlimit_nofile 20000;"
        f"events {{ worker_connections 9000; }} http {{ access_log off; keepalive_requests 100000000; {temporary} {above} default_type text/plain;"
        f"server {{ listen 127.0.0.1:{port} backlog=4096; {server} }} }}"
    )
    path, environ = NGINX
    with process([path, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")], core, environ) as child:
        await_port(port)
        yield port, child


@contextmanager
def upstream() -> Iterator[int]:
    """A server of 1 KiB answers that any page may read: nginx, else node. Gives its port."""
    if NGINX is not None:
        with nginx("upstream", f'location / {{ add_header Access-Control-Allow-Origin *; return 200 "{KIB}"; }}', OTHER_CORE) as (port, _):
            yield port
        return
    code = (
        f"const s = require('node:http').createServer((q, r) => r.writeHead(200, {{'access-control-allow-origin': '*'}}).end('{KIB}'));"
        "s.listen(0, '127.0.0.1', () => console.log(s.address().port))"
    )
    with process(["node", "-e", code], OTHER_CORE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield int(child.stdout.readline())


@contextmanager
def passing(port: int) -> Iterator[int]:
    """nginx with proxy_pass to ``port``, over kept connections."""
    above = f"upstream there {{ server 127.0.0.1:{port}; keepalive 64; keepalive_requests 100000000; }}"
    block = 'location / { proxy_pass http://there; proxy_http_version 1.1; proxy_set_header Connection ""; }'
    with nginx("passing", block, PROXY_CORE, above) as (own, _):
        yield own


@contextmanager
def socket_passing(port: int, secure: bool = False) -> Iterator[tuple[int, int]]:
    """nginx relaying WebSockets to ``port``; gives its port and process id."""
    scheme, checked = ("https", f"proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_trusted_certificate {CA_FILE};") if secure else ("http", "")
    block = (
        f"location / {{ proxy_pass {scheme}://127.0.0.1:{port}; {checked} proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;"
        'proxy_set_header Connection "upgrade"; proxy_read_timeout 3600s; }'
    )
    with nginx("sockets", block, PROXY_CORE) as (own, child):
        yield own, child.pid


@contextmanager
def cors_anywhere(keep: bool = False) -> Iterator[int]:
    """npm cors-anywhere: as it comes, or with kept connections to the upstream."""
    command = ["node", "tests/bench/cors_anywhere.cjs", *(["keep"] if keep else [])]
    with process(command, PROXY_CORE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield int(child.stdout.readline())


@contextmanager
def kontor(
    upstream_port: int = 0, venue_port: int = 0, secure: bool = False, module: Sequence[str] = ("-m", "proxy"), site: Path | None = None
) -> Iterator[tuple[int, int]]:
    """The proxy as it is run, with a rule for the upstream and a relay to the venue; gives its port and process id."""
    if site is None:
        site = WORK / "site"
        site.mkdir(exist_ok=True)
        (site / "index.html").write_text("<!doctype html><title>bench</title>")
    config, port = WORK / "kontor.toml", free_port()
    lines = [f'allow_private = ["127.0.0.1:{upstream_port}", "127.0.0.1:{venue_port}"]']
    if secure:
        lines.append(f'ca_file = "{CA_FILE}"')
    if upstream_port:
        lines.append(f'[[rules]]\nname = "bench"\nhosts = ["127.0.0.1"]\nscheme = "http"\nports = [{upstream_port}]\nper_minute = 100000000')
    if venue_port:
        lines.append(f'[[relays]]\nname = "bench"\nurl = "{"wss" if secure else "ws"}://127.0.0.1:{venue_port}/"\nper_session = 5000')
    config.write_text("\n".join(lines) + "\n")
    environ = os.environ | {"PORT": str(port), "KONTOR_SITE": str(site), "KONTOR_CONFIG": str(config), "CI": "true"}
    with process([sys.executable, *module], PROXY_CORE, environ, stdout=subprocess.DEVNULL) as child:
        await_port(port, "/health")
        yield port, child.pid


def requests_a_second(url: str, headers: dict[str, str], seconds: int = 3, connections: int = 16) -> float:
    """What wrk counts; raises when an answer is not a good one."""
    assert WRK is not None
    path, environ = WRK
    given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command = [path, "-t1", f"-c{connections}", f"-d{seconds}s", *given, url]
    text = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, preexec_fn=lambda: pin(0, OTHER_CORE)).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"{url} does not answer well:\n{text}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])


def memory_mb(pid: int) -> float:
    """The process's share of memory (PSS), in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) / 1024
