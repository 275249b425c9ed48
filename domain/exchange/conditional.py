"""Conditional orders: they wait beside the book for a price, then become ordinary orders.

    NEW ──price reached──▶ TRIGGERING ──admitted──▶ TRIGGERED ──its order is over──▶ FINISHED
     │                         └──refused──▶ REJECTED (or EXPIRED: nothing to close)
     └──cancelled──▶ CANCELED

STOP* wait for a rising price to buy and a falling one to sell, TAKE_PROFIT* the other way round; a trailing stop waits
for a price that turns by `callback_rate` percent from the best one since its activation (specs/binance.md §6).
"""

from __future__ import annotations

import heapq
from copy import copy
from decimal import Decimal

from domain.errors import ExchangeRejected
from domain.exchange import filters
from domain.exchange.facts import AlgoChanged
from domain.exchange.orders import Algo, AlgoStatus, Kind, NewAlgo, NewOrder, PositionSide, TimeInForce, WorkingType
from domain.exchange.placing import accept, admit, check_sides, closes
from domain.exchange.refusals import refusal
from domain.exchange.world import Account, Contract, World
from domain.values import ONE, ZERO, OrderSide

PERCENT = Decimal(100)
CALLBACK_MIN, CALLBACK_MAX = Decimal("0.1"), Decimal(10)
NOTHING_TO_CLOSE = "Nothing to close"
PRICE_PROTECT = "Price protection"


def rising(kind: Kind, side: OrderSide) -> bool:
    """Say whether it waits for the price to rise to its trigger."""
    takes_profit = kind in (Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_MARKET)
    return (side is OrderSide.BUY) != takes_profit


