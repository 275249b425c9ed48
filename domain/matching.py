"""An exchange in a pure function: what a venue answers to orders, prices and funding.

    place, cancel ──▶ Desk ──levels──▶ the price's way (path.py) ──touch──▶ hit ──▶ Desk + answers

Every function takes a desk and gives the next one with the venue's answers, in order. Codes and texts are Binance's
(specs/binance.md §4). Now: market orders and the two conditional ones, one price for all, isolated margin. Another
order type is another level in `desk.level_of` and another way to price its fill in `hit`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypeAlias

from domain.base import Input
from domain.desk import Desk, Working, key_of, level_of, quantity_closed_by, side_opened_by
from domain.holding import Holding, hold
from domain.instrument import Instrument
from domain.path import Touch, first_jumped
from domain.terms import Terms
from domain.values import ZERO, Side
from domain.venue import (
    CancelOrder,
    OrderType,
    PlaceOrder,
    VenueAccepted,
    VenueFilled,
    VenueFunded,
    VenueLiquidated,
    VenueRejected,
)

ASKED_FOR = "ASKED_FOR"
POSITION_CLOSED = "POSITION_CLOSED"
NOTHING_TO_REDUCE = "NOTHING_TO_REDUCE"
MARGIN_INSUFFICIENT = "MARGIN_INSUFFICIENT"

_TEXTS = {
    "-1102": "Mandatory parameter 'triggerPrice' was not sent, was empty/null, or malformed.",
    "-1111": "Precision is over the maximum defined for this asset.",
    "-1121": "Invalid symbol.",
    "-2011": "Unknown order sent.",
    "-2019": "Margin is insufficient.",
    "-2021": "Order would immediately trigger.",
    "-2022": "ReduceOnly Order is rejected.",
    "-4003": "Quantity less than or equal to zero.",
    "-4004": "Quantity less than min quantity.",
    "-4028": "Leverage {order.leverage} is not valid",
    "-4164": "Order's notional must be no smaller than {instrument.min_notional} (unless you choose reduce only).",
}

Outcome: TypeAlias = tuple[Desk, tuple[Input, ...]]


def place(desk: Desk, order: PlaceOrder, terms: Terms | None, price: Decimal | None, at_ms: int) -> Outcome:
    """Take an order, or reject it. A repeated order id is answered with what became of it.

    `terms` is None for an unknown symbol. `price` is the mark price now, None if it isn't known: what depends on it is
    then checked when the order fills.
    """
    key = key_of(order.order_id)
    slot = desk.slots.get(key)
    if (answer := desk.answer_to(order.order_id)) is not None:
        return desk, (answer,)
    if slot and slot.find(order.order_id):
        return desk, (VenueAccepted(order.order_id, at_ms),)
    if terms is None:
        return _rejected(desk, order, "-1121", at_ms)
    holding, working = (slot.holding, slot.working) if slot else (None, ())
    if code := _objection(order, terms.instrument, holding, price):
        return _rejected(desk, order, code, at_ms, terms.instrument)
    reserved = ZERO
    if desk.wallet is not None and price is not None and order.order_type is OrderType.MARKET:
        reserved = _needed(order, _opened_by(order, holding), price, terms)
    if not _affordable(desk, reserved):
        return _rejected(desk, order, "-2019", at_ms)
    desk = desk.with_slot(key, order.symbol, holding, (*working, Working(order, at_ms, reserved)))
    return desk, (VenueAccepted(order.order_id, at_ms),)


def cancel(desk: Desk, request: CancelOrder, at_ms: int) -> Outcome:
    """Take an open order back, or say that there is none."""
    key = key_of(request.order_id)
    slot = desk.slots.get(key)
    if slot is None or slot.find(request.order_id) is None:
        return desk, (VenueRejected(request.order_id, at_ms, "-2011", _TEXTS["-2011"]),)
    return desk.without_orders(key, (request.order_id,), ASKED_FOR, at_ms)


def hit(desk: Desk, key: str, touch: Touch, terms: Terms, bid: Decimal, ask: Decimal) -> Outcome:
    """Let a level of slot `key` be reached: the order fills, or the position is liquidated.

    A buy fills at `ask`, a sell at `bid`, both made worse by the slippage.
    """
    slot = desk.slots[key]
    working = slot.find(touch.order_id) if touch.order_id else None
    if working is not None:
        price = terms.fill_price(working.order.side, bid, ask)
        return _fill(desk, key, working, price, touch.at_ms, terms)
    assert slot.holding is not None, f"{key} has a liquidation level but holds nothing"
    price = terms.fill_price(slot.holding.side.exit, bid, ask)
    return _liquidate(desk, key, slot.holding, price, touch.at_ms, terms)


def quote(desk: Desk, key: str, terms: Terms, mark: Decimal, bid: Decimal, ask: Decimal, at_ms: int) -> Outcome:
    """Let the price of slot `key` jump. Triggers look at `mark`; only orders that were there before the jump see it."""
    answers: tuple[Input, ...] = ()
    while (slot := desk.slots.get(key)) and (touch := first_jumped(slot.levels, mark, at_ms)):
        desk, more = hit(desk, key, touch, terms, bid, ask)
        answers += more
    return desk, answers


def fund(desk: Desk, key: str, rate: Decimal, mark: Decimal, time_ms: int) -> Outcome:
    """Settle funding for the holding of slot `key`, if it was open before `time_ms` and this isn't settled yet."""
    slot = desk.slots[key]
    holding = slot.holding
    if holding is None or holding.settled_ms >= time_ms:
        return desk, ()
    amount = holding.funding(rate, mark)
    desk = desk.credited(amount).with_slot(key, slot.symbol, holding.funded(amount, time_ms), slot.working)
    return desk, (VenueFunded(key, time_ms, rate, mark, amount),)


