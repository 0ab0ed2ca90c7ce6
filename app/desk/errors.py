"""Refusals the page can show: a stable code, the field if one is to blame, the reason and the remedy."""

from __future__ import annotations


class Refusal(Exception):
    """A request that was not carried out; nothing was changed."""

    def __init__(self, code: str, reason: str, remedy: str = "", field: str | None = None) -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy, self.field = code, reason, remedy, field


def to_wire(error: Exception) -> dict:
    """What the page is told of any error that carries code and reason (Refusal, Denied, VaultError, StoreError)."""
    numbers = getattr(error, "numbers", None)
    return {
        **({"numbers": numbers} if numbers else {}),
        "code": str(getattr(error, "code", "") or type(error).__name__),
        "field": getattr(error, "field", None),
        "kept": str(getattr(error, "kept", "") or ""),
        "reason": str(getattr(error, "reason", "") or error),
        "remedy": str(getattr(error, "remedy", "") or ""),
    }
