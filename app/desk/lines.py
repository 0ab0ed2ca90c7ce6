"""Lines of the trace for what the desk itself does: its start, orders, the vault. Arguments of requests are never shown whole."""

from __future__ import annotations

from typing import Any

from app.net.trace import Trace

_BOOT = {"venue": "The venue is set up.", "market": "Market data is on its way.", "vault": "The vault's state is known: the desk is ready."}
_AREAS = {"order": "orders", "position": "orders", "vault": "vault", "paper": "orders", "risk": "orders", "execution": "orders"}
_SILENT = ("order.preview", "risk.state")


def tell_boot(trace: Trace, phase: str) -> None:
    """A step of the start is done."""
    trace.add("boot", "info", _BOOT.get(phase, phase), step=phase)


def tell_request(trace: Trace, request: dict, result: Any, failure: dict | None, ms: float) -> None:
    """What came of a request about orders or the vault; of others only that they could not be done."""
    name = str(request.get("do"))
    area = _AREAS.get(name.partition(".")[0])
    if name in _SILENT or name.startswith("oauth.") or (area is None and failure is None):  # sign-ins write lines of their own
        return
    about = " ".join(str(request[key])[:40] for key in ("symbol", "side", "type", "client_order_id") if isinstance(request.get(key), str))
    what = f"{name} {about}".strip()
    if failure is not None:
        remedy = f" What to do: {failure['remedy']}." if failure["remedy"] else ""
        area = area or ("network" if name.startswith("net.") else "desk")
        trace.add(area, "error", f"{what}: {failure['reason']}.{remedy}".replace("..", "."), ms, name, detail={"code": failure["code"]})
        return
    status = result.get("status") if isinstance(result, dict) else None
    order = result.get("client_order_id") if isinstance(result, dict) else None
    again = {"do": "order.query", "client_order_id": order} if order and area == "orders" else None
    trace.add(area or "desk", "good", f"{what}: {status or 'done'}", ms, name, again)
