"""Margin as Binance computes it (specs/binance.md §9 and Binance's pages on liquidation price and cost to open).

available = cross wallet + unrealised PnL of cross positions - their initial margin - margin of open orders
initial margin = notional at mark / leverage        maintenance = notional · rate - cum of the bracket
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.exchange.facts import PositionRow
from domain.exchange.orders import PositionSide
from domain.exchange.world import Account, Leg, Slot, World
from domain.values import ZERO, money


class Margin(msgspec.Struct, frozen=True):
    """The sums of one account (USDT). `cross_*` count cross positions only."""

    wallet: Decimal
    cross_wallet: Decimal
    unrealized: Decimal
    cross_unrealized: Decimal
    position_initial: Decimal
    order_initial: Decimal
    maintenance: Decimal
    cross_maintenance: Decimal
    available: Decimal

    @property
    def cross_balance(self) -> Decimal:
        """What carries the cross positions."""
        return self.cross_wallet + self.cross_unrealized

    @property
    def balance(self) -> Decimal:
        """Wallet and unrealised profit of all positions."""
        return self.wallet + self.unrealized


def order_margin(
    slot: Slot, mark: Decimal, hedge: bool, more_bids: Decimal = ZERO, more_asks: Decimal = ZERO
) -> Decimal:
    """Give the margin that the open orders of a slot hold beside its position, with more of them if asked.

    One-way: the larger of what would be held if all bids or all asks filled, less what is held now.
    """
    bids, asks = slot.bids + more_bids, slot.asks + more_asks
    if not bids and not asks:
        return ZERO
    if hedge:
        return (bids + asks) / slot.leverage
    held = ZERO
    for leg in slot.legs.values():
        held += leg.amount * mark
    largest = max(abs(held + bids), abs(held - asks), abs(held))
    return (largest - abs(held)) / slot.leverage


def margin_of(world: World, account: Account) -> Margin:
    """Add up an account at the mark prices of now."""
    cross_wallet = account.wallet
    unrealized = cross_unrealized = position_initial = cross_initial = ZERO
    orders = maintenance = cross_maintenance = ZERO
    for slot in account.slots.values():
        contract = world.contracts[slot.symbol]
        mark = contract.mark_price
        orders += order_margin(slot, mark, account.hedge)
        for leg in slot.legs.values():
            if not leg.amount:
                continue
            notional = abs(leg.amount) * mark
            profit, needed = leg.unrealized(mark), contract.listing.maintenance(notional)
            initial = notional / slot.leverage
            unrealized += profit
            maintenance += needed
            position_initial += initial
            if slot.isolated:
                cross_wallet -= leg.isolated_wallet
            else:
                cross_initial += initial
                cross_unrealized += profit
                cross_maintenance += needed
    available = max(ZERO, cross_wallet + cross_unrealized - cross_initial - orders)
    return Margin(
        account.wallet, cross_wallet, unrealized, cross_unrealized, position_initial, orders, maintenance,
        cross_maintenance, available,
    )  # fmt: skip


def liquidation_price(world: World, account: Account, slot: Slot, leg: Leg, margin: Margin | None = None) -> Decimal:
    """Give the mark price at which a position is liquidated, all else unchanged; zero if there is none.

    Solves margin balance = maintenance for the mark price p, with the legs of this contract that share the balance:
    wallet + other PnL + Σ amount·(p - entry) = other maintenance + Σ (|amount|·p·rate - cum).
    """
    if not leg.amount:
        return ZERO
    contract = world.contracts[slot.symbol]
    mark = contract.mark_price
    legs = (leg,) if slot.isolated else tuple(one for one in slot.legs.values() if one.amount)
    if slot.isolated:
        balance = leg.isolated_wallet
    else:
        sums = margin or margin_of(world, account)
        balance = sums.cross_balance - sums.cross_maintenance
        for one in legs:
            balance += contract.listing.maintenance(abs(one.amount) * mark) - one.unrealized(mark)
    slope = ZERO
    for one in legs:
        bracket = contract.listing.bracket(abs(one.amount) * mark)
        balance += bracket.cumulative - one.amount * one.entry
        slope += abs(one.amount) * bracket.maintenance_rate - one.amount
    if not slope:
        return ZERO
    return max(ZERO, balance / slope)


def row_of(world: World, slot: Slot, leg: Leg) -> PositionRow:
    """Copy a position as it is now, for a fact."""
    contract = world.contracts[slot.symbol]
    mark = contract.mark_price
    return PositionRow(
        slot.symbol, leg.side, leg.amount, leg.entry, leg.break_even, leg.realized, money(leg.unrealized(mark)),
        slot.isolated, leg.isolated_wallet, mark, contract.listing.maintenance(abs(leg.amount) * mark),
    )  # fmt: skip


def rows_of(world: World, account: Account, slot: Slot, leg: Leg) -> tuple[PositionRow, ...]:
    """Copy what ACCOUNT_UPDATE lists after a change of `leg`: in hedge mode all legs of its contract."""
    if not account.hedge:
        return (row_of(world, slot, leg),)
    return tuple(row_of(world, slot, slot.legs.get(side) or Leg(slot.symbol, side)) for side in PositionSide)
