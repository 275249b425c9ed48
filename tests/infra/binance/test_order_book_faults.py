"""A book behind a bad line: whatever is dropped, repeated or reordered, a book that says it is live is the true one."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from infra.binance.order_book import LocalBook, Outcome
from infra.binance.wire.frames import DepthUpdate

Book = tuple[dict[float, float], dict[float, float]]
COUNT = 40


@st.composite
def markets(draw: st.DrawFn) -> list[tuple[DepthUpdate, Book]]:
    """Give a market's changes, each with the book after it. Bids rest at 1 to 9, asks at 11 to 19: they never cross."""
    bids, asks = {9.0: 1.0}, {11.0: 1.0}
    told: list[tuple[DepthUpdate, Book]] = []
    last = 100
    for _ in range(COUNT):
        level = draw(st.tuples(st.integers(1, 9), st.sampled_from((0.0, 1.0, 2.5))))
        sold = draw(st.booleans())
        price, quantity = float(level[0] + 10 * sold), level[1]
        (asks if sold else bids)[price] = quantity
        first, previous, last = last + 1, last, last + draw(st.integers(1, 3))
        levels = ((price, quantity),)
        update = DepthUpdate(0, "X", first, last, () if sold else levels, levels if sold else (), previous)
        told.append((update, (dict(bids), dict(asks))))
    return told


@st.composite
def bad_line(draw: st.DrawFn) -> list[int]:
    """Give which of the changes arrive, in which order: mostly as they were sent."""
    places: list[int] = []
    for place in range(COUNT):
        places += [place] * draw(st.sampled_from((1, 1, 1, 1, 1, 0, 2)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(places) - 2)))
        places[at : at + 2] = reversed(places[at : at + 2])
    return places


def resting(side: dict[float, float]) -> dict[float, float]:
    return {price: quantity for price, quantity in side.items() if quantity}


def snapshot_of(told: Sequence[tuple[DepthUpdate, Book]], place: int) -> tuple[int, list[tuple[float, float]], ...]:
    update, (bids, asks) = told[place]
    return update.last_id, sorted(resting(bids).items()), sorted(resting(asks).items())


@given(markets(), bad_line(), st.lists(st.integers(-3, 3), min_size=COUNT, max_size=COUNT))
def test_a_live_book_is_the_true_book_of_its_last_change(
    told: list[tuple[DepthUpdate, Book]], arriving: list[int], ages: list[int]
) -> None:
    """Snapshots come from up to three changes ago to three changes ahead of what has arrived."""
    truth = {update.last_id: book for update, book in told}
    book = LocalBook("X")
    for count, place in enumerate(arriving):
        book.apply(told[place][0])
        if not book.live:
            book.load(*snapshot_of(told, min(max(place + ages[count % COUNT], 0), COUNT - 1)))
        if book.live:
            assert book.last_id is not None
            bids, asks = truth[book.last_id]
            assert dict(book.bids(99)) == resting(bids)
            assert dict(book.asks(99)) == resting(asks)


@given(markets(), bad_line())
def test_after_the_line_is_good_again_one_fresh_snapshot_is_enough(
    told: list[tuple[DepthUpdate, Book]], arriving: list[int]
) -> None:
    book = LocalBook("X")
    for place in arriving:
        book.apply(told[place][0])
        if not book.live:
            book.load(*snapshot_of(told, place))
    if not book.live or book.last_id != told[-1][0].last_id:
        book.reset()
        assert book.load(*snapshot_of(told, COUNT - 1)) is Outcome.APPLIED
    assert dict(book.bids(99)) == resting(told[-1][1][0])
