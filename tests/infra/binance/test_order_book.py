"""The local book: Binance's rule for snapshot and changes, and a recorded market as the judge."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from domain.book import SHOWN_LEVELS
from infra.binance.order_book import LEVELS_MAX, BookTop, LocalBook, Outcome
from infra.binance.wire import decode
from infra.binance.wire.control_frames import BookSnapshot
from infra.binance.wire.frames import DepthUpdate
from tests.infra.binance.payloads import ROOT, recorded_frames

Levels = tuple[tuple[float, float], ...]


def change(first: int, last: int, previous: int | None, bids: Levels = (), asks: Levels = ()) -> DepthUpdate:
    return DepthUpdate(0, "X", first, last, bids, asks, previous)


def live_book() -> LocalBook:
    book = LocalBook("X")
    assert book.load(100, ((9.0, 1.0), (8.0, 2.0)), ((10.0, 3.0), (11.0, 4.0))) is Outcome.APPLIED
    return book


def test_changes_wait_for_the_snapshot_and_older_ones_are_dropped() -> None:
    book = LocalBook("X")
    assert book.apply(change(80, 90, 79, bids=((9.5, 9.0),))) is Outcome.WAITING
    assert book.apply(change(91, 105, 90, bids=((9.0, 5.0),))) is Outcome.WAITING
    assert book.apply(change(106, 110, 105, asks=((10.0, 0.0),))) is Outcome.WAITING
    assert (book.best(), book.live, book.waiting) == (None, False, 3)
    assert book.load(100, ((9.0, 1.0),), ((10.0, 3.0), (11.0, 4.0))) is Outcome.APPLIED
    assert book.best() == BookTop(9.0, 5.0, 11.0, 4.0)
    assert (book.last_id, book.waiting) == (110, 0)


def test_a_snapshot_older_than_the_first_change_is_refused() -> None:
    book = LocalBook("X")
    book.apply(change(150, 160, 149))
    assert book.load(100, ((9.0, 1.0),), ((10.0, 3.0),)) is Outcome.TOO_OLD
    assert not book.live
    assert book.load(155, ((9.0, 1.0),), ((10.0, 3.0),)) is Outcome.APPLIED


@pytest.mark.parametrize(("first", "last", "previous", "outcome"), [
    (95, 99, 94, Outcome.OLD),
    (95, 100, 94, Outcome.APPLIED),  # ends with the snapshot: says the same, and is the first
    (95, 105, 94, Outcome.APPLIED),
    (101, 105, 100, Outcome.APPLIED),
    (103, 105, 100, Outcome.APPLIED),  # ids between changes may be left out; `pu` is what counts
    (103, 105, 102, Outcome.GAP),
    (103, 105, None, Outcome.GAP),
])  # fmt: skip
def test_the_first_change_must_join_the_snapshot(first: int, last: int, previous: int | None, outcome: Outcome) -> None:
    assert live_book().apply(change(first, last, previous)) is outcome


def test_a_gap_empties_the_book_until_the_next_snapshot() -> None:
    book = live_book()
    assert book.apply(change(101, 105, 100)) is Outcome.APPLIED
    assert book.apply(change(101, 105, 100)) is Outcome.OLD  # a repeat is no gap
    assert book.apply(change(108, 110, 107)) is Outcome.GAP
    assert (book.live, book.best(), book.summary(), book.gaps) == (False, None, None, 1)
    assert book.apply(change(111, 115, 110, bids=((9.5, 1.0),))) is Outcome.WAITING
    assert book.load(112, ((9.0, 1.0),), ((10.0, 1.0),)) is Outcome.APPLIED
    assert book.best() == BookTop(9.5, 1.0, 10.0, 1.0)


def test_sides_that_cross_are_a_gap() -> None:
    book = live_book()
    assert book.apply(change(101, 105, 100, bids=((10.0, 1.0),))) is Outcome.GAP
    assert (book.live, book.gaps) == (False, 1)
    assert book.apply(change(106, 107, 105)) is Outcome.WAITING


def test_a_gap_among_those_that_wait_is_found_when_the_snapshot_comes() -> None:
    book = LocalBook("X")
    for update in (change(95, 105, 94), change(111, 120, 110), change(121, 130, 120)):
        book.apply(update)
    assert book.load(100, ((9.0, 1.0),), ((10.0, 1.0),)) is Outcome.GAP
    assert (book.live, book.waiting) == (False, 2)
    assert book.load(115, ((9.0, 1.0),), ((10.0, 1.0),)) is Outcome.APPLIED
    assert book.last_id == 130


def test_a_lost_connection_makes_the_book_begin_again() -> None:
    book = live_book()
    book.reset()
    assert book.apply(change(101, 105, 100)) is Outcome.WAITING


def test_a_partial_stream_is_the_top_itself() -> None:
    book = LocalBook("X")
    book.replace(change(1, 2, None, ((9.0, 1.0),), ((10.0, 2.0),)))
    assert book.best() == BookTop(9.0, 1.0, 10.0, 2.0)
    assert (book.bids(), book.asks()) == ([(9.0, 1.0)], [(10.0, 2.0)])


def test_what_rests_near_the_middle_is_summed() -> None:
    book = LocalBook("X")
    book.load(1, ((99.0, 1.0), (95.0, 2.0), (90.0, 4.0)), ((101.0, 1.0), (105.0, 3.0), (110.0, 5.0)))
    assert book.notional_within(100.0) == (99.0, 101.0)
    assert book.notional_within(500.0) == (99.0 + 190.0, 101.0 + 315.0)
    assert LocalBook("X").notional_within(100.0) is None


def test_the_summary_sweeps_the_book() -> None:
    """100 kUSDT against cryptosignal.md's worked book: buy 4.759 bps, sell 4.251 bps."""
    book = LocalBook("X")
    bids = tuple((round(100 - 0.01 * (j + 1), 2), 50.0 * (j + 1)) for j in range(20))
    asks = tuple((round(100 + 0.01 * (j + 1), 2), 40.0 * (j + 1)) for j in range(20))
    book.load(1, bids, asks)
    summary = book.summary(own_notional=50_000.0)
    assert summary is not None
    assert summary.spread_bps == pytest.approx(2.0, abs=1e-6)
    assert summary.buy_impact_bps == pytest.approx(4.759, abs=5e-4)
    assert summary.sell_impact_bps == pytest.approx(4.251, abs=5e-4)
    bids_notional, asks_notional = (
        sum(price * quantity for price, quantity in side[:SHOWN_LEVELS]) for side in (bids, asks)
    )
    assert summary.imbalance == pytest.approx((bids_notional - asks_notional) / (bids_notional + asks_notional))


