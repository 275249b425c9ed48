"""Candles of mark, index and premium: one path, told at any interval."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from infra.exchange.bar import SPANS_MS
from tests.infra.exchange.staging import START_MS, Rig

MINUTE_MS = 60_000
KINDS = (("markPriceKlines", "symbol"), ("indexPriceKlines", "pair"), ("premiumIndexKlines", "symbol"))


def candles(rig: Rig, kind: str, name: str, interval: str, **sent: object) -> list[list[Any]]:
    status, rows = rig.ask("GET", f"/fapi/v1/{kind}", key=None, **{name: "DOGEUSDT", "interval": interval, **sent})
    assert status == 200
    return rows


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


@pytest.mark.parametrize(("kind", "name"), KINDS)
@pytest.mark.parametrize("interval", ["2h", "1d"])
def test_the_extremes_of_a_long_candle_are_those_of_its_minutes(interval: str, kind: str, name: str) -> None:
    rig = Rig()
    (long,) = candles(rig, kind, name, interval, endTime=START_MS - 86_400_000, limit=1)
    minutes = candles(rig, kind, name, "1m", startTime=long[0], endTime=long[6], limit=1_440)
    assert len(minutes) == SPANS_MS[interval] // MINUTE_MS
    assert float(long[2]) == max(float(row[2]) for row in minutes)
    assert float(long[3]) == min(float(row[3]) for row in minutes)
    assert (long[1], long[4]) == (minutes[0][1], minutes[-1][4])


def test_the_same_candle_is_the_same_among_few_and_among_many() -> None:
    rig = Rig()
    for kind, name in KINDS:
        few, many = (candles(rig, kind, name, "1d", limit=limit) for limit in (3, 90))
        assert many[-3:] == few
