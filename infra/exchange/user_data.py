"""Facts of accounts as user data frames, in the order and the shapes of the wire (specs/binance.md §8, recordings).

    a taker's fill   TRADE_LITE, ORDER_TRADE_UPDATE x=NEW, ACCOUNT_UPDATE, ORDER_TRADE_UPDATE x=TRADE
    a maker's fill   TRADE_LITE, ACCOUNT_UPDATE, ORDER_TRADE_UPDATE x=TRADE

`frames(facts, listing_of)` takes everything that one `Exchange.drain` gave, since the order crosses single facts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeAlias

import msgspec

from domain.exchange.facts import (
    AccountChanged,
    AlgoChanged,
    Fact,
    LeverageChanged,
    Liquidated,
    MarginCalled,
    MultiAssetsChanged,
    OrderAmended,
    OrderEnded,
    OrderOpened,
    OrderTraded,
    PositionRow,
)
from domain.exchange.listing import Listing
from domain.exchange.orders import AlgoStatus, Kind, Order, PriceMatch, Status
from domain.values import ZERO
from infra.exchange.account_rows import ASSET
from infra.exchange.written import (
    AVERAGE_PLACES_MIN,
    Row,
    money_or_zero,
    money_text,
    padded,
    plain,
    price_text,
    quantity_text,
)

ListingOf: TypeAlias = Callable[[str], Listing]


class Frame(msgspec.Struct, frozen=True):
    """One message for the user data streams of an account. `event` is its `e`."""

    account: str
    event: str
    payload: Row


def frames(facts: Sequence[Fact], listing_of: ListingOf) -> list[Frame]:
    """Turn the facts of one drain into frames; public facts give none."""
    written: list[Frame] = []
    lite: dict[tuple[int, int], None] = {}
    trades = [fact for fact in facts if isinstance(fact, OrderTraded)]
    for index, fact in enumerate(facts):
        if isinstance(fact, OrderOpened):
            early = [t for t in trades if t.order.order_id == fact.order.order_id and t.account == fact.account]
            _write_lite(written, lite, early, listing_of)
        elif isinstance(fact, AccountChanged) and fact.reason == "ORDER":
            following = facts[index + 1]
            assert isinstance(following, OrderTraded), f"a change by an order is followed by {following}"
            _write_lite(written, lite, [following], listing_of)
        frame = _frame(fact, listing_of)
        if frame is not None:
            written.append(frame)
    return written


def _write_lite(
    written: list[Frame], done: dict[tuple[int, int], None], trades: Sequence[OrderTraded], listing_of: ListingOf
) -> None:
    for trade in trades:
        key = (trade.order.order_id, trade.trade_id)
        if key not in done:
            done[key] = None
            written.append(Frame(trade.account, "TRADE_LITE", trade_lite(trade, listing_of(trade.order.symbol))))


def _frame(fact: Fact, listing_of: ListingOf) -> Frame | None:
    match fact:
        case OrderOpened() | OrderTraded() | OrderEnded() | OrderAmended():
            return Frame(fact.account, "ORDER_TRADE_UPDATE", order_update(fact, listing_of(fact.order.symbol)))
        case AccountChanged():
            return Frame(fact.account, "ACCOUNT_UPDATE", account_update(fact))
        case AlgoChanged():
            return Frame(fact.account, "ALGO_UPDATE", algo_update(fact))
        case LeverageChanged() | MultiAssetsChanged():
            return Frame(fact.account, "ACCOUNT_CONFIG_UPDATE", config_update(fact))
        case MarginCalled():
            return Frame(fact.account, "MARGIN_CALL", margin_call(fact))
        case _:
            return None


# ── orders ────────────────────────────────────────────────────────────────────────────────────────────────────────


def trade_lite(trade: OrderTraded, listing: Listing) -> Row:
    """Write TRADE_LITE: quantities and prices padded to the contract's precision."""
    order = trade.order
    return {
        "e": "TRADE_LITE",
        "E": trade.time_ms,
        "T": trade.time_ms,
        "s": order.symbol,
        "q": quantity_text(listing, order.quantity),
        "p": price_text(listing, order.price),
        "m": trade.maker,
        "c": order.client_id,
        "S": order.side,
        "L": price_text(listing, trade.price),
        "l": quantity_text(listing, trade.quantity),
        "t": trade.trade_id,
        "i": order.order_id,
    }