def test_a_book_is_bounded_and_forgets_what_is_furthest() -> None:
    book = live_book()
    many = tuple((12.0 + number, 1.0) for number in range(LEVELS_MAX + 50))
    book.apply(change(101, 105, 100, asks=many))
    assert len(book.asks(2 * LEVELS_MAX)) == LEVELS_MAX
    assert book.asks(1) == [(10.0, 3.0)]
    for number in range(3_000):
        LocalBook.apply(waiting := LocalBook("X"), change(number, number, number - 1))
    assert waiting.waiting <= 2_000


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 3)), max_size=60))
def test_a_book_holds_what_was_said_last_of_every_price(said: list[tuple[int, int]]) -> None:
    book, truth = LocalBook("X"), dict[float, float]()
    book.load(0, (), ((100.0, 1.0),))
    for number, (price, quantity) in enumerate(said, 1):
        truth[float(price)] = float(quantity)
        book.apply(change(number, number, number - 1, bids=((float(price), float(quantity)),)))
    resting = sorted(((price, quantity) for price, quantity in truth.items() if quantity), reverse=True)
    assert book.bids(100) == resting


# ── the recorded market ───────────────────────────────────────────────────────────────────────────────────────────


def recorded_changes() -> Iterator[DepthUpdate]:
    """Give the recorded changes; rows with one `u` form one change."""
    path = ROOT / "market/depth/BTCUSDT_2024-08-08_depthUpdate.parquet"
    if not path.exists():
        pytest.skip(f"no recorded depth at {path}: set HINDSIGHT_DATA to the folder that holds market/")
    columns = ["U", "u", "pu", "event_time", "side", "price", "qty"]
    rows = zip(*(parquet.read_table(path, columns=columns).column(name).to_pylist() for name in columns), strict=True)
    for (first, last, previous, time_ms), levels in groupby(rows, key=lambda row: row[:4]):
        sides: dict[int, list[tuple[float, float]]] = {1: [], -1: []}
        for *_, side, price, quantity in levels:
            sides[side].append((price, quantity))
        yield DepthUpdate(time_ms, "BTCUSDT", first, last, tuple(sides[1]), tuple(sides[-1]), previous)


def recorded_snapshot() -> BookSnapshot:
    for _, raw in recorded_frames("hftbacktest/frames/ws_BTCUSDT_2024-08-08_first120s.jsonl.gz"):
        if raw.startswith(b'{"lastUpdateId"'):
            message = decode(raw)
            assert isinstance(message, BookSnapshot)
            return message
    raise AssertionError("the recording holds no snapshot")


def recorded_best() -> list[tuple[int, BookTop]]:
    path = ROOT / "market/depth/BTCUSDT_2024-08-08_bookTicker.parquet"
    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return [(row["u"], BookTop(row["bid"], row["bid_qty"], row["ask"], row["ask_qty"])) for row in rows]


def test_the_recorded_depth_rebuilds_a_book_whose_best_prices_are_the_recorded_ones() -> None:
    """Both streams number the changes of one book: after a change with last id `u`, the book is what the newest
    bookTicker with an id ≤ `u` says, prices and quantities. So they are aligned by id; receipt times play no part."""
    book, ticks, at = LocalBook("BTCUSDT"), recorded_best(), 0
    snapshot = recorded_snapshot()
    compared = levels = different = 0
    loaded = False
    for update in recorded_changes():
        levels += len(update.bids) + len(update.asks)
        if not loaded and update.last_id >= snapshot.last_id:
            book.apply(update)
            assert book.load(snapshot.last_id, snapshot.bids, snapshot.asks) is Outcome.APPLIED
            loaded = True
        else:
            assert book.apply(update) in ({Outcome.APPLIED} if loaded else {Outcome.WAITING})
        if not loaded:
            continue
        while at + 1 < len(ticks) and ticks[at + 1][0] <= update.last_id:
            at += 1
        compared += 1
        different += book.best() != ticks[at][1]
    assert levels > 440_000
    assert compared > 5_000
    assert (book.gaps, different) == (0, 0)
