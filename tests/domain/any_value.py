"""Any value of a msgspec type, for hypothesis: read off the type itself, so that a new field is tried at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

INT64 = st.integers(-(2**63), 2**63 - 1)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
FLOATS = st.floats(allow_nan=False)

_PLAIN: dict[type[inspect.Type], Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.IntType: lambda _: INT64,
    inspect.FloatType: lambda _: FLOATS,
    inspect.BoolType: lambda _: st.booleans(),
    inspect.StrType: lambda _: st.text(max_size=8),
    inspect.BytesType: lambda _: st.binary(max_size=8),
    inspect.DecimalType: lambda _: DECIMALS,
    inspect.NoneType: lambda _: st.none(),
    inspect.EnumType: lambda info: st.sampled_from(info.cls),
    inspect.LiteralType: lambda info: st.sampled_from(info.values),
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Give a strategy for any value of a type that msgspec can encode."""
    return _of(inspect.type_info(kind))


def _of(info: inspect.Type) -> st.SearchStrategy[Any]:
    plain = _PLAIN.get(type(info))
    if plain is not None:
        return plain(info)
    match info:
        case inspect.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{field.name: _of(field.type) for field in fields})
        case inspect.VarTupleType(item_type=item):
            return st.lists(_of(item), max_size=3).map(tuple)
        case inspect.TupleType(item_types=items):
            return st.tuples(*map(_of, items))
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(_of(key), _of(value), max_size=3)
        case inspect.UnionType(types=kinds):
            return reduce(lambda one, other: one | other, map(_of, kinds))
        case _:
            raise NotImplementedError(f"no strategy for {info}")
