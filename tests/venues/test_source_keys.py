"""Where the key of a polled source goes: the whole desk, with addresses of its sources from the page's address."""

from __future__ import annotations

import pytest

from app.desk.settings import from_query
from app.sources.answers import SourceError
from tests.unit.desk.conftest import start_desk
from tests.venues.sources_sim import AV_KEY, POLYGON_KEY
from tests.venues.test_sources_desk import PASSPHRASE, stop

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


async def test_a_key_goes_to_its_source_or_to_this_computer_only(tmp_path):
    query = {"venue": "equities", "equities_symbols": "GONE", "yahoo_rest": "http://127.0.0.1:9", "alphavantage_rest": "http://elsewhere.invalid"}
    found = from_query(query | {"polygon_rest": "http://127.0.0.1:9"})
    page = await start_desk(tmp_path / "vault.sqlite", venue=found.venue, addresses=found.addresses, symbols=found.symbols)
    try:
        await page.ask("vault.create", secret=bytearray(PASSPHRASE))
        for name, key in (("polygon", POLYGON_KEY), ("alphavantage", AV_KEY)):
            await page.ask("sources.key", source=name, key=key)
        with pytest.raises(SourceError, match=r"its key goes to https://www\.alphavantage\.co or to this computer only"):
            await page.desk.sources._asker("alphavantage")("/query?apikey={key}")
        with pytest.raises(SourceError) as refused:
            await page.desk.sources._asker("polygon")("/?apiKey={key}")
        assert refused.value.kind == "network"
    finally:
        await stop(page)
