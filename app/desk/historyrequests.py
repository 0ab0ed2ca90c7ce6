"""What the page may ask about stored history. Arguments are as in docs/messages.md."""

from __future__ import annotations

import re
from typing import Any

from .errors import Refusal
from .vaultfiles import WithFile

_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,60}\Z")
_OPTIONS = ("zone", "timeframe", "calendar", "columns", "dates", "only")


async def history_list(desk: Any, _request: dict) -> dict:
    """Everything stored that can be read now."""
    return await desk.history.list()


async def history_preview(desk: Any, request: dict) -> dict:
    """Read and check a file or what an address answers."""
    file, url = request.get("file"), request.get("url")
    if file is None and not (isinstance(url, str) and url.strip()):
        raise Refusal("no_file", "there is no file and no address", "choose a file, or type an address that begins with https://", "file")
    data = desk.around.files.read(file) if file is not None else None
    options = {name: request[name] for name in _OPTIONS if request.get(name)}
    if not isinstance(options.get("columns", {}), dict):
        raise Refusal("bad_request", "columns has to be an object", "reload the page", "columns")
    timeframe(options.get("timeframe"), needed=False)
    return await desk.history.preview(data, url.strip() if url else None, str(request.get("name") or "")[:200], options)


async def history_keep(desk: Any, request: dict) -> dict:
    """Write what was previewed."""
    symbol, source = _name(request, "symbol", "the symbol"), _name(request, "source", "the source")
    repairs = request.get("repairs") or []
    if not isinstance(repairs, list):
        raise Refusal("bad_request", "repairs has to be a list", "reload the page", "repairs")
    frame = timeframe(request.get("timeframe"))
    return await desk.history.keep(request.get("preview"), symbol, source, frame, str(request.get("where")), repairs, bool(request.get("merge")))


def history_drop(desk: Any, _request: dict) -> None:
    """End the reading that goes on, and forget its preview."""
    desk.history.drop()


async def history_check(desk: Any, request: dict) -> dict:
    """Check a stored series again."""
    return await desk.history.check(str(request.get("series")))


async def history_remove(desk: Any, request: dict) -> dict:
    """Remove a series for good."""
    return await desk.history.remove(str(request.get("series")))


async def history_export(desk: Any, request: dict) -> WithFile:
    """A series as a CSV file."""
    return WithFile(*await desk.history.export(str(request.get("series")), str(request.get("adjust") or "none")))


def timeframe(value: Any, needed: bool = True) -> str:
    """A time frame that history has. Raises Refusal."""
    from app.history.reading import TIMEFRAMES

    if (value or needed) and value not in TIMEFRAMES:
        raise Refusal("bad_timeframe", f"{str(value or 'nothing')[:20]} is no width of stored bars", f"choose one of {', '.join(TIMEFRAMES)}", "timeframe")
    return value or ""


def _name(request: dict, field: str, what: str) -> str:
    value = request.get(field)
    if not isinstance(value, str) or not _NAME.match(value.strip()):
        raise Refusal("bad_name", f"{what} has to have 1 to 60 characters", "type it as you want to find it again", field)
    return value.strip()


HISTORY_REQUESTS = {
    "history.list": history_list,
    "history.preview": history_preview,
    "history.keep": history_keep,
    "history.drop": history_drop,
    "history.check": history_check,
    "history.remove": history_remove,
    "history.export": history_export,
}
