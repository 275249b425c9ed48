"""Candle files that a user has become files of the catalogue, or a sentence; never half of one."""

from __future__ import annotations

import zipfile
from pathlib import Path

import candle_files
import numpy as np
import pytest

from domain.errors import InvalidInput
from infra.archive.imported import import_file
from infra.market.catalogue import Catalogue
from infra.market.series import load_candles

HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


def archive_rows(count: int, start_ms: int = candle_files.START_MS, unit: int = 1) -> str:
    """Rows as in Binance's archive, in ms or (`unit` 1000) µs."""
    lines: list[str] = []
    for i in range(count):
        opened = start_ms + 60_000 * i
        times = opened * unit, (opened + 60_000) * unit - 1
        lines.append(f"{times[0]},100.10,100.60,99.90,100.{i:02},12.5,{times[1]},1251.3,42,6.25,625.6,0\n")
    return "".join(lines)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def zipped(path: Path, text: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.stem + ".csv", text)
    return path


@pytest.mark.parametrize("header", [HEADER, ""], ids=["header", "headless"])
@pytest.mark.parametrize("unit", [1, 1000], ids=["ms", "us"])
@pytest.mark.parametrize("kind", ["zip", "csv"])
def test_a_file_of_the_archive_is_read_to_the_last_digit(tmp_path: Path, kind: str, unit: int, header: str) -> None:
    make = zipped if kind == "zip" else written
    path = make(tmp_path / f"BTCUSDT-1m-2025-06.{kind}", header + archive_rows(5, unit=unit))
    imported = import_file(path, tmp_path / "data")
    assert (imported.symbol, imported.interval, imported.rows, imported.rejected) == ("BTCUSDT", "1m", 5, ())
    series = load_candles(Catalogue.open(tmp_path / "data"), "BTCUSDT", "1m")
    assert series.times.tolist() == [candle_files.START_MS + 60_000 * i for i in range(5)]
    assert series.columns["close"].tolist() == [100.0, 100.01, 100.02, 100.03, 100.04]
    assert series.columns["trades"].tolist() == [42.0] * 5
    assert series.columns["taker_buy_quote_volume"].tolist() == [625.6] * 5
    assert not series.report.missing


def test_a_parquet_file_tells_its_interval_by_its_distances(tmp_path: Path) -> None:
    path = candle_files.write(tmp_path, "ETHUSDT_mine.parquet", candle_files.candles(6, "15m"))
    imported = import_file(path, tmp_path / "data")
    assert imported.interval == "15m"
    assert Catalogue.open(tmp_path / "data").symbols("15m") == ("ETHUSDT",)


def test_the_same_file_again_replaces_what_it_gave(tmp_path: Path) -> None:
    path = written(tmp_path / "BTCUSDT-1m-2025-06.csv", archive_rows(3))
    import_file(path, tmp_path / "data")
    written(path, archive_rows(4))
    assert import_file(path, tmp_path / "data").rows == 4
    assert len(load_candles(Catalogue.open(tmp_path / "data"), "BTCUSDT", "1m").times) == 4


def test_unsound_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    text = archive_rows(3) + f"{candle_files.START_MS + 180_000},100,99,101,100,1,,1,1,1,1,0\n"
    imported = import_file(written(tmp_path / "BTCUSDT-1m-2025-06.csv", text), tmp_path / "data")
    assert (imported.rows, imported.rejected) == (3, (("HIGH_BELOW_LOW", 1),))


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("BTCUSDT-1m-2025-06.csv", b"", "CSV text"),
        ("BTCUSDT-1m-2025-06.csv", b"1,2\n", "a column high"),
        ("BTCUSDT-1m-2025-06.csv", (HEADER + "now,1,2,1,2,3,4,5,6,7,8,0\n").encode(), "column open_time"),
        ("BTCUSDT-1m-2025-06.csv", (HEADER + archive_rows(1).replace("100.60", "high")).encode(), "column high"),
        ("BTCUSDT-1m-2025-06.csv", HEADER.encode(), "no row at all"),
        ("BTCUSDT-1m-2025-06.csv", bytes(range(256)), "CSV text"),
        ("BTCUSDT-1m-2025-06.zip", b"PK\x03\x04 broken", "a sound zip file"),
        ("BTCUSDT-1m-2025-06.parquet", b"PAR1", "a readable Parquet file"),
        ("BTCUSDT-3m-2025-06.csv", archive_rows(1).encode(), "an interval among"),
        ("BTCUSDT_x.csv", archive_rows(1).encode(), "steps of 0 ms"),
        ("candles.csv", archive_rows(1).encode(), "a name such as"),
        ("BTCUSDT-1m-2025-06.txt", archive_rows(1).encode(), "a .zip, .csv or .parquet file"),
    ],
)
def test_what_can_not_be_read_is_a_sentence_and_leaves_nothing(
    tmp_path: Path, name: str, content: bytes, found: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as raised:
        import_file(path, tmp_path / "data")
    assert found in str(raised.value)
    assert name in str(raised.value)
    assert not list((tmp_path / "data").rglob("*.parquet*"))


def test_a_zip_cut_short_is_a_sentence(tmp_path: Path) -> None:
    path = zipped(tmp_path / "BTCUSDT-1m-2025-06.zip", archive_rows(200))
    whole = path.read_bytes()
    for length in (len(whole) // 3, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InvalidInput):
            import_file(path, tmp_path / "data")
    damaged = bytearray(whole)
    damaged[100:120] = bytes(20)
    path.write_bytes(bytes(damaged))
    with pytest.raises(InvalidInput):
        import_file(path, tmp_path / "data")


def test_a_name_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    for place in (tmp_path / "BTCUSDT-1m-2025-06.csv", tmp_path / "BTCUSDT-1m-2025-07.parquet"):
        with pytest.raises(InvalidInput):
            import_file(place, tmp_path / "data")


def test_prices_keep_the_shortest_text_that_was_quoted(tmp_path: Path) -> None:
    text = f"{candle_files.START_MS},0.1,0.3,0.1,0.2000001,1,,1,1,1,0.1,0\n"
    import_file(written(tmp_path / "XUSDT-1m-2025-06.csv", text), tmp_path / "data")
    series = load_candles(Catalogue.open(tmp_path / "data"), "XUSDT", "1m")
    assert [repr(float(v)) for v in (series.columns["close"][0], series.columns["high"][0])] == ["0.2000001", "0.3"]
    assert np.isfinite(series.columns["volume"]).all()
