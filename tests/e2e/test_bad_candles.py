"""Candles that can't be right, and files that are none: counted and reported, or refused in one sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import Ask, assert_refused
from candle_data import START_MS, walk, write

Columns = dict[str, list[float]]


def changed(column: str, value: float) -> Callable[[Columns], None]:
    def change(candles: Columns) -> None:
        candles[column][100] = value

    return change


def repeated(candles: Columns) -> None:
    for column in candles.values():
        column.insert(100, column[99])


def contradicted(candles: Columns) -> None:
    repeated(candles)
    candles["volume"][100] += 1.0


def reversed_(candles: Columns) -> None:
    for column in candles.values():
        column.reverse()


def backtest(ask: Ask, root: Path) -> tuple[dict[str, Any], str]:
    answer = ask("backtest", "--data", root, "--store", "memory", "--json")
    assert answer.code == 0, answer.err
    assert "Traceback" not in answer.err
    return json.loads(answer.out), answer.err


@pytest.mark.parametrize(
    ("change", "said", "lost"),
    [
        (changed("close", math.nan), "1 of 300 rows left out (1 CLOSE_NOT_FINITE)", 1),
        (changed("high", math.inf), "(1 HIGH_NOT_FINITE)", 1),
        (changed("low", -1.0), "(1 PRICE_NOT_POSITIVE)", 1),
        (changed("open", 0.0), "(1 PRICE_NOT_POSITIVE)", 1),
        (changed("high", 1.0), "(1 HIGH_BELOW_LOW)", 1),
        (changed("volume", -1.0), "(1 VOLUME_NEGATIVE)", 1),
        (changed("open_time", START_MS + 7), "(1 TIME_OFF_GRID)", 1),
        (repeated, "1 of 301 rows left out (1 DUPLICATE)", 0),
        (contradicted, "2 of 301 rows left out (2 CONFLICTING)", 1),
    ],
)
def test_a_bad_row_is_left_out_counted_and_reported(
    ask: Ask, change: Callable[[Columns], None], said: str, lost: int
) -> None:
    candles = walk(1, 300, 100.0)
    change(candles)
    write(Path("market"), "BTCUSDT", candles)
    found, err = backtest(ask, Path("market"))
    assert found["candles"] == 300 - lost
    assert said in err
    assert ("missing" in err) == bool(lost)


def test_the_order_of_rows_in_a_file_does_not_matter(ask: Ask) -> None:
    candles = walk(1, 300, 100.0)
    write(Path("sorted"), "BTCUSDT", candles)
    reversed_(candles)
    write(Path("reversed"), "BTCUSDT", candles)
    assert backtest(ask, Path("sorted"))[0]["chain_head"] == backtest(ask, Path("reversed"))[0]["chain_head"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("low"), ("a column low", "open_time, open, high, close, volume")),
        (lambda c: c.pop("open_time"), ("a column open_time",)),
        (lambda c: c.update(close=[math.nan] * 300), ("1m candles", "300 x CLOSE_NOT_FINITE")),
        (lambda c: c.update(close=["x"] * 300), ("column close", "numbers")),
        (lambda c: c.update(open_time=[t // 1000 for t in c["open_time"]]), ("TIME_OUT_OF_RANGE", "milliseconds")),
    ],
    ids=["no low", "no time", "all NaN", "text", "seconds"],
)
def test_a_file_without_candles_is_refused(
    ask: Ask, change: Callable[[Columns], object], words: tuple[str, ...]
) -> None:
    candles = walk(1, 300, 100.0)
    change(candles)
    path = write(Path("market"), "BTCUSDT", candles)
    assert_refused(ask("backtest", "--data", "market", "--store", "memory"), str(path), *words)


@pytest.mark.parametrize("damage", ["emptied", "garbage", "cut"])
def test_a_damaged_file_is_refused(ask: Ask, damage: str) -> None:
    path = write(Path("market"), "BTCUSDT", walk(1, 300, 100.0))
    whole = path.read_bytes()
    path.write_bytes({"emptied": b"", "garbage": b"PAR1 no", "cut": whole[: len(whole) // 2]}[damage])
    assert_refused(ask("backtest", "--data", "market", "--store", "memory"), str(path), "a readable Parquet file")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("--symbols NOBODY", ("one of BTCUSDT, ETHUSDT, SOLUSDT", "NOBODY")),
        ("--symbols 3", ("--symbols", "names", "'3'")),
        ("--symbols ,", ("--symbols", "names")),
        ("--from 2025-06-17 --to 2025-06-16", ("a start before the end",)),
        ("--from yesterday", ("--from", "a moment", "'yesterday'")),
        ("--to 12", ("--to", "a moment", "'12'")),
        ("--from 2030-01-01", ("a range from 2030-01-01", "2025-06-16")),
        ("--base-interval 7m", ("base_interval", "'7m'")),
        ("--base-interval 5m", ("klines/5m", "There are candles of: 1m")),
    ],
)
def test_a_range_or_a_symbol_that_the_files_do_not_hold_is_refused(
    ask: Ask, quarter_day: Path, typed: str, words: tuple[str, ...]
) -> None:
    assert_refused(ask("backtest", "--data", quarter_day, "--store", "memory", *typed.split()), *words)


def test_an_empty_directory_is_refused(ask: Ask) -> None:
    Path("market").mkdir()
    assert_refused(ask("backtest", "--data", "market"), "klines/<interval>/<SYMBOL>", "none")
