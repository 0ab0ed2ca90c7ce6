"""What the words of state mean: one home for the short word, its tone and its explanation. Pure text, no DOM."""

from __future__ import annotations

from . import format as fmt
from . import risk_words

CHART_CREDIT = "Charts by TradingView Lightweight Charts™"
CHART_HOME = "https://www.tradingview.com/"

_CONNECTION = {
    "offline": ("offline", "bad", "There is no market data. The desk keeps what it knows and marks it stale."),
    "connecting": ("connecting", "warn", "The desk is opening its connection to the venue."),
    "syncing": ("synchronising", "warn", "Connected; order books are being put together from a snapshot and its differences."),
    "live": ("live", "good", "Market data arrives and every sequence is checked for gaps."),
    "reconnecting": ("reconnecting", "warn", "The connection broke. The desk tries again by itself; prices on screen are marked stale."),
    "stopped": ("stopped", "warn", "The feed has ended or was stopped. Nothing new arrives until it is started again."),
}

VAULT = {
    # state: (word, tone, meaning)
    "memory": (
        "in memory, not kept",
        "warn",
        "Everything you do is in this tab's memory only: closing or reloading the tab loses it. "
        "Create a vault to keep it, encrypted, in this browser. What happened so far is kept too.",
    ),
    "locked": (
        "locked",
        "warn",
        "A vault is here, encrypted. Market data shows; orders are refused until it is unlocked with its passphrase.",
    ),
    "unlocked": (
        "unlocked",
        "",
        "Every order, fill and setting is encrypted and kept in this browser before anything else happens with it.",
    ),
    "other_tab": (
        "in another tab",
        "warn",
        "Another tab of this browser is the desk and holds the vault. This one follows it: it shows everything and sends nothing. "
        "Take over here to trade in this tab; the vault is then locked until you unlock it here.",
    ),
    "handing": ("being handed over", "warn", "Another tab takes over: this one writes what is under way and closes its connections."),
    "damaged": (
        "damaged",
        "bad",
        "The vault cannot be opened: what describes its keys is damaged or gone. What is stored stays as it is, for export. "
        "Market data shows; orders are refused, so that nothing is written beside it.",
    ),
    "read_only": (
        "unlocked, takes no writes",
        "warn",
        "Records of the vault are damaged, so it takes no writes and orders are refused: nothing may be built on a gap unseen. "
        "What is damaged is listed here and stays as it is. Export Health first if you want help with it; then go on with what is readable.",
    ),
    "evicted": (
        "gone",
        "bad",
        "A vault was here, and its data is gone: the browser removed it to make room, or somebody cleared this site's data. "
        "Restore your last export below. Until then this session is in this tab's memory only.",
    ),
    "starting": ("starting", "", "The desk is looking whether this browser holds a vault."),
}

VAULT_CLASSES = {
    "journal": "Journal: orders, fills and cash, in the order they happened",
    "snapshot": "Snapshots of the journal, for a quick start",
    "settings": "Settings of the desk",
    "equity": "Equity over time",
    "oauth": "Sign-ins with providers",
    "secrets": "Venue keys, for signing only",
    "history": "Stored history of bars that you chose to encrypt",
    "setaside": "Set aside: records that gave way in a restore",
    "restored": "Notes of restores",
}

DAMAGED_RECORDS = (
    "These records fail their check: storage changed them, or something else did. They are kept as they are, for export, "
    "and everything else is whole and in use. Compare your orders and positions with the venue's before you go on."
)
HOW_KEPT = (
    "In this browser only, as encrypted records (AES-GCM). Nothing of it leaves this machine.",
    "The key is random and wrapped by your passphrase, recovery code or passkey; none of these is stored or sent.",
    "An order is written before it is sent, so a crash or a closed tab loses nothing and repeats nothing.",
    "Locking forgets the key and ends the worker that held it; market data goes on.",
    "Clearing this site's data in the browser's settings removes the vault too, and closing a private window all that was kept in it: export first.",
)
MIN_PASSPHRASE = 8

TICKS = (
    "Ticks per second",
    (
        "Quotes, book changes and trades the desk takes in each second. "
        "When the page is slower than the market it gets the newest state, never a backlog.",
    ),
)
PAINT = (
    "From socket frame to painted text",
    (
        "The time from a frame's arrival at the desk's socket until its numbers stand on this page, "
        "as the 99th of 100 in the last 30 seconds: one in a hundred takes longer.",
    ),
)

HISTOGRAMS = {
    "frame_to_engine": ("Socket frame to engine", "A frame arrives until book, quote and trades know it."),
    "frame_to_paint": ("Socket frame to painted text", "A frame arrives until its numbers stand on the page."),
    "click_to_journal": ("Click to journal", "An order is pressed until its intent is durably written."),
    "click_to_ack": ("Click to acknowledgement", "An order is pressed until the venue's first answer is known."),
    "store_read": ("Vault read", "One record is read and decrypted."),
    "store_write": ("Vault write", "One record is encrypted and durably written."),
    "loop_lag": ("Worker's loop late by", "A timer of the desk worker is due until it runs: what everything else has to wait."),
    "quote_read": ("Quote read", "Engine code reads the newest quote of an instrument."),
}


