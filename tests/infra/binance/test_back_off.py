"""How long the wait before the next attempt is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.binance.back_off import BackOff, BackOffPolicy


def test_the_waits_grow_by_half_up_to_five_minutes() -> None:
    """The sequence of selflearningtrader.md §1.1."""
    expected = [5, 7.5, 11.25, 16.88, 25.31, 37.97, 56.95, 85.43, 128.14, 192.22, 288.33, 300, 300]
    waits = [BackOffPolicy().wait_s(failures, 0.5) for failures in range(1, 14)]
    assert waits == pytest.approx(expected, abs=0.01)


@given(st.integers(1, 100_000), st.floats(0, 1, exclude_max=True))
def test_the_jitter_is_a_tenth_either_way(failures: int, dice: float) -> None:
    plain = BackOffPolicy().wait_s(failures, 0.5)
    assert 0.9 * plain <= BackOffPolicy().wait_s(failures, dice) <= 1.1 * plain
    assert plain <= 300.0


def test_the_dice_are_thrown_for_every_wait() -> None:
    dice = iter([0.0, 0.5, 0.75])
    back_off = BackOff(BackOffPolicy(), lambda: next(dice))
    assert [back_off.failed() for _ in range(3)] == pytest.approx([4.5, 7.5, 11.25 * 1.05])


def test_a_success_begins_anew() -> None:
    back_off = BackOff(BackOffPolicy(), lambda: 0.5)
    assert [back_off.failed(), back_off.failed()] == [5.0, 7.5]
    back_off.succeeded()
    assert back_off.failed() == 5.0
