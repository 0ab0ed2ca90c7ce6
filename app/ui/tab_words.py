"""What is said about tabs: which one is the desk, how to take over, and what would stop if this one closed. Pure text."""

from __future__ import annotations

from typing import NamedTuple

from . import format as fmt

ENDED = frozenset({"filled", "cancelled", "rejected", "denied", "expired"})
LISTED = 8

STRIPS = {
    # state: (strong, text, what the button says; empty: none)
    "waiting": ("Following.", "Waiting for the tab that is the desk to answer.", "Take over"),
    "following": ("Following.", "Another tab is the desk. This one shows all of it and sends nothing.", "Take over"),
    "gone": ("No tab is the desk.", "The one that was has closed. Market data and orders rest until a tab takes the lead.", "Take the lead"),
    "asking": ("Taking over.", "The other tab writes what is under way and closes its connections.", ""),
    "hanging": (
        "The other tab does not answer.",
        "Taking over without it is safe for orders: it cannot write or send any more. A session that it has in memory only is lost.",
        "Take over without it",
    ),
    "refused": ("Not handed over.", "", "Take over"),
    "full": ("Not following.", "As many tabs follow the desk as can. Close one of them, then reload this one.", ""),
}
BEFORE = {
    "handed": "This tab handed over.",
    "lost": "Another tab took the lead from this one, or the browser removed the vault: nothing was sent from here since.",
    "frozen": "The browser froze this tab, and another one took the lead.",
}


class Stake(NamedTuple):
    """What only this tab looks after."""

    orders: list[str]
    """In words: orders that this desk works, not a venue."""
    positions: list[str]
    kept: bool
    """Whether they lie in a vault."""
    on_paper: bool

    def __bool__(self) -> bool:
        return bool(self.orders or self.positions)


def strip(tab: dict, there: str) -> tuple[str, str, str]:
    """Strong words, text and the button's label from a ``tab`` message and where the vault is."""
    strong, text, label = STRIPS.get(tab["state"], STRIPS["waiting"])
    if tab["state"] == "refused":
        text = f"{tab['why'][:1].upper()}{tab['why'][1:]}."
    elif tab["state"] == "following":
        text = " ".join(part for part in (BEFORE.get(tab["why"], ""), text, there) if part)
    return strong, text, label


def role(tab: dict) -> str:
    """The word in the status bar; empty while this tab is alone."""
    if tab["role"] == "follower":
        return "no tab leads" if tab.get("state") == "gone" else "follows another tab"
    return f"leads {fmt.plural(tab['followers'], 'tab')}" if tab["followers"] else ""


def explain_role(tab: dict, by_itself: bool) -> tuple[str, list[str]]:
    """Title and paragraphs behind that word."""
    if tab["role"] == "follower":
        return "This tab follows", [
            "Another tab of this browser is the desk: its connections, its vault, its orders. This one has none of its own. It shows the same "
            "live, with an instrument, a watchlist and a page of its own, and sends no order, so that nothing is ever done twice.",
            "Take over to trade here: the other tab writes what is under way, closes its connections and follows from then on. A vault is "
            "locked by that, and asks for its passphrase here; then the desk reconciles before it takes orders.",
            "When the tab that is the desk closes, this one takes the lead by itself."
            if by_itself
            else "When the tab that is the desk closes, this one offers to take the lead.",
        ]
    return "This tab is the desk", [
        f"{fmt.plural(tab['followers'], 'other tab')} of this browser {'follows' if tab['followers'] == 1 else 'follow'} it live. Orders are "
        "sent from here only.",
        "Hand over to trade there: this tab then follows, and may be closed.",
    ]


def stake(orders: dict[str, dict], account: dict | None, hello: dict | None, vault: dict | None) -> Stake:
    """What would rest if the tab that is the desk closed now: orders it works itself, and open positions."""
    on_paper = (hello or {}).get("capabilities", {}).get("account", "paper") == "paper"
    working = [row for row in orders.values() if row["status"] not in ENDED and (on_paper or row["held"])]
    return Stake(
        [order_text(row) for row in working],
        [f"{row['qty']} {row['symbol']}" for row in (account or {}).get("positions", ())],
        bool((vault or {}).get("keeps")),
        on_paper,
    )


def order_text(row: dict) -> str:
    """'Sell stop 0.5 BTCUSDT at 60000'."""
    price = row.get("stop") or row.get("price") or row.get("trail")
    return f"{row['side'].capitalize()} {row['type'].replace('_', ' ')} {row['remaining']} {row['symbol']}{f' at {price}' if price else ''}"


def staked(found: Stake) -> str:
    """The word in the status bar: '2 orders, 1 position only here'; empty when nothing is."""
    parts = []
    if found.orders:
        parts.append(fmt.plural(len(found.orders), "order"))
    if found.positions:
        parts.append(fmt.plural(len(found.positions), "position"))
    return f"{', '.join(parts)} in this tab's care" if parts else ""


def explain_stake(found: Stake, followers: int) -> tuple[str, list[str]]:
    """Title and paragraphs before the tab is closed."""
    said = []
    if found.orders:
        listed = "; ".join(found.orders[:LISTED]) + (f"; and {len(found.orders) - LISTED} more" if len(found.orders) > LISTED else "")
        where = "The paper venue is a part of this tab" if found.on_paper else "This desk holds them, no venue does"
        said.append(f"{where}: while no tab is the desk, these orders neither fill nor trigger. {listed}.")
    if found.positions:
        after = "with no stop of this desk behind them" if found.orders or not found.on_paper else "unattended"
        said.append(f"Open positions stay open, {after}: {', '.join(found.positions[:LISTED])}.")
    if found.kept:
        said.append("All of it is in the vault, and goes on when a tab is opened and the vault unlocked.")
    elif found.on_paper:
        said.append("This session is in memory only: closing loses it. Create a vault to keep it.")
    if followers:
        said.append("Another tab follows this one: hand over to it first, and nothing rests.")
    return "If this tab closes", said
