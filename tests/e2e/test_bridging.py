"""Plain urllib, requests and pandas in a real Chromium: over the chain, also to a site that CORS keeps from the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.lab import laboratory, run
from tests.e2e.peers import Peer, running_peer
from tests.e2e.vaultpage import VaultPage

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with running_peer() as made:
        yield made


@pytest.fixture(scope="module")
def lab(browser: Browser, peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultPage]:
    with laboratory(browser, peer, tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.mark.parametrize(("path", "strategy"), [("/open/time", "direct"), ("/strict/time", "proxy")])
def test_urllib(lab: VaultPage, peer: Peer, path: str, strategy: str) -> None:
    found = run(
        lab,
        """
import urllib.request
with urllib.request.urlopen(given.url) as response:
    result = [response.status, json.load(response), response.headers["x-kontor-strategy"]]
""",
        url=peer.url + path,
    )
    assert found == [200, {"serverTime": 1700000000000}, strategy]


def test_requests_reads_and_posts_once(lab: VaultPage, peer: Peer) -> None:
    found = run(
        lab,
        """
import requests
got = requests.get(given.url + "/strict/requests")
posted = requests.post(given.url + "/strict/post", json={"qty": "1"})
result = [got.json(), got.headers["x-kontor-strategy"], posted.status_code]
""",
        *("requests", "urllib3", "idna", "certifi", "charset_normalizer"),
        url=peer.url,
    )
    assert found == [{"serverTime": 1700000000000}, "proxy", 200]
    assert [(method, headers["content-type"]) for method, path, headers in peer.hits if path == "/strict/post"] == [("POST", "application/json")]


def test_pandas_reads_an_address(lab: VaultPage, peer: Peer) -> None:
    found = run(
        lab,
        """
import pandas
result = pandas.read_csv(given.url).to_dict("list")
""",
        *("pandas", "numpy", "python_dateutil", "pytz", "six"),
        url=f"{peer.url}/strict/csv",
    )
    assert found == {"symbol": ["BTCUSDT", "ETHUSDT"], "price": [64000.5, 3100.25]}


def test_an_effect_that_broke_is_sent_once_and_said_so(lab: VaultPage, peer: Peer) -> None:
    found = run(
        lab,
        """
import urllib.request
try:
    urllib.request.urlopen(urllib.request.Request(given.url, data=b"order"))
except OSError as error:
    result = str(error)
""",
        url=f"{peer.url}/cut/order",
    )
    assert "It may have received the request" in str(found) and peer.count("/cut/order") == 1


def test_requests_by_themselves_stop_at_cors(lab: VaultPage, peer: Peer) -> None:
    """What the bridge is for: without it the same call fails."""
    found = run(
        lab,
        """
take_back()
import requests
try:
    requests.get(given.url)
    result = "read"
except requests.RequestException as error:
    result = type(error).__name__
""",
        *("requests", "urllib3", "idna", "certifi", "charset_normalizer"),
        url=f"{peer.url}/strict/unbridged",
    )
    assert found in ("ConnectionError", "RequestException")
