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


class OtherEnd(msgspec.Struct, frozen=True):
    """A trade that both made, opened at the same time on the same side, that came to something else."""

    base: Trade
    changed: Trade

    @property
    def net(self) -> Decimal:
        """What the change made of it: changed minus base, USDT."""
        return self.changed.net - self.base.net


class Difference(msgspec.Struct, frozen=True):
    """Changed minus base. `only_base` and `only_changed` are the trades that one of them did not make, `other_ends`
    those that both made and that came to something else.
    """

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
    other_ends: tuple[OtherEnd, ...] = ()


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
    *,
    from_input: int = 1,
    until_input: int | None = None,
) -> WhatIf:
    """Trade the recorded market twice on the in-process exchange, from an input to another (default: all of it): under
    the settings that were in force at the first, and as `changed` makes them.

    Both sides are traded anew, so that they differ by the change alone and not by when orders were filled in life.
    """
    started = session_of(reader, from_input)
    from_ms = next((frame.at_ms for frame in reader.frames(from_input - 1, from_input)), 0)

    def traded(session: SessionStarted) -> Outcome:
        market = market_of(reader, until_input=until_input)
        return trade(market, session, strategies, from_ms=from_ms, progress=progress)

    base, other = traded(started), traded(changed(started))
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
        other_ends=_other_ends(base.closed, changed.closed),
    )


def _without(trades: tuple[Trade, ...], others: tuple[Trade, ...]) -> tuple[Trade, ...]:
    """Give the trades that the others have not made at the same time on the same side."""
    made = {_opening(other) for other in others}
    return tuple(one for one in trades if _opening(one) not in made)


def _other_ends(base: tuple[Trade, ...], changed: tuple[Trade, ...]) -> tuple[OtherEnd, ...]:
    """Pair the trades that both made, and give the pairs that differ."""
    theirs = {_opening(one): one for one in changed}
    pairs = ((one, theirs.get(_opening(one))) for one in base)
    return tuple(OtherEnd(one, other) for one, other in pairs if other and _outcome(one) != _outcome(other))


def _opening(trade: Trade) -> tuple[str, str, int]:
    return trade.symbol, trade.side, trade.opened_ms


def _outcome(trade: Trade) -> Trade:
    """Give a trade without its number, which counts what came before it."""
    return msgspec.structs.replace(trade, position="")
