"""REST bodies of an account: balances, positions, modes, income. Amounts in the asset that the row names."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from infra.binance.wire.bodies import Body, Int, Reader

field = msgspec.field
_NONE: Final = Decimal(0)


class Balance(Body, frozen=True, kw_only=True):
    """One asset of /balance (v2 and v3)."""

    asset: str
    balance: Decimal
    cross_wallet: Decimal = field(name="crossWalletBalance", default=_NONE)
    cross_unrealised: Decimal = field(name="crossUnPnl", default=_NONE)
    available: Decimal = field(name="availableBalance", default=_NONE)
    max_withdraw: Decimal | None = field(name="maxWithdrawAmount", default=None)
    margin_available: bool | None = None
    update_time_ms: Int | None = field(name="updateTime", default=None)


class AccountAsset(Body, frozen=True, kw_only=True):
    """One asset of /account (v2 and v3)."""

    asset: str
    wallet: Decimal = field(name="walletBalance")
    unrealised: Decimal = field(name="unrealizedProfit", default=_NONE)
    margin_balance: Decimal = _NONE
    initial_margin: Decimal = _NONE
    maintenance_margin: Decimal = field(name="maintMargin", default=_NONE)
    position_initial_margin: Decimal = _NONE
    order_initial_margin: Decimal = field(name="openOrderInitialMargin", default=_NONE)
    cross_wallet: Decimal = field(name="crossWalletBalance", default=_NONE)
    cross_unrealised: Decimal = field(name="crossUnPnl", default=_NONE)
    available: Decimal = field(name="availableBalance", default=_NONE)
    max_withdraw: Decimal = field(name="maxWithdrawAmount", default=_NONE)
    update_time_ms: Int | None = field(name="updateTime", default=None)


class AccountPosition(Body, frozen=True, kw_only=True):
    """One position of /account. v2 lists all symbols with leverage and entry price, v3 only those with something in."""

    symbol: str
    position_side: str = "BOTH"
    quantity: Decimal = field(name="positionAmt", default=_NONE)
    unrealised: Decimal = field(name="unrealizedProfit", default=_NONE)
    initial_margin: Decimal = _NONE
    maintenance_margin: Decimal = field(name="maintMargin", default=_NONE)
    notional: Decimal | None = None
    isolated_margin: Decimal | None = None
    isolated_wallet: Decimal | None = None
    entry_price: Decimal | None = None
    leverage: Int | None = None
    isolated: bool | None = None
    update_time_ms: Int | None = field(name="updateTime", default=None)


class Account(Body, frozen=True, kw_only=True):
    """The whole account; totals in USDT (in USD where several assets are margin). v3 lacks the permissions."""

    wallet: Decimal = field(name="totalWalletBalance")
    unrealised: Decimal = field(name="totalUnrealizedProfit")
    margin_balance: Decimal = field(name="totalMarginBalance")
    initial_margin: Decimal = field(name="totalInitialMargin")
    maintenance_margin: Decimal = field(name="totalMaintMargin")
    position_initial_margin: Decimal = field(name="totalPositionInitialMargin", default=_NONE)
    order_initial_margin: Decimal = field(name="totalOpenOrderInitialMargin", default=_NONE)
    cross_wallet: Decimal = field(name="totalCrossWalletBalance", default=_NONE)
    cross_unrealised: Decimal = field(name="totalCrossUnPnl", default=_NONE)
    available: Decimal = field(name="availableBalance")
    max_withdraw: Decimal = field(name="maxWithdrawAmount", default=_NONE)
    assets: tuple[AccountAsset, ...] = ()
    positions: tuple[AccountPosition, ...] = ()
    fee_tier: Int | None = None
    can_trade: bool | None = None
    can_deposit: bool | None = None
    can_withdraw: bool | None = None
    multi_assets_margin: bool | None = None


class PositionRisk(Body, frozen=True, kw_only=True):
    """One position of /positionRisk. `quantity` is negative for a short; v3 has no leverage and no margin type."""

    symbol: str
    position_side: str = "BOTH"
    quantity: Decimal = field(name="positionAmt")
    entry_price: Decimal
    break_even_price: Decimal | None = None
    mark: Decimal = field(name="markPrice")
    unrealised: Decimal = field(name="unRealizedProfit")
    liquidation_price: Decimal = _NONE
    notional: Decimal | None = None
    margin_asset: str = ""
    isolated_margin: Decimal = _NONE
    isolated_wallet: Decimal | None = None
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = field(name="maintMargin", default=None)
    leverage: Int | None = None
    margin_type: str | None = None
    max_notional: Decimal | None = field(name="maxNotionalValue", default=None)
    adl: Int | None = None
    update_time_ms: Int | None = field(name="updateTime", default=None)


class LeverageSet(Body, frozen=True, kw_only=True):
    """The leverage that is in force now, and the largest notional (USDT) that it allows."""

    symbol: str
    leverage: Int
    max_notional: Decimal | None = field(name="maxNotionalValue", default=None)


class PositionMode(Body, frozen=True, kw_only=True):
    """True: hedge mode, a symbol can be long and short at once. False: one-way."""

    hedge: bool = field(name="dualSidePosition")


class AssetMode(Body, frozen=True, kw_only=True):
    """True: several assets are margin together (MULTI-ASSETS mode)."""

    multi_assets: bool = field(name="multiAssetsMargin")


class SymbolConfig(Body, frozen=True, kw_only=True):
    """Leverage and margin type (CROSSED, ISOLATED) of one symbol."""

    symbol: str
    margin_type: str
    leverage: Int
    auto_add_margin: bool = field(name="isAutoAddMargin", default=False)
    max_notional: Decimal | None = field(name="maxNotionalValue", default=None)


class AccountConfig(Body, frozen=True, kw_only=True):
    """What the account may do, and in which modes."""

    fee_tier: Int = 0
    can_trade: bool = True
    can_deposit: bool | None = None
    can_withdraw: bool | None = None
    hedge: bool = field(name="dualSidePosition", default=False)
    multi_assets: bool = field(name="multiAssetsMargin", default=False)


class Income(Body, frozen=True, kw_only=True):
    """One booking: FUNDING_FEE, COMMISSION, REALIZED_PNL, TRANSFER … `amount` is signed."""

    kind: str = field(name="incomeType")
    amount: Decimal = field(name="income")
    asset: str
    time_ms: Int = field(name="time")
    symbol: str = ""
    info: str = ""
    transaction_id: Int | str = field(name="tranId", default="")
    trade_id: Int | str = ""


read_balances: Final = Reader[list[Balance]](list[Balance])
read_account: Final = Reader[Account](Account)
read_positions: Final = Reader[list[PositionRisk]](list[PositionRisk])
read_leverage_set: Final = Reader[LeverageSet](LeverageSet)
read_position_mode: Final = Reader[PositionMode](PositionMode)
read_asset_mode: Final = Reader[AssetMode](AssetMode)
read_symbol_configs: Final = Reader[list[SymbolConfig]](list[SymbolConfig])
read_account_config: Final = Reader[AccountConfig](AccountConfig)
read_income: Final = Reader[list[Income]](list[Income])
