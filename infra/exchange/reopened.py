"""An account as its owner's history says it was, on an exchange that has just been started.

A simulated exchange remembers nothing over a restart; the trader's journal does. Prices go on where they were because
they are a function of (seed, time), accounts because they are opened again here: wallet, positions, resting orders.
Numbers of trades and orders go on above all that were ever given, because they depend on the time.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.exchange.exchange import Exchange
from domain.exchange.orders import Kind, NewAlgo, PositionSide, WorkingType
from domain.values import ZERO, OrderSide, Side


class HeldPosition(msgspec.Struct, frozen=True):
    """An isolated position of one-way mode. `quantity` in base asset, `entry` in USDT."""

    symbol: str
    side: Side
    quantity: Decimal
    entry: Decimal
    leverage: int


class RestingOrder(msgspec.Struct, frozen=True):
    """A close-position order that waits for the mark price to reach `trigger`."""

    symbol: str
    side: OrderSide
    kind: str
    trigger: Decimal
    client_id: str


class Reopened(msgspec.Struct, frozen=True):
    """An account: its wallet (USDT, without unrealised PnL) and what it holds."""

    wallet: Decimal
    positions: tuple[HeldPosition, ...] = ()
    orders: tuple[RestingOrder, ...] = ()


def reopen(exchange: Exchange, account: str, state: Reopened, now_ms: int) -> tuple[str, ...]:
    """Give an account back what it had; gives the symbols it has something in. Before the exchange sees any price.

    So a stop whose price was passed meanwhile is taken, and triggers at the first price.
    """
    world = exchange.world
    world.next_order_id = max(world.next_order_id, now_ms * 1_000)
    world.next_algo_id = max(world.next_algo_id, now_ms * 1_000)
    owner = exchange.open_account(account, ZERO, now_ms)
    owner.wallet = state.wallet
    for held in state.positions:
        slot = owner.slot(held.symbol)
        slot.leverage, slot.isolated = held.leverage, True
        leg = slot.leg(PositionSide.BOTH)
        leg.amount, leg.entry, leg.updated_ms = held.quantity * held.side.sign, held.entry, now_ms
        leg.isolated_wallet = held.quantity * held.entry / held.leverage
        world.contract(held.symbol).holders[account] = None
    for order in state.orders:
        wish = NewAlgo(
            symbol=order.symbol,
            side=order.side,
            kind=Kind(order.kind),
            trigger=order.trigger,
            close_position=True,
            working_type=WorkingType.MARK_PRICE,
            client_id=order.client_id,
        )
        exchange.place_algo(account, wish, now_ms)
    exchange.drain()
    return tuple(dict.fromkeys([*(held.symbol for held in state.positions), *(o.symbol for o in state.orders)]))
