"""Market time that runs faster than real time, on a monotonic clock that a test holds in its hand."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.clock import ExchangeClock, ScaledClock, wall_ms

PATIENT = settings(deadline=None)  # the machine may be busy

START_MS = 1_700_000_000_000


class Hands:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 12_345.0

    def __call__(self) -> float:
        return self.seconds


def scaled(speed: float) -> tuple[ScaledClock, Hands]:
    hands = Hands()
    return ScaledClock(START_MS, speed, hands), hands


def test_market_time_starts_where_it_is_told_and_runs_at_its_speed() -> None:
    clock, hands = scaled(60.0)
    assert clock.now_ms() == START_MS
    hands.seconds += 2.0
    assert clock.now_ms() == START_MS + 120_000


def test_a_clock_can_run_slower_than_the_world() -> None:
    clock, hands = scaled(0.5)
    hands.seconds += 3.0
    assert clock.now_ms() == START_MS + 1_500


def test_its_kind_says_the_speed() -> None:
    assert scaled(60.0)[0].kind == "scaled x60"
    assert scaled(0.5)[0].kind == "scaled x0.5"


def test_the_real_seconds_until_a_market_time_are_divided_by_the_speed() -> None:
    clock, hands = scaled(60.0)
    assert clock.seconds_until(START_MS + 60_000) == pytest.approx(1.0)
    hands.seconds += 3.0
    assert clock.seconds_until(START_MS + 60_000) == pytest.approx(-2.0)


def test_a_time_that_is_over_is_not_waited_for() -> None:
    clock, hands = scaled(1.0)
    hands.seconds += 10.0
    assert clock.sleep_until(START_MS, threading.Event())


def test_a_stop_ends_the_wait_and_says_so() -> None:
    clock, hands = scaled(1.0)
    stop = threading.Event()
    stop.set()
    assert not clock.sleep_until(START_MS + 10**9, stop)
    hands.seconds += 10.0
    assert not clock.sleep_until(START_MS, stop), "also if there was nothing to wait for"


def test_a_stop_from_another_thread_ends_a_long_wait() -> None:
    clock, stop, waited = ScaledClock(START_MS, 1.0), threading.Event(), []
    thread = threading.Thread(target=lambda: waited.append(clock.sleep_until(START_MS + 10**9, stop)))
    thread.start()
    stop.set()
    thread.join(10.0)
    assert waited == [False]


@PATIENT
@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.001, 100_000))
def test_market_time_never_runs_backwards(steps: list[float], speed: float) -> None:
    clock, hands = scaled(speed)
    seen = [clock.now_ms()]
    for step in steps:
        hands.seconds += step
        seen.append(clock.now_ms())
    assert seen == sorted(seen)


def test_the_wall_clock_is_utc_in_ms() -> None:
    before = time.time()
    assert int(before * 1000) <= wall_ms() <= int(time.time() * 1000) + 1


def test_the_exchanges_time_goes_on_from_what_it_said_at_its_speed() -> None:
    now = [10.0]
    clock = ExchangeClock(60.0, lambda: now[0])
    clock.set(1_000_000)
    now[0] += 0.5
    assert clock.now_ms() == 1_030_000
    assert clock.seconds_until(1_060_000) == 0.5
    clock.set(1_031_000)
    assert clock.now_ms() == 1_031_000
    stop = threading.Event()
    assert clock.sleep_until(1_000_000, stop)
    stop.set()
    assert not clock.sleep_until(1_000_000, stop)
