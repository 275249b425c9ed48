"""A client's orders: checked, taken, matched; cancelled and amended.

    NewOrder ──admit──▶ Admitted (all checks passed, nothing changed) ──accept──▶ Order: NEW ─▶ fills ─▶ rests or ends

`admit` changes nothing, so that POST /order/test is `admit` alone, and a refused wish leaves everything as it was.
"""

from __future__ import annotations

import heapq
from copy import copy
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from domain.exchange import filters
from domain.exchange.facts import AlgoChanged, OrderOpened
from domain.exchange.margin import margin_of, order_margin
from domain.exchange.matching import end, take
from domain.exchange.orders import (
    Algo,
    AlgoStatus,
    ExpiryReason,
    Kind,
    NewOrder,
    Order,
    PositionSide,
    PriceMatch,
    SelfTrade,
    Status,
    TimeInForce,
)
from domain.exchange.refusals import refusal
from domain.exchange.settling import copy_of
from domain.exchange.world import Account, Contract, Leg, Slot, World
from domain.values import ONE, ZERO, OrderSide

SPREAD_OF_A_MARKET_BUY = Decimal("1.0005")
"""A MARKET buy is assumed to fill this much above the best ask when its cost is checked (Binance's page on cost)."""


class Admitted(msgspec.Struct, frozen=True):
    """A wish that passed every check. `limit` is the worst price at which it may fill."""

    account: Account
    contract: Contract
    slot: Slot
    wish: NewOrder
    price: Decimal
    limit: Decimal
    reduces: bool


# ── checks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def admit(world: World, account_name: str, wish: NewOrder, now_ms: int, *, triggered: bool = False) -> Admitted:
    """Check a wish against all rules, in the order: names, numbers, filters, reduce-only, time in force, margin.

    A triggered conditional order was checked against the filters when it was placed, and its name is its own already.
    """
    contract, account = world.contract(wish.symbol), world.account(account_name)
    slot = account.slot(wish.symbol)
    check_sides(account, wish.position_side, wish.reduce_only)
    reduces = wish.reduce_only or closes(wish.position_side, wish.side)
    filters.check_status(contract.listing, reduces)
    price = _price(contract, wish)
    if not triggered:
        filters.check_client_id(account, wish.client_id)
        filters.check_count(contract.listing, slot)
        filters.check_quantity(contract.listing, wish.quantity, wish.kind)
    if wish.kind is Kind.LIMIT:
        filters.check_price(contract.listing, price)
        filters.check_percent_price(contract, wish.side, price)
    else:
        filters.check_counterparty(contract, wish.side)
    if not reduces:
        filters.check_notional(contract.listing, (price or contract.mark_price) * wish.quantity)
    if wish.time_in_force is TimeInForce.GTD:
        filters.check_good_till(wish.good_till_ms, now_ms)
    if reduces:
        wish = _cut(slot, wish, triggered=triggered)
    limit = price or _market_limit(contract, wish.side)
    _check_time_in_force(account, contract, wish, limit)
    if not reduces:
        leg = slot.leg(wish.position_side)
        check_margin(world, account, contract, leg, wish.side, wish.quantity, price)
    return Admitted(account, contract, slot, wish, price, limit, reduces)


def check_sides(account: Account, side: PositionSide, reduce_only: bool) -> None:
    """An order's position side must fit the account's mode; reduce-only is a word of one-way mode."""
    if account.hedge == (side is PositionSide.BOTH):
        raise refusal(-4061)
    if account.hedge and reduce_only:
        raise refusal(-1106, "reduceonly")


def closes(position_side: PositionSide, side: OrderSide) -> bool:
    """Say whether an order of hedge mode is for closing its leg."""
    return (position_side, side) in ((PositionSide.LONG, OrderSide.SELL), (PositionSide.SHORT, OrderSide.BUY))


def _price(contract: Contract, wish: NewOrder) -> Decimal:
    """Give the limit price, matched with the book where that is asked for; zero for MARKET."""
    if wish.price_match is not PriceMatch.NONE:
        return matched_price(contract, wish.side, wish.price_match)
    if wish.kind is Kind.MARKET:
        return ZERO
    if wish.price is None:
        raise refusal(-1102, "price")
    return wish.price


def matched_price(contract: Contract, side: OrderSide, match: PriceMatch) -> Decimal:
    """Give the price of the n-th level of the own side (QUEUE) or the other (OPPONENT)."""
    half = contract.half(side if match.startswith("QUEUE") else side.opposite)
    levels = half.depth(match.depth)
    if len(levels) < match.depth:
        raise refusal(-5041)
    return levels[-1][0]


def _cut(slot: Slot, wish: NewOrder, *, triggered: bool) -> NewOrder:
    """Cut a reduce-only order to what there is to reduce, as Binance does (nautilus_trader issue 3983), or refuse it.

    What rests already reduces the same position. What fills at once comes before what rests: it knocks the others out
    instead (`er` 4). In hedge mode nothing is cut, but refused, unless it waited for a trigger.
    """
    leg = slot.leg(wish.position_side)
    if not leg.reduced_by(wish.side):
        raise refusal(-2022)
    others = ZERO
    if wish.kind is Kind.LIMIT and not triggered:
        others = sum((o.remaining for o in slot.orders.values() if o.reduces and o.position_side is leg.side), ZERO)
    left = abs(leg.amount) - others
    hedge = leg.side is not PositionSide.BOTH
    if left <= 0 or (hedge and not triggered and wish.quantity > left):
        raise refusal(-2022)
    return replace(wish, quantity=left) if wish.quantity > left else wish


