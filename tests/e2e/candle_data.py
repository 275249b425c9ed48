"""A few days of seeded candles, as files that a backtest reads."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from domain.market import MINUTE_MS

START_MS = 1_750_032_000_000  # 2025-06-16T00:00:00Z
SYMBOLS = {"BTCUSDT": 60_000.0, "ETHUSDT": 2_500.0, "SOLUSDT": 150.0}


def walk(seed: int, minutes: int, price: float) -> dict[str, list[float]]:
    """Candles of a random walk whose drift turns every few hours, so that a trend follower finds something to do."""
    chance = random.Random(seed)
    rows: list[tuple[float, ...]] = []
    drift, close = 0.0, price
    for minute in range(minutes):
        if minute % 240 == 0:
            drift = chance.uniform(-3e-4, 3e-4)
        opened, close = close, round(close * (1.0 + drift + chance.gauss(0.0, 8e-4)), 2)
        high = round(max(opened, close) * (1.0 + abs(chance.gauss(0.0, 4e-4))), 2)
        low = round(min(opened, close) * (1.0 - abs(chance.gauss(0.0, 4e-4))), 2)
        rows.append((opened, high, low, close, round(chance.uniform(1.0, 90.0), 3)))
    times = [START_MS + minute * MINUTE_MS for minute in range(minutes)]
    columns = zip(("open", "high", "low", "close", "volume"), zip(*rows, strict=True), strict=True)
    return {"open_time": times, **{name: list(values) for name, values in columns}}


def write_days(root: Path, days: float = 3.0, seed: int = 1) -> Path:
    """Write one file for each symbol below `root`, and give `root`."""
    for number, (symbol, price) in enumerate(SYMBOLS.items()):
        write(root, symbol, walk(seed + number, int(days * 1440), price))
    return root


def write(root: Path, symbol: str, columns: dict[str, list[float]], interval: str = "1m") -> Path:
    """Write one symbol's file below `root`, and give it."""
    path = root / "klines" / interval / f"{symbol}_x.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path
