"""Reads the parameters of private endpoints, with Binance's refusals for what can't be read (specs/binance.md §4).

Clients send more than an endpoint asks for: what nobody reads is ignored. Booleans come as "true" and as "True".
Names come in any case: ccxt and python-binance send `orderidlist` where the documentation says `orderIdList`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

from domain.exchange.orders import (
    Change,
    Kind,
    NewAlgo,
    NewOrder,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
    WorkingType,
)
from domain.exchange.refusals import refusal
from domain.values import OrderSide
from infra.exchange.ports import ApiError

E = TypeVar("E", bound=enum.StrEnum)

_DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_INTEGER = r"^[0-9]{1,20}$"
_NUMBERS, _INTEGERS = re.compile(_DECIMAL), re.compile(_INTEGER)
_NEGATIVE = re.compile(r"-[0-9]{1,20}(\.[0-9]{1,20})?")
_BAD_ENUM = {
    "side": (-1117, "Invalid side."),
    "type": (-1116, "Invalid orderType."),
    "timeInForce": (-1115, "Invalid timeInForce."),
    "positionSide": (-4060, "Invalid position side."),
    "workingType": (-4031, "Invalid parameter working type: {}"),
    "priceMatch": (-5037, "Invalid price match"),
    "selfTradePreventionMode": (-5039, "Invalid self trade prevention mode"),
    "newOrderRespType": (-1136, "Invalid newOrderRespType."),
}
ALGO_ONLY = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."


class Answer(enum.StrEnum):
    """How much a new order's answer tells."""

    ACK = "ACK"
    RESULT = "RESULT"


class Sent:
    """The parameters of one request."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._sent = parameters
        self._lower: dict[str, str] | None = None

    def _found(self, name: str) -> str:
        """Give what was sent under a name, "" for nothing; other spellings count only if this one is missing."""
        found = self._sent.get(name)
        if found is not None:
            return found
        if self._lower is None:
            self._lower = {sent.lower(): value for sent, value in self._sent.items()}
        return self._lower.get(name.lower(), "")

    def text(self, name: str, default: str = "") -> str:
        """Give a text, or the default where it was not sent or is empty."""
        return self._found(name) or default

    def required(self, name: str) -> str:
        """Give a text that must be sent (-1102)."""
        found = self._found(name)
        if not found:
            raise missing(name)
        return found

    def symbol(self) -> str:
        """Give the symbol, which must be sent; any case will do."""
        return self.required("symbol").upper()

    def decimal(self, name: str) -> Decimal | None:
        """Give a number, None where it was not sent; -1100 for anything that isn't plain digits."""
        found = self._found(name)
        if not found:
            return None
        if not _NUMBERS.fullmatch(found):
            if _NEGATIVE.fullmatch(found):  # a filter says what is wrong with it
                return Decimal(found)
            raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{_DECIMAL}'.")
        return Decimal(found)

    def amount(self, name: str) -> Decimal:
        """Give a number that must be sent."""
        found = self.decimal(name)
        if found is None:
            raise missing(name)
        return found

    def integer(self, name: str, default: int = 0) -> int:
        """Give a whole number, or the default where it was not sent."""
        found = self._found(name)
        if not found:
            return default
        if not _INTEGERS.fullmatch(found):
            raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{_INTEGER}'.")
        return int(found)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Give a boolean, written in any case."""
        found = self._found(name).lower()
        if not found:
            return default
        if found not in ("true", "false"):
            raise ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")
        return found == "true"

    def word(self, name: str, kind: type[E], default: E | None = None) -> E:
        """Give one of a closed set of words, or the default; each set has its own code for another word."""
        found = self._found(name)
        if not found:
            if default is None:
                raise missing(name)
            return default
        try:
            return kind(found.upper())
        except ValueError:
            code, text = _BAD_ENUM.get(name, (-1130, f"Data sent for parameter '{name}' is not valid."))
            raise ApiError(code, text.format(found)) from None

    def limit(self, default: int, most: int) -> int:
        """Give how many rows are wanted; more than the maximum gives the maximum."""
        found = self.integer("limit", default)
        if found < 1:
            raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(found, most)

    def order_reference(self) -> tuple[int, str]:
        """Give order id and client's id, of which one must be sent; the order id wins."""
        order_id, client_id = self.integer("orderId"), self.text("origClientOrderId")
        if not order_id and not client_id:
            raise ApiError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        return order_id, client_id

    def algo_reference(self) -> tuple[int, str]:
        """Give algo id and client's id, of which one must be sent; the algo id wins."""
        algo_id, client_id = self.integer("algoId"), self.text("clientAlgoId")
        if not algo_id and not client_id:
            raise ApiError(-1102, "Param 'clientAlgoId' or 'algoId' must be sent, but both were empty/null!")
        return algo_id, client_id


def missing(name: str) -> ApiError:
    """Make the error of a parameter that was not sent."""
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_required(name: str) -> ApiError:
    """Make the error of a parameter that may not be sent here."""
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


