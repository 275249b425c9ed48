"""What if: the same market under other settings, or another strategy, side by side with what it was."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from actors.ports import Reader
from domain.operations import SessionStarted
from domain.strategies import Strategy
from infra.counterfactual import Outcome, Progress, Trade, market_of, session_of, trade

FIGURES: Final = (
    "trades",
    "signals",
    "win_rate",
    "realized_pnl",
    "fees",
    "funding",
    "max_drawdown",
    "exposure",
)
"""What both outcomes and their difference have."""


class Difference(msgspec.Struct, frozen=True):
    """Changed minus base. `only_base` and `only_changed` are the trades that one of them did not make."""

    trades: int
    signals: int
    win_rate: float | None
    realized_pnl: Decimal
    fees: Decimal
    funding: Decimal
    max_drawdown: float
    exposure: float
    only_base: tuple[Trade, ...]
    only_changed: tuple[Trade, ...]


class WhatIf(msgspec.Struct, frozen=True):
    """Both outcomes, and what lies between them."""

    base: Outcome
    changed: Outcome
    difference: Difference


def what_if(
    reader: Reader,
    changed: Callable[[SessionStarted], SessionStarted],
    strategies: Callable[[str], Strategy],
    progress: Progress | None = None,
) -> WhatIf:
    """Trade the recorded market twice on the in-process exchange: as it was started, and as `changed` makes it.

    Both sides are traded anew, so that they differ by the change alone and not by when orders were filled in life.
    """
    started = session_of(reader)
    base = trade(market_of(reader), started, strategies, progress=progress)
    other = trade(market_of(reader), changed(started), strategies, progress=progress)
    return WhatIf(base, other, _difference(base, other))


def _difference(base: Outcome, changed: Outcome) -> Difference:
    win_rate = None if base.win_rate is None or changed.win_rate is None else changed.win_rate - base.win_rate
    return Difference(
        trades=changed.trades - base.trades,
        signals=changed.signals - base.signals,
        win_rate=win_rate,
        realized_pnl=changed.realized_pnl - base.realized_pnl,
        fees=changed.fees - base.fees,
        funding=changed.funding - base.funding,
        max_drawdown=changed.max_drawdown - base.max_drawdown,
        exposure=changed.exposure - base.exposure,
        only_base=_without(base.closed, changed.closed),
        only_changed=_without(changed.closed, base.closed),
    )


def _without(trades: tuple[Trade, ...], others: tuple[Trade, ...]) -> tuple[Trade, ...]:
    """Give the trades that the others have not made at the same time on the same side."""
    made = {(other.symbol, other.side, other.opened_ms) for other in others}
    return tuple(one for one in trades if (one.symbol, one.side, one.opened_ms) not in made)
