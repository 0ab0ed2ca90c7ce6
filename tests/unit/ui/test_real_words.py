"""What the page says of a real account."""

from app.ui import order_words, real_words, words

VIEW = {"state": "ready", "detail": "", "armed": False, "key": {"ends": "6789", "algorithm": "Ed25519"}, "found": 0, "differences": []}


def test_the_state_says_whether_real_orders_leave():
    assert real_words.state(VIEW) == ("reconciled", "good", "The account is reconciled. Real orders are not armed: none leaves.")
    assert real_words.state({**VIEW, "armed": True})[2].endswith("Real orders are armed.")
    assert real_words.state({**VIEW, "state": "off", "key": None})[0] == "no key"
    word, tone, sentence = real_words.state({**VIEW, "state": "refused", "detail": "Binance refused the key"})
    assert (word, tone) == ("refused", "bad") and "Binance refused the key" in sentence
    assert real_words.key(VIEW) == "The key that ends with 6789 (Ed25519) is in the vault." and real_words.key({**VIEW, "key": None}) == ""


def test_what_others_did_and_where_sums_differ():
    assert real_words.found(VIEW) == ""
    assert "It is in Orders" in real_words.found({**VIEW, "found": 1}) and "They are" in real_words.found({**VIEW, "found": 3})
    assert real_words.difference({"asset": "BNB", "ours": "0", "theirs": "1.5"}) == "BNB: the journal says 0, the venue holds 1.5."
    assert order_words.marks({"origin": "venue"}) == "found at the venue"


def test_armed_real_orders_are_called_real():
    title, (text,) = words.explain_orders({"accepting": True, "reason": "", "real": True})
    assert title == "Real orders are armed" and "real money" in text
    paper = words.explain_orders({"accepting": True, "reason": "", "real": True, "title": "Alpaca", "paper": True})[1][0]
    assert "Alpaca" in paper and "real money" not in paper


def test_arming_says_where_orders_go_and_whether_money_is_real():
    assert "real order at Binance, with real money" in real_words.arming({**VIEW, "title": "Binance"})
    paper = {**VIEW, "title": "Alpaca", "key": {"ends": "789A", "algorithm": "sent-as-is", "live": False}}
    assert "paper account at Alpaca" in real_words.arming(paper) and "real money" not in real_words.arming(paper)
    assert real_words.key(paper) == "The key that ends with 789A (paper account) is in the vault."
    assert set(real_words.KINDS) == set(real_words.ADVICE) == set(real_words.KEY_NAMES)