def vault(state: str, read_only: bool = False, evicted: bool = False) -> tuple[str, str, str]:
    """Word, tone and meaning of a vault state; ``evicted``: one that was here is gone."""
    return VAULT.get("evicted" if evicted else "read_only" if read_only else state, (state, "warn", ""))


def passphrase_problem(length: int, repeated: int | None, same: bool) -> tuple[str, str] | None:
    """('first' or 'repeat', what to do) when a new passphrase is not acceptable yet; lengths in characters."""
    if length == 0:
        return "first", "Type a passphrase."
    if length < MIN_PASSPHRASE:
        return "first", f"Use at least {MIN_PASSPHRASE} characters; four or five random words are better."
    if repeated is None:
        return None
    if repeated == 0:
        return "repeat", "Type the passphrase once more: it cannot be recovered."
    if not same:
        return "repeat", "The two differ. Type the passphrase once more."
    return None


def connection(venue: dict | None) -> tuple[str, str]:
    """The word and tone of a ``venue`` message: ('live', 'good'), ('reconnecting, try 3 in 4 s', 'warn')."""
    if venue is None:
        return "starting", ""
    word, tone, _meaning = _CONNECTION[venue["state"]]
    if venue["state"] == "reconnecting" and venue.get("next_try_s") is not None:
        return f"{word}, try {venue['attempts']} in {venue['next_try_s']:.0f} s", tone
    replay_state = venue.get("replay")
    if replay_state and replay_state["paused"] and venue["state"] == "live":
        return "paused", "warn"
    return word, tone


def replay(state: dict) -> str:
    """The header's word for a running recording: 'replay ×20', 'replay, fast', 'replay paused'."""
    if state["paused"]:
        return "replay paused"
    speed = state["speed"]
    return f"replay ×{speed:g}" if speed else "replay, as fast as possible"


SILENT = (
    "The desk does not answer",
    [
        "The part of the desk that holds the market and your orders has said nothing for some seconds. Prices on this page are old.",
        "It mostly comes back by itself when the computer has less to do. Nothing that was kept is lost, and no order is sent twice: "
        "after a new start, orders without an answer are asked about by their client order id.",
    ],
)


def silent(ms: float) -> str:
    """The connection's word while the desk worker says nothing."""
    return f"desk silent for {fmt.number(int(ms // 1000))} s"


def explain_connection(venue: dict | None, hello: dict | None) -> tuple[str, list[str], list[tuple[str, str]]]:
    """Title, paragraphs and facts for the connection's word."""
    if venue is None:
        return "Connection: starting", ["The desk's own worker is starting. Prices appear by themselves."], []
    word, _tone = connection(venue)
    paragraphs = [_CONNECTION[venue["state"]][2], venue.get("detail") or ""]
    if venue.get("replay"):
        paragraphs.append("The market is a recording, played through the same parsers as a live connection. No network is needed.")
    facts = [
        ("Venue", str(venue["name"])),
        ("Since", fmt.stamp(int(venue["since_ns"]))),
    ]
    if venue.get("attempts"):
        facts.append(("Attempts", fmt.number(venue["attempts"])))
    if hello:
        facts.append(("Order types", ", ".join(kind.replace("_", "-") for kind in hello["capabilities"]["orders"])))
    return f"Connection: {word}", paragraphs, facts


def explain_replay(state: dict | None) -> tuple[str, list[str], list[tuple[str, str]]]:
    """Title, paragraphs and facts for the replay's word."""
    if not state:
        return "Replay", ["No recording is playing."], []
    paragraphs = [
        "This is a recorded market with its real messages and times, not the present one. Paper orders fill against it. "
        "Play, pause, step, seek and speed are in the strip at the bottom of the desk.",
    ]
    facts = [
        ("Recorded", fmt.stamp(int(state["time_ns"]))),
        ("Position", f"{fmt.span(state['position_s'])} of {fmt.span(state['length_s'])}"),
        ("Times played", fmt.number(state.get("passes") or 0)),
        ("At its end", "starts again" if state["loop"] else "stops"),
    ]
    return replay(state).capitalize(), paragraphs, facts


def explain_orders(state: dict | None) -> tuple[str, list[str]]:
    """Title and paragraphs for whether orders are accepted."""
    if state is not None and state["accepting"] and state.get("real"):
        return "Real orders are armed", [
            f"Orders go to the {state.get('title') or 'real'} account whose key is in the vault, "
            f"{'a simulation' if state.get('paper') else 'with real money'}. Disarm on the vault page.",
        ]
    if state is None or state["accepting"]:
        return "Orders are accepted", [
            "Orders go to the paper venue: they fill against the market shown here, with fees and latency, and with no real money.",
        ]
    return "Orders are refused", [state["reason"], "Orders that rest keep their state. Nothing is sent in the meantime."]


def explain_limited(states: list[dict]) -> tuple[str, list[str]]:
    """Title and paragraphs for scopes that are halted or reduce-only."""
    rows = [
        f"{risk_words.scope(row['scope'])}: {risk_words.STATE_WORDS[row['state']].lower()}. {risk_words.STATE_MEANINGS[row['state']]} "
        f"Set by {risk_words.set_by(row)}. Lifted {row['lifts']}."
        for row in states
    ]
    return "Orders are limited", rows