# ── wishes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def new_order(sent: Sent) -> NewOrder:
    """Read an order; conditional types are refused (-4120)."""
    symbol = sent.symbol()
    side, kind = sent.word("side", OrderSide), sent.word("type", Kind)
    if kind.conditional:
        raise ApiError(-4120, ALGO_ONLY)
    if sent.text("stopPrice"):
        raise not_required("stopprice")
    if sent.flag("closePosition"):
        raise refusal(-4136, kind)
    price_match = sent.word("priceMatch", PriceMatch, PriceMatch.NONE)
    price: Decimal | None = None
    in_force = TimeInForce.GTC
    if kind is Kind.LIMIT:
        in_force = sent.word("timeInForce", TimeInForce)
        quantity = sent.amount("quantity")
        price = limit_price(sent, price_match)
    else:
        for name in ("timeInForce", "price"):
            if sent.text(name):
                raise not_required(name)
        if price_match is not PriceMatch.NONE:
            raise ApiError(-5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT")
        quantity = sent.amount("quantity")
    return NewOrder(
        symbol=symbol, side=side, kind=kind, quantity=quantity, price=price, time_in_force=in_force,
        position_side=sent.word("positionSide", PositionSide, PositionSide.BOTH), reduce_only=sent.flag("reduceOnly"),
        client_id=client_id(sent, "newClientOrderId"), price_match=price_match,
        self_trade=sent.word("selfTradePreventionMode", SelfTrade, SelfTrade.EXPIRE_MAKER),
        good_till_ms=good_till(sent, in_force),
    )  # fmt: skip


def limit_price(sent: Sent, price_match: PriceMatch) -> Decimal | None:
    """Read the price of a limit order: exactly one of price and priceMatch."""
    if price_match is PriceMatch.NONE:
        return sent.amount("price")
    if sent.text("price"):
        raise not_required("price")
    return None


def client_id(sent: Sent, name: str) -> str:
    """Read a client's own id, and refuse what is no id before anything else is looked at."""
    found = sent.text(name)
    if found and not re.fullmatch(r"[.A-Z:/a-z0-9_-]{1,36}", found):
        raise ApiError(-4015, "Client order id is not valid.")
    return found


def good_till(sent: Sent, in_force: TimeInForce) -> int:
    """Read until when a GTD order lives; others have no such time."""
    if in_force is not TimeInForce.GTD:
        return 0
    if not sent.text("goodTillDate"):
        raise missing("goodTillDate")
    return sent.integer("goodTillDate")


def new_algo(sent: Sent) -> NewAlgo:
    """Read a conditional order."""
    if sent.required("algoType") != "CONDITIONAL":
        raise ApiError(-1130, "Data sent for parameter 'algoType' is not valid.")
    symbol = sent.symbol()
    side, kind = sent.word("side", OrderSide), sent.word("type", Kind)
    if not kind.conditional:
        raise ApiError(-1116, "Invalid orderType.")
    price_match = sent.word("priceMatch", PriceMatch, PriceMatch.NONE)
    in_force = sent.word("timeInForce", TimeInForce, TimeInForce.GTC)
    return NewAlgo(
        symbol=symbol, side=side, kind=kind, quantity=sent.decimal("quantity"),
        price=limit_price(sent, price_match) if kind.limited else None, trigger=sent.decimal("triggerPrice"),
        position_side=sent.word("positionSide", PositionSide, PositionSide.BOTH), time_in_force=in_force,
        reduce_only=sent.flag("reduceOnly"), close_position=sent.flag("closePosition"),
        working_type=sent.word("workingType", WorkingType, WorkingType.CONTRACT_PRICE),
        price_protect=sent.flag("priceProtect"), price_match=price_match,
        self_trade=sent.word("selfTradePreventionMode", SelfTrade, SelfTrade.EXPIRE_MAKER),
        good_till_ms=good_till(sent, in_force),
        activation=sent.decimal("activatePrice") or sent.decimal("activationPrice"),
        callback_rate=sent.decimal("callbackRate"), client_id=client_id(sent, "clientAlgoId"),
    )  # fmt: skip


def change(sent: Sent) -> Change:
    """Read a change of an order."""
    price_match = sent.word("priceMatch", PriceMatch, PriceMatch.NONE)
    return Change(
        side=sent.word("side", OrderSide), quantity=sent.amount("quantity"), price=limit_price(sent, price_match),
        price_match=price_match, modify_id=sent.integer("modifyId") if sent.text("modifyId") else None,
    )  # fmt: skip


# ── weights ───────────────────────────────────────────────────────────────────────────────────────────────────────


def weighing(weight: int) -> Callable[[Mapping[str, str]], int]:
    """Give the weight of an endpoint that always weighs the same."""
    return lambda _: weight


def by_symbol(one: int, everything: int) -> Callable[[Mapping[str, str]], int]:
    """Give the weight of an endpoint that weighs more without a symbol."""
    return lambda sent: one if sent.get("symbol") else everything
