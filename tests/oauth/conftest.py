"""The certified provider runs once for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .desk import Clock, oidc_provider


@pytest.fixture(scope="session")
def issuer() -> Iterator[str]:
    """Address of the certified provider."""
    with oidc_provider() as address:
        yield address


@pytest.fixture
def clock() -> Clock:
    """A clock moved by hand."""
    return Clock()
