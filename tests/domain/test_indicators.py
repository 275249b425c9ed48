"""Indicators against TA-Lib as oracle, and against themselves: batch, checkpoint, mirror, scale."""

from __future__ import annotations

import math
from types import ModuleType

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import indicators
from domain.errors import InvalidInput
from domain.indicators import ADX, ATR, EMA, MACD, RSI, Bollinger, IndicatorSet
from domain.market import Candle

MAKERS = {
    "ema": lambda: EMA(20),
    "rsi": lambda: RSI(14),
    "macd": lambda: MACD(12, 26, 9),
    "bollinger": lambda: Bollinger(20, 2),
    "adx": lambda: ADX(14),
    "atr": lambda: ATR(14),
}
SHORT_MAKERS = (lambda: EMA(3), lambda: RSI(3), lambda: MACD(2, 4, 2), lambda: Bollinger(4, 2), lambda: ADX(2), ATR)


def walk(seed: int, size: int = 1500, start: float = 60_000.0, step: float = 1e-3) -> np.ndarray:
    """Give rows of high, low, close."""
    draw = np.random.default_rng(seed)
    close = start * np.exp(np.cumsum(draw.normal(0, step, size)))
    return np.array(
        [close * (1 + abs(draw.normal(0, step, size))), close * (1 - abs(draw.normal(0, step, size))), close]
    )


def with_outside_bars() -> np.ndarray:
    """Give candles of which each second one exceeds the last by the same on both sides: no move, by Wilder's rule."""
    high, low, close = walk(10, size=300)
    high[1::2], low[1::2] = high[::2] + 64.0, low[::2] - 64.0
    return np.array([np.round(high), np.round(low), close])


def with_jumps() -> np.ndarray:
    rows = walk(3)
    rows[:, 300:600] *= 10
    rows[:, 601] *= 0.2
    return rows


SERIES = {
    "walk": walk(1),
    "fine walk": walk(2, step=1e-5),
    "cheap coin": walk(4, start=2e-5),
    "dear coin": walk(5, start=5e7),
    "jumps": with_jumps(),
    "flat": np.full((3, 300), 60_000.1),
    "outside bars": with_outside_bars(),
    "flat before a walk": np.concatenate([np.full((3, 100), 60_000.0), walk(11)], axis=1),
    "flat after a step": np.where(np.arange(3000) < 100, 100.0, 110.0) * np.ones((3, 1)),
    "straight up": np.array([[1.01], [0.99], [1.0]]) * np.arange(1.0, 301.0),
    "shorter than any warm-up": walk(6, size=8),
    "one candle": walk(7, size=1),
}


def batch(name: str, rows: np.ndarray) -> np.ndarray:
    high, low, close = rows
    match name:
        case "ema":
            return np.array([indicators.ema(close, 20)])
        case "rsi":
            return np.array([indicators.rsi(close, 14)])
        case "macd":
            return np.array(indicators.macd(close, 12, 26, 9))
        case "bollinger":
            return np.array(indicators.bollinger(close, 20, 2))
        case "adx":
            return np.array([indicators.adx(high, low, close, 14)])
        case "atr":
            return np.array([indicators.atr(high, low, close, 14)])
    raise AssertionError(name)


def oracle(talib: ModuleType, name: str, rows: np.ndarray) -> np.ndarray:
    high, low, close = (np.ascontiguousarray(row) for row in rows)
    match name:
        case "ema":
            return np.array([talib.EMA(close, 20)])
        case "rsi":
            return np.array([talib.RSI(close, 14)])
        case "macd":
            return np.array(talib.MACD(close, 12, 26, 9))
        case "bollinger":
            return np.array(talib.BBANDS(close, 20, 2.0, 2.0))
        case "adx":
            return np.array([talib.ADX(high, low, close, 14)])
        case "atr":
            return np.array([talib.ATR(high, low, close, 14)])
    raise AssertionError(name)


def candles_of(rows: np.ndarray) -> list[Candle]:
    return [Candle(i * 60_000, c, h, low, c, 1.0) for i, (h, low, c) in enumerate(rows.T.tolist())]


def run(indicator, candles: list[Candle]) -> list:
    return [indicator.update(candle) for candle in candles]


def encode(value) -> bytes:
    return msgspec.msgpack.encode(value)


@pytest.fixture(scope="module")
def talib() -> ModuleType:
    return pytest.importorskip("talib", reason="TA-Lib is not installed: indicators go unchecked against their oracle")


@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize("name", MAKERS)
def test_an_indicator_equals_ta_lib(talib, name, series):
    rows = SERIES[series]
    ours, theirs = batch(name, rows), oracle(talib, name, rows)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    # MACD is a difference of prices: near zero only the last bits of the prices are left of it
    atol = 1e-13 * rows.max() if name == "macd" else 0.0
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=atol)


@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize("name", MAKERS)
def test_one_candle_at_a_time_gives_the_same_bits_as_the_whole_column(name, series):
    rows = SERIES[series]
    columns = batch(name, rows)
    blank = (math.nan,) * len(columns)
    values = [blank if value is None else np.atleast_1d(value) for value in run(MAKERS[name](), candles_of(rows))]
    np.testing.assert_array_equal(np.array(values).T, columns)


prices = st.floats(1e-8, 1e8)


