"""Open orders taken back or changed: cancel, amend, time running out."""

from __future__ import annotations

import heapq
from decimal import Decimal

from domain.errors import ExchangeRejected
from domain.exchange import filters
from domain.exchange.facts import Amendment, OrderAmended
from domain.exchange.matching import end, take
from domain.exchange.orders import Change, ExpiryReason, Kind, Order, PriceMatch, Status, TimeInForce
from domain.exchange.placing import check_margin, matched_price, rest
from domain.exchange.refusals import refusal
from domain.exchange.settling import copy_of
from domain.exchange.world import Account, Contract, World

AMENDMENTS_MAX = 10_000


def open_order(account: Account, symbol: str, order_id: int, client_id: str, code: int) -> Order:
    """Find an open order, or refuse with `code`."""
    order = account.find(symbol, order_id, client_id)
    if order is None or not order.status.open:
        raise refusal(code)
    return order


def cancel(world: World, account_name: str, symbol: str, order_id: int, client_id: str, now_ms: int) -> Order:
    """Take an open order back; -2011 if it is none."""
    world.contract(symbol)
    order = open_order(world.account(account_name), symbol, order_id, client_id, -2011)
    end(world, order, Status.CANCELED, ExpiryReason.NONE, now_ms)
    return order


def cancel_all(world: World, account_name: str, symbol: str, now_ms: int) -> list[Order]:
    """Take all open orders of a contract back, in the order in which they came."""
    world.contract(symbol)
    orders = list(world.account(account_name).slot(symbol).orders.values())
    for order in orders:
        end(world, order, Status.CANCELED, ExpiryReason.NONE, now_ms)
    return orders


# ── amend ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def amend(
    world: World, account_name: str, symbol: str, order_id: int, client_id: str, change: Change, now_ms: int
) -> Order:
    """Change price and quantity of an open LIMIT order; it loses its place in the queue.

    A new quantity that is filled already, or a post-only order that would take now, cancels it (specs/binance.md §6).
    """
    contract, account = world.contract(symbol), world.account(account_name)
    order = open_order(account, symbol, order_id, client_id, -2013)
    if contract.listing.status != "TRADING":
        raise refusal(-5024)
    if order.kind is not Kind.LIMIT or (change.side is not None and change.side is not order.side):
        raise refusal(-5025 if order.kind is not Kind.LIMIT else -1128)
    price = _new_price(contract, order, change)
    if price == order.price and change.quantity == order.quantity:
        raise refusal(-5027)
    if order.amendments >= AMENDMENTS_MAX:
        raise refusal(-5026)
    filters.check_price(contract.listing, price)
    filters.check_quantity(contract.listing, change.quantity, order.kind)
    filters.check_percent_price(contract, order.side, price)
    if not order.reduces:
        filters.check_notional(contract.listing, price * change.quantity, -5029)
    best = contract.half(order.side.opposite).best_price()
    would_take = best is not None and contract.half(order.side.opposite).reaches(best, price)
    if change.quantity <= order.executed or (order.time_in_force is TimeInForce.GTX and would_take):
        end(world, order, Status.CANCELED, ExpiryReason.NONE, now_ms)
        return order
    _move(world, account, contract, order, price, change, now_ms)
    return order


def _new_price(contract: Contract, order: Order, change: Change) -> Decimal:
    if change.price_match is not PriceMatch.NONE:
        return matched_price(contract, order.side, change.price_match)
    if change.price is None:
        raise refusal(-1102, "price")
    return change.price


def _move(
    world: World, account: Account, contract: Contract, order: Order, price: Decimal, change: Change, now_ms: int
) -> None:
    """Take the order out of the book and put it back as it is wished, unless the margin for that is missing."""
    slot = account.slot(order.symbol)
    slot.count(order, -1)
    try:
        if not order.reduces:
            leg, quantity = slot.leg(order.position_side), change.quantity - order.executed
            check_margin(world, account, contract, leg, order.side, quantity, price)
    except ExchangeRejected:
        slot.count(order, 1)
        raise
    contract.half(order.side).remove(order)
    world.next_tran_id += 1
    account.amendments.append(
        Amendment(
            world.next_tran_id,
            order.symbol,
            order.order_id,
            order.client_id,
            now_ms,
            order.price,
            price,
            order.quantity,
            change.quantity,
            order.amendments + 1,
            change.price_match,
            change.modify_id,
        )
    )
    order.price, order.quantity, order.updated_ms = price, change.quantity, now_ms
    order.price_match = change.price_match
    order.amendments += 1
    slot.count(order, 1)
    world.changed_books[order.symbol] = None
    world.facts.append(OrderAmended(account.name, now_ms, copy_of(order), slot.bids, slot.asks, change.modify_id))
    take(world, contract, order, price, now_ms)
    if order.status.open:
        rest(world, contract, order)


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def count_down(world: World, account_name: str, symbol: str, milliseconds: int, now_ms: int) -> None:
    """Cancel all orders of a contract when nobody says this again in time; zero stops the countdown."""
    world.contract(symbol)
    world.account(account_name)
    if milliseconds:
        world.countdowns[account_name, symbol] = now_ms + milliseconds
    else:
        world.countdowns.pop((account_name, symbol), None)


def advance(world: World, now_ms: int) -> None:
    """Let time run out for GTD orders and countdowns."""
    while world.good_till and world.good_till[0][0] <= now_ms:
        _, order_id, account_name = heapq.heappop(world.good_till)
        order = world.accounts[account_name].orders.get(order_id)
        if order is not None and order.status.open and order.good_till_ms <= now_ms:
            end(world, order, Status.EXPIRED, ExpiryReason.NONE, now_ms)
    if world.countdowns:
        for account_name, symbol in [key for key, due_ms in world.countdowns.items() if due_ms <= now_ms]:
            del world.countdowns[account_name, symbol]
            cancel_all(world, account_name, symbol, now_ms)
