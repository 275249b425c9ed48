"""Recordings without minutes: those that are drawn fold to what was recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.errors import InvalidInput
from infra.exchange.recorded_drawn import DAYS_MAX
from infra.exchange.recorded_market import recorded_market
from infra.market.noise import Floats

MINUTE_MS, DAY_MS = 60_000, 86_400_000
START_MS = 1_746_057_600_000
SPANS = {"5m": 5, "15m": 15, "1h": 60, "4h": 240}
NAMES = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "trades",
    "taker_buy_volume",
    "taker_buy_quote_volume",
)
OURS = ("open", "high", "low", "close", "lots", "quote", "trades", "taker_lots", "taker_quote")


def write(
    root: Path, symbol: str, interval: str, days: int, start_ms: int = START_MS, size: float = 50.0
) -> dict[str, Floats]:
    """Write candles with all columns; give them."""
    count = days * 1_440 // SPANS[interval]
    generator = np.random.default_rng(3)
    close = np.round(50 + np.cumsum(generator.normal(0, 0.2, count)), 2)
    opening = np.append(50.0, close[:-1])
    volume = np.round(generator.uniform(0.1, 2.0, count) * size * SPANS[interval], 3)
    volume[7] = 0.0
    quiet = volume == 0.0
    columns: dict[str, Floats] = {
        "open_time": start_ms + np.arange(count) * SPANS[interval] * MINUTE_MS,
        "open": opening,
        "high": np.where(quiet, opening, np.round(np.maximum(opening, close) + 0.31, 2)),
        "low": np.where(quiet, opening, np.round(np.minimum(opening, close) - 0.17, 2)),
        "close": np.where(quiet, opening, close),
        "volume": volume,
        "quote_volume": np.round(volume * (opening + close) / 2, 2),
        "trades": np.where(quiet, 0, SPANS[interval] * 40 + np.arange(count)).astype(np.float64),
        "taker_buy_volume": np.round(volume * 0.4, 3),
        "taker_buy_quote_volume": np.round(np.round(volume * 0.4, 3) * (opening + close) / 2, 2),
    }
    columns["open"][8] = columns["close"][7]
    folder = root / "klines" / interval
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / f"{symbol}_made.parquet")
    return columns


@pytest.mark.parametrize("interval", SPANS)
@pytest.mark.parametrize("size", [50.0, 5e8])
def test_drawn_minutes_fold_to_the_recorded_candles(tmp_path: Path, interval: str, size: float) -> None:
    columns = write(tmp_path, "AAAUSDT", interval, 20, size=size)
    market, begin_ms = recorded_market(1, tmp_path, None)
    assert begin_ms == START_MS + 15 * DAY_MS
    bars = market.bars("AAAUSDT", interval, START_MS, begin_ms, begin_ms)[:-1]
    held = columns["open_time"] < bars[-1].open_ms + 1
    assert [bar.open_ms for bar in bars] == columns["open_time"][held].tolist()
    contract = market.contracts[0]
    scales = (*(10**contract.digits,) * 4, 10**contract.lot_digits, 100, 1, 10**contract.lot_digits, 100)
    exact = OURS if size == 50.0 else OURS[:5]
    for name, ours, scale in zip(NAMES, OURS, scales, strict=True):
        found = np.array([getattr(bar, ours) for bar in bars])
        expected = np.rint(columns[name][held] * scale)
        assert found == pytest.approx(expected, rel=0 if ours in exact else 1e-6, abs=0 if ours in exact else 2)


def test_minutes_can_be_walked_and_are_the_same_again(tmp_path: Path) -> None:
    write(tmp_path, "AAAUSDT", "1h", 20)
    market, begin_ms = recorded_market(1, tmp_path, ("AAAUSDT",))
    again, _ = recorded_market(1, tmp_path, None)
    other, _ = recorded_market(2, tmp_path, None)
    day = [each.bars("AAAUSDT", "1m", begin_ms - DAY_MS, begin_ms, begin_ms) for each in (market, again, other)]
    assert day[0] == day[1]
    assert day[0] != day[2]
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in day[0])
    assert all(0 <= bar.taker_lots <= bar.lots for bar in day[0])
    minute = begin_ms // MINUTE_MS - 3
    prints = market.prints("AAAUSDT", minute * MINUTE_MS - 1, (minute + 1) * MINUTE_MS - 1)
    assert sum(one.trades for one in prints) == market.minute("AAAUSDT", minute).trades > 0
    quiet = market.bars("AAAUSDT", "1m", START_MS + 7 * 60 * MINUTE_MS, START_MS + 8 * 60 * MINUTE_MS, begin_ms)
    assert {(bar.high - bar.low, bar.lots, bar.trades) for bar in quiet} == {(0, 0, 0)}


def test_only_the_last_days_are_drawn_and_the_rest_is_past(tmp_path: Path) -> None:
    days = DAYS_MAX + 40
    write(tmp_path, "AAAUSDT", "4h", days)
    market, begin_ms = recorded_market(1, tmp_path, None)
    assert market.begins_ms("AAAUSDT") == START_MS + 40 * DAY_MS
    assert begin_ms == START_MS + 40 * DAY_MS + DAYS_MAX * DAY_MS * 3 // 4
    assert market.since("AAAUSDT", "1d") == START_MS
    assert len(market.bars("AAAUSDT", "1d", 0, begin_ms, begin_ms)) == 40 + DAYS_MAX * 3 // 4


def test_named_symbols_may_have_files_of_different_intervals(tmp_path: Path) -> None:
    write(tmp_path, "AAAUSDT", "5m", 20)
    write(tmp_path, "BBBUSDT", "1h", 20, START_MS + DAY_MS)
    assert recorded_market(1, tmp_path, None)[0].symbols == ("AAAUSDT",)
    market, begin_ms = recorded_market(1, tmp_path, ("AAAUSDT", "BBBUSDT"))
    assert market.begins_ms("AAAUSDT") == market.begins_ms("BBBUSDT") == START_MS + DAY_MS
    assert [len(market.bars(symbol, "1h", 0, begin_ms, begin_ms)) for symbol in market.symbols] == [
        (begin_ms - START_MS - place * DAY_MS) // 3_600_000 + (begin_ms % 3_600_000 > 0) for place in (0, 1)
    ]
    with pytest.raises(InvalidInput, match="ZZZUSDT"):
        recorded_market(1, tmp_path, ("ZZZUSDT",))
