"""The key of a venue whose market data needs one: handed to it while the vault is open."""

from __future__ import annotations

from typing import Any

from app.venues.alpaca.way import Way

from .accountkeys import AccountKeys
from .realvenues import OwnProxy, account_of


class MarketKeys:
    """``venue`` has `use_key`; ``keeping`` has the vault."""

    def __init__(self, venue: Any, around: Any, settings: Any, keeping: Any, own_proxy: OwnProxy) -> None:
        self._venue, self._around, self._keeping = venue, around, keeping
        self._keys = AccountKeys(venue.name, account_of(venue.name), settings, keeping)
        self._way = Way(around.http, own_proxy)
        self._vault_state = ""

    def look(self, again: bool = False) -> None:
        """The vault may have been opened or locked; ``again``: or its key is another."""
        if again or self._keeping.state != self._vault_state:
            self._vault_state = self._keeping.state
            self._around.scheduler.create_task(self._look())

    async def _look(self) -> None:
        try:
            found = await self._keys.credentials()
        except ValueError:
            found = None
        if found is not None or self._venue.credentials is not None:
            self._venue.use_key(found, self._way)


def keyed(venue: Any) -> Any:
    """The venue that needs a key, by itself or among several; None."""
    return next((each for each in getattr(venue, "venues", [venue]) if hasattr(each, "use_key")), None)