@st.composite
def bars(draw) -> list[Candle]:
    closes = draw(st.lists(prices, min_size=1, max_size=40))
    reach = draw(st.lists(st.floats(0.0, 0.5), min_size=len(closes), max_size=len(closes)))
    both = enumerate(zip(closes, reach, strict=True))
    return [Candle(i * 60_000, c, c * (1 + r), c * (1 - r), c, 1.0) for i, (c, r) in both]


@pytest.mark.parametrize("make", SHORT_MAKERS)
@settings(max_examples=30, deadline=None)
@given(candles=bars())
def test_a_restart_from_a_checkpoint_at_any_cut_changes_no_bit(make, candles):
    whole = make()
    expected = run(whole, candles)
    for cut in range(len(candles) + 1):
        first = make()
        run(first, candles[:cut])
        again = msgspec.msgpack.decode(encode(first), type=type(first))
        assert run(again, candles[cut:]) == expected[cut:]
        assert encode(again) == encode(whole)


@settings(max_examples=50, deadline=None)
@given(candles=bars())
def test_every_value_of_sound_candles_is_finite(candles):
    for make in SHORT_MAKERS:
        for value in run(make(), candles):
            assert value is None or np.isfinite(value).all()


@settings(max_examples=50, deadline=None)
@given(price=prices)
def test_flat_prices_have_no_strength_no_direction_no_range_and_closed_bands(price):
    flat = [Candle(i, price, price, price, price, 0.0) for i in range(60)]
    assert run(RSI(14), flat)[-1] == 0.0
    assert run(ADX(14), flat)[-1] == 0.0
    assert run(ATR(14), flat)[-1] == 0.0
    upper, middle, lower = run(Bollinger(20, 2), flat)[-1]
    assert upper == middle == lower == pytest.approx(price, rel=1e-15)


def test_a_jump_that_left_the_window_leaves_no_trace_in_the_bands():
    close = walk(8, size=400)[2]
    close[100] *= 1e9
    upper, middle, _ = indicators.bollinger(close, 20, 2)
    for end in range(121, 400):
        window = close[end - 20 : end]
        assert middle[end - 1] == pytest.approx(window.mean(), rel=1e-14)
        assert upper[end - 1] == pytest.approx(window.mean() + 2 * window.std(), rel=1e-14)


def test_prices_in_another_unit_give_the_same_indicators_in_that_unit():
    rows = SERIES["walk"]
    for name, power in (("ema", 1), ("macd", 1), ("bollinger", 1), ("atr", 1), ("rsi", 0), ("adx", 0)):
        scaled = batch(name, rows * 2.0**-20)
        np.testing.assert_array_equal(scaled, batch(name, rows) * 2.0 ** (-20 * power))


def test_mirrored_prices_mirror_the_strength_and_keep_the_direction():
    high, low, close = rows = SERIES["walk"]
    mirrored = 2 * rows.max() - np.array([low, high, close])
    np.testing.assert_allclose(batch("rsi", mirrored), 100 - batch("rsi", rows), rtol=1e-9)
    np.testing.assert_allclose(batch("adx", mirrored), batch("adx", rows), rtol=1e-9)
    np.testing.assert_allclose(batch("atr", mirrored), batch("atr", rows), rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "first"),
    [
        (lambda: EMA(5), 5),
        (lambda: RSI(5), 6),
        (lambda: MACD(3, 5, 2), 6),
        (lambda: Bollinger(5, 2), 5),
        (lambda: ADX(5), 10),
        (lambda: ATR(5), 6),
        (lambda: EMA(1), 1),
    ],
)
def test_the_first_value_comes_with_the_candle_that_the_docstring_names(make, first):
    values = run(make(), candles_of(walk(9, size=12)))
    assert [value is None for value in values] == [True] * (first - 1) + [False] * (13 - first)


def test_leading_nan_only_shift_the_series_so_that_indicators_chain():
    close = SERIES["walk"][2]
    strength = indicators.rsi(close, 14)
    chained = indicators.ema(strength, 9)
    np.testing.assert_array_equal(chained[14:], indicators.ema(strength[14:], 9))
    assert np.isnan(chained[:22]).all()
    assert np.isnan(indicators.ema(np.full(5, np.nan), 2)).all()
    assert len(indicators.ema(np.array([]), 2)) == 0


def test_swapped_periods_of_macd_mean_the_same():
    close = SERIES["walk"][2]
    np.testing.assert_array_equal(indicators.macd(close, 26, 12, 9), indicators.macd(close, 12, 26, 9))


@pytest.mark.parametrize("make", [lambda: EMA(0), lambda: MACD(0, 26, 9), lambda: indicators.atr([1], [1], [1], -1)])
def test_a_period_below_one_is_refused(make):
    with pytest.raises(InvalidInput, match="an integer of at least 1"):
        make()


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(InvalidInput, match="equal length"):
        indicators.atr([1.0, 2.0], [1.0], [1.0, 2.0], 1)


def test_the_set_shows_what_each_indicator_alone_would_show():
    candles = candles_of(SERIES["walk"])[:200]
    together = IndicatorSet()
    assert set(together.describe().values()) == {None}
    for candle in candles:
        together.update(candle)
    alone = {"ema20": EMA(20), "ema50": EMA(50), "rsi14": RSI(14), "macd": MACD(), "bollinger": Bollinger(),
             "adx14": ADX(14), "atr14": ATR(14)}  # fmt: skip
    for name, indicator in alone.items():
        assert getattr(together, name) == run(indicator, candles)[-1]
    assert together.describe()["macd"] == together.macd._asdict()
    assert encode(msgspec.msgpack.decode(encode(together), type=IndicatorSet)) == encode(together)