def _execution(fact: OrderOpened | OrderTraded | OrderEnded | OrderAmended) -> str:
    match fact:
        case OrderOpened():
            return "NEW"
        case OrderTraded(liquidation=forced):
            return "CALCULATED" if forced else "TRADE"
        case OrderAmended():
            return "AMENDMENT"
        case OrderEnded():
            return "CANCELED" if fact.order.status is Status.CANCELED else "EXPIRED"


def order_update(fact: OrderOpened | OrderTraded | OrderEnded | OrderAmended, listing: Listing) -> Row:
    """Write ORDER_TRADE_UPDATE: prices of fills padded, everything else without zeros at its end."""
    order = fact.order
    trade = fact if isinstance(fact, OrderTraded) else None
    average_places = max(AVERAGE_PLACES_MIN, listing.price_precision)
    row: Row = {
        "s": order.symbol,
        "c": order.client_id,
        "S": order.side,
        "o": order.kind,
        "f": order.time_in_force,
        "q": plain(order.quantity),
        "p": _limit_text(order, listing),
        "ap": padded(order.average, average_places) if order.executed else "0",
        "sp": price_text(listing, order.stop_price) if order.stop_price else "0",
        "x": _execution(fact),
        "X": order.status,
        "i": order.order_id,
        **({"M": fact.modify_id} if isinstance(fact, OrderAmended) and fact.modify_id is not None else {}),
        "l": plain(trade.quantity) if trade else "0",
        "z": plain(order.executed),
        "L": price_text(listing, trade.price) if trade else "0",
        "n": money_or_zero(trade.fee) if trade else "0",
        "N": ASSET,
        "T": fact.time_ms,
        "t": trade.trade_id if trade else 0,
        "b": plain(fact.bids),
        "a": plain(fact.asks),
        "m": trade.maker if trade else False,
        "R": order.reduce_only,
        "wt": order.working_type,
        "ot": order.original_kind,
        "ps": order.position_side,
        "cp": order.close_position,
    }
    if order.original_kind is Kind.TRAILING_STOP_MARKET:
        row["AP"] = plain(order.activation or ZERO)
        row["cr"] = plain(order.callback_rate or ZERO)
    row.update(
        {
            "rp": money_or_zero(trade.realized) if trade else "0",
            "pP": order.price_protect,
            "si": 0,
            "ss": 0,
            "V": order.self_trade,
            "pm": order.price_match,
            "gtd": order.good_till_ms,
            "er": order.reason,
        }
    )
    return {"e": "ORDER_TRADE_UPDATE", "T": fact.time_ms, "E": fact.time_ms, "o": row}


def _limit_text(order: Order, listing: Listing) -> str:
    """Write a limit price as it was sent; one that was matched with the book is padded."""
    return plain(order.price) if order.price_match is PriceMatch.NONE else price_text(listing, order.price)


def algo_update(fact: AlgoChanged) -> Row:
    """Write ALGO_UPDATE: what it became only once it is finished, and a cancelled one is told in fewer words."""
    algo, wish = fact.algo, fact.algo.wish
    row: Row = {
        "caid": algo.client_id,
        "aid": algo.algo_id,
        "at": "CONDITIONAL",
        "o": wish.kind,
        "s": wish.symbol,
        "S": wish.side,
        "ps": wish.position_side,
        "f": wish.time_in_force,
        "q": plain(wish.quantity or ZERO),
        "X": algo.status,
        "ai": str(algo.order_id) if algo.order_id else "",
    }
    if algo.order_kind is not None:
        row.update({"ap": plain(_short(algo.average)), "aq": plain(algo.executed), "act": algo.order_kind})
    row.update({"tp": plain(wish.trigger or ZERO), "p": plain(wish.price or ZERO)})
    if algo.status is not AlgoStatus.CANCELED:
        row.update(
            {
                "V": wish.self_trade,
                "wt": wish.working_type,
                "pm": wish.price_match,
                "cp": wish.close_position,
                "pP": wish.price_protect,
            }
        )
    row.update({"R": wish.reduce_only, "tt": algo.trigger_ms, "gtd": wish.good_till_ms})
    if algo.reason:
        row["rm"] = algo.reason
    row["ia"] = False
    return {"e": "ALGO_UPDATE", "T": fact.time_ms, "E": fact.time_ms, "o": row}


