"""Candles of mark, index and premium: one path, told at any interval, at a price that holds nobody up."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from infra.exchange.bar import SPANS_MS, next_open, open_time
from infra.exchange.public_candles import MOST, level_of
from infra.exchange.synthetic_market import synthetic_market
from tests.infra.exchange.staging import START_MS, Rig

MINUTE_MS = 60_000
MARKS_A_CALL_MAX = 220_000
KINDS = (("markPriceKlines", "symbol"), ("indexPriceKlines", "pair"), ("premiumIndexKlines", "symbol"))


def candles(rig: Rig, kind: str, name: str, interval: str, **sent: object) -> list[list[Any]]:
    status, rows = rig.ask("GET", f"/fapi/v1/{kind}", key=None, **{name: "DOGEUSDT", "interval": interval, **sent})
    assert status == 200
    return rows


@pytest.mark.parametrize("interval", SPANS_MS)
def test_a_call_looks_at_a_bounded_number_of_marks_and_at_sixty_a_long_candle(interval: str) -> None:
    minutes, step = SPANS_MS[interval] // MINUTE_MS, 1 << level_of(interval)
    years_7 = 7 * 366 * 1_440
    assert min(MOST * minutes, years_7) / step <= MARKS_A_CALL_MAX
    assert minutes // step >= min(minutes, 60)


@pytest.mark.parametrize("interval", SPANS_MS)
def test_both_ends_of_a_candle_are_marks_that_minutes_tell_too(interval: str) -> None:
    rig = Rig()
    for kind, name in KINDS:
        rows = candles(rig, kind, name, interval, limit=4)
        for before, after in pairwise(rows):
            assert before[4] == after[1]
            assert before[6] + 1 == after[0]
        for row in rows:
            values = [float(text) for text in row[1:5]]
            assert min(values) == values[2]
            assert max(values) == values[1]
        if kind != "premiumIndexKlines" or interval != "1M":
            (minute,) = candles(rig, kind, name, "1m", startTime=rows[-1][0], limit=1)
            assert minute[1] == rows[-1][1]


def test_the_extremes_of_a_long_candle_are_within_those_of_its_minutes_and_near_them() -> None:
    rig = Rig()
    (day,) = candles(rig, "markPriceKlines", "symbol", "1d", endTime=START_MS - 86_400_000, limit=1)
    minutes = candles(rig, "markPriceKlines", "symbol", "1m", startTime=day[0], endTime=day[6], limit=1_440)
    assert len(minutes) == 1_440
    high, low = max(float(row[2]) for row in minutes), min(float(row[3]) for row in minutes)
    assert low <= float(day[3]) < low * 1.01
    assert high * 0.99 < float(day[2]) <= high


def test_a_hurried_look_at_a_path_sees_what_a_thorough_one_sees() -> None:
    market = synthetic_market(1, ("BTCUSDT", "PEOPLEUSDT"), START_MS)
    first_ms = open_time("1d", START_MS) - 40 * 86_400_000
    until_ms = next_open("1d", first_ms + 38 * 86_400_000) + 7 * MINUTE_MS + 1_234
    for symbol in market.symbols:
        whole = market.mark_path(symbol, first_ms + 3 * MINUTE_MS, until_ms)
        for level in (1, 2, 5):
            some = market.mark_path(symbol, first_ms + 3 * MINUTE_MS, until_ms, level)
            places = np.searchsorted(whole.times, some.times)
            assert len(some.times) == pytest.approx(len(whole.times) / 2**level, abs=2)
            assert whole.times[places].tolist() == some.times.tolist()
            assert whole.mark[places].tolist() == some.mark.tolist()
            assert whole.indices[places].tolist() == some.indices.tolist()


def test_the_same_candle_is_the_same_among_few_and_among_many() -> None:
    rig = Rig()
    for kind, name in KINDS:
        few, many = (candles(rig, kind, name, "1d", limit=limit) for limit in (3, 90))
        assert many[-3:] == few
