"""What one fill does to its account: fee, realised profit, position, ledger, and the facts that tell of it.

Entry is the mean of what opened the position; closing realises against it; an order larger than the position flips it.
An isolated position sets its initial margin apart when it opens, and gives it back in proportion when it closes.
"""

from __future__ import annotations

from copy import copy
from decimal import Decimal

import msgspec

from domain.exchange.facts import AccountChanged, Fill, Income, OrderTraded
from domain.exchange.margin import rows_of
from domain.exchange.orders import Order, Status
from domain.exchange.world import Account, Contract, Leg, Slot, World
from domain.values import ONE, ZERO, OrderSide, money


class Deal(msgspec.Struct, frozen=True):
    """One fill of one order."""

    trade_id: int
    price: Decimal
    quantity: Decimal
    time_ms: int
    maker: bool = False
    liquidation: bool = False


def fee_rate(account: Account, contract: Contract, maker: bool) -> Decimal:
    """Give the fee (fraction of notional) that an account pays."""
    if maker:
        return account.maker_fee if account.maker_fee is not None else contract.listing.maker_fee
    return account.taker_fee if account.taker_fee is not None else contract.listing.taker_fee


def settle(world: World, account: Account, contract: Contract, order: Order, deal: Deal, rate: Decimal) -> None:
    """Book a fill; `rate` is the fee's fraction of the notional."""
    slot = account.slot(order.symbol)
    leg = slot.leg(order.position_side)
    notional = deal.price * deal.quantity
    fee = money(notional * rate)
    slot.count(order, -1)
    order.executed += deal.quantity
    order.quote += notional
    order.status = Status.FILLED if order.executed == order.quantity else Status.PARTIALLY_FILLED
    order.updated_ms = deal.time_ms
    if order.status.open:
        slot.count(order, 1)
    signed = deal.quantity if order.side is OrderSide.BUY else -deal.quantity
    realized = _move(leg, slot, signed, deal.price, fee)
    leg.updated_ms = account.updated_ms = deal.time_ms
    account.wallet += realized - fee
    world.fees += fee
    if slot.held:
        contract.holders[account.name] = None
    else:
        contract.holders.pop(account.name, None)
    _tell(world, account, slot, leg, order, deal, fee, realized)


def _move(leg: Leg, slot: Slot, signed: Decimal, price: Decimal, fee: Decimal) -> Decimal:
    """Change a position by a signed quantity, and give the profit that this realises (before the fee)."""
    before = leg.amount
    size, quantity = abs(before), abs(signed)
    closing = min(size, quantity) if before * signed < 0 else ZERO
    opening = quantity - closing
    realized = ZERO
    leg.amount = before + signed
    if closing:
        direction = ONE if before > 0 else -ONE
        realized = money((price - leg.entry) * closing * direction)
        leg.realized += realized
        leg.isolated_wallet -= money(leg.isolated_wallet * closing / size)
        leg.paid += fee - realized
    if not leg.amount:
        leg.entry = leg.paid = leg.isolated_wallet = ZERO
    elif opening and (closing or not before):
        leg.entry, leg.realized = price, realized
        leg.paid = fee * opening / quantity
        leg.isolated_wallet = _set_apart(slot, opening * price)
    elif opening:
        leg.entry = (size * leg.entry + quantity * price) / (size + quantity)
        leg.paid += fee
        leg.isolated_wallet += _set_apart(slot, opening * price)
    return realized


def _set_apart(slot: Slot, notional: Decimal) -> Decimal:
    return money(notional / slot.leverage) if slot.isolated else ZERO


def _tell(
    world: World, account: Account, slot: Slot, leg: Leg, order: Order, deal: Deal, fee: Decimal, realized: Decimal
) -> None:
    now = deal.time_ms
    rows = rows_of(world, account, slot, leg)
    world.facts.append(AccountChanged(account.name, now, "ORDER", account.wallet, account.cross_wallet, ZERO, rows))
    world.facts.append(
        OrderTraded(
            account.name,
            now,
            copy_of(order),
            slot.bids,
            slot.asks,
            deal.trade_id,
            deal.price,
            deal.quantity,
            fee,
            realized,
            deal.maker,
            deal.liquidation,
        )
    )
    account.fills.append(
        Fill(
            order.symbol,
            deal.trade_id,
            order.order_id,
            order.side,
            order.position_side,
            deal.price,
            deal.quantity,
            fee,
            realized,
            deal.maker,
            now,
        )
    )
    if realized:
        world.book_income(
            account, Income(order.symbol, "REALIZED_PNL", realized, now, 0, deal.trade_id, str(deal.trade_id))
        )
    if fee:
        world.book_income(account, Income(order.symbol, "COMMISSION", -fee, now, 0, deal.trade_id, str(deal.trade_id)))


def copy_of(order: Order) -> Order:
    """Copy an order for a fact: the order itself goes on changing."""
    return copy(order)
