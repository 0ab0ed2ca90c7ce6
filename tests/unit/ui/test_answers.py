"""What came of a request in words: an unanswered one is never said not to have happened, nor an asked-for change to have."""

from types import SimpleNamespace

import pytest

from app.ui.answers import amended, found_press, not_done, sent, split


def refused(code: str, reason: str = "the price is too far away", remedy: str = "use a nearer one") -> SimpleNamespace:
    return SimpleNamespace(code=code, reason=reason, remedy=remedy)


def test_a_refusal_says_what_did_not_happen():
    assert not_done(refused("bad_price"), "Not amended; it stands.") == ("danger", "Not amended; it stands. The price is too far away. Use a nearer one.")
    assert not_done(refused("no_desk", "no tab is the desk now", ""), "Not sent") == ("danger", "Not sent. No tab is the desk now.")
    assert not_done(refused("bad_price"), "") == ("danger", "The price is too far away. Use a nearer one.")


def test_no_answer_is_not_said_to_be_a_refusal():
    tone, text = not_done(refused("ended", "the vault was locked before the answer came", "look what stands there now"), "Not sent; nothing was traded")
    assert tone == "amber" and text == "No answer, so it may have been done. The vault was locked before the answer came. Look what stands there now."


REFUSED = {"outcome": "refused", "status": "accepted", "code": "too_late"}


@pytest.mark.parametrize(
    ("found", "tone", "text"),
    [
        ({"outcome": "amended", "status": "accepted", "code": "", "reason": ""}, "good", "Amended: Buy 1 at 5."),
        ({**REFUSED, "reason": ""}, "danger", "Not amended: the venue refused (too_late). The order stands as it was."),
        ({**REFUSED, "reason": "it is sold"}, "danger", "Not amended: the venue refused (too_late). It is sold. The order stands as it was."),
        ({"outcome": "ended", "status": "filled", "code": "", "reason": ""}, "amber", "Not amended: the order is filled."),
        (
            {"outcome": "ended", "status": "cancelled", "code": "", "reason": "what was left, 1, was not placed: too little"},
            "amber",
            "Not amended: the order is cancelled. What was left, 1, was not placed: too little.",
        ),
        ({**REFUSED, "outcome": "unresolved", "reason": ""}, "amber", "The venue has not answered yet; the order is shown as amending until it has."),
    ],
)
def test_an_amendment_is_said_to_be_done_only_when_it_is(found, tone, text):
    assert amended(found, "Buy 1 at 5") == (tone, text)


def order(cid: str, created_ns: int, **more) -> dict:
    base = {"client_order_id": cid, "symbol": "A", "side": "buy", "type": "limit", "tif": "gtc", "qty": "1", "price": "5", "stop": None}
    return {**base, "post_only": False, "reduce_only": False, "origin": "desk", "created_ns": created_ns, **more}


def test_the_order_of_a_press_without_an_answer_is_found_in_the_journal():
    fields = {key: value for key, value in order("", 0).items() if key not in ("client_order_id", "origin", "created_ns")}
    rows = [order("before", 9), order("other", 12, qty="2"), order("foreign", 12, origin="venue"), order("mine", 11)]
    assert found_press(rows, fields, 10)["client_order_id"] == "mine"
    assert found_press(rows[:3], fields, 10) is None, "an equal order of before is not this press"
    routed = order("routed", 11, type="limit", legs=["a", "b"], stop=None, post_only=False)
    assert found_press([routed], {**fields, "route": "split"}, 10) is routed
    part = {**routed, "qty": "0.4", "parts": [{"qty": "0.4"}, {"qty": "0.6"}]}
    assert found_press([part], {**fields, "route": "split"}, 10) is part, "the account has a part of it only"
    assert found_press([{**part, "parts": []}], {**fields, "route": "split"}, 10) is None
    assert found_press([order("oco", 11, stop=None)], {**fields, "type": "oco", "stop": "4"}, 10)["client_order_id"] == "oco"


def test_a_split_says_what_is_held_now_and_what_it_cancelled():
    made = {"symbol": "AAPL", "new": 4, "old": 1, "qty": "4000", "cancelled": 0}
    assert split(made) == "Split AAPL 4 for 1: the position is 4,000 now."
    assert split({**made, "cancelled": 2}).endswith(" 2 orders cancelled before.")


PARTS = [
    {"account": "paper", "title": "Paper", "real": False, "client_order_id": "kt-p", "qty": "1.5", "sent": True, "status": "accepted", "reason": ""},
    {"account": "binance", "title": "Binance", "real": True, "client_order_id": "kt-b", "qty": "1", "sent": True, "status": "filled", "reason": ""},
]


def test_an_order_over_accounts_says_what_went_where_and_what_did_not():
    assert sent({"accounts": PARTS, "reason": ""}, "BTC") == ("good", "Sent: 1.5 BTC in Paper (working), 1 BTC in Binance (real money) (filled).")
    half = [PARTS[0], {**PARTS[1], "sent": False, "status": None, "reason": "the disk is full"}]
    reason = "Only a part was sent. Not sent: 1 BTC in Binance (real money) (the disk is full)."
    assert sent({"accounts": half, "reason": reason}, "BTC") == ("danger", f"{reason} Sent: 1.5 BTC in Paper (working).")
    rejected = [PARTS[0], {**PARTS[1], "status": "rejected", "reason": "too late"}]
    tone, text = sent({"accounts": rejected, "reason": ""}, "BTC")
    assert tone == "amber" and text.endswith("(rejected). Binance: too late.")
