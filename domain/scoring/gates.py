"""The four gates: data quality, expected value, execution, probability (product §3, CS §3.3).

    shut ──all limits met, cooldown over──▶ open ──a looser limit broken──▶ shut, for the cooldown

A gate opens at one limit and stays open down to a looser one, so that a number that dithers around a limit does not
make it flap. Gates two to four belong to a side: when the side changes, they begin shut and without a cooldown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from domain.factors import MarketContext
from domain.factors.context import BPS
from domain.scoring.maturity import Maturity
from domain.scoring.policy import ScoringPolicy
from domain.scoring.prices import Levels

GATES = ("quality", "value", "execution", "probability")


class GateState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Which gates are open, when each last closed (-1: never), and for which side they are meant."""

    side: int = 0
    opened: tuple[bool, ...] = (False, False, False, False)
    closed_ms: tuple[int, ...] = (-1, -1, -1, -1)


class Measured(msgspec.Struct, frozen=True, gc=False):
    """What the gates look at: one side's P, its levels (None: there are none), and what stands beside the candles."""

    side: int
    p: float
    levels: Levels | None
    context: MarketContext
    maturity: Maturity


class GateReport(msgspec.Struct, frozen=True, gc=False):
    """What the gates say: the codes against, which gates are open, and expected value and cost as fractions."""

    reasons: tuple[str, ...]
    opened: tuple[bool, ...]
    expected_value: float
    cost: float


def judge(state: GateState, seen: Measured, policy: ScoringPolicy, time_ms: int) -> tuple[GateState, GateReport]:
    """Judge one analysis; give the next state and the report."""
    if seen.side != state.side:
        state = GateState(seen.side, (state.opened[0], False, False, False), (state.closed_ms[0], -1, -1, -1))
    cost, value = economics(seen, policy)
    found = (
        _quality(seen, policy, state.opened[0]),
        _value(seen, policy, cost, value),
        _execution(seen, policy, state.opened[2]),
        _probability(seen, policy, state.opened[3]),
    )
    opened, closed_ms, cooling = list[bool](), list[int](), False
    for at, against in enumerate(found):
        was_open, closed = state.opened[at], state.closed_ms[at]
        waits = not was_open and closed >= 0 and time_ms - closed < policy.gate_cooldown_ms
        cooling = cooling or (waits and not against)
        opened.append(not against and not waits)
        closed_ms.append(time_ms if was_open and against else closed)
    reasons = tuple(code for against in found for code in against) + (("GATE_COOLDOWN",) if cooling else ())
    return GateState(seen.side, tuple(opened), tuple(closed_ms)), GateReport(reasons, tuple(opened), value, cost)


def data_quality(missing: float, out_of_order: float, drifted: float, mismatched: float) -> float:
    """Give DataQual, 0 … 1, from the shares (0 … 1) of bars that were missing, out of order, late, or did not match.

    1 - (.35 missing + .15 out of order + .20 drift + .30 mismatch), CS §3.3 and §8.8. Lateness is measured against the
    time a bar should close, never against the receipt of a bar that lasts an hour.
    """
    return 1.0 - (0.35 * missing + 0.15 * out_of_order + 0.20 * drifted + 0.30 * mismatched)


def economics(seen: Measured, policy: ScoringPolicy) -> tuple[float, float]:
    """Give cost and expected value of a trade, fractions of notional.

    Cost = round trip + funding that the side is expected to pay (or get) while it is held. Half is closed at TP1 and
    the stop moves to the entry; the other half then reaches TP2 with probability P, else it comes back: so a win brings
    TP1/2 + P·TP2/2, and EV = P·win - (1 - P)·risk - cost. V64 took wins and losses from an invented table.
    """
    cost = policy.round_trip + seen.side * expected_funding(seen.context, policy)
    if seen.levels is None:
        return cost, -cost
    first, second = seen.levels.reward
    win = 0.5 * first + 0.5 * seen.p * second
    return cost, seen.p * win - (1.0 - seen.p) * seen.levels.risk - cost


def expected_funding(context: MarketContext, policy: ScoringPolicy) -> float:
    """Give the funding that a long is expected to pay while it is held, a fraction of notional."""
    return (context.funding_rate or 0.0) * policy.holding_ms / context.funding_interval_ms


def nearest_stop(context: MarketContext, policy: ScoringPolicy) -> float:
    """Give the ln distance from which on a stop of either side is far enough for gate 2.

    Funding counts as if it had to be paid, so that both sides keep the same distance; a billionth more than what is
    asked, so that turning it into prices and back does not fall short of it.
    """
    return policy.thresholds.stop_costs * (policy.round_trip + abs(expected_funding(context, policy))) * (1.0 + 1e-9)


def _quality(seen: Measured, policy: ScoringPolicy, was_open: bool) -> Sequence[str]:
    quality = seen.context.data_quality
    limit = policy.thresholds.quality_hold if was_open else policy.thresholds.quality_open
    return ("DATA_QUALITY_LOW",) if quality is not None and quality < limit else ()


def _value(seen: Measured, policy: ScoringPolicy, cost: float, value: float) -> Sequence[str]:
    if seen.levels is None:
        return ("NO_LEVELS",)
    near = seen.levels.risk < policy.thresholds.stop_costs * max(policy.round_trip, cost)
    return (*(("EV_NOT_POSITIVE",) if value <= 0.0 else ()), *(("STOP_TOO_CLOSE",) if near else ()))


def _execution(seen: Measured, policy: ScoringPolicy, was_open: bool) -> Sequence[str]:
    context, depth, limits = seen.context, seen.context.depth, policy.thresholds
    found: list[str] = []
    if depth is None:
        if limits.require_depth:
            found.append("NO_DEPTH")
    else:
        if depth.impact_bps > (limits.impact_bps_hold if was_open else limits.impact_bps_open):
            found.append("IMPACT_TOO_HIGH")
        if abs(depth.imbalance) > (limits.imbalance_hold if was_open else limits.imbalance_open):
            found.append("BOOK_IMBALANCED")
    spread = _spread_bps(context)
    if spread is not None and spread > (limits.spread_bps_hold if was_open else limits.spread_bps_open):
        found.append("SPREAD_TOO_WIDE")
    room = limits.room_atr_hold if was_open else limits.room_atr_open
    if seen.levels is not None and seen.levels.room_atr < room:
        found.append("NO_ROOM")
    return found


def _spread_bps(context: MarketContext) -> float | None:
    if context.depth is not None:
        return context.depth.spread_bps
    bid, ask = context.bid, context.ask
    if bid is None or ask is None or bid <= 0.0 or ask <= 0.0:
        return None
    return BPS * math.log(ask / bid)


def _probability(seen: Measured, policy: ScoringPolicy, was_open: bool) -> Sequence[str]:
    limit = seen.maturity.p_min - (policy.thresholds.probability_hold if was_open else 0.0)
    return ("PROBABILITY_TOO_LOW",) if seen.p < limit else ()
