"""A ticket with nonsense names the field and the remedy, keeps what was typed, and sends nothing. A double click sends one."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.desk import DeskPage, Refused

pytestmark = pytest.mark.e2e

# field in which the mistake is, the ticket, words that have to stand beside the field
MISTAKES = [
    ("qty", {"qty": ""}, "Enter a number"),
    ("qty", {"qty": "abc"}, "is not a number"),
    ("qty", {"qty": "NaN"}, "Use digits"),
    ("qty", {"qty": "1e400"}, "Use digits"),
    ("qty", {"qty": "-1"}, "cannot be negative"),
    ("qty", {"qty": "0"}, "above zero"),
    ("qty", {"qty": "1,5"}, "1.5"),
    ("qty", {"qty": "0.000000001"}, "at least"),
    ("qty", {"qty": "0.010000001"}, "steps of"),
    ("qty", {"qty": "9" * 60}, "digits"),
    ("qty", {"qty": "9" * 29}, "cannot be meant"),
    ("qty", {"qty": "1000000"}, "buying power"),
    ("qty", {"qty": "<img src=x onerror=alert(1)>"}, "is not a number"),
    ("price", {"kind": "limit", "qty": "0.01", "price": " "}, "Enter a number"),
    ("price", {"kind": "limit", "qty": "0.01", "price": "60000.001"}, "steps of"),
    ("price", {"kind": "limit", "qty": "0.01", "price": "6000000"}, "decimal point"),
    ("price", {"kind": "limit", "qty": "0.01", "price": "Infinity"}, "Use digits"),
    ("stop", {"kind": "stop", "qty": "0.01", "stop": "1000"}, "above the ask"),
    ("stop", {"side": "sell", "kind": "stop", "qty": "0.01", "stop": "600000"}, "below the bid"),
    ("tif", {"kind": "stop", "qty": "0.01", "stop": "100000", "tif": "ioc"}, "Use good till cancelled or day"),
]


def test_nonsense_names_its_field_and_the_remedy(still: DeskPage):
    values = {}
    for field, ticket, words in MISTAKES:
        for name in ("qty", "price", "stop"):
            if still.by(f"ticket-{name}").is_enabled():
                still.by(f"ticket-{name}").fill("")
        still.by("ticket-tif").select_option("gtc")
        still.fill_ticket(**ticket)
        still.by("ticket-submit").click()
        error = still.page.locator(f"#ticket-{field}-error")
        expect(error, f"{ticket}").to_contain_text(words, ignore_case=True)
        expect(still.by(f"ticket-{field}")).to_have_attribute("aria-invalid", "true")
        for name in ("qty", "price", "stop"):
            if name in ticket:
                values[name] = ticket[name]
                expect(still.by(f"ticket-{name}")).to_have_value(ticket[name])
        expect(still.by("ticket-submit")).to_be_enabled()
    expect(still.by("order-row")).to_have_count(0)
    assert still.page.evaluate("() => document.querySelectorAll('img[src=x]').length") == 0
    # Mended, the same ticket goes through.
    still.by("ticket-tif").select_option("gtc")
    still.submit(side="buy", kind="market", qty="0.01")
    expect(still.by("order-row", status="filled")).to_have_count(1)


def test_a_refusal_is_seen_wherever_the_mistake_is(still: DeskPage):
    """What an order before came to never stands where a refused press is looked for, and no mistake stays out of sight."""
    page, said = still.page, still.page.locator(".ticket-result")
    still.submit(side="buy", kind="market", qty="0.01")
    expect(said).to_contain_text("Filled")
    expect(still.by("ticket-submit")).to_be_enabled()
    still.by("ticket-exits").click()
    page.locator("#ticket-take_profit").fill("1000")
    still.by("ticket-exits").click()
    still.by("ticket-submit").click()
    expect(said).to_have_text("Not sent; nothing was traded. See the marked field.")
    expect(page.locator("#ticket-take_profit-error")).to_be_visible()
    expect(page.locator("#ticket-take_profit")).to_be_focused()
    page.locator("#ticket-take_profit").fill("")
    still.fill_ticket(kind="limit", qty="0.01", price="60000")
    page.locator("#ticket-reduce_only").check()
    still.by("ticket-submit").click()
    expect(page.locator("#ticket-reduce_only-error")).to_contain_text("no short position")
    page.locator("#ticket-reduce_only").uncheck()
    still.by("ticket-tif").select_option("gtd")
    still.by("ticket-until").fill("2020-01-01T00:00")
    expect(page.locator("#ticket-until-error")).to_contain_text("in the past")
    assert len(still.orders()) == 1


def test_a_price_from_the_book_leaves_the_kind_of_order_as_it_is(still: DeskPage):
    still.fill_ticket(kind="iceberg", qty="0.5", price="60000")
    still.by("ticket-display").fill("0.1")
    still.page.locator(".level.bid[data-index='1']").click()
    expect(still.by("ticket-price")).not_to_have_value("60000")
    expect(still.by("ticket-submit")).to_contain_text("showing 0.1")
    expect(still.by("ticket-type")).to_have_value("iceberg")


def test_the_desk_itself_refuses_what_a_broken_page_would_send(still: DeskPage):
    good = {"symbol": "BTCUSDT", "side": "buy", "type": "limit", "tif": "gtc", "qty": "0.01", "price": "60000", "stop": None, "token": "x" * 20}
    good |= {"post_only": False, "reduce_only": False}
    hostile = [
        ("qty", "NaN"), ("qty", "1e400"), ("qty", "-1"), ("qty", 5.0), ("qty", None), ("qty", []), ("qty", "0.000000000000000001"),
        ("price", "Infinity"), ("price", "0"), ("price", "1" * 400), ("side", "both"), ("type", "fantasy"), ("tif", "ever"),
        ("symbol", "NOPE"), ("symbol", None), ("token", ""), ("token", 7),
    ]  # fmt: skip
    for field, value in hostile:
        with pytest.raises(Refused) as refused:
            still.ask("order.submit", **{**good, field: value})
        error = refused.value.error
        assert error["field"] == field and error["reason"] and error["remedy"], (field, value, error)
    expect(still.by("order-row")).to_have_count(0)


def test_a_double_click_and_a_held_enter_make_one_order(still: DeskPage):
    still.fill_ticket(side="buy", kind="market", qty="0.01")
    still.by("ticket-submit").dblclick()
    expect(still.by("order-row", status="filled")).to_have_count(1)
    expect(still.by("ticket-submit")).to_be_enabled()
    still.by("ticket-qty").press("Enter")
    still.by("ticket-qty").press("Enter")
    expect(still.by("order-row", status="filled")).to_have_count(2)
    expect(still.by("ticket-submit")).to_be_enabled()
    assert len(still.orders()) == 2


def test_the_same_press_told_twice_is_one_order(still: DeskPage):
    fields = {"symbol": "BTCUSDT", "side": "buy", "type": "market", "tif": "ioc", "qty": "0.01", "price": None, "stop": None}
    fields |= {"post_only": False, "reduce_only": False}
    first = still.ask("order.submit", **fields, token="one press")
    again = still.ask("order.submit", **fields, token="one press")
    assert first["client_order_id"] == again["client_order_id"]
    expect(still.by("order-row")).to_have_count(1)
    expect(still.by("fill-row")).to_have_count(1)
