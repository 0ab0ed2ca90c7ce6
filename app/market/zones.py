"""Time zones of exchanges by their IANA names, the same in CPython and in a browser that has no tz database.

The clocks of the zones in calendar_data.py are known from 1970 to 2037; other names are looked up where Python has a tz database.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1)


class UnknownZone(LookupError):
    """There is no such time zone here."""


class Clock(tzinfo):
    """A zone by its changes. Like zoneinfo's: a wall time that happens twice is the first one unless ``fold`` is 1."""

    def __init__(self, name: str, changes: str) -> None:
        found = list(map(int, changes.split()))
        self.key = name
        self._at = [hour * 3600 for hour in found[1::2]]
        self._offsets = [minutes * 60 for minutes in found[0::2]]
        # A change by the wall clock, as it was before it and as it is after: what lies between happens never or twice.
        pairs = list(zip(self._at, self._offsets, self._offsets[1:], strict=False))
        self._wall = [[at + max(old, new) for at, old, new in pairs], [at + min(old, new) for at, old, new in pairs]]

    def offset_s(self, moment_s: int) -> int:
        """Seconds ahead of UTC at a moment (s UTC)."""
        return self._offsets[bisect_right(self._at, moment_s)]

    def fromutc(self, dt: datetime) -> datetime:
        """The wall time of a UTC time."""
        moment_s = (dt.replace(tzinfo=None) - _EPOCH) // timedelta(seconds=1)
        at = bisect_right(self._at, moment_s)
        offset = self._offsets[at]
        # the hour that is repeated: its second time
        again = at > 0 and 0 <= moment_s - self._at[at - 1] < self._offsets[at - 1] - offset
        return (dt + timedelta(seconds=offset)).replace(fold=int(again))

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """How far the wall clock is ahead of UTC."""
        if dt is None:
            return None
        wall_s = (dt.replace(tzinfo=None) - _EPOCH) // timedelta(seconds=1)
        return timedelta(seconds=self._offsets[bisect_right(self._wall[dt.fold], wall_s)])

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Not known apart from the offset."""
        return None

    def tzname(self, dt: datetime | None) -> str | None:
        """The offset, such as UTC-05:00."""
        offset = self.utcoffset(dt)
        return None if offset is None else timezone(offset).tzname(None)

    def __repr__(self) -> str:
        return f"Clock({self.key!r})"


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """The zone of this IANA name. Raises UnknownZone."""
    if name == "UTC":
        return UTC
    from .calendar_data import ZONES

    if name in ZONES:
        return Clock(name, ZONES[name])
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise UnknownZone(f"the time zone {name[:40]!r} is not known here; those of exchanges are: {', '.join(sorted(ZONES))}") from error
