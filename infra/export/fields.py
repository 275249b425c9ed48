"""What a stored struct consists of, read off its type: the common ground of columns, dictionary and redaction."""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias, cast

import msgspec
from msgspec import inspect

MOMENTS: Final = frozenset(
    {
        "at_ms",
        "time_ms",
        "open_time_ms",
        "first_ms",
        "last_ms",
        "requested_ms",
        "accepted_ms",
        "filled_ms",
        "ended_ms",
        "close_ms",
        "closed_ms",
        "published_ms",
        "onboard_ms",
    }
)
"""Integers that are a moment (UTC ms since 1970; -1: never). Every other `…_ms` is a length of time."""


class Kind(enum.StrEnum):
    """What a single value is."""

    TEXT = "text"
    CHOICE = "choice"
    FLAG = "flag"
    INTEGER = "integer"
    MOMENT = "moment"
    NUMBER = "number"
    DECIMAL = "decimal"
    BYTES = "bytes"
    JSON = "json"


class Leaf(msgspec.Struct, frozen=True):
    """A single value. `choices` are the texts that a CHOICE may be."""

    kind: Kind
    choices: tuple[str, ...] = ()


class Group(msgspec.Struct, frozen=True):
    """Named values. `positional`: stored as a list in this order. `origin`: its struct, None for a plain tuple."""

    fields: tuple[Field, ...]
    origin: type[msgspec.Struct] | None = None
    positional: bool = False


class Many(msgspec.Struct, frozen=True):
    """A list of the same."""

    item: Shape


Shape: TypeAlias = Leaf | Group | Many


class Field(msgspec.Struct, frozen=True):
    """One named value, the `place`th of its group. `default` is what it is where it was left out."""

    name: str
    shape: Shape
    place: int
    required: bool = True
    default: Any = None


Path: TypeAlias = tuple[str, ...]
"""The names that lead from an event to a value: `("plan", "margin")`. Lists add no name."""


@functools.cache
def group_of(kind: type[msgspec.Struct]) -> Group:
    """Give what a struct consists of."""
    return _group(cast("inspect.StructType", inspect.type_info(kind)))


def paths_in(group: Group) -> Iterator[Path]:
    """Give the way to every value, groups and lists included, top down."""
    for field in group.fields:
        yield (field.name,)
        inner = innermost(field.shape)
        if isinstance(inner, Group):
            yield from ((field.name, *rest) for rest in paths_in(inner))


def without(group: Group, removed: Sequence[Path]) -> Group:
    """Give a group without some of its values; a group that would be empty goes with them."""
    kept: list[Field] = []
    for field in group.fields:
        tails = [path[1:] for path in removed if path[0] == field.name]
        shape = field.shape if not tails else None if () in tails else _less(field.shape, tails)
        if shape is not None:
            kept.append(msgspec.structs.replace(field, shape=shape))
    return msgspec.structs.replace(group, fields=tuple(kept))


def innermost(shape: Shape) -> Leaf | Group:
    """Give what a list is a list of, however deep."""
    while isinstance(shape, Many):
        shape = shape.item
    return shape


def _less(shape: Shape, removed: Sequence[Path]) -> Shape | None:
    match shape:
        case Leaf():
            return shape
        case Many(item):
            less = _less(item, removed)
            return None if less is None else Many(less)
        case Group():
            group = without(shape, removed)
            return group if group.fields else None


def _group(info: inspect.StructType) -> Group:
    fields = tuple(_field(field, place) for place, field in enumerate(info.fields))
    return Group(fields, info.cls, info.array_like)


def _field(field: inspect.Field, place: int) -> Field:
    default = field.default
    if callable(field.default_factory):
        default = field.default_factory()
    return Field(field.encode_name, _shape(field.type, field.encode_name), place, field.required, default)


def _shape(info: inspect.Type, name: str) -> Shape:
    match info:
        case inspect.UnionType(types=types):
            known = [one for one in types if not isinstance(one, inspect.NoneType)]
            return _shape(known[0], name) if len(known) == 1 else Leaf(Kind.JSON)
        case inspect.StructType():
            return _group(info)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return Many(_shape(item, name))
        case inspect.TupleType(item_types=items):
            names = ("name", "value") if len(items) == 2 else tuple(f"item_{n}" for n, _ in enumerate(items, 1))
            pairs = enumerate(zip(names, items, strict=True))
            return Group(
                tuple(Field(name, _shape(item, name), place) for place, (name, item) in pairs), positional=True
            )
        case _:
            return _leaf(info, name)


def _leaf(info: inspect.Type, name: str) -> Leaf:
    match info:
        case inspect.EnumType(cls=choices):
            values = [str(choice.value) for choice in choices]
            return Leaf(Kind.CHOICE, tuple(values)) if issubclass(choices, str) else Leaf(Kind.JSON)
        case inspect.LiteralType(values=texts):
            return Leaf(Kind.CHOICE, tuple(map(str, texts)))
        case inspect.BoolType():
            return Leaf(Kind.FLAG)
        case inspect.IntType():
            return Leaf(Kind.MOMENT if name in MOMENTS else Kind.INTEGER)
        case inspect.FloatType():
            return Leaf(Kind.NUMBER)
        case inspect.DecimalType():
            return Leaf(Kind.DECIMAL)
        case inspect.StrType():
            return Leaf(Kind.TEXT)
        case inspect.BytesType():
            return Leaf(Kind.BYTES)
        case _:
            return Leaf(Kind.JSON)


def default_text(field: Field) -> str:
    """Write the value of a field that was left out; empty if it never is."""
    if field.required:
        return ""
    value = cast("object", field.default)
    return str(value) if isinstance(value, Decimal) else msgspec.json.encode(value).decode()
