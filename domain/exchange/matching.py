"""Orders meet: takers walk the other half of the book, prints and new levels fill who waits there.

take      a client's order takes, best price first; at one price whoever came first, anonymous or client
printed   an anonymous taker of the market's own: what stood ahead of a client's order goes first
rebooked  new anonymous levels that reach across clients' orders trade with them, at the clients' price
"""

from __future__ import annotations

from copy import copy
from decimal import Decimal

from domain.exchange.book import Half
from domain.exchange.facts import AlgoChanged, OrderEnded, Traded
from domain.exchange.listing import Print
from domain.exchange.orders import AlgoStatus, ExpiryReason, Order, SelfTrade, Status, TimeInForce
from domain.exchange.settling import Deal, copy_of, fee_rate, settle
from domain.exchange.world import Account, Contract, Leg, World
from domain.values import ZERO, OrderSide

# ── ends of orders ────────────────────────────────────────────────────────────────────────────────────────────────


def end(world: World, order: Order, status: Status, reason: ExpiryReason, now_ms: int) -> None:
    """End an open order that is not filled, and tell it."""
    account = world.accounts[order.account]
    slot = account.slots[order.symbol]
    slot.count(order, -1)
    order.status, order.reason, order.updated_ms = status, reason, now_ms
    _forget(world, account, order)
    world.facts.append(OrderEnded(account.name, now_ms, copy_of(order), slot.bids, slot.asks))
    _follow_algo(world, account, order)


def _forget(world: World, account: Account, order: Order) -> None:
    account.slots[order.symbol].orders.pop(order.order_id, None)
    if account.by_client_id.get(order.client_id) is order:
        del account.by_client_id[order.client_id]
    world.contracts[order.symbol].half(order.side).remove(order)
    world.changed_books[order.symbol] = None


def _follow_algo(world: World, account: Account, order: Order) -> None:
    """The conditional order that this one came from is finished with it."""
    algo = account.algos.get(order.algo_id) if order.algo_id else None
    if algo is None:
        return
    algo.status, algo.updated_ms = AlgoStatus.FINISHED, order.updated_ms
    algo.average, algo.executed = order.average, order.executed
    world.facts.append(AlgoChanged(account.name, order.updated_ms, copy(algo)))


def expire_futile(world: World, account: Account, leg: Leg, now_ms: int) -> None:
    """End the reduce-only orders that have nothing left to reduce."""
    slot = account.slots[leg.symbol]
    futile = [
        order
        for order in slot.orders.values()
        if order.reduces and order.position_side is leg.side and not leg.reduced_by(order.side)
    ]
    for order in futile:
        end(world, order, Status.EXPIRED, ExpiryReason.REDUCE_ONLY, now_ms)


# ── one fill ──────────────────────────────────────────────────────────────────────────────────────────────────────


def fillable(world: World, order: Order) -> Decimal:
    """Give what an order may still fill: a reduce-only one at most what there is to reduce."""
    if not order.reduces:
        return order.remaining
    leg = world.accounts[order.account].slots[order.symbol].leg(order.position_side)
    return min(order.remaining, abs(leg.amount)) if leg.reduced_by(order.side) else ZERO


def fill(world: World, contract: Contract, order: Order, deal: Deal, rate: Decimal | None = None) -> None:
    """Book a fill with its account, and take away what it makes obsolete."""
    account = world.accounts[order.account]
    settle(world, account, contract, order, deal, fee_rate(account, contract, deal.maker) if rate is None else rate)
    if order.status is Status.FILLED:
        _forget(world, account, order)
        _follow_algo(world, account, order)
    elif deal.maker:
        world.changed_books[order.symbol] = None
    slot = account.slots[order.symbol]
    if slot.orders:
        expire_futile(world, account, slot.leg(order.position_side), deal.time_ms)


def publish(world: World, contract: Contract, taker: OrderSide, deal: Deal) -> None:
    """Tell the public of a trade, and remember its price."""
    symbol = contract.listing.symbol
    contract.last = deal.price
    world.traded[symbol] = None
    world.changed_books[symbol] = None
    world.facts.append(
        Traded(
            symbol,
            deal.time_ms,
            deal.trade_id,
            deal.price,
            deal.quantity,
            taker is OrderSide.SELL,
            taker,
            deal.liquidation,
        )
    )


def with_anonymous(world: World, order: Order, deal: Deal) -> None:
    """Keep the books of the anonymous counterparty, so that money can be seen to be conserved."""
    spent = deal.price * deal.quantity
    world.anonymous += spent if order.side is OrderSide.BUY else -spent


# ── taking ────────────────────────────────────────────────────────────────────────────────────────────────────────


