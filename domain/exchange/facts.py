"""What happened on the exchange, as values that never change: input of user data streams and public streams.

Facts stand in the order in which they happened; all facts between two calls of `Exchange.drain` belong together.
`order` and `algo` in a fact are copies as of that moment.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec

from domain.exchange.listing import Level
from domain.exchange.orders import Algo, Order, PositionSide
from domain.values import OrderSide


class PositionRow(msgspec.Struct, frozen=True):
    """One position (leg) as of a fact. `realized` counts since it was opened, before fees; `amount` is signed."""

    symbol: str
    position_side: PositionSide
    amount: Decimal
    entry: Decimal
    break_even: Decimal
    realized: Decimal
    unrealized: Decimal
    isolated: bool
    isolated_wallet: Decimal
    mark: Decimal
    maintenance: Decimal


class OrderOpened(msgspec.Struct, frozen=True):
    """An order was taken (x=NEW). `bids`/`asks`: what the account's open orders hold in this contract (USDT)."""

    account: str
    time_ms: int
    order: Order
    bids: Decimal
    asks: Decimal


class OrderTraded(msgspec.Struct, frozen=True):
    """An order traded. `realized` is before the fee; `liquidation` marks a fill with the insurance fund."""

    account: str
    time_ms: int
    order: Order
    bids: Decimal
    asks: Decimal
    trade_id: int
    price: Decimal
    quantity: Decimal
    fee: Decimal
    realized: Decimal
    maker: bool
    liquidation: bool = False


class OrderEnded(msgspec.Struct, frozen=True):
    """An order ended unfilled or in part: CANCELED by its owner, or EXPIRED for `order.reason`."""

    account: str
    time_ms: int
    order: Order
    bids: Decimal
    asks: Decimal


class OrderAmended(msgspec.Struct, frozen=True):
    """Price or quantity of an order was changed by its owner, who may have given the change an id of its own."""

    account: str
    time_ms: int
    order: Order
    bids: Decimal
    asks: Decimal
    modify_id: int | None = None


class AlgoChanged(msgspec.Struct, frozen=True):
    """A conditional order took another state."""

    account: str
    time_ms: int
    algo: Algo


class AccountChanged(msgspec.Struct, frozen=True):
    """Wallet or positions changed. `change` is the part that is neither profit nor fee (deposits, funding).

    `symbol` is the contract whose funding it was, "" for every other reason.
    """

    account: str
    time_ms: int
    reason: str
    wallet: Decimal
    cross_wallet: Decimal
    change: Decimal
    positions: tuple[PositionRow, ...]
    symbol: str = ""


class LeverageChanged(msgspec.Struct, frozen=True):
    """The leverage of a contract was set."""

    account: str
    time_ms: int
    symbol: str
    leverage: int


class MultiAssetsChanged(msgspec.Struct, frozen=True):
    """Multi-assets mode was switched."""

    account: str
    time_ms: int
    on: bool


class MarginCalled(msgspec.Struct, frozen=True):
    """The margin is nearly used up; these positions are in danger."""

    account: str
    time_ms: int
    cross_wallet: Decimal
    positions: tuple[PositionRow, ...]


class Liquidated(msgspec.Struct, frozen=True):
    """Public (forceOrder): a position was closed by force with this order."""

    symbol: str
    time_ms: int
    order: Order


class Traded(msgspec.Struct, frozen=True):
    """Public: a client's order traded with the book or with another's. `insurance`: the fund took a liquidation."""

    symbol: str
    time_ms: int
    trade_id: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    taker_side: OrderSide
    insurance: bool = False


class BookChanged(msgspec.Struct, frozen=True):
    """Public: clients' orders changed the merged book. Ask `Exchange.depth` for it."""

    symbol: str
    time_ms: int


Fact: TypeAlias = (
    OrderOpened
    | OrderTraded
    | OrderEnded
    | OrderAmended
    | AlgoChanged
    | AccountChanged
    | LeverageChanged
    | MultiAssetsChanged
    | MarginCalled
    | Liquidated
    | Traded
    | BookChanged
)


class Depth(msgspec.Struct, frozen=True):
    """The merged book: anonymous levels and clients' orders, best first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Fill(msgspec.Struct, frozen=True):
    """A row of an account's trades."""

    symbol: str
    trade_id: int
    order_id: int
    side: OrderSide
    position_side: PositionSide
    price: Decimal
    quantity: Decimal
    fee: Decimal
    realized: Decimal
    maker: bool
    time_ms: int


class Income(msgspec.Struct, frozen=True):
    """A row of an account's ledger. `kind` is Binance's incomeType; `trade_id` is 0 where there is no trade."""

    symbol: str
    kind: str
    amount: Decimal
    time_ms: int
    tran_id: int
    trade_id: int
    info: str


class Amendment(msgspec.Struct, frozen=True):
    """A row of an order's history of changes."""

    amendment_id: int
    symbol: str
    order_id: int
    client_id: str
    time_ms: int
    price_before: Decimal
    price_after: Decimal
    quantity_before: Decimal
    quantity_after: Decimal
    count: int
    price_match: str
    modify_id: int | None = None
