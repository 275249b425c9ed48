"""Recorded market files made for a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from domain.market import INTERVALS_MS

START_MS = 1_750_032_000_000  # 2025-06-16T00:00:00Z, on the grid of every interval

Columns = dict[str, Sequence[object]]


def candles(count: int, interval: str = "1m", start_ms: int = START_MS, price: float = 100.0) -> Columns:
    """Sound candles, each a little above the one before."""
    closes = [round(price + 0.1 * i, 1) for i in range(count)]
    return {
        "open_time": [start_ms + i * INTERVALS_MS[interval] for i in range(count)],
        "open": closes,
        "high": [round(close + 0.5, 1) for close in closes],
        "low": [round(close - 0.5, 1) for close in closes],
        "close": closes,
        "volume": [10.0 + i for i in range(count)],
    }


def cut(columns: Columns, rows: Sequence[int]) -> Columns:
    """The rows of those places, in that order."""
    return {name: [values[row] for row in rows] for name, values in columns.items()}


def write(root: Path, name: str, columns: Columns | pa.Table, **options: object) -> Path:
    """Write one file, `klines/1m/BTCUSDT_x.parquet`, below `root`."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), path, **options)
    return path