# ── placing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def place(world: World, account_name: str, wish: NewAlgo, now_ms: int) -> Algo:
    """Take a conditional order. No margin is checked before it triggers."""
    contract, account = world.contract(wish.symbol), world.account(account_name)
    if not wish.kind.conditional:
        raise refusal(-1116)
    check_sides(account, wish.position_side, wish.reduce_only and not wish.close_position)
    _check_numbers(contract, wish)
    _check_closing(account, contract, wish)
    _check_trigger(contract, wish)
    if wish.time_in_force is TimeInForce.GTD:
        filters.check_good_till(wish.good_till_ms, now_ms)
    _check_count(account, contract, wish)
    algo_id = world.next_algo_id
    world.next_algo_id += 1
    algo = Algo(
        account_name, algo_id, wish, wish.client_id or f"auto-{algo_id}", now_ms, now_ms,
        rising=rising(wish.kind, wish.side),
    )  # fmt: skip
    if wish.kind is Kind.TRAILING_STOP_MARKET and wish.activation is None:
        algo.extreme = _watched(contract, algo)
    account.remember_algo(algo)
    contract.algos[algo_id] = algo
    if wish.time_in_force is TimeInForce.GTD:
        heapq.heappush(world.algos_good_till, (wish.good_till_ms // 1000 * 1000, algo_id, account_name))
    account.slot(wish.symbol).algos += 1
    _tell(world, algo)
    return algo


def _check_numbers(contract: Contract, wish: NewAlgo) -> None:
    listing = contract.listing
    filters.check_status(listing, wish.reduce_only or wish.close_position)
    if wish.close_position:
        if wish.quantity:
            raise refusal(-4137)
        if wish.reduce_only:
            raise refusal(-1106, "reduceonly")
        if wish.kind not in (Kind.STOP_MARKET, Kind.TAKE_PROFIT_MARKET):
            raise refusal(-4136, wish.kind)
    elif wish.quantity is None:
        raise refusal(-1102, "quantity")
    else:
        filters.check_quantity(listing, wish.quantity, wish.kind)
    if wish.kind.limited and wish.price_match == "NONE":
        if wish.price is None:
            raise refusal(-1102, "price")
        filters.check_price(listing, wish.price)
    if wish.kind is Kind.TRAILING_STOP_MARKET:
        _check_callback(contract, wish)
    elif wish.trigger is None:
        raise refusal(-1102, "triggerprice")
    else:
        filters.check_trigger(listing, wish.trigger)
        _check_band(contract, wish, wish.trigger)


def _check_callback(contract: Contract, wish: NewAlgo) -> None:
    if wish.callback_rate is None:
        raise refusal(-1102, "callbackrate")
    if not CALLBACK_MIN <= wish.callback_rate <= CALLBACK_MAX or wish.callback_rate % Decimal("0.1"):
        raise refusal(-2007)
    if wish.activation is not None:
        filters.check_trigger(contract.listing, wish.activation)


def _check_band(contract: Contract, wish: NewAlgo, trigger: Decimal) -> None:
    """A stop-limit's price may not be further from its trigger than the multipliers allow."""
    if not wish.kind.limited or wish.price is None:
        return
    listing = contract.listing
    if wish.side is OrderSide.BUY and wish.price > (bound := trigger * listing.multiplier_up):
        raise refusal(-4183, f"{bound:f}")
    if wish.side is OrderSide.SELL and wish.price < (bound := trigger * listing.multiplier_down):
        raise refusal(-4184, f"{bound:f}")


def _check_closing(account: Account, contract: Contract, wish: NewAlgo) -> None:
    """One close-position order of a kind a direction; in hedge mode it can only close its own leg."""
    if not wish.close_position:
        return
    if wish.position_side is not PositionSide.BOTH and not closes(wish.position_side, wish.side):
        raise refusal(-2022)
    for other in contract.algos.values():
        same = other.account == account.name and other.wish.close_position
        if same and (other.wish.side, other.wish.position_side, other.rising) == (
            wish.side, wish.position_side, rising(wish.kind, wish.side),
        ):  # fmt: skip
            raise refusal(-4130)


def _check_trigger(contract: Contract, wish: NewAlgo) -> None:
    price = contract.mark_price if wish.working_type is WorkingType.MARK_PRICE else contract.last_price
    if not price:
        return
    level, upward = wish.trigger, rising(wish.kind, wish.side)
    if wish.kind is Kind.TRAILING_STOP_MARKET:
        level, upward = wish.activation, not upward
    if level is not None and (price >= level if upward else price <= level):
        raise refusal(-2021)


def _check_count(account: Account, contract: Contract, wish: NewAlgo) -> None:
    if wish.client_id:
        if not filters.CLIENT_ID.fullmatch(wish.client_id):
            raise refusal(-4015)
        if any(algo.client_id == wish.client_id for algo in account.open_algos.values()):
            raise refusal(-4116)
    if len(account.open_algos) >= contract.listing.max_conditional_orders:
        raise refusal(-4045)
    filters.check_count(contract.listing, account.slot(wish.symbol))


# ── the end of waiting ────────────────────────────────────────────────────────────────────────────────────────────


def find(account: Account, algo_id: int, client_id: str) -> Algo | None:
    """Find a conditional order by id or by the client's own id (the newest of that name)."""
    if algo_id:
        return account.algos.get(algo_id)
    named = [algo for algo in account.algos.values() if algo.client_id == client_id]
    return named[-1] if named else None


def cancel(world: World, account_name: str, algo_id: int, client_id: str, now_ms: int) -> Algo:
    """Take a waiting order back; -2011 if it doesn't wait."""
    account = world.account(account_name)
    algo = find(account, algo_id, client_id)
    if algo is None or algo.algo_id not in account.open_algos:
        raise refusal(-2011)
    _stop_waiting(world, algo, AlgoStatus.CANCELED, now_ms)
    _tell(world, algo)
    return algo


def _stop_waiting(world: World, algo: Algo, status: AlgoStatus, now_ms: int) -> None:
    account = world.accounts[algo.account]
    del account.open_algos[algo.algo_id]
    del world.contracts[algo.wish.symbol].algos[algo.algo_id]
    account.slot(algo.wish.symbol).algos -= 1
    algo.status, algo.updated_ms = status, now_ms


def _tell(world: World, algo: Algo) -> None:
    world.facts.append(AlgoChanged(algo.account, algo.updated_ms, copy(algo)))


def advance(world: World, now_ms: int) -> None:
    """Let time run out for waiting GTD orders."""
    while world.algos_good_till and world.algos_good_till[0][0] <= now_ms:
        _, algo_id, account_name = heapq.heappop(world.algos_good_till)
        algo = world.accounts[account_name].open_algos.get(algo_id)
        if algo is not None:
            _stop_waiting(world, algo, AlgoStatus.EXPIRED, now_ms)
            _tell(world, algo)


def watch(world: World, contract: Contract, now_ms: int) -> None:
    """Trigger what the prices of now have reached, in the order in which it was placed."""
    for algo in list(contract.algos.values()):
        if _reached(contract, algo):
            _trigger(world, contract, algo, now_ms)


def _watched(contract: Contract, algo: Algo) -> Decimal:
    return contract.mark_price if algo.wish.working_type is WorkingType.MARK_PRICE else contract.last_price


def _reached(contract: Contract, algo: Algo) -> bool:
    price = _watched(contract, algo)
    if algo.wish.kind is Kind.TRAILING_STOP_MARKET:
        return bool(price) and _trailed(algo, price)
    trigger = algo.wish.trigger
    return trigger is not None and bool(price) and (price >= trigger if algo.rising else price <= trigger)


def _trailed(algo: Algo, price: Decimal) -> bool:
    """Move the extreme of a trailing stop, and say whether the price has turned far enough from it."""
    wish, buying = algo.wish, algo.wish.side is OrderSide.BUY
    if algo.extreme is None:
        assert wish.activation is not None, f"trailing stop {algo.algo_id} has neither activation nor extreme"
        if price <= wish.activation if buying else price >= wish.activation:
            algo.extreme = price
        return False
    algo.extreme = min(algo.extreme, price) if buying else max(algo.extreme, price)
    turn = (wish.callback_rate or ZERO) / PERCENT
    return price >= algo.extreme * (ONE + turn) if buying else price <= algo.extreme * (ONE - turn)


def _trigger(world: World, contract: Contract, algo: Algo, now_ms: int) -> None:
    _stop_waiting(world, algo, AlgoStatus.TRIGGERING, now_ms)
    algo.trigger_ms = now_ms
    _tell(world, algo)
    wish = _order_of(world, algo)
    if wish is None:
        _refuse(world, algo, AlgoStatus.EXPIRED, NOTHING_TO_CLOSE)
    elif algo.wish.price_protect and _too_far_apart(contract):
        _refuse(world, algo, AlgoStatus.REJECTED, PRICE_PROTECT)
    else:
        try:
            admitted = admit(world, algo.account, wish, now_ms, triggered=True)
        except ExchangeRejected as refused:
            _refuse(world, algo, AlgoStatus.REJECTED, refused.text)
        else:
            accept(world, admitted, now_ms, algo)


def _refuse(world: World, algo: Algo, status: AlgoStatus, reason: str) -> None:
    algo.status, algo.reason = status, reason
    _tell(world, algo)


def _too_far_apart(contract: Contract) -> bool:
    mark, last = contract.mark_price, contract.last_price
    return abs(last - mark) > mark * contract.listing.trigger_protect


def _order_of(world: World, algo: Algo) -> NewOrder | None:
    """Give the ordinary order that it becomes; None if there is nothing to close."""
    wish = algo.wish
    quantity = wish.quantity
    if wish.close_position:
        leg = world.accounts[algo.account].slot(wish.symbol).leg(wish.position_side)
        if not leg.reduced_by(wish.side):
            return None
        quantity = abs(leg.amount)
    assert quantity is not None, f"conditional order {algo.algo_id} has no quantity"
    one_way = wish.position_side is PositionSide.BOTH
    return NewOrder(
        symbol=wish.symbol, side=wish.side, kind=Kind.LIMIT if wish.kind.limited else Kind.MARKET, quantity=quantity,
        price=wish.price if wish.kind.limited else None, position_side=wish.position_side,
        time_in_force=wish.time_in_force, reduce_only=one_way and (wish.reduce_only or wish.close_position),
        client_id=algo.client_id, price_match=wish.price_match, self_trade=wish.self_trade,
        good_till_ms=wish.good_till_ms,
    )  # fmt: skip
