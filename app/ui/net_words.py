"""The network in words: strategies, causes and what to do, the proxy, sign-ins. Pure text, no DOM.

The desk worker classifies; this says it in plain sentences. Every cause has a sentence and a remedy, so that no failure
reads like a code.
"""

from __future__ import annotations

from . import format as fmt
from .format import sentence

STRATEGIES = {
    # id: (title, how it asks)
    "direct": ("Direct", "The browser asks the site itself."),
    "simple": ("Direct, simple", "The same without anything that makes the browser ask for permission first."),
    "service_worker": ("Service worker", "The browser asks from its service worker."),
    "worker": ("Worker", "The browser asks from a worker of its own."),
    "proxy": ("Proxy", "Kontor's proxy asks, in its own form."),
    "allorigins": ("AllOrigins form", "A proxy asks and wraps the answer in JSON."),
    "allorigins_raw": ("AllOrigins, raw", "A proxy asks and passes the answer on."),
    "corsproxy": ("CORSProxy form", "A proxy asks; the address stands in the query."),
    "corssh": ("CORS.SH form", "A proxy asks; the address stands in the path."),
    "tunnel": ("Tunnel", "Many requests at once over one open socket to the proxy."),
    "stale": ("Last good copy", "What the site said last, marked with its age."),
}
THROUGH_PROXY = ("proxy", "allorigins", "allorigins_raw", "corsproxy", "corssh", "tunnel")

CAUSES = {
    # cause: (what happened, what to do)
    "cors": (
        "the site does not let web pages read its answers (CORS)",
        "Let the request go through the proxy: add a rule for this host to its configuration, or run your own with make run.",
    ),
    "mixed_content": ("the page is served over https and the address is plain http", "Use the https address, or let the proxy ask."),
    "policy": (
        "this desk's own security policy does not list the host",
        "Let the proxy ask, or add the origin to KONTOR_CONNECT where Kontor is served.",
    ),
    "dns": ("no host of that name was found", "Check the spelling of the host; if it is right, the name server or the network is at fault."),
    "tls": ("the site's certificate was not accepted", "Check date and time of this machine and whether a network in between replaces certificates."),
    "refused": ("nothing listens at that host and port", "Check host and port; the service may be down."),
    "timeout": ("no answer came in time", "Try again; if it stays slow, look at the site's status page or at this network."),
    "unauthorized": ("the site wants a sign-in or key it accepts", "Sign in to the provider again, or check the key in the vault."),
    "quota": ("the site says there were too many requests", "Wait: Kontor asks again when the site allows it."),
    "not_found": ("the site is reached and has nothing at this address", "Check the path of the address."),
    "server": ("the site is reached and failed itself", "Wait and try again; its status page may say more."),
    "too_large": ("the answer is larger than is taken", "Ask for less at once, such as a shorter range."),
    "bad_content": ("the answer is not what its type says, or not what was asked for", "Look at the detail: the site or a network in between changed it."),
    "offline": ("this machine has no network", "Connect to a network; what was fetched before stays, marked stale."),
    "proxy_refused": (
        "the proxy does not allow this host, method or path",
        "Add a rule for it to the proxy's configuration (proxy/kontor.toml) and start it again.",
    ),
    "proxy_down": ("the proxy does not answer", "Start it with make run, or check the address of your own."),
    "unknown": ("the browser does not say why", "Look at the other ways in the list: they tell more together."),
}
_TELLING = (
    *("offline", "proxy_down", "dns", "tls", "refused", "unauthorized", "quota", "not_found", "server", "too_large", "bad_content"),
    *("proxy_refused", "mixed_content", "policy", "timeout", "cors", "unknown"),
)
_REACHED = ("unauthorized", "quota", "not_found", "server", "too_large", "bad_content")

GUARANTEES = (
    "Sign-ins and keys go through a proxy only when you have marked it as your own.",
    "A request that may have had an effect, such as an order, is never sent twice.",
    "An answer is checked before it is used: its type, size, depth and numbers. Text stays text.",
    "A way that fails several times rests for a while, and says for how long.",
)


def strategy(name: str) -> str:
    """Its title."""
    return STRATEGIES.get(name, (name, ""))[0]


def cause(name: str | None) -> tuple[str, str]:
    """What happened, and what to do."""
    return CAUSES.get(name or "unknown", CAUSES["unknown"])


def level(row: dict) -> str:
    """The terminal's level for a row of a test."""
    return {"ok": "good", "skipped": "debug"}.get(row["outcome"], "warn")


def outcome(row: dict) -> str:
    """What came of one way: '200, 1.2 kB', 'failed: no answer came in time', 'not tried: …'."""
    if row["outcome"] == "ok":
        parts = [str(row["status"])] if row.get("status") else ["answered"]
        if row.get("bytes") is not None:
            parts.append(fmt.size(row["bytes"]))
        return ", ".join(parts)
    said = row.get("sentence") or row.get("detail") or cause(row.get("cause"))[0]
    said = said.rstrip(".")
    if row["outcome"] == "skipped":
        return f"not tried: {said[:1].lower()}{said[1:]}"
    status = f" with {row['status']}" if row.get("status") else ""
    return f"failed{status}: {said[:1].lower()}{said[1:]}"


def tried(row: dict) -> str:
    """One row of a test as a line."""
    return f"{strategy(row['strategy'])}: {outcome(row)}"


