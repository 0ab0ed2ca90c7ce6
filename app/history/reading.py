"""From rows of text to a series, with every row that cannot be used named. Works in slices: the caller decides when to pause."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, islice, pairwise
from math import gcd
from typing import Any, NamedTuple

from app.market.frames import WIDTHS

from . import cells, files, headers
from .errors import Undecided, Unreadable
from .series import ADJUSTED, DIVIDEND, FOR_SPLITS, LIMIT, PRICES, RAW, SPLIT, UNKNOWN, Action, Series, column, fitting_scale, scaled

SLICE = 100
"""Rows between two chances to pause."""
MOST_PROBLEMS = 200
MOST_ROWS = 5_000_000
_SAMPLE = 60
_MOST_SYMBOLS = 500
_JUDGED = 5_000
"""Bars by which the time frame is judged."""
_DAY = 86_400
STEPS = {**WIDTHS, "1w": 7 * _DAY}
"""Seconds of each time frame but the month."""
TIMEFRAMES = (*STEPS, "1M")
_NAMES = {width: name for name, width in STEPS.items()}


class Problem(NamedTuple):
    """A row that is left out, or something of it: where, what, and what would be right."""

    line: int
    column: str
    text: str
    reason: str
    remedy: str


@dataclass(slots=True)
class Reading:
    """What was found in a file. ``series`` is in time order, each time once; ``order`` says what had to be done for that."""

    names: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    form: str = ""
    zone: str = "UTC"
    first: list[list[str]] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    """Whose bars the file has, by a column that says so."""
    only: str = ""
    """Of these, the one whose bars are read."""
    rows: int = 0
    problems: list[Problem] = field(default_factory=list)
    left_out: int = 0
    order: dict[str, int] = field(default_factory=dict)
    series: Series | None = None
    lines: list[int] = field(default_factory=list)
    rounded: bool = False


def read(data: bytes, options: Mapping[str, Any] | None = None) -> Iterator[Reading]:
    """Read a file; yields its Reading again and again, finished with the last. ``options``: ``zone`` of times without an offset,
    ``timeframe``, ``columns`` {role: place or None}, ``dates`` (``dmy`` or ``mdy``, where they do not tell), ``only`` (the symbol whose bars are
    wanted). Raises Unreadable, Undecided where one of these would help, HistoryError."""
    options = options or {}
    reading = Reading(zone=str(options.get("zone") or "UTC"), only=str(options.get("only") or ""))
    tz = cells.zone(reading.zone)
    text, delimiter = files.table(data)
    table = files.rows(text, delimiter)
    head = list(islice(table, _SAMPLE + 1))
    del head[: headers.above([row for _, row in head])]
    if headers.is_header(head[0][1]):
        reading.names = [cell.strip() for cell in head.pop(0)[1]]
        found = headers.recognised(reading.names)
    else:
        reading.names, found = headers.unnamed(head[0][1])
    if not head:
        raise Unreadable("the file has a header and no rows", "choose a file with a row for each bar", "file")
    reading.first = [row for _, row in head[:8]]
    try:
        reading.places = places = headers.chosen(reading.names, found, options.get("columns") or {})
    except Unreadable as error:
        reading.places = found
        raise Undecided(error.reason, error.remedy, error.field, reading) from error
    named = headers.symbol_place(reading.names)
    clock = places.get("clock")
    width = max(places.values()) + 1

    def moment(row: list[str]) -> str:
        return row[places["time"]] if clock is None else f"{row[places['time']].strip()} {row[clock].strip()}"

    try:
        time_of, reading.form = cells.times([moment(row) for _, row in head if len(row) >= width], tz, str(options.get("dates") or ""))
    except cells.BadCell as error:
        raise Undecided(error.args[0], error.args[1], "dates" if isinstance(error, cells.TwoWays) else "column.time", reading) from error
    wanted = [(role, places[role]) for role in (*PRICES, "volume", "adj", "dividend", "split") if role in places]
    parsed = _Parsed([role for role, _ in wanted])
    comma = cells.decimal_comma([row[places["close"]] for _, row in head if len(row) >= width], delimiter)
    symbols: dict[str, None] = {}
    for line, row in chain(head, table):
        reading.rows += 1
        if reading.rows > MOST_ROWS:
            raise Unreadable(f"the file has more than {MOST_ROWS:,} rows", "split it by years", "file")
        if reading.rows % SLICE == 0:
            yield reading
        if len(row) < width:
            _problem(reading, line, "", ",".join(row)[:60], f"the row has {len(row)} fields and {width} are needed", "complete the row")
            continue
        if named is not None and named < len(row):
            symbol = row[named].strip()
            if len(symbols) < _MOST_SYMBOLS:
                symbols[symbol] = None
            if reading.only and symbol != reading.only:
                continue
        name, cell = reading.names[places["time"]], moment(row)
        try:
            when = time_of(cell)
            values = []
            for role, place in wanted:
                name, cell = reading.names[place], row[place]
                value = cells.number(cell, comma, role == "volume")
                if value is None and role in PRICES:
                    raise cells.BadCell("the price is missing", "leave such bars out of the file: an interval without trades has no bar")
                values.append(value)
        except cells.BadCell as error:
            _problem(reading, line, name, cell[:60], error.args[0], error.args[1])
            continue
        parsed.add(line, when, values)
    reading.symbols = [symbol for symbol in symbols if symbol]
    if len(reading.symbols) > 1 and not reading.only:
        shown = ", ".join(reading.symbols[:3]) + (" and others" if len(reading.symbols) > 3 else "")
        raise Undecided(f"the file has bars of {len(reading.symbols)} symbols: {shown}", "choose one of them; the others can be read after it", "only", reading)
    yield from _finish(reading, parsed, options.get("timeframe"))


class _Parsed:
    """Cells that were understood, by column."""

    def __init__(self, roles: list[str]) -> None:
        self.roles = roles
        self.lines: list[int] = []
        self.times: list[cells.Moment] = []
        self.values: dict[str, list[cells.Number | None]] = {role: [] for role in roles}
        self._columns = list(self.values.values())
        self._largest: list[dict[int, int]] = [{} for _ in roles]

    def add(self, line: int, when: cells.Moment, values: list[cells.Number | None]) -> None:
        self.lines.append(line)
        self.times.append(when)
        for found, largest, value in zip(self._columns, self._largest, values, strict=True):
            found.append(value)
            if value is not None:
                digits, decimals = value
                if abs(digits) > largest.get(decimals, -1):
                    largest[decimals] = abs(digits)

    def scale(self, roles: Iterable[str]) -> tuple[int, bool]:
        """(the scale at which all numbers of these columns fit, whether some are rounded for it)."""
        found = [pair for role in roles for pair in self._largest[self.roles.index(role)].items()]
        wanted = max((decimals for decimals, _ in found), default=0)
        largest = max((digits // 10**decimals for decimals, digits in found), default=0) + 1
        if largest > LIMIT:
            raise Unreadable(f"a number of {len(str(largest))} digits is too large", "look which column is price and which is volume", "file")
        scale = fitting_scale(wanted, largest, 0)
        return scale, scale < wanted


def _problem(reading: Reading, line: int, name: str, text: str, reason: str, remedy: str) -> None:
    reading.left_out += 1
    if len(reading.problems) < MOST_PROBLEMS:
        reading.problems.append(Problem(line, name, text, reason, remedy))


def _finish(reading: Reading, parsed: _Parsed, timeframe: str | None) -> Iterator[Reading]:
    if not parsed.times:
        first = reading.problems[0] if reading.problems else None
        why = f": line {first.line}, {first.column}: {first.reason}" if first else ""
        raise Undecided(f"no row could be read{why}", first.remedy if first else "choose another file", None, reading)
    yield reading
    times = _times(parsed)
    steps = {abs(b - a) for a, b in pairwise(times[:_JUDGED]) if a != b}
    daily = timeframe in ("1d", "1w", "1M") if timeframe else bool(steps) and min(steps) >= 23 * 3600 * 10**9
    if daily and all(wall % (_DAY * 10**9) == 0 for _, wall, _ in parsed.times):
        times = [wall for _, wall, _ in parsed.times]  # a day is its date, whatever the clocks there do
    yield reading
    kept = yield from _ordered(reading, parsed, times)
    yield reading
    reading.lines = [parsed.lines[place] for place in kept]
    columns = {"time": column(times[place] for place in kept)}
    price_scale, rounded = parsed.scale(PRICES)
    adjusted_scale, _ = parsed.scale(["adj"]) if "adj" in parsed.values else (0, False)
    volume_scale, volume_rounded = parsed.scale(["volume"]) if "volume" in parsed.values else (0, False)
    reading.rounded = rounded or volume_rounded
    for role in (*PRICES, "volume", "adj"):
        scale = {"volume": volume_scale, ADJUSTED: adjusted_scale}.get(role, price_scale)
        found = parsed.values.pop(role, None)  # let go of one by one: of all at once takes long
        if found is None and role == ADJUSTED:
            continue
        if found is None:
            columns[role] = column(UNKNOWN for _ in kept)
        elif role == ADJUSTED and any(found[place] is None for place in kept):
            continue  # an adjusted close with holes says nothing
        else:
            columns[role] = column()
            for at in range(0, len(kept), 5 * SLICE):
                columns[role].extend([_units(found[place], scale) for place in kept[at : at + 5 * SLICE]])
                yield reading
    actions = sorted(_actions(parsed, kept, times))
    name = timeframe or _frame(columns["time"])
    series = Series("", "", name, price_scale, volume_scale, columns, actions, adjusted_scale=adjusted_scale)
    series.basis = basis(series)
    reading.series = series
    yield reading


def _times(parsed: _Parsed) -> list[int]:
    """The times of the rows in ns UTC. Of an hour that the clocks repeat the first is meant until the rows go back within it."""
    found = parsed.times
    times = [when for when, _, _ in found]
    if not any(again for _, _, again in found):
        return times
    before, second = None, False
    for place in range(len(found)) if times[0] <= times[-1] else range(len(found) - 1, -1, -1):
        _, wall, again = found[place]
        if not again:
            before, second = None, False
            continue
        if before is not None and wall <= found[before][1]:
            second = second or wall < found[before][1] or any(values[before] != values[place] for values in parsed.values.values())
        times[place] += again if second else 0
        before = place
    return times


def _ordered(reading: Reading, parsed: _Parsed, times: list[int]) -> Generator[Reading, None, list[int]]:
    """Places of the rows to keep, by time; of several at one time the last in the file."""
    count = len(times)
    descending = count > 1 and all(a >= b for a, b in pairwise(times))
    places = list(range(count - 1, -1, -1)) if descending and times[0] != times[-1] else list(range(count))
    late = sum(1 for a, b in pairwise(places) if times[b] < times[a])
    places.sort(key=times.__getitem__)
    kept: list[int] = []
    same = conflicts = 0
    yield reading
    for number, place in enumerate(places):
        if number % (5 * SLICE) == 0:
            yield reading
        if kept and times[kept[-1]] == times[place]:
            before = kept[-1]
            equal = all(values[before] == values[place] for values in parsed.values.values())
            same += equal
            conflicts += not equal
            if not equal:
                problem = ("the time stands twice with different values", "the later row is taken; look which is right")
                reading.problems.append(Problem(parsed.lines[min(before, place)], reading.names[reading.places["time"]], "", *problem))
            kept[-1] = max(before, place)
        else:
            kept.append(place)
    reading.order = {"newest_first": int(descending and count > 1), "late": late, "repeated": same, "conflicting": conflicts}
    return kept


def _units(value: cells.Number | None, scale: int) -> int:
    if value is None:
        return UNKNOWN
    digits, decimals = value
    return digits * 10 ** (scale - decimals) if decimals <= scale else scaled(digits, Fraction(1, 10 ** (decimals - scale)))


def _actions(parsed: _Parsed, kept: list[int], times: list[int]) -> Iterator[Action]:
    for role, kind, nothing in (("split", SPLIT, (0, 1)), ("dividend", DIVIDEND, (0,))):
        values = parsed.values.get(role)
        for place in kept if values is not None else ():
            value = values[place]
            if value is None or not value[0]:
                continue
            ratio = Fraction(value[0], 10 ** value[1])
            if ratio in nothing or ratio < 0:
                continue
            if kind == SPLIT:
                near = ratio.limit_denominator(1000)  # 0.333333 means 1/3
                ratio = near if abs(near - ratio) <= ratio / 100_000 else ratio
            yield Action(times[place], kind, ratio)


def _frame(times) -> str:
    """The time frame that the distances speak of; empty where they do not."""
    if len(times) < 2:
        return ""
    steps: dict[int, int] = {}
    for a, b in pairwise(times[:_JUDGED]):
        steps[(b - a) // 10**9] = steps.get((b - a) // 10**9, 0) + 1
    common = max(steps, key=lambda step: (steps[step], -step))
    if 28 * _DAY <= common <= 31 * _DAY:
        return "1M"
    if common not in _NAMES:
        common = 0
        for step in steps:
            common = gcd(common, step)
    return _NAMES.get(common, "")


def basis(series: Series) -> str:
    """Whether the prices are adjusted for the splits in the file already: whether most of them show no jump of their size."""
    applied = shown = 0
    for action in series.actions:
        place = series.at(action.time)
        if action.kind == SPLIT and 0 < place < len(series) and series.columns["close"][place - 1] > 0 and series.columns["close"][place] > 0:
            jump = Fraction(series.columns["close"][place], series.columns["close"][place - 1]) * action.value
            big = max(action.value, 1 / action.value)
            if max(jump, 1 / jump) ** 2 < big:
                shown += 1
            else:
                applied += 1
    return FOR_SPLITS if applied > shown else RAW


