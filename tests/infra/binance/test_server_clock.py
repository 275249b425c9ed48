"""The exchange's clock: corrected by half the round trip, and the quickest answer is believed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.binance.server_clock import KEPT, ServerClock


def test_before_the_first_answer_nothing_is_corrected() -> None:
    clock = ServerClock()
    assert (clock.offset_ms, clock.known, clock.uncertainty_ms) == (0, False, None)


def test_half_the_round_trip_is_taken_off() -> None:
    clock = ServerClock()
    clock.observe(sent_ms=1_000, received_ms=1_200, server_ms=5_100)
    assert (clock.offset_ms, clock.uncertainty_ms) == (4_000, 100)


def test_the_quickest_answer_counts_and_old_ones_are_forgotten() -> None:
    clock = ServerClock()
    clock.observe(0, 10, 1_005)
    clock.observe(100, 700, 2_000)
    assert clock.offset_ms == 1_000
    for start in range(1_000, 1_000 + KEPT):
        clock.observe(start, start + 100, start + 50 + 7)
    assert clock.offset_ms == 7


@given(st.integers(-(10**9), 10**9), st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 3_000)), min_size=1))
def test_the_offset_is_never_further_off_than_it_says(offset: int, trips: list[tuple[int, int]]) -> None:
    clock = ServerClock()
    sent = 10**12
    for there, back in trips[-KEPT:]:
        clock.observe(sent, sent + there + back, sent + there + offset)
        sent += 5_000
    assert clock.uncertainty_ms is not None
    assert abs(clock.offset_ms - offset) <= clock.uncertainty_ms
