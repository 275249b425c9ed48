"""The full analysis of one symbol at one close, for the built-in strategies `factors`, `ict` and `hybrid`.

    factors ─▶ verdict ─┐
                        ├─▶ proposal ─▶ strength ─▶ gates ─▶ tier, reasons ─▶ publication ─▶ published, or why not
    structure ─▶ ict ───┘

A proposal is what a strategy would do; its tier says how much it is worth: `prime` is published once it is confirmed,
`watch` is followed virtually, `none` is recorded with all its reasons. Everything is pure: what the next analysis needs
of this one stands in the `Assessment` that `SymbolAnalyzed` carries.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec
from msgspec.structs import replace

from domain.analysis import assessment as record
from domain.analysis.features import Book, Features, IctView, features
from domain.analysis.reading import Reading
from domain.calibration.shipped import SHIPPED
from domain.calibration.strength import Strength, strength_of
from domain.calibration.table import Calibration
from domain.config import Config
from domain.factors import FactorView, MarketContext
from domain.market import MINUTE_MS, Candle
from domain.scoring import GateState, PublicationState, ScoringPolicy, Verdict, assess
from domain.scoring.gates import GateReport, Measured, judge, nearest_stop
from domain.scoring.prices import Levels
from domain.scoring.publication import Publication, Tier, advance
from domain.strategies import Pass, Proposal, View, hybrid, ict
from domain.strategies.factors import own_proposal, proposal_of
from domain.values import Side

NAMES: Final = ("factors", "ict", "hybrid")
"""The strategies that rest on the full analysis."""
FLOW_BARS: Final = 3
"""How many 5m bars the order flow of the features looks back: a quarter of an hour, as factor Q does."""


class Moment(msgspec.Struct, frozen=True):
    """What one analysis looks at: everything of one symbol as of `time_ms` (UTC), and nothing later."""

    symbol: str
    time_ms: int
    candle: Candle
    reading: Reading
    context: MarketContext
    order_flow: float | None


class Ways(msgspec.Struct, frozen=True):
    """By what an analysis decides."""

    strategy: str
    relaxed: bool
    policy: ScoringPolicy
    tables: dict[str, Calibration]

    @classmethod
    def of(cls, config: Config) -> Ways:
        """Take the settings; their tables go before the shipped ones."""
        tables = {**SHIPPED, **{table.strategy: table for table in config.scoring.tables}}
        return cls(config.strategy.name, config.strategy.relaxed, policy_of(config), tables)


class Analysis(msgspec.Struct, frozen=True):
    """What an analysis says: the proposal or why there is none, all reasons against it, and the record of it all."""

    outcome: Proposal | Pass
    tier: Tier
    reasons: tuple[str, ...]
    publication: Publication
    assessment: record.Assessment


class _Judged(msgspec.Struct, frozen=True):
    """A strategy's answer with its worth."""

    outcome: Proposal | Pass
    side: int
    p: float
    raw: float | None
    strength: Strength
    needed: float
    tier: Tier
    reasons: tuple[str, ...]
    levels: Levels | None
    gates: GateReport
    gate_state: GateState


def policy_of(config: Config) -> ScoringPolicy:
    """Give by what the scoring chain decides under these settings."""
    return ScoringPolicy(
        thresholds=config.scoring,
        fee_bps=float(config.venue.taker_fee_bps),
        slippage_bps=float(config.venue.slippage_bps),
        holding_ms=config.strategy.time_stop_minutes * MINUTE_MS,
        publication_cooldown_ms=config.strategy.cooldown_minutes * MINUTE_MS,
    )


def unasked(_: View) -> Pass:
    """Stand for a built-in strategy where it can't be analysed: without 5m candles there is nothing to rest on."""
    return Pass("NEEDS_5M_CANDLES")


def analyse(moment: Moment, ways: Ways, gates: GateState, publication: PublicationState) -> Analysis:
    """Run the whole analysis, and give what it says."""
    view = FactorView(moment.symbol, moment.time_ms, moment.reading.factors, moment.context)
    verdict, after = assess(view, ways.policy, gates, ways.tables["factors"])
    seen = _ict_view(moment)
    found = ict.propose(seen, ways.relaxed, nearest_stop(moment.context, ways.policy))
    judged = _judged(moment, ways, gates, verdict, after, found)
    next_publication, said = advance(publication, moment.time_ms, judged.tier, judged.side, ways.policy)
    vector = features(seen, Side.SHORT if judged.side < 0 else Side.LONG)
    assessed = _recorded(moment, verdict, judged, found, vector, next_publication)
    reasons = judged.reasons if judged.tier != "prime" or not said.reason else (said.reason,)
    return Analysis(judged.outcome, judged.tier, reasons, said, assessed)