def take(
    world: World, contract: Contract, order: Order, limit: Decimal, now_ms: int, fee: Decimal | None = None
) -> None:
    """Let an order take what it can get up to `limit`; what is left stays open."""
    half = contract.half(order.side.opposite)
    while order.status.open:
        wanted = fillable(world, order)
        price = half.best_price()
        if not wanted or price is None or not half.reaches(price, limit):
            return
        queue = half.queue(price)
        maker = queue[0] if queue else None
        level = half.anonymous_best()
        shown = level[1] if level and level[0] == price else ZERO
        ahead = shown if maker is None else min(maker.ahead, shown)
        if ahead:
            deal = Deal(contract.draw_trade_id(), price, min(wanted, ahead), now_ms)
            half.consume(deal.quantity)
            with_anonymous(world, order, deal)
            publish(world, contract, order.side, deal)
            fill(world, contract, order, deal, fee)
        elif maker is not None:
            _meet(world, contract, order, maker, wanted, fee, now_ms)


def _meet(
    world: World, contract: Contract, taker: Order, maker: Order, wanted: Decimal, fee: Decimal | None, now_ms: int
) -> None:
    """Let two clients' orders trade, or keep an account from trading with itself."""
    if taker.account == maker.account and taker.self_trade is not SelfTrade.NONE:
        _prevent(world, taker, maker, now_ms)
        return
    offered = fillable(world, maker)
    if not offered:
        end(world, maker, Status.EXPIRED, ExpiryReason.REDUCE_ONLY, now_ms)
        return
    trade_id, quantity = contract.draw_trade_id(), min(wanted, offered)
    deal = Deal(trade_id, maker.price, quantity, now_ms)
    publish(world, contract, taker.side, deal)
    fill(world, contract, maker, Deal(trade_id, maker.price, quantity, now_ms, maker=True))
    fill(world, contract, taker, deal, fee)


def _prevent(world: World, taker: Order, maker: Order, now_ms: int) -> None:
    mode = taker.self_trade
    if mode in (SelfTrade.EXPIRE_MAKER, SelfTrade.EXPIRE_BOTH):
        end(world, maker, Status.EXPIRED_IN_MATCH, ExpiryReason.SELF_TRADE, now_ms)
    if mode in (SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_BOTH):
        ioc = taker.time_in_force is TimeInForce.IOC
        reason = ExpiryReason.IOC_SELF_TRADE if ioc else ExpiryReason.SELF_TRADE
        end(world, taker, Status.EXPIRED_IN_MATCH, reason, now_ms)


# ── the market moves ──────────────────────────────────────────────────────────────────────────────────────────────


def printed(world: World, contract: Contract, trade: Print, trade_id: int) -> None:
    """Let an anonymous trade fill the clients' orders that it must have met, behind what stood ahead of them."""
    contract.last = trade.price
    half = contract.half(OrderSide.BUY if trade.buyer_is_maker else OrderSide.SELL)
    left = trade.quantity
    while left > 0:
        order = half.first()
        if order is None or not half.reaches(order.price, trade.price):
            return
        if order.price == trade.price and order.ahead:
            passed = min(left, order.ahead)
            half.advance_queue(trade.price, passed)
            left -= passed
            continue
        quantity = min(left, fillable(world, order))
        if not quantity:
            end(world, order, Status.EXPIRED, ExpiryReason.REDUCE_ONLY, trade.time_ms)
            continue
        deal = Deal(trade_id, order.price, quantity, trade.time_ms, maker=True)
        with_anonymous(world, order, deal)
        fill(world, contract, order, deal)
        left -= quantity


def rebooked(world: World, contract: Contract, now_ms: int) -> None:
    """Trade away what new anonymous levels and clients' orders overlap: the book is never crossed."""
    _uncross(world, contract, contract.bids, contract.asks, now_ms)
    _uncross(world, contract, contract.asks, contract.bids, now_ms)


def _uncross(world: World, contract: Contract, resting: Half, arriving: Half, now_ms: int) -> None:
    while (order := resting.first()) and (level := arriving.anonymous_best()):
        price, shown = level
        if not resting.reaches(order.price, price):
            return
        quantity = min(shown, fillable(world, order))
        if not quantity:
            end(world, order, Status.EXPIRED, ExpiryReason.REDUCE_ONLY, now_ms)
            continue
        arriving.consume(quantity)
        deal = Deal(contract.draw_trade_id(), order.price, quantity, now_ms, maker=True)
        with_anonymous(world, order, deal)
        publish(world, contract, arriving.side, deal)
        fill(world, contract, order, deal)
