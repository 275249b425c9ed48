"""Recorded candles as a market: to the tick and the lot what the files say."""

from __future__ import annotations

import os
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.errors import InvalidInput
from infra.exchange.bar import Bar, next_open, open_time
from infra.exchange.door import Asked
from infra.exchange.market_clock import MarketClock
from infra.exchange.recorded_market import recorded_market
from infra.exchange.stage import Rules, Stage
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


# ── what coarser files, marks, fundings and open interest say ─────────────────────────────────────────────────────

HOUR_MS = 60 * MINUTE_MS
PAST_DAYS = 10
LATE_MS = 17 * MINUTE_MS
"""The minutes begin within an hour, and within a quarter."""


def write_coarser(root: Path, symbol: str, interval_ms: int, name: str, kind: str = "klines", days: int = PAST_DAYS,
                  hole: range = range(0)) -> list[tuple[int, float]]:  # fmt: skip
    """Write candles of `days` before the minutes, and two days into them; give opens and open prices."""
    count = (days + 2) * 24 * HOUR_MS // interval_ms
    times = START_MS - days * 24 * HOUR_MS + np.arange(count) * interval_ms
    opening = np.round(100 + np.sin(times / 1e8), 2)
    columns = {
        "open_time": times,
        "open": opening,
        "high": opening + 1,
        "low": opening - 1,
        "close": np.append(opening[1:], opening[-1]),
        "volume": np.full(count, 60.0),
    }
    keep = np.array([i not in hole for i in range(count)])
    folder = root / kind / name
    folder.mkdir(parents=True, exist_ok=True)
    shown = columns if kind == "klines" else {n: c for n, c in columns.items() if n != "volume"}
    pq.write_table(pa.table({n: c[keep] for n, c in shown.items()}), folder / f"{symbol}_made.parquet")
    return list(zip(times.tolist(), opening.tolist(), strict=True))


