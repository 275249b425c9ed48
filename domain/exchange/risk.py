"""What the exchange does to positions by itself: funding, margin calls, liquidation.

A position (isolated) or all cross positions of an account are liquidated when their margin balance is no more than
their maintenance margin. The exchange then cancels the account's cross orders, sells the worst position into the book
with an IOC order down to its bankruptcy price, and lets the insurance fund take the rest there. Of the margin that is
left then, the fund gets the liquidation fee; what an account owes beyond its margin, the fund pays.
"""

from __future__ import annotations

from decimal import Decimal

from domain.exchange.facts import AccountChanged, Income, Liquidated, MarginCalled, OrderOpened
from domain.exchange.margin import margin_of, row_of
from domain.exchange.matching import end, fill, publish, take, with_anonymous
from domain.exchange.orders import ExpiryReason, Kind, Order, SelfTrade, Status, TimeInForce
from domain.exchange.settling import Deal, copy_of
from domain.exchange.world import Account, Contract, Leg, Slot, World
from domain.values import ZERO, OrderSide, money, round_down, round_up

CALL_AT = Decimal("0.8")
"""A margin call comes when the maintenance margin has eaten this share of the margin balance."""

# ── funding ───────────────────────────────────────────────────────────────────────────────────────────────────────


def settle_funding(world: World, contract: Contract, now_ms: int) -> None:
    """Let longs pay shorts (or the other way round): -amount · mark · rate, at the rate in force."""
    if contract.mark is None:
        return
    rate, mark = contract.mark.funding_rate, contract.mark.mark
    for name in list(contract.holders):
        account = world.accounts[name]
        slot = account.slots[contract.listing.symbol]
        legs = [leg for leg in slot.legs.values() if leg.amount]
        total = ZERO
        for leg in legs:
            amount = money(-leg.amount * mark * rate)
            if slot.isolated:
                leg.isolated_wallet += amount
            account.wallet += amount
            world.anonymous -= amount
            total += amount
            world.book_income(account, Income(slot.symbol, "FUNDING_FEE", amount, now_ms, 0, 0, ""))
        account.updated_ms = now_ms
        rows = tuple(row_of(world, slot, leg) for leg in legs) if slot.isolated else ()
        world.facts.append(
            AccountChanged(name, now_ms, "FUNDING_FEE", account.wallet, account.cross_wallet, total, rows, slot.symbol)
        )


# ── liquidation ───────────────────────────────────────────────────────────────────────────────────────────────────


def watch(world: World, contract: Contract, now_ms: int) -> None:
    """Look at every holder of a contract after its mark moved."""
    for name in list(contract.holders):
        account = world.accounts[name]
        slot = account.slots[contract.listing.symbol]
        if slot.isolated:
            _watch_isolated(world, account, slot, contract, now_ms)
        else:
            _watch_cross(world, account, now_ms)


def _watch_isolated(world: World, account: Account, slot: Slot, contract: Contract, now_ms: int) -> None:
    mark = contract.mark_price
    for leg in [leg for leg in slot.legs.values() if leg.amount]:
        balance = leg.isolated_wallet + leg.unrealized(mark)
        maintenance = contract.listing.maintenance(abs(leg.amount) * mark)
        if balance > maintenance:
            near = maintenance >= balance * CALL_AT
            if near and not leg.called:
                rows = (row_of(world, slot, leg),)
                world.facts.append(MarginCalled(account.name, now_ms, account.cross_wallet, rows))
            leg.called = near
            continue
        for order in [o for o in slot.orders.values() if o.position_side is leg.side]:
            end(world, order, Status.EXPIRED, ExpiryReason.LIQUIDATION, now_ms)
        margin, wallet = leg.isolated_wallet, account.wallet
        fee = _close_by_force(world, account, slot, leg, leg.entry - margin / leg.amount, now_ms)
        _clear(world, account, slot, fee, margin + account.wallet - wallet, now_ms)