def _market_limit(contract: Contract, side: OrderSide) -> Decimal:
    """Give how far from the mark a MARKET order may fill (marketTakeBound); any price where there is no mark."""
    bound, mark = contract.listing.market_take_bound, contract.mark_price
    if not mark or not bound:
        return Decimal("Infinity") if side is OrderSide.BUY else ZERO
    return mark * (ONE + bound if side is OrderSide.BUY else ONE - bound)


def _check_time_in_force(account: Account, contract: Contract, wish: NewOrder, limit: Decimal) -> None:
    half = contract.half(wish.side.opposite)
    if wish.time_in_force is TimeInForce.GTX:
        best = half.best_price()
        if best is not None and half.reaches(best, limit):
            raise refusal(-5022)
    elif wish.time_in_force is TimeInForce.FOK:
        strange = "" if wish.self_trade is SelfTrade.NONE else account.name
        if half.within(limit, wish.quantity, strange) < wish.quantity:
            raise refusal(-5021)


def check_margin(
    world: World, account: Account, contract: Contract, leg: Leg, side: OrderSide, quantity: Decimal, price: Decimal
) -> None:
    """Refuse what the account can't carry: more initial margin plus open loss than is available, or a full bracket."""
    mark, slot = contract.mark_price, account.slot(leg.symbol)
    assumed = _assumed_price(contract, side, price)
    notional = assumed * quantity
    buying = side is OrderSide.BUY
    bids, asks = (notional, ZERO) if buying else (ZERO, notional)
    before = order_margin(slot, mark, account.hedge)
    needed = order_margin(slot, mark, account.hedge, bids, asks) - before
    if needed <= 0:
        return
    open_loss = max(ZERO, assumed - mark if buying else mark - assumed) * quantity
    if needed + open_loss > margin_of(world, account).available:
        raise refusal(-2019)
    held = leg.amount * mark if buying else -leg.amount * mark
    if held + (slot.bids if buying else slot.asks) + notional > contract.listing.largest_notional(slot.leverage):
        raise refusal(-2027)


def _assumed_price(contract: Contract, side: OrderSide, price: Decimal) -> Decimal:
    """Give the price at which an order's cost is computed: its own; for a MARKET order and a sell, the book counts."""
    best, mark = contract.half(side.opposite).best_price(), contract.mark_price
    if side is OrderSide.BUY:
        return price or (best if best is not None else mark) * SPREAD_OF_A_MARKET_BUY
    if price:
        return max(price, best) if best is not None else price
    return max(best, mark) if best is not None else mark


# ── taking ────────────────────────────────────────────────────────────────────────────────────────────────────────


def accept(world: World, admitted: Admitted, now_ms: int, algo: Algo | None = None) -> Order:
    """Take an admitted order: tell it, match it, and let the rest rest or expire."""
    order = _order(world, admitted, now_ms, algo)
    account, contract, slot = admitted.account, admitted.contract, admitted.slot
    if algo is not None:
        algo.status, algo.order_id, algo.order_kind, algo.updated_ms = (
            AlgoStatus.TRIGGERED, order.order_id, order.kind, now_ms,
        )  # fmt: skip
        world.facts.append(AlgoChanged(account.name, now_ms, copy(algo)))
    account.remember(order)
    account.by_client_id[order.client_id] = order
    slot.orders[order.order_id] = order
    slot.count(order, 1)
    world.facts.append(OrderOpened(account.name, now_ms, copy_of(order), slot.bids, slot.asks))
    take(world, contract, order, admitted.limit, now_ms)
    _settle_rest(world, contract, order, now_ms)
    return order


def _order(world: World, admitted: Admitted, now_ms: int, algo: Algo | None) -> Order:
    wish = admitted.wish
    order_id = world.draw_order_id()
    order = Order(
        account=admitted.account.name, symbol=wish.symbol, order_id=order_id,
        client_id=wish.client_id or f"auto-{order_id}", side=wish.side, kind=wish.kind, original_kind=wish.kind,
        position_side=wish.position_side, time_in_force=wish.time_in_force, quantity=wish.quantity,
        price=admitted.price, created_ms=now_ms, updated_ms=now_ms, reduce_only=wish.reduce_only,
        reduces=admitted.reduces, price_match=wish.price_match, self_trade=wish.self_trade,
        good_till_ms=wish.good_till_ms // 1000 * 1000,
    )  # fmt: skip
    if algo is not None:
        order.algo_id, order.original_kind, order.stop_price = algo.algo_id, algo.wish.kind, algo.wish.trigger or ZERO
        order.close_position, order.working_type = algo.wish.close_position, algo.wish.working_type
        order.price_protect, order.activation = algo.wish.price_protect, algo.wish.activation
        order.callback_rate = algo.wish.callback_rate
    return order


def _settle_rest(world: World, contract: Contract, order: Order, now_ms: int) -> None:
    if not order.status.open:
        return
    if order.kind is Kind.MARKET:
        end(world, order, Status.EXPIRED, ExpiryReason.MARKET_REST, now_ms)
    elif order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        end(world, order, Status.EXPIRED, ExpiryReason.IOC_REST, now_ms)
    else:
        rest(world, contract, order)


def rest(world: World, contract: Contract, order: Order) -> None:
    """Let what is left of an order wait in the book."""
    contract.half(order.side).add(order)
    world.changed_books[order.symbol] = None
    if order.good_till_ms and order.time_in_force is TimeInForce.GTD:
        heapq.heappush(world.good_till, (order.good_till_ms, order.order_id, order.account))
