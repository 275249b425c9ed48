"""What can be ordered, and what becomes of it: the words of binance.md §6 as types.

`NewOrder`, `NewAlgo` and `Change` are wishes (a client's request after its numbers were read); `Order` and `Algo` are
the exchange's own mutable records, of which facts carry copies.
"""

from __future__ import annotations

import enum
from decimal import Decimal

import msgspec

from domain.values import ZERO, OrderSide


class Kind(enum.StrEnum):
    """The type of an order. Only LIMIT and MARKET stand in the book or take from it; the others wait for a trigger."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    STOP = "STOP"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"

    @property
    def conditional(self) -> bool:
        """Whether it waits for a trigger (POST algoOrder)."""
        return self not in (Kind.LIMIT, Kind.MARKET)

    @property
    def limited(self) -> bool:
        """Whether it becomes a LIMIT order."""
        return self in (Kind.LIMIT, Kind.STOP, Kind.TAKE_PROFIT)


class TimeInForce(enum.StrEnum):
    """How long an order lives."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"
    GTD = "GTD"


class PositionSide(enum.StrEnum):
    """Which position an order is for: BOTH in one-way mode, one of the two legs in hedge mode."""

    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


class WorkingType(enum.StrEnum):
    """Which price a trigger looks at: the last trade, or the mark price."""

    CONTRACT_PRICE = "CONTRACT_PRICE"
    MARK_PRICE = "MARK_PRICE"


class PriceMatch(enum.StrEnum):
    """A place in the book instead of a price."""

    NONE = "NONE"
    OPPONENT = "OPPONENT"
    OPPONENT_5 = "OPPONENT_5"
    QUEUE = "QUEUE"
    QUEUE_5 = "QUEUE_5"
    QUEUE_10 = "QUEUE_10"
    QUEUE_20 = "QUEUE_20"

    @property
    def depth(self) -> int:
        """Which level of the book it means, from 1."""
        _, _, number = self.partition("_")
        return int(number) if number else 1


class SelfTrade(enum.StrEnum):
    """What happens when an order would meet one of the same account."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class Status(enum.StrEnum):
    """Where an order stands."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"

    @property
    def open(self) -> bool:
        """Whether it can still fill."""
        return self in (Status.NEW, Status.PARTIALLY_FILLED)


class ExpiryReason(enum.StrEnum):
    """Why an order ended without its owner's wish (`er` of ORDER_TRADE_UPDATE)."""

    NONE = "0"
    SELF_TRADE = "1"
    IOC_REST = "2"
    IOC_SELF_TRADE = "3"
    REDUCE_ONLY = "4"
    LIQUIDATION = "5"
    MARKET_REST = "9"


class AlgoStatus(enum.StrEnum):
    """Where a conditional order stands."""

    NEW = "NEW"
    CANCELED = "CANCELED"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A wish for an order. `price` is None for MARKET and where `price_match` says it; an empty id is made up."""

    symbol: str
    side: OrderSide
    kind: Kind
    quantity: Decimal
    price: Decimal | None = None
    position_side: PositionSide = PositionSide.BOTH
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    client_id: str = ""
    price_match: PriceMatch = PriceMatch.NONE
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER
    good_till_ms: int = 0


class NewAlgo(msgspec.Struct, frozen=True, kw_only=True):
    """A wish for a conditional order. `quantity` is None with `close_position`; `callback_rate` is in percent."""

    symbol: str
    side: OrderSide
    kind: Kind
    quantity: Decimal | None = None
    price: Decimal | None = None
    trigger: Decimal | None = None
    position_side: PositionSide = PositionSide.BOTH
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    close_position: bool = False
    working_type: WorkingType = WorkingType.CONTRACT_PRICE
    price_protect: bool = False
    price_match: PriceMatch = PriceMatch.NONE
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER
    good_till_ms: int = 0
    activation: Decimal | None = None
    callback_rate: Decimal | None = None
    client_id: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to change price and quantity of an open LIMIT order. `modify_id` is the client's own name for it."""

    quantity: Decimal
    price: Decimal | None = None
    price_match: PriceMatch = PriceMatch.NONE
    side: OrderSide | None = None
    modify_id: int | None = None


class Order(msgspec.Struct):
    """An order as the exchange keeps it. `stop_price` and `original_kind` tell the conditional order it came from."""

    account: str
    symbol: str
    order_id: int
    client_id: str
    side: OrderSide
    kind: Kind
    original_kind: Kind
    position_side: PositionSide
    time_in_force: TimeInForce
    quantity: Decimal
    price: Decimal
    created_ms: int
    updated_ms: int
    reduce_only: bool = False
    reduces: bool = False
    close_position: bool = False
    stop_price: Decimal = ZERO
    working_type: WorkingType = WorkingType.CONTRACT_PRICE
    price_protect: bool = False
    price_match: PriceMatch = PriceMatch.NONE
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER
    good_till_ms: int = 0
    status: Status = Status.NEW
    executed: Decimal = ZERO
    quote: Decimal = ZERO
    reason: ExpiryReason = ExpiryReason.NONE
    amendments: int = 0
    algo_id: int = 0
    activation: Decimal | None = None
    callback_rate: Decimal | None = None
    ahead: Decimal = ZERO

    @property
    def remaining(self) -> Decimal:
        """What is not filled yet."""
        return self.quantity - self.executed

    @property
    def average(self) -> Decimal:
        """The mean price of its fills, zero before the first."""
        return self.quote / self.executed if self.executed else ZERO


class Algo(msgspec.Struct):
    """A conditional order as the exchange keeps it. `extreme` is the best price since a trailing stop was activated."""

    account: str
    algo_id: int
    wish: NewAlgo
    client_id: str
    created_ms: int
    updated_ms: int
    status: AlgoStatus = AlgoStatus.NEW
    rising: bool = True
    order_id: int = 0
    order_kind: Kind | None = None
    trigger_ms: int = 0
    average: Decimal = ZERO
    executed: Decimal = ZERO
    extreme: Decimal | None = None
    reason: str = ""