def _watch_cross(world: World, account: Account, now_ms: int) -> None:
    sums = margin_of(world, account)
    if sums.cross_balance > sums.cross_maintenance:
        _call(world, account, now_ms, sums.cross_maintenance >= sums.cross_balance * CALL_AT)
        return
    crossed = [slot for slot in account.slots.values() if not slot.isolated]
    for slot in crossed:
        for order in list(slot.orders.values()):
            end(world, order, Status.EXPIRED, ExpiryReason.LIQUIDATION, now_ms)
    held = [(slot, leg) for slot in crossed for leg in slot.legs.values() if leg.amount]
    held.sort(key=lambda pair: pair[1].unrealized(world.contracts[pair[0].symbol].mark_price))
    for slot, leg in held:
        sums = margin_of(world, account)
        if sums.cross_balance > sums.cross_maintenance:
            return
        mark = world.contracts[slot.symbol].mark_price
        fee = _close_by_force(world, account, slot, leg, mark - sums.cross_balance / leg.amount, now_ms)
        sums = margin_of(world, account)
        left = sums.cross_balance - sums.cross_maintenance
        if left > 0 or not sums.cross_maintenance:
            _clear(world, account, slot, fee, left, now_ms)


def _call(world: World, account: Account, now_ms: int, near: bool) -> None:
    if near and not account.called:
        rows = tuple(
            row_of(world, slot, leg)
            for slot in account.slots.values()
            if not slot.isolated
            for leg in slot.legs.values()
            if leg.amount
        )
        world.facts.append(MarginCalled(account.name, now_ms, account.cross_wallet, rows))
    account.called = near


def _close_by_force(world: World, account: Account, slot: Slot, leg: Leg, bankruptcy: Decimal, now_ms: int) -> Decimal:
    """Sell (or buy back) a whole position, no worse than its bankruptcy price, and give the fee for that."""
    contract = world.contracts[slot.symbol]
    order = _forced_order(world, account, contract, leg, bankruptcy, now_ms)
    account.remember(order)
    slot.orders[order.order_id] = order
    world.facts.append(OrderOpened(account.name, now_ms, copy_of(order), slot.bids, slot.asks))
    take(world, contract, order, order.price, now_ms, ZERO)
    if order.status.open:
        deal = Deal(contract.draw_trade_id(), order.price, order.remaining, now_ms, liquidation=True)
        with_anonymous(world, order, deal)
        publish(world, contract, order.side, deal)
        fill(world, contract, order, deal, ZERO)
    account.forced.append(copy_of(order))
    world.facts.append(Liquidated(slot.symbol, now_ms, copy_of(order)))
    return money(order.quote * contract.listing.liquidation_fee)


def _forced_order(
    world: World, account: Account, contract: Contract, leg: Leg, bankruptcy: Decimal, now_ms: int
) -> Order:
    tick, order_id = contract.listing.tick, world.draw_order_id()
    selling = leg.amount > 0
    price = max(tick, round_up(bankruptcy, tick) if selling else round_down(bankruptcy, tick))
    return Order(
        account=account.name, symbol=leg.symbol, order_id=order_id, client_id=f"autoclose-{order_id}",
        side=OrderSide.SELL if selling else OrderSide.BUY, kind=Kind.LIMIT, original_kind=Kind.LIMIT,
        position_side=leg.side, time_in_force=TimeInForce.IOC, quantity=abs(leg.amount), price=price,
        created_ms=now_ms, updated_ms=now_ms, reduces=True, self_trade=SelfTrade.NONE,
    )  # fmt: skip


def _clear(world: World, account: Account, slot: Slot, fee: Decimal, left: Decimal, now_ms: int) -> None:
    """Settle with the insurance fund: it gets the fee as far as margin is left, and pays what is missing."""
    amount = -min(fee, left)
    if not amount:
        return
    account.wallet += amount
    world.insurance -= amount
    world.book_income(account, Income(slot.symbol, "INSURANCE_CLEAR", amount, now_ms, 0, 0, ""))
    world.facts.append(
        AccountChanged(account.name, now_ms, "INSURANCE_CLEAR", account.wallet, account.cross_wallet, amount, ())
    )
