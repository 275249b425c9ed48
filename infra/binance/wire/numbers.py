"""The numbers of the wire, bounded: NaN, infinity and what no exchange quotes are refused where they are read.

Market data is float (Binance quotes at most 15 significant digits, so nothing is lost, see `domain/values.py`), orders
and money are Decimal. The bounds do more than reject nonsense: every comparison with NaN is false, so it fails them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, TypeAlias

import msgspec

_LARGEST: Final = 1e30
_INT64: Final = 2**63 - 1
_EXPONENT_MAX: Final = 40

Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=_LARGEST)]
"""A price, quantity or notional of the market: finite and not negative."""

Signed: TypeAlias = Annotated[float, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
"""A change or rate: finite."""

TimeMs: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_INT64)]
"""Milliseconds UTC."""

Number: TypeAlias = Annotated[int, msgspec.Meta(ge=-_INT64 - 1, le=_INT64)]
"""An id or count; -1 stands for "none" in places (the first trade of a kline without trades)."""

Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
"""A symbol, asset or interval."""

Level: TypeAlias = tuple[Amount, Amount]
"""Price and quantity of one level of a book."""


def require_sane(struct: msgspec.Struct) -> None:
    """Refuse a struct with a Decimal that is no number or beyond 10^±40: `ValueError` with the field's name.

    msgspec has no bounds for Decimal, which reads "NaN" and "1e999999999" without a blink.
    """
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, Decimal) and not (value.is_finite() and abs(value.adjusted()) <= _EXPONENT_MAX):
            raise ValueError(f"Expected a finite decimal for {name}, got {str(value)[:40]}")
