"""Which of Alpaca's orders are one of ours, and that each execution counts once, told in whatever order and by whichever order."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.model.orders import Side
from app.venues.alpaca import rules
from app.venues.alpaca.chain import Chain
from app.venues.alpaca.orders import Execution, State


class Book:
    """What the journal has applied."""

    account = "a"

    def __init__(self) -> None:
        self.applied: dict[str, object] = {}

    def order(self, _cid):
        return None

    def fills(self, _cid):
        return list(self.applied.values())

    def knows_fill(self, name):
        return name in self.applied

    def apply(self, execution):
        fill = execution.fill("kt-a", rules.instrument("AAPL"))
        assert fill.fill_id not in self.applied
        self.applied[fill.fill_id] = fill


def execution(part: str, qty: int, cumulative: int) -> Execution:
    return Execution(part, "AAPL", Side.BUY, Decimal(qty), Decimal(100), Decimal(cumulative), 0)


def state(part: str, filled: int, qty: int = 10, status: str = "new", average: str | None = "100") -> State:
    about = ("AAPL", part, "kt-a", status, "limit", "buy", "day", Decimal(qty), None, Decimal(filled))
    return State(*about, None, None, None, None, "t", average and Decimal(average))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.data())
def test_executions_in_any_order_and_repetition_are_taken_once_when_they_follow(sizes, data):
    book, total, told = Book(), 0, []
    chain = Chain(book)
    chain.name("v1", "kt-a")
    for size in sizes:
        total += size
        told.append(execution("v1", size, total))
    for each in data.draw(st.lists(st.sampled_from(told), max_size=20)) + told:
        if chain.follows(each) and chain.take(each):
            book.apply(each)
        if data.draw(st.booleans()):  # the desk starts anew from its journal
            chain = Chain(book)
            chain.name("v1", "kt-a")
    assert chain.filled("v1") == total == sum(fill.qty for fill in book.applied.values())
    assert chain.is_whole(state("v1", total)) and not chain.is_whole(state("v1", total + 1))


def test_a_replacement_that_counts_anew_and_one_that_takes_over_what_was_filled():
    for carried in (0, 4):
        book = Book()
        chain = Chain(book)
        chain.name("v1", "kt-a")
        for part, qty, cumulative in (("v1", 4, 4), ("v2", 3, carried + 3)):
            if part == "v2":
                chain.name("v2", "kt-a")
                assert chain.before("v2") == 4 and chain.last("kt-a") == "v2"
                if carried:
                    assert not chain.is_whole(state("v2", 4))  # it might be an execution of its own that was lost
                    chain.no_more(state("v2", 4))
                    assert chain.is_whole(state("v2", 4))
            each = execution(part, qty, cumulative)
            assert chain.follows(each) and chain.take(each)
            book.apply(each)
        assert chain.journalled("kt-a") == 7
        assert chain.is_whole(state("v2", carried + 3)) and not chain.follows(execution("v2", 1, carried + 5))


def test_the_word_of_an_order_is_that_of_all_its_parts_and_never_an_older_one():
    chain = Chain(Book())
    chain.name("v1", "kt-a")
    chain.see(state("v1", 4, 10, "replaced", "100"))
    chain.see(state("v1", 0, 10, "new", None))  # late
    chain.name("v2", "kt-a")
    assert chain.word("kt-a") is None
    chain.see(state("v2", 2, 6, "partially_filled", "103"))
    word = chain.word("kt-a")
    assert (word.status, word.works, word.qty, word.filled, word.average) == ("partially_filled", True, 10, 6, Decimal(101))


def test_parts_named_in_any_order_stand_as_they_replaced_one_another():
    chain = Chain(Book())
    chain.name("v3", "kt-a")  # a report came first
    chain.order("kt-a", ["v1", "v2"])
    chain.order("kt-a", ["v1", "v2", "v3"])
    assert chain.last("kt-a") == "v3" and [chain.owner(part) for part in ("v1", "v2", "v3")] == ["kt-a"] * 3
    chain.name("v4", "kt-a")
    chain.order("kt-a", ["v2", "v3"])
    assert chain.last("kt-a") == "v4"
    chain.take(execution("v1", 4, 4))
    assert [chain.before(part) for part in ("v1", "v2", "v3")] == [0, 4, 4]