def withheld(said: Analysis, before: PublicationState, reasons: tuple[str, ...]) -> Analysis:
    """Take a publication back because of something outside of the analysis; it comes up again at the next quarter."""
    unsaid = replace(said.assessment.publication, published=0, published_ms=before.published_ms)
    assessed = replace(said.assessment, publication=unsaid)
    return replace(said, reasons=reasons, publication=Publication(reason=reasons[0]), assessment=assessed)


# ── the strategies ────────────────────────────────────────────────────────────────────────────────────────────────


def _judged(
    moment: Moment, ways: Ways, gates: GateState, verdict: Verdict, after: GateState, found: Proposal | Pass
) -> _Judged:
    of_factors = _of_verdict(verdict, after)
    if ways.strategy == "factors":
        return of_factors
    ranked = found if isinstance(found, Pass) else _ranked(found, ways.tables["ict"])
    own = own_proposal(verdict, ways.tables["factors"].prime_strength)
    outcome = ranked if ways.strategy == "ict" else hybrid.combine(own, ranked)
    if isinstance(outcome, Pass):
        if ways.strategy == "hybrid" and outcome.reason != "CONFLICT":
            return replace(of_factors, raw=None)
        none = Strength(0.0, 0.0, 0.0, 1.0)
        return replace(of_factors, outcome=outcome, side=0, p=0.5, raw=None, strength=none, tier="none",
                       reasons=(outcome.reason,), levels=None)  # fmt: skip
    if ways.strategy == "ict":
        assert isinstance(found, Proposal), "a pass stays a pass"
        return _weighed(moment, ways, gates, verdict, outcome, 100.0 * found.confidence)
    raw = 100.0 * outcome.confidence
    joined = _weighed(moment, ways, gates, verdict, _ranked(outcome, ways.tables["hybrid"]), raw)
    if of_factors.tier == "watch" and joined.tier == "none":
        return replace(of_factors, raw=None, gate_state=joined.gate_state)
    return joined


def _of_verdict(verdict: Verdict, after: GateState) -> _Judged:
    watched = proposal_of(replace(verdict, tier="prime")) if verdict.tier == "watch" else None
    if isinstance(watched, Proposal):
        watched = replace(watched, reasons=("WATCH", *watched.reasons[1:]))
    return _Judged(
        outcome=watched or proposal_of(verdict),
        side=verdict.side,
        p=verdict.p,
        raw=verdict.direction.score if verdict.side else None,
        strength=verdict.strength,
        needed=verdict.prime_strength,
        tier=verdict.tier,
        reasons=verdict.reasons,
        levels=verdict.levels,
        gates=verdict.gates,
        gate_state=after,
    )


def _ranked(found: Proposal, table: Calibration) -> Proposal:
    """Make a confidence comparable with other strategies'."""
    return replace(found, confidence=table.confidence(100.0 * found.confidence))


def _weighed(moment: Moment, ways: Ways, gates: GateState, verdict: Verdict, proposal: Proposal, raw: float) -> _Judged:
    """Weigh a proposal of the `ict` rules, of the factors, or of both: strength, gates, tier."""
    policy, side = ways.policy, proposal.side.sign
    strength = strength_of(proposal.confidence, proposal.win, verdict.strength.multiplier)
    table = ways.tables[ways.strategy]
    needed = table.prime_strength if policy.min_score is None else policy.min_score
    levels = _levels(proposal, verdict, moment.reading)
    measured = Measured(side, proposal.win, levels, moment.context, verdict.maturity)
    after, report = judge(gates, measured, policy, moment.time_ms)
    short = ("HISTORY_TOO_SHORT",) if "HISTORY_TOO_SHORT" in verdict.reasons else ()
    weak = ("STRENGTH_BELOW_PRIME",) if strength.value < needed else ()
    reasons = (*short, *weak, *report.reasons)
    watched = strength.value >= needed - policy.thresholds.watch_margin and not short
    tier: Tier = "prime" if not reasons else "watch" if watched else "none"
    return _Judged(proposal, side, proposal.win, raw, strength, needed, tier, reasons, levels, report, after)