# ── accounts ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _short(price: Decimal) -> Decimal:
    """Cut an average price to ten decimals."""
    return price.quantize(Decimal("1e-10")) if price else ZERO


def account_update(fact: AccountChanged) -> Row:
    """Write ACCOUNT_UPDATE; a change of margin type moves no balance, so it lists none."""
    balance: Row = {
        "a": ASSET,
        "wb": money_text(fact.wallet),
        "cw": money_text(fact.cross_wallet),
        "bc": plain(fact.change),
    }
    balances = [] if fact.reason == "MARGIN_TYPE_CHANGE" else [balance]
    body: Row = {"B": balances, "P": [_position(row) for row in fact.positions], "m": fact.reason}
    if fact.symbol:
        body["S"] = fact.symbol
    return {"e": "ACCOUNT_UPDATE", "T": fact.time_ms, "E": fact.time_ms, "a": body}


def _position(row: PositionRow) -> Row:
    return {
        "s": row.symbol,
        "pa": plain(row.amount),
        "ep": plain(_short(row.entry)),
        "cr": money_or_zero(row.realized),
        "up": money_or_zero(row.unrealized),
        "mt": "isolated" if row.isolated else "cross",
        "iw": money_or_zero(row.isolated_wallet),
        "ps": row.position_side,
        "ma": ASSET,
        "bep": plain(_short(row.break_even)),
    }


def margin_call(fact: MarginCalled) -> Row:
    """Write MARGIN_CALL."""
    rows = [
        {
            "s": row.symbol,
            "ps": row.position_side,
            "pa": plain(row.amount),
            "mt": "ISOLATED" if row.isolated else "CROSSED",
            "iw": money_or_zero(row.isolated_wallet),
            "mp": plain(row.mark),
            "up": plain(row.unrealized),
            "mm": plain(row.maintenance),
        }
        for row in fact.positions
    ]
    return {"e": "MARGIN_CALL", "E": fact.time_ms, "cw": money_text(fact.cross_wallet), "p": rows}


def config_update(fact: LeverageChanged | MultiAssetsChanged) -> Row:
    """Write ACCOUNT_CONFIG_UPDATE of a leverage, or of multi-assets mode."""
    head: Row = {"e": "ACCOUNT_CONFIG_UPDATE", "E": fact.time_ms, "T": fact.time_ms}
    if isinstance(fact, LeverageChanged):
        return {**head, "ac": {"s": fact.symbol, "l": fact.leverage}}
    return {**head, "ai": {"j": fact.on}}


def listen_key_expired(key: str, now_ms: int) -> Row:
    """Write listenKeyExpired."""
    return {"e": "listenKeyExpired", "E": now_ms, "listenKey": key}


# ── public ────────────────────────────────────────────────────────────────────────────────────────────────────────


def force_order(fact: Liquidated, listing: Listing) -> Row:
    """Write the public forceOrder of a liquidation."""
    order = fact.order
    body: Row = {
        "s": order.symbol,
        "S": order.side,
        "o": order.kind,
        "f": order.time_in_force,
        "q": quantity_text(listing, order.quantity),
        "p": price_text(listing, order.price),
        "ap": padded(order.average, max(AVERAGE_PLACES_MIN, listing.price_precision)),
        "X": order.status,
        "l": quantity_text(listing, order.quantity),
        "z": quantity_text(listing, order.executed),
        "T": fact.time_ms,
    }
    return {"e": "forceOrder", "E": fact.time_ms, "o": body, "ps": order.symbol, "st": 1}
