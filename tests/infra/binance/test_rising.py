"""A number that was never true: the frames after it refute it; nothing that is merely late ever does."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from infra.binance.feed_values import Statistics
from infra.binance.once import Once
from infra.binance.order_book import LocalBook, Outcome
from infra.binance.rising import WITNESSES
from infra.binance.wire import decode
from infra.binance.wire.frames import DepthUpdate
from tests.infra.binance.stream_server import book_ticker

ABSURD = 10**15


def read(frame: dict[str, Any]) -> Any:
    return decode(msgspec.json.encode(frame))


class Ear:
    """Hears book tickers of one symbol on several connections."""

    def __init__(self) -> None:
        self.statistics = Statistics()
        self.once = Once(self.statistics)
        self.taken: list[int] = []

    def hear(self, *numbers: int, source: int = 1) -> list[int]:
        """Give those that were new."""
        taken = [n for n in numbers if self.once.is_new("x@bookTicker", read(book_ticker("X", n)), source)]
        self.taken += taken
        return taken


def test_an_absurd_number_mutes_its_stream_for_a_few_frames_only() -> None:
    ear = Ear()
    assert ear.hear(100, 101, ABSURD) == [100, 101, ABSURD]
    assert ear.hear(*range(102, 120)) == list(range(101 + WITNESSES, 120))
    assert ear.statistics.refuted == 1
    assert ear.hear(103, 119) == [], "afterwards what is late is late again"


def test_the_witnesses_steps_may_be_of_any_size() -> None:
    ear = Ear()
    numbers = [7_000 * n + n % 5 for n in range(1, 40)]
    ear.hear(*numbers[:3], numbers[3] + 7_000 * 1_000)
    assert ear.hear(*numbers[4:]) == numbers[4 + WITNESSES - 1 :]


def test_one_that_was_overtaken_by_a_few_is_followed_and_not_refuted() -> None:
    ear = Ear()
    assert ear.hear(90, 100, *range(91, 104)) == [90, 100, 101, 102, 103]
    assert ear.statistics.refuted == 0


def test_repetitions_are_no_witnesses() -> None:
    ear = Ear()
    assert ear.hear(100, ABSURD, *[101] * 50, *[ABSURD] * 50) == [100, ABSURD]


def test_late_ones_in_no_order_are_no_witnesses() -> None:
    ear = Ear()
    assert ear.hear(100_000, *range(99_000, 98_000, -1)) == [100_000]


def test_a_late_one_among_the_witnesses_only_makes_it_last_longer() -> None:
    ear = Ear()
    ear.hear(100, ABSURD)
    assert ear.hear(101, 102, 103, 50, 104, 105, 106, 107, 108) == [107, 108]


def test_a_higher_one_in_between_clears_the_number_of_doubt() -> None:
    ear = Ear()
    ear.hear(100, 50_000)
    taken = ear.hear(101, 102, 103, 104, 50_001, 105, 106, 107, 108)
    assert taken == [50_001]


def test_a_connection_that_lags_behind_refutes_nothing() -> None:
    ear = Ear()
    ear.hear(*range(1_000, 3_000), source=1)
    assert ear.hear(*range(1_000, 3_005), source=2) == [3_000, 3_001, 3_002, 3_003, 3_004]
    assert ear.statistics.refuted == 0


def test_the_successor_of_a_connection_that_ended_with_an_absurd_number_is_heard() -> None:
    ear = Ear()
    ear.hear(100, 101, ABSURD, source=1)
    assert ear.hear(*range(100, 110), source=2) == [100 + WITNESSES - 1, *range(100 + WITNESSES, 110)]


@given(
    st.lists(st.tuples(st.integers(1, 2), st.integers(0, 3)), max_size=300),
    st.integers(1, 1_000),
)
def test_two_connections_that_overlap_never_bring_an_older_quote(turns: list[tuple[int, int]], step: int) -> None:
    """Each brings the whole stream in order, some frames twice; whoever is ahead, what passes only rises."""
    ear, places = Ear(), {1: 0, 2: 0}
    for source, moved in turns:
        places[source] += moved
        ear.hear(step * (1 + places[source]), source=source)
    assert ear.taken == sorted(set(ear.taken))
    assert ear.taken[-1:] == [max(ear.taken, default=0)][: len(ear.taken)]


@given(st.lists(st.integers(1, 400), unique=True, min_size=1, max_size=60), st.data())
def test_wherever_the_absurd_one_stands_the_end_of_the_stream_is_heard(gaps: list[int], data: st.DataObject) -> None:
    numbers = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    tail = [numbers[-1] + 10 * n for n in range(1, 2 * WITNESSES)]
    ear = Ear()
    place = data.draw(st.integers(0, len(numbers)))
    ear.hear(*numbers[:place], ABSURD, *numbers[place:], *tail)
    assert ear.taken[-1] == tail[-1]
    heard = [number for number in ear.taken if number != ABSURD]
    assert heard == sorted(set(heard))


def test_the_whole_top_of_a_book_is_not_replaced_by_an_older_one() -> None:
    once = Once()

    def top(last: int) -> DepthUpdate:
        return DepthUpdate(0, "X", last, last, ((9.0, 1.0),), ((10.0, 1.0),), last - 1)

    stream = "x@depth20@500ms"
    assert [once.is_new(stream, top(n), 1) for n in (5, 6, 5, 6, 7)] == [True, True, False, False, True]
    assert all(once.is_new("x@depth@100ms", top(n), 1) for n in (5, 6, 5)), "changes number themselves"


# ── books of changes ──────────────────────────────────────────────────────────────────────────────────────────────


def change(first: int, last: int, previous: int) -> DepthUpdate:
    return DepthUpdate(0, "X", first, last, ((9.0, float(last)),), (), previous)


def followed(book: LocalBook, first: int, count: int) -> list[Outcome]:
    return [book.apply(change(n, n, n - 1)) for n in range(first, first + count)]


def live_book() -> LocalBook:
    book = LocalBook("X")
    book.load(100, ((8.0, 1.0),), ((10.0, 1.0),))
    followed(book, 101, 3)
    return book


def test_a_change_that_claims_absurd_ids_costs_a_snapshot_and_not_the_book() -> None:
    book = live_book()
    assert book.apply(change(104, ABSURD, 103)) is Outcome.APPLIED
    assert followed(book, 104, 4) == [Outcome.GAP, *[Outcome.WAITING] * 3]
    assert book.load(105, ((8.0, 1.0),), ((10.0, 1.0),)) is Outcome.APPLIED
    assert (book.last_id, book.gaps) == (107, 1)


def test_a_change_with_absurd_ids_throughout_does_not_wait_for_ever() -> None:
    book = live_book()
    assert book.apply(change(ABSURD, ABSURD + 1, ABSURD - 1)) is Outcome.GAP
    assert followed(book, 104, 6) == [Outcome.WAITING] * 6
    assert book.load(106, ((8.0, 1.0),), ((10.0, 1.0),)) is Outcome.APPLIED
    assert (book.last_id, book.gaps, book.left_out) == (109, 1, 1)
    assert followed(book, 110, 1) == [Outcome.APPLIED]


def test_a_connection_that_lags_behind_contradicts_no_change() -> None:
    book = live_book()
    followed(book, 104, 50)
    assert followed(book, 90, 64) == [Outcome.OLD] * 64
    assert (book.last_id, book.gaps) == (153, 0)
