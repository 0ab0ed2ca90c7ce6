from app.desk.settings import Settings, from_query


def test_an_empty_query_gives_the_embedded_replay_at_real_speed():
    assert from_query({}) == Settings(venue="replay", speed=1.0, seed=0)


def test_good_values_are_taken():
    settings = from_query({"venue": "binance", "speed": "20", "seed": "7", "binance_ws": "ws://127.0.0.1:9/stream"})
    assert (settings.venue, settings.speed, settings.seed) == ("binance", 20.0, 7)
    assert settings.addresses == {"binance_ws": "ws://127.0.0.1:9/stream"}
    assert settings.problems == ()


def test_bad_values_keep_their_default_and_are_named():
    settings = from_query({"venue": "<b>", "speed": "nan", "seed": "-1", "binance_rest": "javascript:1"})
    assert settings.venue == "replay" and settings.speed == 1.0 and settings.seed == 0 and settings.addresses == {}
    assert [problem.split("=")[0].split(":")[0] for problem in settings.problems] == ["venue", "speed", "seed", "binance_rest"]
    assert settings.problems[2] == "seed=-1: not a number from 0 to 9,007,199,254,740,992; 0 is used"


def test_speed_zero_is_as_fast_as_possible_and_slower_than_a_tenth_is_a_tenth():
    assert from_query({"speed": "0"}).speed == 0
    assert from_query({"speed": "0.01"}).speed == 0.1


def test_several_venues_are_taken_once_each_and_live_is_all_of_them():
    assert from_query({"venue": "kraken, coinbase,kraken"}).venues == ("kraken", "coinbase")
    assert from_query({"venue": "live"}).venues == ("binance", "usdm", "coinbase", "kraken", "bitstamp")
    settings = from_query({"venue": "kraken,nasdaq,replay"})
    assert settings.venues == ("kraken",) and len(settings.problems) == 2


def test_instruments_can_be_chosen_for_each_venue():
    settings = from_query({"venue": "kraken", "kraken_symbols": "BTC/USD, ETH/USD,BTC/USD", "binance_symbols": "x" * 41})
    assert settings.symbols == {"kraken": ("BTC/USD", "ETH/USD")}
    assert settings.problems[0].startswith("binance_symbols")


def test_alpaca_needs_a_key_and_so_is_not_among_all_live_venues():
    addresses = {"alpaca_trade": "https://paper-api.alpaca.markets", "alpaca_ws": "wss://a/v2/sip"}
    found = from_query({"venue": "alpaca", "account": "alpaca", **addresses, "alpaca_symbols": "AAPL,SPY"})
    assert (found.venue, found.account, found.problems) == ("alpaca", "alpaca", ())
    assert found.addresses == addresses and found.symbols == {"alpaca": ("AAPL", "SPY")}
    assert "alpaca" not in from_query({"venue": "live"}).venues and from_query({"venue": "alpaca,kraken"}).venues == ("alpaca", "kraken")
    wrong = from_query({"venue": "kraken", "account": "alpaca", "alpaca_trade": "wss://x"})
    assert wrong.account == "paper" and len(wrong.problems) == 2
