"""Recorded candles as a market: to the tick and the lot what the files say."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.errors import InvalidInput
from infra.exchange.recorded_market import recorded_market
from infra.market.catalogue import Catalogue
from infra.market.series import load_candles

DATA = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[3] / "../shared/data")) / "market"
MINUTE_MS = 60_000
START_MS = 1_746_057_600_000
DAYS_2 = 2 * 1_440


def write(root: Path, symbol: str, minutes: int, start_ms: int = START_MS, hole: range = range(0)) -> None:
    generator = np.random.default_rng(7)
    close = np.round(100 + np.cumsum(generator.normal(0, 0.1, minutes)), 2)
    opening = np.concatenate([[100.0], close[:-1]])
    columns = {
        "open_time": start_ms + np.arange(minutes) * MINUTE_MS,
        "open": opening,
        "high": np.maximum(opening, close) + 0.05,
        "low": np.minimum(opening, close) - 0.05,
        "close": close,
        "volume": np.round(generator.uniform(10, 100, minutes), 3),
    }
    keep = np.array([i not in hole for i in range(minutes)])
    folder = root / "klines" / "1m"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({n: c[keep] for n, c in columns.items()}), folder / f"{symbol}_made.parquet")


def test_candles_are_those_of_the_file_and_prints_fold_to_them(tmp_path: Path) -> None:
    write(tmp_path, "AAAUSDT", DAYS_2)
    market, begin_ms = recorded_market(1, tmp_path, None)
    assert begin_ms == START_MS + DAYS_2 * MINUTE_MS * 3 // 4
    held = load_candles(Catalogue.open(tmp_path), "AAAUSDT", "1m")
    found = market.candles("AAAUSDT", "1m", START_MS, begin_ms)
    for name in ("open", "high", "low", "close", "volume"):
        assert [getattr(c, name) for c in found] == pytest.approx(held.columns[name][: len(found)].tolist())
    minute = begin_ms // MINUTE_MS - 5
    prints = market.prints("AAAUSDT", minute * MINUTE_MS - 1, minute * MINUTE_MS + MINUTE_MS - 1)
    bar = market.minute("AAAUSDT", minute)
    assert float(sum(p.quantity for p in prints)) == pytest.approx(bar.lots / 1_000)
    assert (float(prints[0].price), float(prints[-1].price)) == (bar.open / 100, bar.close / 100)


def test_a_hole_and_the_end_are_minutes_without_a_trade(tmp_path: Path) -> None:
    write(tmp_path, "AAAUSDT", DAYS_2, hole=range(2_200, 2_230))
    market, _ = recorded_market(1, tmp_path, ("AAAUSDT",))
    first = START_MS // MINUTE_MS
    before, inside = market.minute("AAAUSDT", first + 2_199), market.minute("AAAUSDT", first + 2_210)
    assert (inside.open, inside.high, inside.low, inside.close) == (before.close,) * 4
    assert (inside.lots, inside.trades) == (0, 0)
    middle_ms = (first + 2_225) * MINUTE_MS + 1_000
    assert market.prints("AAAUSDT", middle_ms - 5 * MINUTE_MS, middle_ms) == []
    assert market.last("AAAUSDT", middle_ms)[1] == before.close
    late_ms = (first + DAYS_2 + 500) * MINUTE_MS
    last = market.minute("AAAUSDT", first + DAYS_2 - 1).close
    assert market.last("AAAUSDT", late_ms)[1] == last
    assert market.latest("AAAUSDT", "1m", 2, late_ms)[-1].close == last
    assert market.top("AAAUSDT", late_ms).bid < market.top("AAAUSDT", late_ms).ask


def test_only_symbols_with_a_range_in_common_walk_together(tmp_path: Path) -> None:
    write(tmp_path, "AAAUSDT", DAYS_2)
    write(tmp_path, "BBBUSDT", DAYS_2, START_MS + 200 * MINUTE_MS)
    write(tmp_path, "CCCUSDT", DAYS_2, START_MS + 400 * 1_440 * MINUTE_MS)
    market, _ = recorded_market(1, tmp_path, None)
    assert market.symbols == ("AAAUSDT", "BBBUSDT")
    with pytest.raises(InvalidInput, match="in common"):
        recorded_market(1, tmp_path, ("AAAUSDT", "CCCUSDT"))
    with pytest.raises(InvalidInput, match="ZZZUSDT"):
        recorded_market(1, tmp_path, ("ZZZUSDT",))


def test_real_recordings_are_served_as_they_were_recorded() -> None:
    if not DATA.is_dir():
        pytest.skip(f"no recorded market at {DATA}: set HINDSIGHT_DATA to the folder that holds market/")
    market, begin_ms = recorded_market(1, DATA, ("BTCUSDT", "ETHUSDT"))
    held = load_candles(Catalogue.open(DATA), "BTCUSDT", "1m").between(begin_ms - 60 * MINUTE_MS, begin_ms)
    found = market.candles("BTCUSDT", "1m", begin_ms - 60 * MINUTE_MS, begin_ms)
    for name in ("open", "high", "low", "close", "volume"):
        assert [getattr(c, name) for c in found][:60] == held.columns[name].tolist()
    (at_ms, rate, mark), *_ = market.fundings("BTCUSDT", [begin_ms // 28_800_000 * 28_800_000])
    assert at_ms % 28_800_000 == 0
    assert abs(rate) < 0.01
    assert mark > 0
