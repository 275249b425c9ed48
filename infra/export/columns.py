"""Values as Arrow columns: money as decimals, moments as UTC timestamps, groups as structs, lists as lists.

A decimal column holds 38 digits, 18 of them behind the point: the widest that every Parquet reader knows. A finer
value is rounded (half to even); its exact text stands in the JSONL. pyarrow has no type stubs: every `Any` is its.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import accumulate, chain
from operator import attrgetter, itemgetter
from typing import Any, Final, cast

import msgspec
import pyarrow as pa

from domain.base import Recorded
from infra.export.fields import Field, Group, Kind, Leaf, Many, Shape

FRAME: Final = ("seq", "stream", "version", "input_seq", "at_ms")
"""The columns that every table of events has. A field of the same name is called `event_…`."""

_arrow = cast("Any", pa)
_SMALLEST: Final = Decimal(1).scaleb(-18)
_ROUNDING: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_TYPES: Final[dict[Kind, Any]] = {
    Kind.TEXT: _arrow.string(),
    Kind.CHOICE: _arrow.string(),
    Kind.FLAG: _arrow.bool_(),
    Kind.INTEGER: _arrow.int64(),
    Kind.MOMENT: _arrow.timestamp("ms", tz="UTC"),
    Kind.NUMBER: _arrow.float64(),
    Kind.DECIMAL: _arrow.decimal128(38, 18),
    Kind.BYTES: _arrow.binary(),
    Kind.JSON: _arrow.string(),
}
_FRAME_TYPES: Final = (
    _TYPES[Kind.INTEGER], _TYPES[Kind.TEXT], _TYPES[Kind.INTEGER], _TYPES[Kind.INTEGER], _TYPES[Kind.MOMENT],
)  # fmt: skip
_frame = attrgetter(*FRAME)


class Columns:
    """How structs of one type become columns, one a field."""

    def __init__(self, group: Group, prefix: Sequence[tuple[str, Any]] = ()) -> None:
        """`prefix` are columns (name and type) that stand before the fields, and take their names from them."""
        taken = {name for name, _ in prefix}
        self._fields = group.fields
        self._values = _reading(group)
        names = [f"event_{field.name}" if field.name in taken else field.name for field in group.fields]
        own = [(name, arrow_type(field.shape)) for name, field in zip(names, group.fields, strict=True)]
        self.schema: Any = _arrow.schema([*prefix, *own])

    def batch(self, rows: Iterable[Any], before: Sequence[Any] = ()) -> Any:
        """Give a `RecordBatch` of structs; `before` are the arrays of the prefix."""
        own = _arrays(self._fields, list(map(self._values, rows)))
        return _arrow.record_batch([*before, *own], schema=self.schema)


class EventColumns(Columns):
    """How events of one kind become columns: their frame, then their fields."""

    def __init__(self, group: Group) -> None:
        super().__init__(group, tuple(zip(FRAME, _FRAME_TYPES, strict=True)))

    def of_events(self, events: Sequence[Recorded]) -> Any:
        """Give a `RecordBatch` of recorded events."""
        columns = zip(*map(_frame, events), strict=True)
        before = [_arrow.array(column, kind) for column, kind in zip(columns, _FRAME_TYPES, strict=True)]
        return self.batch([recorded.event for recorded in events], before)


def arrow_type(shape: Shape) -> Any:
    """Give the Arrow type of a value."""
    match shape:
        case Leaf(kind):
            return _TYPES[kind]
        case Many(item):
            return _arrow.list_(arrow_type(item))
        case Group(fields):
            return _arrow.struct([(field.name, arrow_type(field.shape)) for field in fields])


def _arrays(fields: Sequence[Field], rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    columns = zip(*rows, strict=True) if rows else ((),) * len(fields)
    return [_array(field.shape, column) for field, column in zip(fields, columns, strict=True)]


def _array(shape: Shape, values: Sequence[Any]) -> Any:
    match shape:
        case Leaf(Kind.DECIMAL):
            return _decimals(values)
        case Leaf(Kind.JSON):
            texts = [None if value is None else msgspec.json.encode(value).decode() for value in values]
            return _arrow.array(texts, _TYPES[Kind.JSON])
        case Leaf(kind):
            return _arrow.array(values, _TYPES[kind])
        case Many(item):
            offsets = [0, *accumulate(len(value or ()) for value in values)]
            inner = _array(item, list(chain.from_iterable(value or () for value in values)))
            kind = arrow_type(shape)
            return _arrow.ListArray.from_arrays(_arrow.array(offsets, _arrow.int32()), inner, kind, mask=_mask(values))
        case Group(fields):
            blank, read = (None,) * len(fields), _reading(shape)
            rows = [blank if value is None else read(value) for value in values]
            named = list(arrow_type(shape))
            return _arrow.StructArray.from_arrays(_arrays(fields, rows), fields=named, mask=_mask(values))


def _mask(values: Sequence[Any]) -> Any:
    return _arrow.array([value is None for value in values]) if None in values else None


def _decimals(values: Sequence[Decimal | None]) -> Any:
    try:
        return _arrow.array(values, _TYPES[Kind.DECIMAL])
    except _arrow.ArrowInvalid:
        fit = [None if value is None else value.quantize(_SMALLEST, context=_ROUNDING) for value in values]
        return _arrow.array(fit, _TYPES[Kind.DECIMAL])


def _reading(group: Group) -> Callable[[Any], tuple[Any, ...]]:
    """Give the function that takes the fields' values out of a struct or a plain tuple."""
    if not group.fields:
        return lambda _: ()
    if group.origin is None:
        read: Any = itemgetter(*(field.place for field in group.fields))
    else:
        read = attrgetter(*(field.name for field in group.fields))
    return read if len(group.fields) > 1 else lambda row: (read(row),)