def restored(
    account: str, wallet: Decimal | None, holdings: Mapping[str, Holding], orders: Iterable[PlaceOrder]
) -> Desk:
    """Build a desk again after a restart, from holdings by position stream and the orders that are still open."""
    desk = Desk(account, wallet)
    for key, holding in holdings.items():
        desk = desk.with_slot(key, holding.symbol, holding, ())
    for order in orders:
        key = key_of(order.order_id)
        slot = desk.slots.get(key)
        holding, working = (slot.holding, slot.working) if slot else (None, ())
        desk = desk.with_slot(key, order.symbol, holding, (*working, Working(order, 0)))
    return desk


# ── checks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _objection(order: PlaceOrder, instrument: Instrument, holding: Holding | None, price: Decimal | None) -> str | None:
    conditional = order.order_type is not OrderType.MARKET
    if conditional and order.trigger is None:
        return "-1102"
    if order.trigger is not None and order.trigger % instrument.tick:
        return "-1111"
    if not order.close_position and (code := _quantity_objection(order.quantity, instrument)):
        return code
    if order.reduce_only or order.close_position:
        if not quantity_closed_by(order, holding):
            return "-2022"
    elif code := _size_objection(order, instrument, order.trigger if conditional else price):
        return code
    would_trigger = conditional and price is not None and level_of(order, 0).reached_by(price)
    return "-2021" if would_trigger else None


def _quantity_objection(quantity: Decimal, instrument: Instrument) -> str | None:
    if quantity <= 0:
        return "-4003"
    if quantity % instrument.step:
        return "-1111"
    return "-4004" if quantity < instrument.min_quantity else None


def _size_objection(order: PlaceOrder, instrument: Instrument, price: Decimal | None) -> str | None:
    if not 1 <= order.leverage <= instrument.max_leverage:
        return "-4028"
    return "-4164" if price is not None and price * order.quantity < instrument.min_notional else None


def _opened_by(order: PlaceOrder, holding: Holding | None) -> Decimal:
    if order.reduce_only or order.close_position:
        return ZERO
    return order.quantity - quantity_closed_by(order, holding)


def _needed(order: PlaceOrder, opening: Decimal, price: Decimal, terms: Terms) -> Decimal:
    return terms.entry_cost(price * opening, order.leverage) if opening else ZERO


def _affordable(desk: Desk, needed: Decimal) -> bool:
    return not needed or desk.available is None or needed <= desk.available


def _rejected(desk: Desk, order: PlaceOrder, code: str, at_ms: int, instrument: Instrument | None = None) -> Outcome:
    text = _TEXTS[code].format(order=order, instrument=instrument)
    answer = VenueRejected(order.order_id, at_ms, code, text)
    return desk.remembering(answer), (answer,)


# ── fills ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fill(desk: Desk, key: str, working: Working, price: Decimal, at_ms: int, terms: Terms) -> Outcome:
    slot, order = desk.slots[key], working.order
    closing, opening = quantity_closed_by(order, slot.holding), _opened_by(order, slot.holding)
    if not closing + opening:
        return desk.without_orders(key, (order.order_id,), NOTHING_TO_REDUCE, at_ms)
    others = tuple(other for other in slot.working if other is not working)
    released = desk.with_slot(key, slot.symbol, slot.holding, others)
    if not _affordable(released, _needed(order, opening, price, terms)):
        return desk.without_orders(key, (order.order_id,), MARGIN_INSUFFICIENT, at_ms)
    holding, realised = slot.holding, ZERO
    if holding and closing:
        realised = holding.realised(price, closing)
        holding = holding.reduced(closing)
    if opening and holding:
        holding = holding.increased(opening, price, order.leverage)
    elif opening:
        side = side_opened_by(order.side)
        holding = hold(terms.instrument, side, opening, price, order.leverage, at_ms)
    fee = terms.fee(price * (closing + opening))
    answer = VenueFilled(order.order_id, at_ms, f"{order.order_id}#1", price, closing + opening, fee)
    desk = desk.credited(realised - fee).with_slot(key, slot.symbol, holding, others)
    return _without_futile_orders(desk.remembering(answer), key, answer, at_ms)


def _liquidate(desk: Desk, key: str, holding: Holding, price: Decimal, at_ms: int, terms: Terms) -> Outcome:
    """Close by force. What the margin can't pay is the insurance fund's: it bounds the price, then the fee."""
    if holding.side is Side.LONG:
        price = max(price, terms.instrument.price_up(holding.bankruptcy_price))
    else:
        price = min(price, terms.instrument.price_down(holding.bankruptcy_price))
    realised = holding.realised(price, holding.quantity)
    fee = min(terms.liquidation_fee(price * holding.quantity), max(ZERO, holding.margin + realised))
    slot = desk.slots[key]
    desk = desk.credited(realised - fee).with_slot(key, slot.symbol, None, slot.working)
    answer = VenueLiquidated(key, at_ms, price, holding.quantity, fee)
    return _without_futile_orders(desk, key, answer, at_ms)


def _without_futile_orders(desk: Desk, key: str, answer: Input, at_ms: int) -> Outcome:
    """Where nothing is held any more, take the orders away that could only reduce it."""
    slot = desk.slots.get(key)
    if slot is None or slot.holding is not None:
        return desk, (answer,)
    futile = tuple(working.order.order_id for working in slot.working if working.reduces_only)
    desk, canceled = desk.without_orders(key, futile, POSITION_CLOSED, at_ms)
    return desk, (answer, *canceled)
