"""Stretches of candles that are kept: the same candles as computed anew, and only what is missing is computed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from infra.exchange.kept_bars import KeptBars
from infra.exchange.minute_bars import MarketPath, MinuteBars, bars_between
from infra.market.activity import Traded
from infra.market.bars import Bars
from infra.market.contracts import contracts

DRAWN = "c9f749a5"
"""The first digits of what the candles below hash to: they are a function of (seed, symbol, minute) for good."""


class Numbers:
    """Candles whose prices say which they are, and a list of what was computed."""

    def __init__(self) -> None:
        self.computed: list[tuple[int, int, int]] = []

    def __call__(self, row: int, first: int, end: int) -> Bars:
        self.computed.append((row, first, end))
        column = np.arange(first, end)[None, :] + 1_000_000 * row
        return Bars(column, column, column, column, Traded(column, column, column, column, column))


@pytest.mark.parametrize(
    ("then", "more"),
    [
        ((110, 130), []),
        ((90, 170), [(90, 100), (160, 180)]),
        ((70, 110), [(70, 100)]),
        ((150, 161), [(160, 180)]),
        ((10, 20), [(10, 40)]),
        ((400, 401), [(400, 420)]),
    ],
)
def test_only_what_is_missing_of_a_stretch_is_computed(then: tuple[int, int], more: list[tuple[int, int]]) -> None:
    numbers = Numbers()
    kept = KeptBars(numbers, 20, 1_000)
    kept.between(3, 100, 140)
    numbers.computed.clear()
    found = kept.between(3, *then)
    assert found.close.tolist() == [[3_000_000 + place for place in range(*then)]]
    assert found.traded.trades.tolist() == found.close.tolist()
    assert numbers.computed == [(3, *part) for part in more]


def test_contracts_that_nobody_asks_for_any_more_are_forgotten_first() -> None:
    numbers = Numbers()
    kept = KeptBars(numbers, 10, 40)
    for row in (0, 1, 0, 2):
        kept.between(row, 0, 15)
    numbers.computed.clear()
    kept.between(0, 0, 15)
    kept.between(2, 0, 15)
    assert numbers.computed == []
    kept.between(1, 0, 15)
    assert numbers.computed == [(1, 0, 20)]


def test_a_stretch_that_is_too_long_to_be_kept_is_given_all_the_same_and_nothing_is_forgotten_for_it() -> None:
    numbers = Numbers()
    kept = KeptBars(numbers, 10, 40)
    kept.between(1, 0, 15)
    assert kept.between(0, 0, 95).close.shape == (1, 95)
    assert kept.between(0, 90, 95).close.tolist() == [[90, 91, 92, 93, 94]]
    numbers.computed.clear()
    kept.between(1, 0, 15)
    assert numbers.computed == []


def test_drawn_candles_stay_what_they_were() -> None:
    market, listed = MarketPath(1), contracts(("BTCUSDT", "ETHUSDT", "PEPEUSDT"))
    digest = hashlib.sha256()
    for first, end in ((29_030_000, 29_031_000), (29_002_345, 29_002_346), (28_999_900, 29_060_500)):
        for bars in (MinuteBars(1, listed), *(MinuteBars(1, (one,)) for one in listed)):
            found = bars_between(bars, market, first, end)
            traded = (getattr(found.traded, name) for name in Traded.__struct_fields__)
            for column in (found.open, found.high, found.low, found.close, *traded):
                digest.update(column.astype("<i8").tobytes())
    assert digest.hexdigest().startswith(DRAWN)
