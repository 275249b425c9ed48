"""REST bodies: how they are read, and the small ones that belong nowhere else.

Quoted numbers of market data become `float`, those of orders and money `Decimal`; nothing is lost, because Binance
quotes at most 15 significant digits. Unknown fields are ignored and what a later or earlier version of the exchange
leaves out is None or its documented default, so that a change over there is no crash over here.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from domain.errors import WireError

T = TypeVar("T")

# Only such a text can become a number that is none or that nobody trades with; the walk that looks for it is slow.
_SUSPICIOUS: Final = re.compile(rb"nan|inf|e[+-]?\d{3}|\d{19}", re.IGNORECASE)
_DIGITS_MAX: Final = 60
_INT_MAX: Final = 2**63


class Body(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A JSON object of the REST interface. Fields are named as in the house, `field(name=…)` says Binance's name."""


class Blankable(Decimal):
    """A number that Binance may send as an empty string; that reads as 0, which it writes for "none" elsewhere."""


def _hook(kind: type, value: object) -> object:
    if kind is not Blankable or not isinstance(value, str | int | float):
        raise NotImplementedError(f"expected a number, got {type(value).__name__}")
    try:
        return Blankable(str(value) or "0")
    except decimal.InvalidOperation as error:
        raise ValueError("Invalid decimal string") from error


class Reader(Generic[T]):
    """Reads bodies of one type. `where` names the endpoint in an error."""

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind, strict=False, dec_hook=_hook)

    def __call__(self, raw: bytes, where: str) -> T:
        """Give the body as a struct. Raises `WireError` for whatever can't be read, and nothing else."""
        try:
            body = self._decoder.decode(raw)
            wrong = next(_impossible(body), None) if _SUSPICIOUS.search(raw) else None
        except (msgspec.MsgspecError, UnicodeDecodeError, NotImplementedError) as error:
            raise WireError(str(error), f"{where}: {shortened(raw)}") from error
        except RecursionError as error:
            raise WireError("nested too deeply", f"{where}: {shortened(raw)}") from error
        if wrong is not None:
            raise WireError(f"{wrong} is no usable number", where)
        return body


def shortened(raw: bytes, limit: int = 200) -> str:
    """Give the beginning of a body for an error text."""
    text = raw[:limit].decode("utf-8", "replace")
    return text if len(raw) <= limit else f"{text}… ({len(raw)} bytes)"


def _impossible(value: object) -> Iterator[object]:
    """Give the numbers in a decoded body that are not finite or far outside of what money and times can be."""
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > _DIGITS_MAX:
            yield value
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield value
    elif isinstance(value, int):
        if abs(value) >= _INT_MAX:
            yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _impossible(getattr(value, name))
    elif isinstance(value, list | tuple):
        for item in cast("list[object]", value):
            yield from _impossible(item)


class Refusal(Body, frozen=True, kw_only=True):
    """An error body, also as an element of a batch's answer: Binance's code and text."""

    code: int
    text: str = msgspec.field(name="msg", default="")


class Done(Body, frozen=True, kw_only=True):
    """The answer of a call that only does something: `{"code": 200, "msg": "success"}`."""

    code: int = 200
    text: str = msgspec.field(name="msg", default="")


class ServerTime(Body, frozen=True, kw_only=True):
    """The exchange's clock, UTC ms."""

    server_time_ms: int = msgspec.field(name="serverTime")


class ListenKey(Body, frozen=True, kw_only=True):
    """The name of a user data stream; empty where the answer does not repeat it."""

    listen_key: str = ""


class Countdown(Body, frozen=True, kw_only=True):
    """When all open orders of a symbol are cancelled unless the countdown is renewed; 0: never."""

    symbol: str
    countdown_ms: int = msgspec.field(name="countdownTime")


read_refusal: Final = Reader[Refusal](Refusal)
read_done: Final = Reader[Done](Done)
read_server_time: Final = Reader[ServerTime](ServerTime)
read_listen_key: Final = Reader[ListenKey](ListenKey)
read_countdown: Final = Reader[Countdown](Countdown)
read_nothing: Final = Reader[dict[str, object]](dict[str, object])
