"""What the page's URL query may set: venues, their instruments and addresses, the account, speed and seed."""

from __future__ import annotations

from dataclasses import dataclass, field

STREAMED = ("binance", "usdm", "coinbase", "kraken", "bitstamp")
KEYED = ("alpaca",)
"""Venues whose market data needs a key: never among those that `live` stands for."""
LIVE = (*STREAMED, *KEYED, "equities")
VENUES = ("replay", *LIVE, "live")
SOURCES = ("yahoo", "alphavantage", "polygon")
"""Sources behind the venue `equities`, in the order in which they are asked; each may be asked elsewhere (yahoo_rest=)."""
ACCOUNTS = ("paper", "binance", "alpaca")
"""Where orders are executed; a real account is named after the venue whose market data has to be there."""
_TRADE_SCHEMES = {"binance": ("ws://", "wss://"), "alpaca": ("http://", "https://")}
MAX_SPEED = 100.0
MAX_SYMBOLS = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """``venue`` is replay, or live venues with commas between them; ``account`` where orders go, several with commas
    between them. ``addresses`` are those of emulators or mirrors
    by setting (kraken_ws, kraken_rest, binance_trade), ``symbols`` the instruments wanted of a venue. ``speed`` 0 plays as fast as
    possible; ``problems`` lists what was not understood, for a toast."""

    venue: str = "replay"
    account: str = "paper"
    speed: float = 1.0
    seed: int = 0
    loop: bool = True
    addresses: dict[str, str] = field(default_factory=dict)
    symbols: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def venues(self) -> tuple[str, ...]:
        """The venues by name."""
        return tuple(self.venue.split(","))

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts by name; the first one is shown at the start."""
        return tuple(self.account.split(","))


def from_query(query: dict[str, str]) -> Settings:
    """Settings from URL parameters; a bad value keeps its default and is named in ``problems``."""
    problems: list[str] = []
    venue = _venues(query.get("venue", "replay"), problems)
    speed = _number(query, "speed", 1.0, 0.0, MAX_SPEED, problems)
    if 0 < speed < 0.1:
        problems.append("speed: 0.1 is the slowest; 0 plays as fast as possible")
        speed = 0.1
    seed = int(_number(query, "seed", 0, 0, 2**53, problems))
    return Settings(
        venue,
        _account(query.get("account", "paper"), venue, problems),
        speed,
        seed,
        query.get("loop", "1") != "0",
        _addresses(query, problems),
        _symbols(query, problems),
        tuple(problems),
    )


def _number(query: dict[str, str], name: str, default: float, low: float, high: float, problems: list[str]) -> float:
    text = query.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if low <= value <= high:
        return value
    problems.append(f"{name}={text[:40]}: not a number from {_plain(low)} to {_plain(high)}; {_plain(default)} is used")
    return default


def _venues(text: str, problems: list[str]) -> str:
    names = [name.strip() for name in text.split(",")] if text != "live" else list(STREAMED)
    if names == ["replay"]:
        return "replay"
    known = [name for name in dict.fromkeys(names) if name in LIVE]
    for name in names:
        if name not in LIVE:
            used = ", ".join(known) or "replay"
            problems.append(f"venue={name[:40]}: unknown here, use one of {', '.join(VENUES)}; {used} is used")
    return ",".join(known) or "replay"


def _account(text: str, venue: str, problems: list[str]) -> str:
    found: list[str] = []
    for name in dict.fromkeys(part.strip() for part in text.split(",")):
        if name not in ACCOUNTS:
            problems.append(f"account={name[:40]}: unknown here, use one of {', '.join(ACCOUNTS)}")
        elif name != "paper" and name not in venue.split(","):
            problems.append(f"account={name}: needs the market data of that venue, open the desk with venue={name}")
        else:
            found.append(name)
    if not found:
        problems[-1] += "; paper is used"
    return ",".join(found) or "paper"


def _addresses(query: dict[str, str], problems: list[str]) -> dict[str, str]:
    found = {}
    for name in LIVE:
        trade = (("trade", _TRADE_SCHEMES[name]),) if name in _TRADE_SCHEMES else ()
        for kind, schemes in (("ws", ("ws://", "wss://")), ("rest", ("http://", "https://")), *trade):
            setting = f"{name}_{kind}"
            if not (text := query.get(setting, "")):
                continue
            if text.startswith(schemes):
                found[setting] = text
            else:
                problems.append(f"{setting}: has to start with {' or '.join(schemes)}; ignored")
    for name in SOURCES:
        if text := query.get(f"{name}_rest", ""):
            if text.startswith(("http://", "https://")):
                found[f"{name}_rest"] = text
            else:
                problems.append(f"{name}_rest: has to start with http:// or https://; ignored")
    return found


def _symbols(query: dict[str, str], problems: list[str]) -> dict[str, tuple[str, ...]]:
    found = {}
    for name in LIVE:
        names = tuple(dict.fromkeys(part.strip() for part in query.get(f"{name}_symbols", "").split(",") if part.strip()))
        if not names:
            continue
        if len(names) > MAX_SYMBOLS or any(len(each) > 40 or not each.isprintable() for each in names):
            problems.append(f"{name}_symbols: at most {MAX_SYMBOLS} names of up to 40 characters, with commas between them; ignored")
        else:
            found[name] = names
    return found


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
