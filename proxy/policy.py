"""The security headers: one home for them, used by the server and by the bundler (which hands them to sw.js and index.html).

The page opens no sockets, so its connect-src is itself. A worker takes its policy from its own response: only there the
venues' hosts are listed.
"""

from __future__ import annotations

VENUES = (
    "wss://stream.binance.com:9443",
    "wss://data-stream.binance.vision",
    "wss://ws-api.binance.com",
    "wss://ws-api.testnet.binance.vision",
    "https://data-api.binance.vision",
    "https://api.binance.com",
    "wss://fstream.binance.com",
    "https://fapi.binance.com",
    "wss://advanced-trade-ws.coinbase.com",
    "https://api.coinbase.com",
    "wss://ws.kraken.com",
    "https://api.kraken.com",
    "wss://ws.bitstamp.net",
    "https://www.bitstamp.net",
    "https://query1.finance.yahoo.com",
    "https://www.alphavantage.co",
    "https://api.massive.com",
)

_COMMON = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}


def page_policy(framing: bool = True) -> str:
    """The page's Content-Security-Policy; without ``framing`` it fits a meta element, where frame-ancestors is not allowed."""
    rules = _COMMON | ({"frame-ancestors": "'none'"} if framing else {})
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def worker_policy(connect: tuple[str, ...] = ()) -> str:
    """The policy of scripts, and so of workers: the venues and ``connect`` (more origins) may be reached."""
    rules = _COMMON | {"connect-src": " ".join(("'self'", *VENUES, *connect)), "frame-ancestors": "'none'"}
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def headers(path: str, connect: tuple[str, ...] = ()) -> dict[str, str]:
    """Security headers for a file of the site."""
    script = path.endswith((".js", ".mjs"))
    return {
        "content-security-policy": worker_policy(connect) if script else page_policy(),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
