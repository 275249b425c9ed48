"""The exchange's filters: which prices and quantities it takes (specs/binance.md §5). Each has its own code."""

from __future__ import annotations

import re
from decimal import Decimal

from domain.exchange.listing import Listing
from domain.exchange.orders import Kind
from domain.exchange.refusals import refusal
from domain.exchange.world import Account, Contract, Slot
from domain.values import ZERO, OrderSide

CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
GOOD_TILL_MIN_MS = 600_000
GOOD_TILL_END_MS = 253_402_300_799_000
LARGEST = Decimal(10) ** 15
"""Where a contract has no maximum: beyond this, remainders would need more digits than a Decimal's context has."""

_UNITS = tuple(Decimal(1).scaleb(-places) for places in range(17))


def check_precision(value: Decimal, places: int) -> None:
    """Refuse more decimals than the contract has (zeros at the end don't count)."""
    if value % _UNITS[places]:
        raise refusal(-1111)


def check_price(listing: Listing, price: Decimal) -> None:
    """PRICE_FILTER of a limit price; a bound or tick of zero is switched off."""
    if price <= 0:
        raise refusal(-4001)
    if price > (listing.max_price or LARGEST):
        raise refusal(-4002)
    check_precision(price, listing.price_precision)
    if price < listing.min_price:
        raise refusal(-4013)
    if listing.tick and (price - listing.min_price) % listing.tick:
        raise refusal(-4014)


def check_trigger(listing: Listing, trigger: Decimal) -> None:
    """PRICE_FILTER of a stop or activation price."""
    if trigger <= 0:
        raise refusal(-4006)
    if trigger > (listing.max_price or LARGEST):
        raise refusal(-4007)
    check_precision(trigger, listing.price_precision)
    if listing.tick and (trigger - listing.min_price) % listing.tick:
        raise refusal(-4014)


def check_quantity(listing: Listing, quantity: Decimal, kind: Kind) -> None:
    """LOT_SIZE, or MARKET_LOT_SIZE for what fills at the market."""
    if quantity <= 0:
        raise refusal(-4003)
    step, largest = (
        (listing.step, listing.max_quantity) if kind.limited else (listing.market_step, listing.max_market_quantity)
    )
    if quantity > (largest or LARGEST):
        raise refusal(-4005)
    check_precision(quantity, listing.quantity_precision)
    if quantity < listing.min_quantity:
        raise refusal(-4004)
    if step and (quantity - listing.min_quantity) % step:
        raise refusal(-4023)


def check_notional(listing: Listing, notional: Decimal, code: int = -4164) -> None:
    """MIN_NOTIONAL: price · quantity; a MARKET order counts at the mark price."""
    if notional < listing.min_notional:
        raise refusal(code, _plain(listing.min_notional))


def check_percent_price(contract: Contract, side: OrderSide, price: Decimal) -> None:
    """PERCENT_PRICE: no buying far above, no selling far below the mark. The text names the bound, unrounded."""
    mark, listing = contract.mark_price, contract.listing
    if not mark:
        return
    if side is OrderSide.BUY and price > (bound := mark * listing.multiplier_up):
        raise refusal(-4016, f"{bound:f}")
    if side is OrderSide.SELL and price < (bound := mark * listing.multiplier_down):
        raise refusal(-4024, f"{bound:f}")


def check_counterparty(contract: Contract, side: OrderSide) -> None:
    """Refuse a MARKET order whose first fill would be outside PERCENT_PRICE."""
    mark, best = contract.mark_price, contract.half(side.opposite).best_price()
    if not mark or best is None:
        return
    listing = contract.listing
    outside = best > mark * listing.multiplier_up if side is OrderSide.BUY else best < mark * listing.multiplier_down
    if outside:
        raise refusal(-4131)


def check_status(listing: Listing, reduces: bool) -> None:
    """Refuse where the contract is not in trade."""
    if listing.status in ("CLOSE", "PENDING_TRADING", "PRE_DELIVERING", "DELIVERED", "DELIVERING", "PRE_SETTLE"):
        raise refusal(-4141 if listing.status != "PENDING_TRADING" else -4140)
    if listing.status != "TRADING" and not reduces:
        raise refusal(-4140)


def check_client_id(account: Account, client_id: str) -> None:
    """A client's own id: 36 allowed characters, and unique among the account's open orders."""
    if not client_id:
        return
    if not CLIENT_ID.fullmatch(client_id):
        raise refusal(-4015)
    if client_id in account.by_client_id:
        raise refusal(-4116)


def check_count(listing: Listing, slot: Slot) -> None:
    """MAX_NUM_ORDERS: open orders of an account in a contract, conditional ones included."""
    if len(slot.orders) + slot.algos >= listing.max_orders:
        raise refusal(-2025)


def check_good_till(good_till_ms: int, now_ms: int) -> None:
    """GTD: more than ten minutes from now, before the year 10000."""
    if not now_ms + GOOD_TILL_MIN_MS < good_till_ms < GOOD_TILL_END_MS:
        raise refusal(-5040)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}" if value else str(ZERO)
