"""The six indicators against TA-Lib: random periods, extreme and recorded prices; TA-Lib's own limits are named."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import indicators

DATA = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[2] / "../shared/data"))
FOLDER = DATA / "market" / "klines" / "1m"
NAMES = ("ema", "rsi", "macd", "bollinger", "adx", "atr")


@pytest.fixture(scope="module")
def oracle() -> ModuleType:
    return pytest.importorskip("talib", reason="TA-Lib is not installed: indicators go unchecked against their oracle")


def both(oracle: ModuleType, name: str, rows: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Give our columns and TA-Lib's."""
    high, low, close = (np.ascontiguousarray(row) for row in rows)
    slow, signal = 2 * n + 1, max(2, n // 2)
    match name:
        case "ema":
            return indicators.ema(close, n), oracle.EMA(close, n)
        case "rsi":
            return indicators.rsi(close, n), oracle.RSI(close, n)
        case "macd":
            ours = indicators.macd(close, n, slow, signal)
            return np.concatenate(ours), np.concatenate(oracle.MACD(close, n, slow, signal))
        case "bollinger":
            return np.concatenate(indicators.bollinger(close, n, 2.0)), np.concatenate(
                oracle.BBANDS(close, n, 2.0, 2.0)
            )
        case "adx":
            return indicators.adx(high, low, close, n), oracle.ADX(high, low, close, n)
        case _:
            return indicators.atr(high, low, close, n), oracle.ATR(high, low, close, n)


def agree(oracle: ModuleType, name: str, rows: np.ndarray, n: int) -> None:
    ours, theirs = both(oracle, name, rows, n)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    # MACD is a difference of prices: near zero only the last bits of the prices are left of it
    atol = 1e-13 * float(rows.max()) if name == "macd" else 0.0
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=atol)


@st.composite
def markets(draw: st.DrawFn) -> np.ndarray:
    """Draw high, low, close: walks and steps of every scale, with flat stretches and bars without a range."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.integers(1, 250))
    step = draw(st.sampled_from([0.0, 1e-5, 1e-3, 0.05]))
    moves = random.normal(0.0, step, size) * (random.random(size) < draw(st.sampled_from([0.1, 1.0])))
    close = draw(st.sampled_from([1e-6, 0.01, 1.0, 60_000.1, 1e9])) * np.exp(np.cumsum(moves))
    reach = draw(st.sampled_from([0.0, step]))
    return np.array([
        close * np.exp(np.abs(random.normal(0.0, reach, size))),
        close * np.exp(-np.abs(random.normal(0.0, reach, size))),
        close,
    ])  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(rows=markets(), n=st.integers(2, 60))
def test_random_periods_over_any_market_equal_ta_lib(oracle, name, rows, n):
    agree(oracle, name, rows, n)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("symbol", ["BTCUSDT", "SOLUSDT", "XRPUSDT"])
def test_recorded_markets_equal_ta_lib(oracle, name, symbol):
    files = sorted(FOLDER.glob(f"{symbol}_*.parquet"))
    if not files:
        pytest.skip(f"no recorded candles at {FOLDER}: set HINDSIGHT_DATA to the folder that holds market/")
    table = pytest.importorskip("pyarrow.parquet").read_table(files[-1], columns=["high", "low", "close"])
    rows = np.array([table[column].to_numpy()[:4000] for column in ("high", "low", "close")])
    agree(oracle, name, rows, 14 if name in {"rsi", "adx", "atr"} else 20)


def test_where_ta_lib_loses_digits_the_bands_keep_them(oracle):
    """TA-Lib's running sums keep a large price for ever; here each window stands for itself."""
    close = np.concatenate([np.full(30, 1e9), 1.0 + 0.001 * np.arange(60.0)])
    upper = indicators.bollinger(close, 20, 2.0)[0][-1]
    exact = close[-20:].mean() + 2.0 * close[-20:].std()
    assert upper == pytest.approx(exact, rel=1e-13)
    assert abs(oracle.BBANDS(close, 20, 2.0, 2.0)[0][-1] / exact - 1.0) > 1e-9
