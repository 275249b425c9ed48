"""What we ask of a venue, and what it answers.

A venue is where orders go: the in-process exchange (paper trading, backtest), the simulator, Binance. Requests are
effects, answers are inputs; both name an order by its `order_id`, the id of the event that requested it. The venue
derives the client order id from that, see product.md §5.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Final

import msgspec

from domain.base import Effect, Input, Tell, stream_of
from domain.values import OrderSide, Side

ENTRY_OUTDATED: Final = "ENTRY_OUTDATED"
"""Why a venue did not even send an entry: the run was interrupted meanwhile, and its price is one of the past."""


class OrderType(enum.StrEnum):
    """What triggers an order. The two conditional ones become market orders when the mark price reaches `trigger`."""

    MARKET = "MARKET"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"


class PlaceOrder(Effect, frozen=True, gc=False):
    """Place an order. `close_position`: whatever is open then is closed, `quantity` says how much that is now."""

    account: str
    order_id: str
    symbol: str
    side: OrderSide
    order_type: OrderType
    quantity: Decimal
    trigger: Decimal | None = None
    reduce_only: bool = False
    close_position: bool = False
    leverage: int = 1


class CancelOrder(Effect, frozen=True, gc=False):
    """Take a resting order back."""

    account: str
    order_id: str
    symbol: str


class OrderAnswer(Input, frozen=True, gc=False):
    """A venue's answer about one order. It goes to the stream that requested the order."""

    order_id: str
    time_ms: int

    def deliveries(self) -> tuple[Tell, ...]:
        """To the position that asked."""
        return (Tell(stream_of(self.order_id), self),)


class VenueAccepted(OrderAnswer, frozen=True, gc=False):
    """The order rests at the venue, or is about to be filled."""


class VenueRejected(OrderAnswer, frozen=True, gc=False):
    """The venue said no. `code` is its own number or name."""

    code: str
    text: str


class VenueFilled(OrderAnswer, frozen=True, gc=False):
    """(Part of) the order was filled. `fee` is in USDT and never negative here; `trade_id` makes repeats harmless."""

    trade_id: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    complete: bool = True


class VenueCanceled(OrderAnswer, frozen=True, gc=False):
    """The order is gone without (further) fills. `reason`: asked for, expired, or the position is closed."""

    reason: str


class VenueLiquidated(Input, frozen=True, gc=False):
    """(Part of) a position was closed at `price`, and not by an order of ours. `fee` in USDT, all fees included.

    `cause`: LIQUIDATION, ADL (the venue took it to pay for another's bankruptcy) or EXTERNAL (the owner's app, or an
    order that nobody here knows). `trade_id`, where the venue has one, makes repeats harmless.
    """

    position: str
    time_ms: int
    price: Decimal
    quantity: Decimal
    fee: Decimal
    trade_id: str = ""
    cause: str = "LIQUIDATION"

    def deliveries(self) -> tuple[Tell, ...]:
        """To the position."""
        return (Tell(self.position, self),)


class VenueFunded(Input, frozen=True, gc=False):
    """The venue settled funding. `amount` in USDT: positive is received, negative paid."""

    position: str
    time_ms: int
    rate: Decimal
    mark: Decimal
    amount: Decimal

    def deliveries(self) -> tuple[Tell, ...]:
        """To the position."""
        return (Tell(self.position, self),)


class ForeignPosition(msgspec.Struct, frozen=True, gc=False):
    """What an account holds and none of our positions explains: reported, never touched. `quantity` in base asset."""

    symbol: str
    side: Side
    quantity: Decimal
    entry_price: Decimal


class AccountReconciled(Input, frozen=True, gc=False):
    """An account was compared with the venue while nothing was on its way, and something there is news to us.

    `wallet` in USDT, without unrealised PnL. `unexplained` says in sentences what contradicts our positions and no
    fill explains; while there is any, no position is entered.
    """

    account: str
    time_ms: int
    wallet: Decimal
    foreign: tuple[ForeignPosition, ...] = ()
    unexplained: tuple[str, ...] = ()

    def deliveries(self) -> tuple[Tell, ...]:
        """To the account."""
        return (Tell(f"account:{self.account}", self),)