def _levels(proposal: Proposal, verdict: Verdict, reading: Reading) -> Levels:
    """Give a proposal's levels as the gates want them. Those of the rules have no zone; TP1 is one risk away."""
    known = verdict.levels
    if known is not None and known.entry == proposal.entry and known.stop == proposal.stop:
        return known
    hour, sign = reading.factors.hour, proposal.side.sign
    risk = abs(math.log(proposal.entry / proposal.stop))
    extreme = max(hour.high[-72:], default=0.0) if sign > 0 else min(hour.low[-72:], default=0.0)
    room = max(0.0, sign * (extreme - math.log(proposal.entry))) / hour.atr if hour.atr > 0.0 else 0.0
    first = proposal.entry * math.exp(sign * risk)
    return Levels(proposal.entry, proposal.entry, proposal.entry, proposal.stop, first, proposal.target, room,
                  verdict.maturity.ttl_ms)  # fmt: skip


# ── what it rests on ──────────────────────────────────────────────────────────────────────────────────────────────


def _ict_view(moment: Moment) -> IctView:
    candle, structures = moment.candle, moment.reading.structures
    bid, ask, bid_quantity, ask_quantity = candle.bid, candle.ask, candle.bid_quantity, candle.ask_quantity
    book = None
    if bid and ask and bid_quantity is not None and ask_quantity is not None:
        book = Book.of(bid, bid_quantity, ask, ask_quantity)
    m5, m15, h1 = (structures[interval] for interval in ("5m", "15m", "1h"))
    return IctView(moment.symbol, moment.time_ms, candle.close, m5, m15, h1, moment.order_flow, book)


def _recorded(
    moment: Moment, verdict: Verdict, judged: _Judged, found: Proposal | Pass, vector: Features,
    publication: PublicationState,
) -> record.Assessment:  # fmt: skip
    strength = judged.strength
    return record.Assessment(
        tier=judged.tier,
        strength=record.Strength(
            strength.value,
            record.centi(strength.by_confidence),
            record.centi(strength.by_probability),
            strength.multiplier,
            judged.needed,
            judged.side,
            judged.p,
            judged.raw,
        ),
        chain=_chain(moment, verdict),
        maturity=verdict.maturity.name,
        gates=_gates(moment, judged, verdict.maturity.p_min),
        gate_state=judged.gate_state,
        publication=publication,
        levels=_shown(judged.levels),
        ict=_ict(found),
        features_side=vector.side.sign,
        features=vector.values,
        missing=record.missing_bits(vector.missing),
    )


def _chain(moment: Moment, verdict: Verdict) -> record.Chain:
    scores, qualities = record.scores_centi(verdict.scores)
    direction, modulation, confirmed = verdict.direction, verdict.modulation, verdict.confirmation
    return record.Chain(
        scores_centi=scores,
        qualities_centi=qualities,
        regime=verdict.regime,
        d=direction.d,
        raw=direction.raw,
        quality_centi=record.centi(direction.quality),
        coverage_centi=record.centi(direction.coverage),
        coherence_centi=record.centi(verdict.coherence),
        market_trend=moment.context.market_trend,
        f_centi=record.centi(modulation.f),
        frames_centi=record.centi(modulation.frames),
        market_centi=record.centi(modulation.market),
        vetoed=modulation.vetoed,
        confirmed=() if confirmed is None else (*confirmed.passed, *((confirmed.veto,) if confirmed.veto else ())),
        p_long=verdict.probability.p_long,
    )


def _gates(moment: Moment, judged: _Judged, p_needed: float) -> record.Gates:
    context, levels, depth = moment.context, judged.levels, moment.context.depth
    impact = None if depth is None or depth.impact_bps == math.inf else depth.impact_bps
    spread = None if depth is None else depth.spread_bps
    if spread is None and context.bid and context.ask:
        spread = 10_000.0 * math.log(context.ask / context.bid)
    return record.Gates(
        expected_value=judged.gates.expected_value,
        cost=judged.gates.cost,
        risk=None if levels is None else levels.risk,
        room_atr=None if levels is None else levels.room_atr,
        impact_bps=impact,
        spread_bps=spread,
        imbalance=None if depth is None else depth.imbalance,
        data_quality=1.0 if context.data_quality is None else context.data_quality,
        p_needed=p_needed,
    )


def _shown(levels: Levels | None) -> record.Levels | None:
    if levels is None:
        return None
    return record.Levels(levels.entry_low, levels.entry_high, levels.entry, levels.stop, levels.tp1, levels.tp2,
                         levels.ttl_ms)  # fmt: skip


def _ict(found: Proposal | Pass) -> record.Ict | None:
    if isinstance(found, Pass):
        return None
    facts = dict(found.facts)
    parts = ("structure", "order_block", "liquidity", "institutional", "convergence")
    points = tuple(record.centi(facts[f"{part}_points"]) for part in parts)
    return record.Ict(found.side.sign, int(facts["priority"]), points, found.confidence, found.win)
