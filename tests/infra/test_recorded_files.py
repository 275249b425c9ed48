"""Reading recorded files: what is found, what is refused, what is left out and counted."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from candle_files import START_MS, Columns, candles, cut, write
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.market import MINUTE_MS, Candle
from infra.market.candle_rows import REQUIRED, sound_candles
from infra.market.catalogue import Catalogue
from infra.market.series import Series, load_candles, load_funding, load_marks, load_open_interest

BTC = "klines/1m/BTCUSDT_a.parquet"


def loaded(root: Path, interval: str = "1m") -> Series:
    return load_candles(Catalogue.open(root), "BTCUSDT", interval)


def values(series: Series, name: str) -> list[float]:
    return series.columns[name].tolist()


# ── the catalogue ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nowhere: expected a directory of recorded market data, found nothing"):
        Catalogue.open(tmp_path / "nowhere")


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(InvalidInput, match="found a file"):
        Catalogue.open(tmp_path / "data")


def test_a_directory_without_recorded_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT_a.parquet", candles(1))
    write(tmp_path, "klines/1m/BTCUSDT.parquet", candles(1))
    with pytest.raises(InvalidInput, match=r"expected files named klines/<interval>/<SYMBOL>_<anything>\.parquet"):
        Catalogue.open(tmp_path)


def test_an_unknown_symbol_is_refused_with_the_names_that_there_are(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(1))
    write(tmp_path, "klines/1m/ETHUSDT_a.parquet", candles(1))
    with pytest.raises(InvalidInput, match="klines/1m: expected one of BTCUSDT, ETHUSDT, found DOGEUSDT"):
        load_candles(Catalogue.open(tmp_path), "DOGEUSDT", "1m")


def test_an_unknown_interval_is_refused(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(1))
    with pytest.raises(InvalidInput, match="expected one of 1m, 5m, 15m, 1h, 4h, 1d, found '2m'"):
        loaded(tmp_path, "2m")


def test_an_interval_without_files_is_refused_with_the_intervals_that_there_are(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(1))
    with pytest.raises(InvalidInput, match="There are candles of: 1m"):
        loaded(tmp_path, "1h")


def test_the_description_says_which_files_are_not_used(tmp_path: Path) -> None:
    for name in (BTC, "klines/30m/BTCUSDT_a.parquet", "depth/BTCUSDT_a.parquet", "funding/BTCUSDT_a.parquet"):
        write(tmp_path, name, candles(1))
    notes = {(h.kind, h.interval): h.note for h in Catalogue.open(tmp_path).describe()}
    assert notes[("klines", "1m")] == notes[("funding", "")] == ""
    assert notes["depth", ""] == "not used: depth/BTCUSDT_a.parquet"
    assert notes[("klines", "30m")].startswith("not used: the interval is not one of")


# ── one file ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_damaged_file_is_refused_by_name_or_gives_sound_candles(tmp_path: Path) -> None:
    path = write(tmp_path, BTC, candles(500))
    whole, draw = path.read_bytes(), random.Random(7)
    refusals: list[str] = []
    for _ in range(150):
        damaged = bytearray(whole[: draw.choice((len(whole), draw.randrange(1, len(whole))))])
        for _ in range(3):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            series = loaded(tmp_path)
        except InvalidInput as refusal:
            refusals.append(str(refusal))
        else:
            rows = zip(*(values(series, name) for name in REQUIRED), strict=True)
            assert all(Candle(0, *row).defect() is None for row in rows)
    assert len(refusals) > 75
    assert all(BTC in refusal for refusal in refusals)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(1)).write_text("open_time,open,high\n")
    with pytest.raises(InvalidInput, match=r"BTCUSDT_a\.parquet: expected a readable Parquet file"):
        loaded(tmp_path)


@pytest.mark.parametrize("name", ["open_time", *REQUIRED])
def test_a_missing_required_column_is_refused_by_name(tmp_path: Path, name: str) -> None:
    columns = candles(3)
    del columns[name]
    write(tmp_path, BTC, columns)
    with pytest.raises(InvalidInput, match=f"a.parquet: expected a column {name}, found columns "):
        loaded(tmp_path)


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    table = pa.table(candles(3)).append_column("close", pa.array([1.0, 2.0, 3.0]))
    write(tmp_path, BTC, table)
    with pytest.raises(InvalidInput, match="expected one column close, found 2 of that name"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("close", pa.array([True, False])),
        ("close", pa.array(["100.1", "high"])),
        ("close", pa.array([[1.0], [2.0]])),
        ("close", pa.array([1, 2], pa.timestamp("ms"))),
        ("open_time", pa.array([True, False])),
        ("open_time", pa.array([START_MS + 0.5, START_MS + 1.0])),
        ("open_time", pa.array(["2025-06-16", "2025-06-17"])),
    ],
)
def test_a_column_of_the_wrong_type_is_refused_by_name(tmp_path: Path, name: str, column: pa.Array) -> None:
    table = pa.table(candles(2))
    write(tmp_path, BTC, table.set_column(table.column_names.index(name), name, column))
    with pytest.raises(InvalidInput, match=rf"a\.parquet, column {name}: expected (numbers|times in ms UTC), found"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["0.1", "1e-8"]),
        pa.array([0.1, 1e-8]),
        pa.array([Decimal("0.1"), Decimal("0.00000001")]),
        pa.array([0.1, 1e-8], pa.float32()),
        pa.array(["0.1", "1e-8"]).dictionary_encode(),
    ],
    ids=["text", "float", "decimal", "float32", "dictionary"],
)
def test_numbers_of_every_type_become_the_quoted_value(tmp_path: Path, column: pa.Array) -> None:
    table = pa.table(candles(2))
    write(tmp_path, BTC, table.set_column(5, "volume", column))
    assert values(loaded(tmp_path), "volume") == [0.1, 1e-8]


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.string(), pa.timestamp("us"), pa.timestamp("ns", "UTC")])
def test_times_of_every_type_become_milliseconds(tmp_path: Path, kind: pa.DataType) -> None:
    times = pa.array([START_MS, START_MS + MINUTE_MS])
    times = times.cast(pa.timestamp("ms")) if pa.types.is_timestamp(kind) else times
    write(tmp_path, BTC, pa.table(candles(2)).set_column(0, "open_time", times.cast(kind)))
    assert loaded(tmp_path).times.tolist() == [START_MS, START_MS + MINUTE_MS]


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────

OPTIONAL: Columns = {
    "close_time": [START_MS + MINUTE_MS * i - 1 for i in range(1, 4)],
    "quote_volume": [1_000.0, 1_100.0, 1_200.0],
    "trades": [5, 6, 7],
    "taker_buy_volume": [4.0, 5.0, 6.0],
    "taker_buy_quote_volume": [400.0, 500.0, 600.0],
}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("open_time", None, "TIME_OUT_OF_RANGE"),
        ("open_time", START_MS // 1000, "TIME_OUT_OF_RANGE"),
        ("open_time", START_MS * 1000, "TIME_OUT_OF_RANGE"),
        ("open_time", START_MS + MINUTE_MS + 1, "TIME_OFF_GRID"),
        ("close", math.nan, "CLOSE_NOT_FINITE"),
        ("close", None, "CLOSE_NOT_FINITE"),
        ("high", math.inf, "HIGH_NOT_FINITE"),
        ("low", -1.0, "PRICE_NOT_POSITIVE"),
        ("high", 1.0, "HIGH_BELOW_LOW"),
        ("open", 500.0, "OPEN_OR_CLOSE_OUTSIDE_RANGE"),
        ("volume", -1.0, "VOLUME_NEGATIVE"),
        ("close_time", START_MS + 6 * MINUTE_MS - 1, "CLOSE_TIME_WRONG"),
        ("quote_volume", -1.0, "VOLUMES_CONTRADICT"),
        ("quote_volume", math.inf, "VOLUMES_CONTRADICT"),
        ("trades", 2.5, "VOLUMES_CONTRADICT"),
        ("taker_buy_volume", 11.5, "VOLUMES_CONTRADICT"),
    ],
)
def test_an_unsound_row_is_left_out_and_counted(tmp_path: Path, name: str, value: object, reason: str) -> None:
    columns = candles(3) | OPTIONAL
    write(tmp_path, BTC, columns | {name: [columns[name][0], value, columns[name][2]]})
    series = loaded(tmp_path)
    assert series.times.tolist() == [START_MS, START_MS + 2 * MINUTE_MS]
    assert (series.report.rows, series.report.kept, series.report.rejected) == (3, 2, ((reason, 1),))
    assert (series.report.gaps, series.report.missing_candles) == (1, 1)


prices = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, math.nan, math.inf, -math.inf])


@given(st.lists(st.tuples(prices, prices, prices, prices, prices), min_size=1, max_size=20))
def test_a_row_is_kept_exactly_if_it_makes_a_candle_without_a_defect(rows: list[tuple[float, ...]]) -> None:
    times = START_MS + MINUTE_MS * np.arange(len(rows))
    columns = dict(zip(REQUIRED, np.array(rows).T, strict=True))
    made = [Candle(time, *row) for time, row in zip(times.tolist(), rows, strict=True)]
    checked = sound_candles(times, columns, MINUTE_MS)
    assert checked.times.tolist() == [candle.open_time_ms for candle in made if candle.defect() is None]
    assert sum(count for _, count in checked.rejected) == sum(candle.defect() is not None for candle in made)


def test_rows_in_the_wrong_order_are_put_in_their_place_and_counted(tmp_path: Path) -> None:
    write(tmp_path, BTC, cut(candles(4), [0, 2, 1, 3]))
    series = loaded(tmp_path)
    assert values(series, "close") == [100.0, 100.1, 100.2, 100.3]
    assert (series.report.reordered, series.report.rejected) == (1, ())


def test_files_of_one_symbol_are_merged_by_time_and_equal_candles_dropped(tmp_path: Path) -> None:
    whole = candles(6)
    write(tmp_path, "klines/1m/BTCUSDT_later.parquet", cut(whole, [2, 3, 4, 5]))
    write(tmp_path, "klines/1m/BTCUSDT_zearlier.parquet", cut(whole, [0, 1, 2, 3]))
    report = loaded(tmp_path).report
    assert (report.rows, report.kept, report.gaps, report.reordered) == (8, 6, 0, 0)
    assert report.rejected == (("DUPLICATE", 2),)
    assert report.files == ("klines/1m/BTCUSDT_later.parquet", "klines/1m/BTCUSDT_zearlier.parquet")


def test_equal_candles_become_one_that_knows_what_either_did(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(2))
    write(tmp_path, "klines/1m/BTCUSDT_b.parquet", cut(candles(2), [1]) | {"trades": [77]})
    series = loaded(tmp_path)
    assert np.isnan(series.columns["trades"][0])
    assert series.columns["trades"][1] == 77
    assert series.report.missing == ("quote_volume", "taker_buy_volume", "taker_buy_quote_volume")


def test_candles_of_one_time_that_contradict_each_other_are_all_left_out(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(3))
    write(tmp_path, "klines/1m/BTCUSDT_b.parquet", cut(candles(3), [1]) | {"volume": [99.0]})
    series = loaded(tmp_path)
    assert series.times.tolist() == [START_MS, START_MS + 2 * MINUTE_MS]
    assert series.report.rejected == (("CONFLICTING", 2),)


def test_a_file_in_microseconds_is_refused_with_a_hint(tmp_path: Path) -> None:
    columns = candles(3)
    write(tmp_path, BTC, columns | {"open_time": [START_MS * 1000 + i * MINUTE_MS * 1000 for i in range(3)]})
    with pytest.raises(InvalidInput, match=r"expected 1m candles, found 3 x TIME_OUT_OF_RANGE\. Times must be in mil"):
        loaded(tmp_path)


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    write(tmp_path, BTC, pa.table(candles(1)).slice(0, 0))
    with pytest.raises(InvalidInput, match="expected 1m candles, found no row at all"):
        loaded(tmp_path)


def test_a_funding_of_two_sources_counts_once_though_their_stamps_differ_by_milliseconds(tmp_path: Path) -> None:
    write(tmp_path, "funding/BTCUSDT_a.parquet", {"funding_time": [START_MS], "funding_rate": [0.0001]})
    rows = {"funding_time": [START_MS + 3, START_MS + 8], "funding_rate": [0.0001, math.nan]}
    write(tmp_path, "funding/BTCUSDT_b.parquet", rows)
    series = load_funding(Catalogue.open(tmp_path), "BTCUSDT")
    assert series is not None
    assert series.times.tolist() == [START_MS]
    assert series.report.rejected == (("DUPLICATE", 1), ("FUNDING_RATE_OUT_OF_RANGE", 1))


def test_what_has_no_file_is_none(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(1))
    catalogue = Catalogue.open(tmp_path)
    assert [load(catalogue, "BTCUSDT") for load in (load_marks, load_funding, load_open_interest)] == [None] * 3
