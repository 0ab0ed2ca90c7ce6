"""Plain words for every cause: what happened, and what to do about it. The one home of the wizard's sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

_SENTENCES = {
    "cors": "{host} answers, but does not allow pages of other sites to read its answers (CORS).",
    "mixed_content": "{host} offers no encryption (http), and a page that came by https may not talk to it.",
    "policy": "{host} is not on the list of addresses that this desk may reach by itself.",
    "dns": "The name {host} cannot be found.",
    "tls": "The certificate of {host} is not valid for it.",
    "refused": "{host} does not accept connections.",
    "timeout": "{host} did not answer in time.",
    "unauthorized": "{host} wants a sign-in, or does not let this one see the content.",
    "quota": "{host} says that too many requests came.",
    "not_found": "{host} has nothing at this address.",
    "server": "{host} has trouble of its own.",
    "too_large": "{host} sent more than was allowed for.",
    "bad_content": "{host} sent something other than what was asked for.",
    "offline": "This computer has no network.",
    "proxy_refused": "The proxy does not forward this to {host}.",
    "proxy_down": "The proxy cannot be used.",
    "unknown": "{host} could not be reached; the browser does not say why.",
}
_REMEDIES = {
    "cors": "Let it go through the proxy: add {host} to the proxy's rules.",
    "mixed_content": "Use the https address, or let it go through the proxy.",
    "policy": "Let it go through the proxy, or list the host in KONTOR_CONNECT when the desk is served.",
    "dns": "Check the spelling of the host and the network's name server.",
    "tls": "Check the date of this computer; if it is right, the host has to renew its certificate.",
    "refused": "Check the address and the port; the host may be down.",
    "timeout": "Try again; if it stays slow, order another strategy first for this host.",
    "unauthorized": "Sign in again or check the key and what it is allowed to do.",
    "quota": "Wait a little; fewer requests, or a key of your own, raise the limit.",
    "not_found": "Check the path of the address.",
    "server": "Try again later.",
    "too_large": "Ask for less at once.",
    "bad_content": "Check that the address is the one of the interface and not of a web page.",
    "offline": "Connect to a network; the desk goes on by itself.",
    "proxy_refused": "Add the host, method and path to the proxy's rules; if the request carries a key, mark the proxy as your own first.",
    "proxy_down": "Start the proxy with `make run`, or serve this desk by one.",
    "unknown": "Check the network; try the address in the connection wizard.",
}
# What says most about why a fetch failed as a whole, first.
_TELLING = (
    *("offline", "unauthorized", "quota", "dns", "tls", "refused", "mixed_content", "too_large", "bad_content", "not_found", "server"),
    *("timeout", "cors", "proxy_refused", "policy", "proxy_down", "unknown"),
)


class Tried(Protocol):
    """An attempt, as far as these words need it."""

    strategy: str
    outcome: str
    cause: str | None
    detail: str


def sentence(cause: str, host: str, detail: str = "") -> str:
    """What happened; ``detail`` comes behind in brackets."""
    text = _SENTENCES.get(cause, _SENTENCES["unknown"]).format(host=host)
    return f"{text[:-1]} ({detail.rstrip('.')})." if detail else text


def remedy(cause: str, host: str) -> str:
    """What to do about it."""
    return _REMEDIES.get(cause, _REMEDIES["unknown"]).format(host=host)


def explain(attempts: Iterable[Tried], host: str) -> tuple[str, str, str]:
    """(cause, sentence, remedy) for a fetch in which nothing answered."""
    tried = [item for item in attempts if item.cause]
    failed = [item for item in tried if item.outcome == "failed"] or tried
    if not failed:
        return "unknown", f"There is no way to reach {host}: every strategy is switched off for it.", "Order at least one strategy for this host."
    found = {item.cause: item for item in reversed(failed)}
    cause = next((name for name in _TELLING if name in found), "unknown")
    text = sentence(cause, host, found[cause].detail)
    down = next((item for item in tried if item.cause in ("proxy_down", "proxy_refused")), None)
    if cause in ("cors", "policy", "mixed_content", "unknown") and down is not None:
        text = f"{text} Through the proxy it does not work either: {sentence(down.cause or '', host, down.detail)}"
    return cause, text, remedy(cause, host)