@pytest.fixture
def layered(tmp_path: Path) -> Path:
    """Minutes that begin at an odd time, quarters from three days before, hours from ten days before."""
    write(tmp_path, "AAAUSDT", DAYS_2, START_MS + LATE_MS)
    write_coarser(tmp_path, "AAAUSDT", HOUR_MS, "1h")
    write_coarser(tmp_path, "AAAUSDT", HOUR_MS // 4, "15m", days=3)
    return tmp_path


@pytest.mark.parametrize(
    ("interval", "days"), [("15m", 3), ("30m", 3), ("1h", 10), ("4h", 10), ("6h", 10), ("1d", 10), ("5m", 0), ("1m", 0)]
)
def test_candles_reach_back_as_far_as_a_file_they_can_be_made_of(layered: Path, interval: str, days: int) -> None:
    market, begin_ms = recorded_market(1, layered, None)
    since_ms = market.since("AAAUSDT", interval)
    assert since_ms == (START_MS - days * 24 * HOUR_MS if days else START_MS + LATE_MS)
    found = market.bars("AAAUSDT", interval, 0, begin_ms, begin_ms)
    opens = [bar.open_ms for bar in found]
    assert opens[0] == (since_ms if days else open_time(interval, since_ms))
    assert all(next_open(interval, before) == after for before, after in pairwise(opens))
    assert found[-1].open_ms == open_time(interval, begin_ms - 1)
    assert market.bars("AAAUSDT", interval, 0, START_MS, begin_ms) == [bar for bar in found if bar.open_ms < START_MS]


def test_a_candle_of_the_past_is_the_recorded_one_or_their_sum(layered: Path) -> None:
    market, begin_ms = recorded_market(1, layered, None)
    held = load_candles(Catalogue.open(layered), "AAAUSDT", "1h")
    hours = market.candles("AAAUSDT", "1h", START_MS - 9 * 24 * HOUR_MS, START_MS - 4 * 24 * HOUR_MS)
    rows = np.isin(held.times, [candle.open_time_ms for candle in hours])
    for name in ("open", "high", "low", "close", "volume"):
        assert [getattr(c, name) for c in hours] == pytest.approx(held.columns[name][rows].tolist())
    (day,) = market.bars("AAAUSDT", "1d", START_MS - 5 * 24 * HOUR_MS, START_MS - 4 * 24 * HOUR_MS, begin_ms)
    parts = market.bars("AAAUSDT", "1h", START_MS - 5 * 24 * HOUR_MS, START_MS - 4 * 24 * HOUR_MS, begin_ms)
    assert reduce(Bar.then, parts) == day


def test_the_candle_in_which_the_minutes_begin_is_the_recorded_one_once_it_is_closed(layered: Path) -> None:
    market, begin_ms = recorded_market(1, layered, None)
    (hour,) = market.bars("AAAUSDT", "1h", START_MS, START_MS + 1, begin_ms)
    assert hour.lots == 4 * 60_000  # four recorded quarters of 60 each, not 43 drawn minutes
    (week,) = market.bars("AAAUSDT", "1w", open_time("1w", START_MS), START_MS, begin_ms)
    assert next_open("1w", week.open_ms) > begin_ms
    known = market.bars("AAAUSDT", "1m", START_MS, begin_ms, begin_ms)
    assert week.lots == sum(bar.lots for bar in known), "what was recorded of the future must not be told"


def test_a_hole_of_days_ends_the_past(tmp_path: Path) -> None:
    write(tmp_path, "AAAUSDT", DAYS_2)
    write_coarser(tmp_path, "AAAUSDT", HOUR_MS, "1h", hole=range(10, 12))
    write_coarser(tmp_path, "AAAUSDT", HOUR_MS // 4, "15m", hole=range(200, 600))
    market, begin_ms = recorded_market(1, tmp_path, None)
    assert market.since("AAAUSDT", "1h") == START_MS - PAST_DAYS * 24 * HOUR_MS
    quiet = market.bars("AAAUSDT", "1h", START_MS - PAST_DAYS * 24 * HOUR_MS + 10 * HOUR_MS, START_MS, begin_ms)[0]
    assert (quiet.lots, quiet.high) == (0, quiet.low)
    assert market.since("AAAUSDT", "15m") == START_MS - PAST_DAYS * 24 * HOUR_MS + 600 * HOUR_MS // 4


def test_marks_are_those_of_the_file_at_full_hours_and_in_candles(layered: Path) -> None:
    marks = dict(write_coarser(layered, "AAAUSDT", HOUR_MS, "1h", kind="mark_klines", days=5))
    market, begin_ms = recorded_market(1, layered, None)
    stage = Stage(market, MarketClock(begin_ms, 1.0, lambda: 0.0), Rules())
    hour_ms = open_time("1h", begin_ms)
    assert market.marks(hour_ms).mark[0] == pytest.approx(marks[hour_ms])
    sent = {"symbol": "AAAUSDT", "interval": "1h", "startTime": str(START_MS - 6 * 24 * HOUR_MS), "limit": "1500"}
    rows: Any = stage.door.answer(Asked("GET", "/fapi/v1/markPriceKlines", urlencode(sent), b"", "", None, "")).body
    assert rows[0][0] == START_MS - 5 * 24 * HOUR_MS
    assert {row[0]: float(row[1]) for row in rows[:-1]} == {at: marks[at] for at in marks if at < hour_ms}
    assert rows[-1][0] == hour_ms
    assert [before[6] + 1 for before in rows[:-1]] == [row[0] for row in rows[1:]]
    assert market.fundings("AAAUSDT", [START_MS - 4 * 24 * HOUR_MS])[0][2] == pytest.approx(
        marks[START_MS - 4 * 24 * HOUR_MS]
    )


def test_fundings_and_open_interest_are_recorded_ones_where_there_are_any(layered: Path) -> None:
    paid = START_MS - 9 * 24 * HOUR_MS + np.arange(50) * 4 * HOUR_MS
    published = START_MS + HOUR_MS + np.arange(10) * 5 * MINUTE_MS
    for kind, columns in (
        ("funding", {"funding_time": paid + 3, "funding_rate": np.arange(50) / 1e5}),
        ("open_interest", {"timestamp": published, "sum_open_interest": np.full(10, 77.0)}),
    ):  # fmt: skip
        (layered / kind).mkdir()
        pq.write_table(pa.table(columns), layered / kind / "AAAUSDT_made.parquet")
    market, begin_ms = recorded_market(1, layered, None)
    assert market.listings[0].funding_interval_hours == 4
    stage = Stage(market, MarketClock(begin_ms, 1.0, lambda: 0.0), Rules())
    sent = {"symbol": "AAAUSDT", "startTime": "1", "limit": "1000"}
    rows: Any = stage.door.answer(Asked("GET", "/fapi/v1/fundingRate", urlencode(sent), b"", "", None, "")).body
    assert [row["fundingTime"] for row in rows[:50]] == paid.tolist()
    assert [float(row["fundingRate"]) for row in rows[:50]] == pytest.approx((np.arange(50) / 1e5).tolist())
    assert {row["fundingRate"] for row in rows[50:]} == {"0.00010000"}
    first, last, after = (START_MS + HOUR_MS + late for late in (0, 45 * MINUTE_MS, 120 * MINUTE_MS))
    known = market.open_interests("AAAUSDT", [first, last, after])
    assert known[:2] == [77.0, 77.0]
    assert known[2] != 77.0