def verdict(rows: list[dict]) -> tuple[str, str]:
    """One sentence about all ways together, and what to do (may be empty)."""
    worked = [row for row in rows if row["outcome"] == "ok" and row["strategy"] != "stale"]
    failed = [row for row in rows if row["outcome"] == "failed"]
    own_ways = [row for row in failed if row["strategy"] not in THROUGH_PROXY and row["strategy"] != "stale"]
    if worked:
        best = min(worked, key=lambda row: row.get("ms") or 0.0)
        took = f" in {fmt.latency(best['ms'])}" if best.get("ms") is not None else ""
        said, remedy = _status(best.get("status"))
        if any(row["strategy"] not in THROUGH_PROXY for row in worked):
            return f"The browser reaches it itself; {strategy(best['strategy'])} is the quickest way{took}{said}.", remedy
        why = sentence(cause(_most_telling(own_ways))[0])[:-1] if own_ways else "The browser does not reach it itself"
        return f"{why}; through the proxy it answers{took}{said}.", remedy or "Nothing to do: Kontor takes that way from now on."
    if not failed:
        return "No way could be tried.", "Open the chain of this host: every way is switched off or needs a proxy."
    there = [row for row in failed if row.get("cause") in _REACHED]
    if there:
        what, remedy = cause(_most_telling(there))
        return sentence(what), remedy
    through = [row for row in failed if row["strategy"] in THROUGH_PROXY]
    one, other = _most_telling(own_ways), _most_telling(through)
    if one in ("offline", "dns", "tls", "refused") or other is None:
        what, remedy = cause(one)
        return sentence(what), remedy
    if one is None or one == other or other in ("dns", "tls", "refused", "timeout", "offline"):
        what, remedy = cause(other)
        return sentence(what), remedy
    return f"{sentence(cause(one)[0])[:-1]}, and {cause(other)[0]}.", cause(other)[1]


def _status(status: int | None) -> tuple[str, str]:
    """What an answer's status adds to the sentence, and its remedy; nothing for one that went well."""
    if status is None or status < 400:
        return "", ""
    known = {401: "unauthorized", 403: "unauthorized", 404: "not_found", 410: "not_found", 429: "quota"}.get(status, "server" if status >= 500 else None)
    if known is None:
        return f" with {status}: the site does not take the request as it is", "Look at the site's own documentation of this address."
    what, remedy = cause(known)
    return f" with {status}: {what}", remedy


def _most_telling(rows: list[dict]) -> str | None:
    causes = {row.get("cause") or "unknown" for row in rows}
    return next((name for name in _TELLING if name in causes), None)


def online(is_online: bool) -> str:
    """Whether the machine has a network."""
    return "This machine has a network." if is_online else "This machine has no network; answers come from what was kept."


def proxy(state: dict) -> tuple[str, str, str]:
    """Word, tone and meaning of the proxy's state."""
    if state["state"] == "up" and state["open"]:
        meaning = "It forwards to every public address, for this desk and for nobody else. To try things out; for daily use list the hosts you need."
        return "open to any address", "warn", meaning
    if state["state"] == "up":
        own = "It is marked as your own: sign-ins and keys may go through it."
        return "allows what its list names", "", own if state["own"] else "Sign-ins and keys go through it only once it is marked as your own."
    if state["state"] == "down":
        return "does not answer", "bad", "Only what browsers may ask by themselves works. " + cause("proxy_down")[1]
    if state["state"] == "none":
        meaning = "This desk is served without one: sites that refuse web pages cannot be reached, and nobody can sign in. make run starts one."
        return "none here", "warn", meaning
    return "not asked yet", "", "The desk asks for it when it is first needed."


def learned(entry: dict | None, now_ms: float) -> tuple[str, str]:
    """Word and tone of what is known about one way to one host at ``now_ms`` (ms since 1970)."""
    if entry is None or entry["state"] == "untried":
        return "not tried", ""
    if entry["state"] == "works":
        return f"works, {fmt.latency(entry['ms'])}" if entry.get("ms") is not None else "works", "good"
    why = sentence(entry.get("sentence") or cause(entry.get("cause"))[0]).rstrip(".")
    why = why[:1].lower() + why[1:]
    if entry["state"] == "open":
        seconds = entry.get("again_in_s")
        until = f" until {fmt.clock(int(now_ms + seconds * 1000) * 1_000_000)}" if seconds is not None else ""
        return f"rests{until}: {why}", "warn"
    return f"fails: {why}", "warn"


def host_line(host: dict) -> str:
    """A host in one line: how it was reached last, and what fails."""
    last = host.get("last")
    text = f"{host['host']}: last by {strategy(last['strategy'])}, {fmt.latency(last['ms'])}" if last else f"{host['host']}: not reached yet"
    failing = [strategy(name) for name, entry in host["learned"].items() if entry["state"] in ("fails", "open")]
    return text + (f"; not by {', '.join(failing)}" if failing else "")


def signed(provider: dict, now_ms: int) -> tuple[str, str]:
    """Word and tone of a provider's sign-in."""
    state = provider.get("signed_in")
    if not state:
        return "not signed in", ""
    expires = state.get("expires_at_ms")
    if expires is None:
        return "signed in", "good"
    if expires <= now_ms:
        return "signed in, renews at the next use", ""
    return f"signed in, renews in {fmt.age(expires - now_ms)}", "good"


KEPT = {
    "vault": "The sign-in is encrypted in the vault.",
    "memory": "The sign-in is in memory only: it ends with this tab. Create a vault to keep it.",
    "cookie": "The right to renew stays with the proxy, sealed in a cookie that pages cannot read; only short-lived keys come here.",
}
