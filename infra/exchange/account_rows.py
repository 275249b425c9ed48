"""Writes accounts and positions as Binance's answers do (specs/binance.md §9)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from domain.exchange.exchange import Exchange
from domain.exchange.margin import Margin, liquidation_price, order_margin
from domain.exchange.orders import PositionSide
from domain.exchange.world import Account, Contract, Leg, Slot
from domain.values import ZERO
from infra.exchange.written import Row, money_or_zero, money_text, plain, quantity_text

ASSET = "USDT"


def sides_of(account: Account) -> tuple[PositionSide, ...]:
    """Give the position sides that an account's mode lists."""
    return (PositionSide.LONG, PositionSide.SHORT) if account.hedge else (PositionSide.BOTH,)


class Held:
    """One position of an account, with everything that the answers tell of it."""

    def __init__(self, exchange: Exchange, account: Account, contract: Contract, leg: Leg, margin: Margin) -> None:
        slot = account.slots.get(contract.listing.symbol) or Slot(contract.listing.symbol)
        self.leg, self.slot, self.listing = leg, slot, contract.listing
        self.mark = contract.mark_price
        self.notional = leg.amount * self.mark
        self.initial = abs(self.notional) / slot.leverage
        self.maintenance = contract.listing.maintenance(abs(self.notional))
        self.unrealized = leg.unrealized(self.mark)
        self.liquidation = liquidation_price(exchange.world, account, slot, leg, margin)
        hedge = account.hedge
        self.bids = ZERO if leg.side is PositionSide.SHORT else slot.bids
        self.asks = ZERO if leg.side is PositionSide.LONG else slot.asks
        self.orders = (self.bids + self.asks) / slot.leverage if hedge else order_margin(slot, self.mark, hedge)
        self.isolated_margin = leg.isolated_wallet + self.unrealized if slot.isolated and leg.amount else ZERO

    @property
    def shown(self) -> bool:
        """Whether v3 lists it: a position, or an order that may open one."""
        return bool(self.leg.amount or self.bids or self.asks)

    @property
    def largest(self) -> Decimal:
        """The largest position that the leverage allows."""
        return self.listing.largest_notional(self.slot.leverage)


def held_by(exchange: Exchange, account: Account, symbol: str, *, everything: bool) -> Iterator[Held]:
    """Give an account's positions: of one symbol or of all; `everything` lists contracts without any part too."""
    margin = exchange.margin(account.name)
    contracts = [exchange.contract(symbol)] if symbol else list(exchange.world.contracts.values())
    for contract in contracts:
        slot = account.slots.get(contract.listing.symbol)
        if slot is None and not everything:
            continue
        for side in sides_of(account):
            leg = (slot.legs.get(side) if slot else None) or Leg(contract.listing.symbol, side)
            held = Held(exchange, account, contract, leg, margin)
            if everything or held.shown:
                yield held


def open_position(held: Held) -> Row:
    """Write a position as GET /fapi/v3/positionRisk does."""
    leg, listing = held.leg, held.listing
    return {
        "symbol": leg.symbol,
        "positionSide": leg.side,
        "positionAmt": quantity_text(listing, leg.amount),
        "entryPrice": entry_text(leg.entry),
        "breakEvenPrice": entry_text(leg.break_even),
        "markPrice": money_text(held.mark),
        "unRealizedProfit": money_text(held.unrealized),
        "liquidationPrice": money_or_zero(held.liquidation),
        "isolatedMargin": money_or_zero(held.isolated_margin),
        "notional": money_or_zero(held.notional),
        "marginAsset": ASSET,
        "isolatedWallet": money_or_zero(leg.isolated_wallet),
        "initialMargin": money_or_zero(held.initial + held.orders),
        "maintMargin": money_or_zero(held.maintenance),
        "positionInitialMargin": money_or_zero(held.initial),
        "openOrderInitialMargin": money_or_zero(held.orders),
        "adl": adl_of(held),
        "bidNotional": plain(held.bids),
        "askNotional": plain(held.asks),
        "updateTime": leg.updated_ms,
    }


