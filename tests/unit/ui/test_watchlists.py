"""Watchlists: names, order, what a file may hold, what was kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.watchlists import LONGEST_NAME, MOST_LISTS, BadList, Watchlists, read_symbols

KNOWN = ("BTCUSDT", "XMR/USD", "NU-GBP")


def test_lists_keep_their_order_and_survive_being_kept():
    lists = Watchlists()
    assert lists.add_list("  My   coins ", KNOWN) == "My coins"
    lists.add_list("Empty")
    assert not lists.toggle("My coins", "XMR/USD") and lists.toggle("My coins", "XMR/USD")
    assert lists.lists["My coins"] == ["BTCUSDT", "NU-GBP", "XMR/USD"]
    assert lists.move("My coins", "XMR/USD", -1) and not lists.move("My coins", "BTCUSDT", -1) and not lists.move("My coins", "NONE", 1)
    assert lists.known("My coins", {"XMR/USD", "BTCUSDT"}) == ["BTCUSDT", "XMR/USD"] and lists.known("gone", KNOWN) == []
    assert lists.rename("My coins", "Core") == "Core" and list(lists.lists) == ["Core", "Empty"]
    kept = lists.to_kept()
    assert Watchlists.from_kept(kept) == lists
    lists.toggle("Empty", "BTCUSDT")
    assert kept != lists.to_kept(), "a copy: the preferences see that something changed"
    lists.remove("Core")
    assert list(lists.lists) == ["Empty"]


@pytest.mark.parametrize(("name", "said"), [(" ", "no name"), ("x" * (LONGEST_NAME + 1), "too long"), ("CORE", "already")])
def test_a_name_that_cannot_be_used_says_why(name, said):
    lists = Watchlists({"Core": [], "Other": []})
    for act in (lambda: lists.add_list(name), lambda: lists.rename("Other", name)):
        with pytest.raises(BadList, match=said):
            act()
    assert list(lists.lists) == ["Core", "Other"]


def test_there_is_an_end_to_lists():
    lists = Watchlists({str(number): [] for number in range(MOST_LISTS)})
    with pytest.raises(BadList, match="Remove one"):
        lists.add_list("more")


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("BTCUSDT\r\nXMR/USD\r\n", ["BTCUSDT", "XMR/USD"]),
        ("###Crypto,BINANCE:BTCUSDT,KRAKEN:XMR/USD,###More coins,BTCUSDT", ["BTCUSDT", "XMR/USD"]),
        ('\ufeff"btcusdt";"nu-gbp"', ["BTCUSDT", "NU-GBP"]),
        ("BTCUSDT <script> NASDAQ:BRK.B", ["BTCUSDT", "BRK.B"]),
    ],
)
def test_files_of_other_terminals_are_read(text, symbols):
    found = read_symbols(text, KNOWN)
    assert found.symbols == symbols and found.unreadable == ("<" in text)


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ('Symbol,Name,Last\nAAPL,"Apple, Inc.",189.5\nBRK-B,Berkshire Hathaway,410\n', ["AAPL", "BRK-B"]),
        ("Name;Ticker;Last\nApple Inc.;AAPL;189,5\n", ["AAPL"]),
        ("symbol\nbtcusdt\n^GSPC\n", ["BTCUSDT", "^GSPC"]),
        ("TSE:7203,0700.HK,ES=F", ["7203", "0700.HK", "ES=F"]),
    ],
)
def test_the_column_of_a_table_and_symbols_of_any_market_are_read(text, symbols):
    assert read_symbols(text, KNOWN).symbols == symbols


@pytest.mark.parametrize(
    "text",
    [
        "Dear desk,\nplease buy BTCUSDT when it is cheap and sell it later.\n",
        "time,open,high,low,close,volume\n2024-05-31T14:30:00Z,1.10,1.25,1.05,1.20,100\n",
        '{"symbols": ["AAPL", "MSFT"]}',
        "def watch(names):\n    return sorted(names)\n",
        "AAPL,Apple Inc.,189.5,+1.2 %\nMSFT,Microsoft,410.0,-0.4 %\n",
        "7203\n2024-01-02\n1.5\n",
    ],
)
def test_a_file_of_something_else_is_refused_with_what_was_expected(text):
    wanted = r"symbol in this file; '.*' is none\. A watchlist has symbols in capitals, one a line .* or is a table with a column Symbol"
    with pytest.raises(BadList, match=wanted):
        read_symbols(text, KNOWN)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no symbol"), ("###Only a section", "no symbol"), ("x" * 300_000, "longer"), (" ".join(f"S{n}" for n in range(3_000)), "Split")],
)
def test_a_file_that_is_no_watchlist_is_refused(text, said):
    with pytest.raises(BadList, match=said):
        read_symbols(text, KNOWN)


anything = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=50), lambda inner: st.lists(inner, max_size=4), max_leaves=20)


@given(anything)
def test_whatever_was_kept_opens(kept):
    lists = Watchlists.from_kept(kept)
    assert Watchlists.from_kept(lists.to_kept()) == lists
