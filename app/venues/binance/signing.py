"""How a request to Binance's WebSocket API is signed: the text that is signed, and the signature as the venue wants it.

The key is wherever the signer keeps it; what comes here are signatures. HMAC-SHA256 as hex, Ed25519 as base64.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Protocol

from app.platform.interfaces import ED25519


class SignerLike(Protocol):
    """Signs with a key that stays where it is; ``algorithm`` is HMAC-SHA256 or Ed25519."""

    algorithm: str

    async def sign(self, data: bytes) -> bytes:
        """The signature of ``data``."""


def payload(params: Mapping[str, Any]) -> bytes:
    """The text to sign: ``name=value`` of every parameter but the signature, sorted by name, joined by ``&``, unencoded."""
    return "&".join([f"{name}={params[name]}" for name in sorted(params) if name != "signature"]).encode()


def as_text(algorithm: str, signature: bytes) -> str:
    """A signature as it stands in a request."""
    return b64encode(signature).decode() if algorithm == ED25519 else signature.hex()


async def signed(params: Mapping[str, Any], api_key: str, signer: SignerLike) -> dict[str, Any]:
    """The parameters with key and signature."""
    whole = {**params, "apiKey": api_key}
    return {**whole, "signature": as_text(signer.algorithm, await signer.sign(payload(whole)))}
