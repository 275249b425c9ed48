"""REST bodies: how they are read, and the small ones that belong nowhere else.

Quoted numbers of market data become `float`, those of orders and money `Decimal`; nothing is lost, because Binance
quotes at most 15 significant digits. Unknown fields are ignored and what a later or earlier version of the exchange
leaves out is None or its documented default, so that a change over there is no crash over here.
"""

from __future__ import annotations

import abc
import decimal
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, TypeAlias, TypeVar, cast

import msgspec

from domain.errors import WireError
from infra.masking import MASK, mask

T = TypeVar("T")

Int: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""An id, a time or a count: whatever fits into 64 bits."""

# Only such a text can become a number that is none, or one that nobody trades with. Looking for the numbers themselves
# is slow, looking for the text less so, and rows of candles have no letters at all.
_EXPONENT: Final = re.compile(rb"e[+-]?\d{3}")
_LETTERS: Final = (b"n", b"e", b"N", b"E")
_DIGITS_MAX: Final = 60


class Body(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A JSON object of the REST interface. Fields are named as in the house, `field(name=…)` says Binance's name."""


# A body holds plain Decimal and float; only the decoder has to know which of them Binance may leave blank.
if TYPE_CHECKING:
    Blankable: TypeAlias = Decimal
    BlankableFloat: TypeAlias = float
else:

    class Blankable(abc.ABC):  # noqa: B024 -- only for `register`
        """A Decimal that may come as "" or null; that reads as 0, which Binance writes for "none" elsewhere."""

    class BlankableFloat(abc.ABC):  # noqa: B024 -- likewise
        """The same for market data, such as the funding rate of a contract that has none."""

    Blankable.register(Decimal)
    BlankableFloat.register(float)


def _hook(kind: type, value: object) -> object:
    if kind not in {Blankable, BlankableFloat} or not isinstance(value, str | int | float | None):
        raise NotImplementedError(f"expected a number, got {type(value).__name__}")
    text = "0" if value in {None, ""} else str(value)
    try:
        number = Decimal(text) if kind is Blankable else float(text)
    except (decimal.InvalidOperation, ValueError) as error:
        raise ValueError("Expected a number in quotes") from error
    if next(_impossible(number), None) is not None:  # 400 digits are infinity, and have no letter to be suspected for
        raise ValueError("Number out of range")
    return number


class Reader(Generic[T]):
    """Reads bodies of one type. `where` names the endpoint in an error."""

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind, strict=False, dec_hook=_hook)

    def __call__(self, raw: bytes, where: str) -> T:
        """Give the body as a struct. Raises `WireError` for whatever can't be read, and nothing else."""
        try:
            body = self._decoder.decode(raw)
            wrong = next(_impossible(body), None) if _is_suspicious(raw) else None
        except (msgspec.MsgspecError, UnicodeDecodeError, NotImplementedError) as error:
            raise WireError(str(error), f"{where}: {shortened(raw)}") from error
        except RecursionError as error:
            raise WireError("nested too deeply", f"{where}: {shortened(raw)}") from error
        if wrong is not None:
            raise WireError(f"{wrong} is no usable number", where)
        return body


class RowsReader(Generic[T]):
    """Reads a list of which every row stands for itself, as one contract of all. The whole is tried first; only if that
    fails, row by row: what can't be read is left out, unless it is all of them.

    Not for lists in which a missing row means something: orders, fills, positions, balances, candles.
    """

    def __init__(self, kind: type[T]) -> None:
        self._whole = Reader[list[T]](list[kind])
        self._row = Reader[T](kind)

    def __call__(self, raw: bytes, where: str) -> list[T]:
        """Give the rows. Raises `WireError` if none can be read, and nothing else."""
        try:
            return self._whole(raw, where)
        except WireError:
            found = [row for each in _raws(raw, where) if (row := self._row_or_none(each, where)) is not None]
            if not found:
                raise
            return found

    def _row_or_none(self, raw: msgspec.Raw, where: str) -> T | None:
        try:
            return self._row(bytes(raw), where)
        except WireError:
            return None


_raws: Final = Reader[list[msgspec.Raw]](list[msgspec.Raw])


def _is_suspicious(raw: bytes) -> bool:
    """Whether it may hold a number that is none, or has a long exponent; cheap, for bodies are long and none does."""
    if not any(letter in raw for letter in _LETTERS):
        return False
    small = raw.lower()
    return b"nan" in small or b"inf" in small or (b"e" in small and _EXPONENT.search(small) is not None)


def shortened(raw: bytes, limit: int = 200) -> str:
    """Give the beginning of a body for an error text, without a listen key that may stand in it."""
    text = mask(raw[:limit].decode("utf-8", "replace"))
    return text if len(raw) <= limit else f"{text}… ({len(raw)} bytes)"


def _impossible(value: object) -> Iterator[object]:
    """Give the numbers in a decoded body that are not finite or far outside of what money and times can be."""
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > _DIGITS_MAX:
            yield value
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _impossible(getattr(value, name))
    elif isinstance(value, list | tuple):
        for item in cast("list[object]", value):
            yield from _impossible(item)


class Refusal(Body, frozen=True, kw_only=True):
    """An error body, also as an element of a batch's answer: Binance's code and text."""

    code: Int
    text: str = msgspec.field(name="msg", default="")


class Done(Body, frozen=True, kw_only=True):
    """The answer of a call that only does something: `{"code": 200, "msg": "success"}`."""

    code: Int = 200
    text: str = msgspec.field(name="msg", default="")


class ServerTime(Body, frozen=True, kw_only=True):
    """The exchange's clock, UTC ms."""

    server_time_ms: Int = msgspec.field(name="serverTime")


class ListenKey(Body, frozen=True, kw_only=True):
    """The name of a user data stream; empty where the answer does not repeat it."""

    listen_key: str = ""

    def __repr__(self) -> str:
        """Show that there is one; whoever knows it reads the account's events."""
        return f"ListenKey({MASK if self.listen_key else ''})"


class Countdown(Body, frozen=True, kw_only=True):
    """When all open orders of a symbol are cancelled unless the countdown is renewed; 0: never."""

    symbol: str
    countdown_ms: Int = msgspec.field(name="countdownTime")


read_refusal: Final = Reader[Refusal](Refusal)
read_done: Final = Reader[Done](Done)
read_server_time: Final = Reader[ServerTime](ServerTime)
read_listen_key: Final = Reader[ListenKey](ListenKey)
read_countdown: Final = Reader[Countdown](Countdown)
read_nothing: Final = Reader[dict[str, Any]](dict[str, Any])
