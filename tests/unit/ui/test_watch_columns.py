"""A watchlist's columns and sort: chosen, remembered, carried in its file."""

from hypothesis import given
from hypothesis import strategies as st

from app.ui.watch_columns import BY_KEY, DEFAULT, SORTABLE, Look, by_text, read_look
from app.ui.watchlists import read_symbols

looks = st.builds(
    Look,
    st.lists(st.sampled_from(list(BY_KEY)), min_size=1, unique=True).map(tuple),
    st.one_of(st.just(("", False)), st.tuples(st.sampled_from(sorted(SORTABLE)), st.booleans())),
    st.sampled_from(["hour", "day"]),
)


@given(looks)
def test_a_look_comes_back_from_preferences_and_from_a_file(look):
    assert Look.from_kept(look.to_kept()) == look
    text = f"{look.to_line()}BTCUSDT\nETHUSDT\n"
    assert read_look(text) == look
    assert read_symbols(text, []).symbols == ["BTCUSDT", "ETHUSDT"], "the line of the look is no symbol"


def test_what_cannot_be_read_is_the_usual_look():
    for kept in (None, 3, [], {"columns": "last", "sort": 7}, {"columns": [1], "sort": [None, True]}, {"columns": ["no"], "sort": ["spark", True]}):
        assert Look.from_kept(kept) == Look()
    for text in ("", "BTCUSDT", "###Coins,BTCUSDT", "###Kontor", "###Kontor columns= sort= line", "###Kontor columns=x+y sort=z:falling line=week"):
        assert read_look(text) == Look()
    assert Look().to_kept() is None and Look().to_line() == ""


def test_columns_come_and_go_in_their_order_and_one_stays():
    look = Look().with_column("spark", True).with_column("bid", False)
    assert look.columns == ("last", "change", "ask", "spark") and look.told == ["spark"]
    for name in DEFAULT:
        look = look.with_column(name, False)
    assert look.columns == ("spark",) and look.with_column("spark", False) == look
    assert look.with_column("nonsense", True) == look
    assert Look(sort=("bid", True)).with_column("bid", False).sort == ("", False), "nobody sorts by what cannot be seen"


def test_a_head_pressed_three_times_is_not_sorted_again():
    look = Look().sorted_by("last")
    assert look.sort == ("last", True) and look.sorted_by("last").sort == ("last", False)
    assert look.sorted_by("last").sorted_by("last").sort == ("", False)
    assert Look().sorted_by("symbol").sort == ("symbol", False) and Look().sorted_by("spread").sort == ("spread", False)
    assert look.sorted_by("bid").sort == ("bid", True) and look.sorted_by("spark") == look


def test_widths_add_up():
    text, least = Look(("last", "spark")).widths(False)
    assert text == "minmax(76px, 1fr) minmax(82px, 1fr) minmax(72px, 1fr)" and least == 76 + 12 + 82 + 72


def test_words_find_name_currency_and_venue():
    rows = {"A": {"base": "BTC", "quote": "USD", "venue": "kraken"}, "B": {"base": "ETH", "quote": "EUR", "venue": "bitstamp"}}
    assert by_text(rows, rows, "kra") == ["A"] and by_text(rows, rows, "eur") == ["B"] and by_text(rows, rows, "") == ["A", "B"]
