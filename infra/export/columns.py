"""Values as Arrow columns: money as decimals, moments as UTC timestamps, groups as structs, lists as lists.

A decimal column holds 38 digits, 18 of them behind the point: the widest that every Parquet reader knows. A finer
value is rounded (half to even); its exact text stands in the JSONL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import accumulate, chain
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeAlias, cast

import msgspec
import pyarrow as pa

from infra.export.fields import Field, Group, Kind, Leaf, Many, Shape

Array: TypeAlias = Any
"""A `pyarrow.Array`; the library ships no types."""

DECIMAL: Final = cast("Any", pa).decimal128(38, 18)
MOMENT: Final = cast("Any", pa).timestamp("ms", tz="UTC")
_arrow: Any = pa
_SMALLEST: Final = Decimal(1).scaleb(-18)
_TYPES: Final[dict[Kind, Any]] = {
    Kind.TEXT: _arrow.string(),
    Kind.CHOICE: _arrow.string(),
    Kind.FLAG: _arrow.bool_(),
    Kind.INTEGER: _arrow.int64(),
    Kind.MOMENT: MOMENT,
    Kind.NUMBER: _arrow.float64(),
    Kind.DECIMAL: DECIMAL,
    Kind.BYTES: _arrow.binary(),
    Kind.JSON: _arrow.string(),
}
