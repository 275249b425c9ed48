"""What the user data stream pushes (specs/binance.md §8). Money, prices and quantities of orders are Decimal.

Enumerations stay text: the exchange adds values without notice, and a new reason of an account update must not cost us
the update. `time_ms` is when the event was sent (`E`), `transaction_ms` when it happened (`T`).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.values import ZERO
from infra.binance.wire.frames import Frame
from infra.binance.wire.numbers import Name, Number, TimeMs, require_sane


class _Sane(msgspec.Struct, frozen=True, gc=False):
    """Checks its decimals where it is read."""

    def __post_init__(self) -> None:
        require_sane(self)


class UserFrame(Frame, frozen=True, gc=False):
    """An event of one account."""


class OrderState(_Sane, frozen=True, gc=False):
    """The `o` of ORDER_TRADE_UPDATE: the order, and in `last_…` what this event adds to it.

    `execution` (`x`) is NEW, TRADE, CANCELED, CALCULATED, EXPIRED or AMENDMENT; a positive `fee` is paid.
    """

    symbol: Name = msgspec.field(name="s")
    client_id: str = msgspec.field(name="c")
    side: Name = msgspec.field(name="S")
    order_type: Name = msgspec.field(name="o")
    execution: Name = msgspec.field(name="x")
    status: Name = msgspec.field(name="X")
    order_id: Number = msgspec.field(name="i")
    quantity: Decimal = msgspec.field(name="q")
    last_quantity: Decimal = msgspec.field(name="l")
    filled_quantity: Decimal = msgspec.field(name="z")
    last_price: Decimal = msgspec.field(name="L")
    trade_time_ms: TimeMs = msgspec.field(name="T")
    trade_id: Number = msgspec.field(name="t", default=0)
    time_in_force: str | None = msgspec.field(name="f", default=None)
    price: Decimal = msgspec.field(name="p", default=ZERO)
    average_price: Decimal | None = msgspec.field(name="ap", default=None)
    stop_price: Decimal | None = msgspec.field(name="sp", default=None)
    fee: Decimal | None = msgspec.field(name="n", default=None)
    fee_asset: str | None = msgspec.field(name="N", default=None)
    bids_notional: Decimal | None = msgspec.field(name="b", default=None)
    asks_notional: Decimal | None = msgspec.field(name="a", default=None)
    maker: bool = msgspec.field(name="m", default=False)
    reduce_only: bool = msgspec.field(name="R", default=False)
    close_position: bool = msgspec.field(name="cp", default=False)
    working_type: str | None = msgspec.field(name="wt", default=None)
    original_type: str | None = msgspec.field(name="ot", default=None)
    position_side: str = msgspec.field(name="ps", default="BOTH")
    realized_profit: Decimal | None = msgspec.field(name="rp", default=None)
    price_protect: bool | None = msgspec.field(name="pP", default=None)
    self_trade_prevention: str | None = msgspec.field(name="V", default=None)
    price_match: str | None = msgspec.field(name="pm", default=None)
    good_till_ms: Number | None = msgspec.field(name="gtd", default=None)
    expiry_reason: str | int | None = msgspec.field(name="er", default=None)
    activation_price: Decimal | None = msgspec.field(name="AP", default=None)
    callback_rate: Decimal | None = msgspec.field(name="cr", default=None)


class OrderTradeUpdate(UserFrame, frozen=True, gc=False, tag="ORDER_TRADE_UPDATE"):
    """An order was taken, filled, canceled, expired, amended or liquidated."""

    transaction_ms: TimeMs = msgspec.field(name="T")
    order: OrderState = msgspec.field(name="o")


class TradeLite(UserFrame, frozen=True, gc=False, tag="TRADE_LITE"):
    """A fill, sent before its ORDER_TRADE_UPDATE and with less in it: no fee, no status."""

    transaction_ms: TimeMs = msgspec.field(name="T")
    symbol: Name = msgspec.field(name="s")
    client_id: str = msgspec.field(name="c")
    side: Name = msgspec.field(name="S")
    order_id: Number = msgspec.field(name="i")
    trade_id: Number = msgspec.field(name="t")
    quantity: Decimal = msgspec.field(name="q")
    price: Decimal = msgspec.field(name="p")
    last_quantity: Decimal = msgspec.field(name="l")
    last_price: Decimal = msgspec.field(name="L")
    maker: bool = msgspec.field(name="m", default=False)

    def __post_init__(self) -> None:
        require_sane(self)


class BalanceState(_Sane, frozen=True, gc=False):
    """A balance after an event; `cross_wallet` is without isolated margin, `change` without PnL and fees."""

    asset: Name = msgspec.field(name="a")
    wallet: Decimal = msgspec.field(name="wb")
    cross_wallet: Decimal = msgspec.field(name="cw")
    change: Decimal | None = msgspec.field(name="bc", default=None)


class PositionState(_Sane, frozen=True, gc=False):
    """A position after an event. `amount` is signed: negative is short. `accumulated` is realised before fees."""

    symbol: Name = msgspec.field(name="s")
    amount: Decimal = msgspec.field(name="pa")
    entry_price: Decimal = msgspec.field(name="ep")
    position_side: str = msgspec.field(name="ps", default="BOTH")
    break_even_price: Decimal | None = msgspec.field(name="bep", default=None)
    accumulated: Decimal | None = msgspec.field(name="cr", default=None)
    unrealized_profit: Decimal | None = msgspec.field(name="up", default=None)
    margin_type: str | None = msgspec.field(name="mt", default=None)
    isolated_wallet: Decimal | None = msgspec.field(name="iw", default=None)
    margin_asset: str | None = msgspec.field(name="ma", default=None)


class AccountChange(msgspec.Struct, frozen=True, gc=False):
    """The `a` of ACCOUNT_UPDATE. `reason` is ORDER, FUNDING_FEE, DEPOSIT …; only what changed is listed."""

    reason: Name = msgspec.field(name="m")
    balances: tuple[BalanceState, ...] = msgspec.field(name="B", default=())
    positions: tuple[PositionState, ...] = msgspec.field(name="P", default=())


class AccountUpdate(UserFrame, frozen=True, gc=False, tag="ACCOUNT_UPDATE"):
    """Balances or positions changed."""

    transaction_ms: TimeMs = msgspec.field(name="T")
    account: AccountChange = msgspec.field(name="a")


class LeverageChange(msgspec.Struct, frozen=True, gc=False):
    """The new leverage of a symbol."""

    symbol: Name = msgspec.field(name="s")
    leverage: Number = msgspec.field(name="l")


class AssetModeChange(msgspec.Struct, frozen=True, gc=False):
    """Whether the account is in multi-assets mode now."""

    multi_assets: bool = msgspec.field(name="j")


class AccountConfigUpdate(UserFrame, frozen=True, gc=False, tag="ACCOUNT_CONFIG_UPDATE"):
    """Somebody changed the leverage of a symbol, or the margin mode of the account."""

    transaction_ms: TimeMs | None = msgspec.field(name="T", default=None)
    leverage: LeverageChange | None = msgspec.field(name="ac", default=None)
    asset_mode: AssetModeChange | None = msgspec.field(name="ai", default=None)


class PositionAtRisk(_Sane, frozen=True, gc=False):
    """A position in a margin call. `maintenance_margin` in quote asset."""

    symbol: Name = msgspec.field(name="s")
    position_side: str = msgspec.field(name="ps")
    amount: Decimal = msgspec.field(name="pa")
    margin_type: str = msgspec.field(name="mt")
    mark_price: Decimal = msgspec.field(name="mp")
    unrealized_profit: Decimal = msgspec.field(name="up")
    maintenance_margin: Decimal = msgspec.field(name="mm")
    isolated_wallet: Decimal | None = msgspec.field(name="iw", default=None)


class MarginCall(UserFrame, frozen=True, gc=False, tag="MARGIN_CALL"):
    """Positions are near liquidation. `cross_wallet` only where the position is in cross margin."""

    positions: tuple[PositionAtRisk, ...] = msgspec.field(name="p", default=())
    cross_wallet: Decimal | None = msgspec.field(name="cw", default=None)

    def __post_init__(self) -> None:
        require_sane(self)


class AlgoOrderState(_Sane, frozen=True, gc=False):
    """The `o` of ALGO_UPDATE: a conditional order. `order_id` names the order that it became, "" before."""

    client_id: str = msgspec.field(name="caid")
    algo_id: Number = msgspec.field(name="aid")
    order_type: Name = msgspec.field(name="o")
    symbol: Name = msgspec.field(name="s")
    side: Name = msgspec.field(name="S")
    status: Name = msgspec.field(name="X")
    quantity: Decimal = msgspec.field(name="q")
    algo_type: str = msgspec.field(name="at", default="CONDITIONAL")
    position_side: str = msgspec.field(name="ps", default="BOTH")
    time_in_force: str | None = msgspec.field(name="f", default=None)
    order_id: str | int = msgspec.field(name="ai", default="")
    average_price: Decimal | None = msgspec.field(name="ap", default=None)
    filled_quantity: Decimal | None = msgspec.field(name="aq", default=None)
    actual_type: str | None = msgspec.field(name="act", default=None)
    trigger_price: Decimal | None = msgspec.field(name="tp", default=None)
    price: Decimal | None = msgspec.field(name="p", default=None)
    self_trade_prevention: str | None = msgspec.field(name="V", default=None)
    working_type: str | None = msgspec.field(name="wt", default=None)
    price_match: str | None = msgspec.field(name="pm", default=None)
    close_position: bool | None = msgspec.field(name="cp", default=None)
    price_protect: bool | None = msgspec.field(name="pP", default=None)
    reduce_only: bool | None = msgspec.field(name="R", default=None)
    trigger_ms: Number | None = msgspec.field(name="tt", default=None)
    good_till_ms: Number | None = msgspec.field(name="gtd", default=None)
    reject_reason: str | None = msgspec.field(name="rm", default=None)


class AlgoUpdate(UserFrame, frozen=True, gc=False, tag="ALGO_UPDATE"):
    """A conditional order was taken, triggered, finished, canceled, rejected or expired."""

    transaction_ms: TimeMs = msgspec.field(name="T")
    order: AlgoOrderState = msgspec.field(name="o")


class TriggerReject(msgspec.Struct, frozen=True, gc=False):
    """Why a triggered order was refused."""

    symbol: Name = msgspec.field(name="s")
    order_id: Number = msgspec.field(name="i")
    reason: str = msgspec.field(name="r")


class ConditionalOrderTriggerReject(UserFrame, frozen=True, gc=False, tag="CONDITIONAL_ORDER_TRIGGER_REJECT"):
    """A triggered order was refused. The exchange stopped sending it on 2025-12-15."""

    transaction_ms: TimeMs = msgspec.field(name="T")
    reject: TriggerReject = msgspec.field(name="or")


class ListenKeyExpired(UserFrame, frozen=True, gc=False, tag="listenKeyExpired"):
    """The listen key is dead: no event comes any more on this connection."""

    listen_key: str = msgspec.field(name="listenKey", default="")

    def __repr__(self) -> str:
        """Keep the key to ourselves: what expired here may be alive elsewhere."""
        return f"ListenKeyExpired(time_ms={self.time_ms})"


class StrategyUpdate(UserFrame, frozen=True, gc=False, tag="STRATEGY_UPDATE"):
    """A strategy of the exchange's own web site changed. Tolerated, not used."""


class GridUpdate(UserFrame, frozen=True, gc=False, tag="GRID_UPDATE"):
    """A grid of the exchange's own web site changed. Tolerated, not used."""


UserEvent = (
    OrderTradeUpdate | TradeLite | AccountUpdate | AccountConfigUpdate | MarginCall | AlgoUpdate
    | ConditionalOrderTriggerReject | ListenKeyExpired | StrategyUpdate | GridUpdate
)  # fmt: skip
"""Everything that a user data stream pushes."""