def listed_position(held: Held) -> Row:
    """Write a position as GET /fapi/v2/positionRisk does: with leverage and margin type."""
    leg = held.leg
    return {
        "symbol": leg.symbol,
        "positionAmt": quantity_text(held.listing, leg.amount),
        "entryPrice": entry_text(leg.entry),
        "breakEvenPrice": entry_text(leg.break_even),
        "markPrice": money_text(held.mark),
        "unRealizedProfit": money_text(held.unrealized),
        "liquidationPrice": money_or_zero(held.liquidation),
        "leverage": str(held.slot.leverage),
        "maxNotionalValue": plain(held.largest),
        "marginType": "isolated" if held.slot.isolated else "cross",
        "isolatedMargin": money_text(held.isolated_margin),
        "isAutoAddMargin": "false",
        "positionSide": leg.side,
        "notional": money_or_zero(held.notional),
        "isolatedWallet": money_or_zero(leg.isolated_wallet),
        "updateTime": leg.updated_ms,
    }


def entry_text(price: Decimal) -> str:
    """Write an entry or break-even price: as exact as it is up to ten decimals, "0.0" for none."""
    return plain(price.quantize(Decimal("1e-10"))) if price else "0.0"


def adl_of(held: Held) -> int:
    """Give the rank in the queue of auto-deleveraging, 0 (last) to 4: by profit over margin."""
    if held.unrealized <= 0 or not held.initial:
        return 0
    return min(4, 1 + int(held.unrealized / held.initial * 2))


def account_position(held: Held) -> Row:
    """Write a position as GET /fapi/v3/account does."""
    leg = held.leg
    return {
        "symbol": leg.symbol,
        "positionSide": leg.side,
        "positionAmt": quantity_text(held.listing, leg.amount),
        "unrealizedProfit": money_text(held.unrealized),
        "isolatedMargin": money_text(held.isolated_margin),
        "notional": money_or_zero(held.notional),
        "isolatedWallet": money_or_zero(leg.isolated_wallet),
        "initialMargin": money_or_zero(held.initial + held.orders),
        "maintMargin": money_or_zero(held.maintenance),
        "updateTime": leg.updated_ms,
    }


def detailed_account_position(held: Held) -> Row:
    """Write a position as GET /fapi/v2/account does."""
    return {
        **account_position(held),
        "positionInitialMargin": money_or_zero(held.initial),
        "openOrderInitialMargin": money_or_zero(held.orders),
        "leverage": str(held.slot.leverage),
        "isolated": held.slot.isolated,
        "entryPrice": entry_text(held.leg.entry),
        "breakEvenPrice": entry_text(held.leg.break_even),
        "maxNotional": plain(held.largest),
        "bidNotional": plain(held.bids),
        "askNotional": plain(held.asks),
    }


def asset_row(account: Account, margin: Margin) -> Row:
    """Write the one asset as the account endpoints do."""
    return {
        "asset": ASSET,
        "walletBalance": money_text(margin.wallet),
        "unrealizedProfit": money_text(margin.unrealized),
        "marginBalance": money_text(margin.balance),
        "maintMargin": money_text(margin.maintenance),
        "initialMargin": money_text(margin.position_initial + margin.order_initial),
        "positionInitialMargin": money_text(margin.position_initial),
        "openOrderInitialMargin": money_text(margin.order_initial),
        "crossWalletBalance": money_text(margin.cross_wallet),
        "crossUnPnl": money_text(margin.cross_unrealized),
        "availableBalance": money_text(margin.available),
        "maxWithdrawAmount": money_text(withdrawable(margin)),
        "updateTime": account.updated_ms,
    }


def withdrawable(margin: Margin) -> Decimal:
    """Give what may be paid out: unrealised profit doesn't count."""
    return max(ZERO, margin.available - max(ZERO, margin.cross_unrealized))


def totals_row(margin: Margin) -> Row:
    """Write the sums at the head of the account endpoints."""
    return {
        "totalInitialMargin": money_text(margin.position_initial + margin.order_initial),
        "totalMaintMargin": money_text(margin.maintenance),
        "totalWalletBalance": money_text(margin.wallet),
        "totalUnrealizedProfit": money_text(margin.unrealized),
        "totalMarginBalance": money_text(margin.balance),
        "totalPositionInitialMargin": money_text(margin.position_initial),
        "totalOpenOrderInitialMargin": money_text(margin.order_initial),
        "totalCrossWalletBalance": money_text(margin.cross_wallet),
        "totalCrossUnPnl": money_text(margin.cross_unrealized),
        "availableBalance": money_text(margin.available),
        "maxWithdrawAmount": money_text(withdrawable(margin)),
    }


def config_row(account: Account) -> Row:
    """Write what an account may do, as v2/account and accountConfig do."""
    return {
        "feeTier": account.fee_tier,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": account.multi_assets,
        "tradeGroupId": -1,
    }
