from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from bundles import Desk, history
from hypothesis import given
from hypothesis import strategies as st

from domain.position_events import PositionClosed
from infra.export.columns import Columns
from infra.export.fields import group_of
from infra.export.tables import BYTES_A_GROUP, ROWS_A_GROUP, batches_in, batches_of, write_csv, write_parquet


class Priced(msgspec.Struct, frozen=True):
    """A nested value."""

    price: Decimal


class Row(msgspec.Struct, frozen=True):
    """A row with one of each kind."""

    text: str
    at_ms: int
    priced: Priced | None
    flag: bool
    number: float | None
    names: tuple[str, ...]


COLUMNS = Columns(group_of(Row))
ROW = Row("plain", 1_700_000_000_001, Priced(Decimal("100.50")), True, 0.1, ("a", "b"))


def written(path: Path, *rows: Row) -> list[list[str]]:
    assert write_csv(path, COLUMNS.schema, batches_of(COLUMNS, rows)) == len(rows)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_a_csv_is_flat_exact_and_in_utc(tmp_path: Path) -> None:
    assert written(tmp_path / "rows.csv", ROW, Row("", 0, None, False, None, ())) == [
        ["text", "at_ms", "priced.price", "flag", "number", "names"],
        ["plain", "2023-11-14T22:13:20.001Z", "100.5", "true", "0.1", '["a","b"]'],
        ["", "1970-01-01T00:00:00.000Z", "", "false", "", "[]"],
    ]


def test_a_csv_without_rows_has_its_header(tmp_path: Path) -> None:
    assert len(written(tmp_path / "rows.csv")) == 1


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_becomes_a_formula_in_a_spreadsheet(tmp_path: Path, text: str) -> None:
    assert written(tmp_path / "rows.csv", msgspec.structs.replace(ROW, text=text))[1][0] == f"'{text}"


def test_a_negative_number_stays_a_number(tmp_path: Path) -> None:
    row = msgspec.structs.replace(ROW, number=-1.5, priced=Priced(Decimal("-0.00000001")))
    assert written(tmp_path / "rows.csv", row)[1][2:5] == ["-0.00000001", "true", "-1.5"]


def test_every_table_of_a_bundle_has_its_csv_if_asked_for(tmp_path: Path) -> None:
    bundle = Desk(tmp_path).make(csv=True)
    tables = {path.relative_to(bundle).with_suffix("").as_posix() for path in bundle.rglob("*.parquet")}
    sheets = {path.relative_to(bundle / "csv").with_suffix("").as_posix() for path in bundle.rglob("*.csv")}
    assert tables == sheets
    with (bundle / "csv" / "events" / "PositionClosed.csv").open(newline="") as file:
        nets = [Decimal(row["net"]) for row in csv.DictReader(file)]
    assert nets == [one.event.net for one in history() if isinstance(one.event, PositionClosed)]


def test_without_csv_there_is_none(tmp_path: Path) -> None:
    assert not (Desk(tmp_path).make() / "csv").exists()


def test_row_groups_are_bounded_and_hold_all_rows(tmp_path: Path) -> None:
    path, count = tmp_path / "rows.parquet", ROWS_A_GROUP + 10_000
    assert write_parquet(path, COLUMNS.schema, batches_of(COLUMNS, (ROW for _ in range(count)))) == count
    facts = pq.ParquetFile(path).metadata
    assert [facts.row_group(n).num_rows for n in range(facts.num_row_groups)] == [ROWS_A_GROUP, 10_000]
    assert sum(batch.num_rows for batch in batches_in(path)) == count


def test_large_rows_make_smaller_groups(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    large = msgspec.structs.replace(ROW, text="x" * 4_096)
    write_parquet(path, COLUMNS.schema, batches_of(COLUMNS, (large for _ in range(3 * BYTES_A_GROUP // 4_096))))
    assert pq.ParquetFile(path).metadata.num_row_groups >= 3


@given(st.lists(st.text(max_size=5), max_size=10))
def test_the_same_rows_are_the_same_bytes(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    place = tmp_path_factory.mktemp("tables")
    rows = [msgspec.structs.replace(ROW, text=text) for text in texts]
    for name in ("first", "second"):
        write_parquet(place / name, COLUMNS.schema, batches_of(COLUMNS, rows))
    assert (place / "first").read_bytes() == (place / "second").read_bytes()
