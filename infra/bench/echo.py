"""The smallest rules that an actor can run: what comes in is answered by one small event, and by an order if asked for.

Benchmarks of the machinery use them where the real rules would only be in the way.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from domain.base import Decider, Reaction, plain_decider
from domain.market import CandleArrived
from domain.symbol.events import CandleRejected
from domain.values import OrderSide
from domain.venue import OrderType, PlaceOrder

_ANSWER: Final = "ECHO"
_QUANTITY: Final = Decimal("0.001")


class Heard(msgspec.Struct, frozen=True):
    """How often the actor of a stream was told something."""

    stream: str
    times: int = 0


def _decide(_: Heard, arrived: CandleArrived) -> tuple[CandleRejected]:
    return (CandleRejected(arrived.candle.open_time_ms, _ANSWER),)


def _evolve(state: Heard, _: CandleRejected) -> Heard:
    return Heard(state.stream, state.times + 1)


def _nothing(_state: Heard, _event: CandleRejected) -> tuple[Reaction, ...]:
    return ()


def _order(state: Heard, _: CandleRejected) -> tuple[Reaction, ...]:
    order_id = f"{state.stream}@{state.times}"
    return (PlaceOrder("main", order_id, "BTCUSDT", OrderSide.BUY, OrderType.MARKET, _QUANTITY),)


def echo(*, orders: bool = False) -> Decider[Heard]:
    """Give the rules. `orders`: every event asks the venue for an order."""
    return plain_decider(
        state_type=Heard,
        initial=Heard,
        decide=_decide,
        evolve=_evolve,
        react=_order if orders else _nothing,
        resume=lambda _: (),
    )
