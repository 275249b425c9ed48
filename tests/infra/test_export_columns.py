"""The tables say what the lines say, in types that a database understands."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bundles import Desk, history, manifest

from domain.base import Event, Recorded
from domain.catalog import EVENTS, name_of
from domain.market import Candle
from infra.export.columns import FRAME, Columns, EventColumns
from infra.export.fields import MOMENTS, Group, Kind, Leaf, group_of, innermost, paths_in

DURATIONS = {"back_off_ms", "held_ms", "latency_ms", "span_ms", "time_stop_ms", "ttl_ms", "window_ms"}


class Colour(enum.StrEnum):
    """A choice."""

    RED = "RED"


class Inner(msgspec.Struct, frozen=True):
    """A group."""

    amount: Decimal | None = None
    tags: tuple[str, ...] = ()


class Everything(Event, frozen=True, gc=False):
    """Every shape that an event can have."""

    stream: str
    when_ms: int
    time_ms: int
    ratio: float | None
    flag: bool
    colour: Colour
    raw: bytes
    either: int | str
    inner: Inner | None
    inners: tuple[Inner, ...]
    candle: Candle
    facts: tuple[tuple[str, float], ...] = ()


FULL = Everything(
    "s", 5, 1_700_000_000_123, 0.5, True, Colour.RED, b"\x00\xff", "x", Inner(Decimal("1.50"), ("a", "b")),
    (Inner(), Inner(Decimal("-2E-8"))), Candle(60_000, 1.0, 2.0, 0.5, 1.5, 7.0), (("ema", 1.25),),
)  # fmt: skip
BARE = Everything("s", 5, 0, None, False, Colour.RED, b"", 3, None, (), Candle(0, 1.0, 1.0, 1.0, 1.0, 0.0))


def table_of(*events: Event) -> Any:
    columns = EventColumns(group_of(type(events[0])))
    rows = [Recorded(seq, "stream", seq, 7, 1_700_000_000_000, event) for seq, event in enumerate(events, 1)]
    return columns.of_events(rows)


def test_values_of_every_shape_come_back_as_they_went_in() -> None:
    full, bare = table_of(FULL, BARE).to_pylist()
    assert full["event_stream"] == "s"
    assert full["time_ms"] == dt.datetime(2023, 11, 14, 22, 13, 20, 123_000, dt.UTC)
    assert (full["when_ms"], full["ratio"], full["flag"], full["colour"], full["raw"]) == (
        5,
        0.5,
        True,
        "RED",
        b"\0\xff",
    )
    assert (full["either"], bare["either"]) == ('"x"', "3")
    assert full["inner"] == {"amount": Decimal("1.5"), "tags": ["a", "b"]}
    assert full["inners"] == [{"amount": None, "tags": []}, {"amount": Decimal("-0.00000002"), "tags": []}]
    assert full["candle"]["high"] == 2.0
    assert full["candle"]["trades"] is None
    assert full["facts"] == [{"name": "ema", "value": 1.25}]
    assert (bare["ratio"], bare["inner"], bare["inners"], bare["facts"]) == (None, None, [], [])


def test_money_is_decimal_and_moments_are_utc() -> None:
    schema = table_of(FULL).schema
    assert schema.field("inner").type.field("amount").type == pa.decimal128(38, 18)
    assert schema.field("time_ms").type == schema.field("at_ms").type == pa.timestamp("ms", tz="UTC")
    assert schema.field("candle").type.field("open_time_ms").type == pa.timestamp("ms", tz="UTC")
    assert schema.field("when_ms").type == pa.int64()


def test_the_frame_stands_before_the_fields_and_keeps_its_names() -> None:
    assert tuple(table_of(FULL).schema.names[:6]) == (*FRAME, "event_stream")


@pytest.mark.parametrize(
    ("exact", "shown"),
    [("0.1234567890123456785", "0.123456789012345678"), ("0.1234567890123456775", "0.123456789012345678")],
)
def test_a_decimal_that_is_too_fine_for_a_column_is_rounded_half_to_even(exact: str, shown: str) -> None:
    batch = Columns(group_of(Inner)).batch([Inner(Decimal(exact)), Inner(), Inner(Decimal(1))])
    assert batch.column(0).to_pylist() == [Decimal(shown), None, Decimal(1)]


def test_every_ms_in_the_catalog_is_known_as_a_moment_or_as_a_duration() -> None:
    names = {path[-1] for kind in EVENTS for path in paths_in(group_of(kind)) if path[-1].endswith("_ms")}
    assert names <= MOMENTS | DURATIONS
    assert not MOMENTS & DURATIONS


def test_no_field_of_the_catalog_is_only_json_in_its_table() -> None:
    def leaves(group: Group) -> Any:
        for field in group.fields:
            inner = innermost(field.shape)
            yield from leaves(inner) if isinstance(inner, Group) else [(field.name, inner)]

    untyped = {name for kind in EVENTS for name, leaf in leaves(group_of(kind)) if leaf == Leaf(Kind.JSON)}
    assert untyped == set()


def test_every_event_of_a_bundle_is_a_row_of_its_table(tmp_path: Path) -> None:
    bundle = Desk(tmp_path).make()
    rows: dict[int, dict[str, Any]] = {}
    for path in (bundle / "events").iterdir():
        for row in pq.read_table(path).to_pylist():
            rows[row["seq"]] = row
    for recorded in history():
        row = rows.pop(recorded.seq)
        assert (row["stream"], row["version"], row["input_seq"]) == (
            recorded.stream, recorded.version, recorded.input_seq,
        )  # fmt: skip
        for name in recorded.event.__struct_fields__:
            value = row[f"event_{name}" if name in FRAME else name]
            assert plain(value) == plain(getattr(recorded.event, name)), (name_of(type(recorded.event)), name)
    assert rows == {}


def plain(value: Any) -> Any:
    """Give a value as both sides can say it."""
    match value:
        case msgspec.Struct():
            return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        case dict():
            return {name: plain(inner) for name, inner in value.items()}
        case list() | tuple():
            pairs = [plain(item) for item in value]
            return [{"name": item[0], "value": item[1]} if is_pair(item) else item for item in pairs]
        case dt.datetime():
            return (value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
        case enum.Enum():
            return value.value
        case _:
            return value


def is_pair(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str)


def test_the_manifest_counts_the_rows_of_every_table(tmp_path: Path) -> None:
    bundle = Desk(tmp_path).make()
    counted = {name: pq.ParquetFile(bundle / name).metadata.num_rows for name in manifest(bundle)["rows"]}
    assert counted == manifest(bundle)["rows"]
