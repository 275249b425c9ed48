"""The `ict` strategy: a direction from trends and structure, a confidence from the twelve features.

Source: `selflearningtrader.md` §2.6-2.8 with the repairs of `product.md` §3. All of it rests on ln(price), so a
mirrored market gets the mirrored proposal: entry at the last 5m close, stop `2·ATR` away *in ln(price)*, ATR that of
5m, but never nearer than 0.3 % and never nearer than costs allow (`risk_min`); target 1.5 times as far. Reward/risk is
1.5 in log terms on both sides, which is what the win rules are given; no level is ever below zero. The gates of
confidence, win and reward/risk belong to the account's decision round.

| Pass | Because |
|---|---|
| `WARMING_UP` | a frame lacks the bars for EMA 50, or 5m for ATR |
| `NO_RULE` | no rule of the direction table holds, in either mode |
| `RELAXED_ONLY` | a rule holds, but one that strict mode leaves out |
| `ADX_TOO_LOW` | ADX of 5m is below 5: no trend to follow |
| `ATR_OUT_OF_RANGE` | 5m stands still, or moves so much (stop 50 % away) that a level means nothing |

| Defect | Repair |
|---|---|
| Confidence points for near order blocks ignored their age and tests | times the block's decay |
| Win bonus of a short for being above the swing *high* | for being above its swing low: the mirror of a long |
| Levels in price: a short's reward/risk differed from its mirrored long's | levels in ln(price) |
| Stops nearer than what a round trip costs: most of the proposals were barred | the stop keeps the distance |
| Points from inputs that nobody fed | `Features.missing` names them; the parts add what is there |
"""

from __future__ import annotations

import math

import msgspec

from domain.analysis.features import Features, IctView, features
from domain.smc import Structure
from domain.strategies import Facts, Pass, Proposal
from domain.values import Side

STOP_ATR = 2.0
RISK_MIN = 0.003
"""The nearest stop of all, in ln(price), whatever trading costs (`selflearningtrader.md` §4.2)."""
REWARD_RISK = 1.5

RELAXED = True
"""The default of `RELAXED_SIGNAL_MODE`."""

ADX_REJECT, ADX_WEAK, ADX_TRENDING = 5.0, 10.0, 20.0
ADX_MISSING = 25.0

WIN_MIN, WIN_MAX = 0.45, 0.75

_RISK_MAX = math.log(2.0)
"""A stop farther away than half (or twice) the price is none."""

_NEAR = ((0.005, 10.0), (0.01, 7.0), (0.02, 4.0))


class Parts(msgspec.Struct, frozen=True, gc=False):
    """Confidence by its parts, before the ADX filter: at most 30, 25, 20, 15 and 10 points."""

    structure: float
    order_block: float
    liquidity: float
    institutional: float
    convergence: float

    @property
    def total(self) -> float:
        """The sum, 0 … 100."""
        return self.structure + self.order_block + self.liquidity + self.institutional + self.convergence


class Assessment(msgspec.Struct, frozen=True):
    """What the rules say about one side: `confidence` 0 … 100 after the ADX filter, `win` a probability."""

    side: Side
    priority: int
    features: Features
    parts: Parts
    adx: float
    confidence: float
    win: float


def propose(view: IctView, relaxed: bool = RELAXED, risk_min: float = RISK_MIN) -> Proposal | Pass:
    """Propose where a direction rule holds; pass with the reason otherwise.

    `risk_min` is the nearest stop, in ln(price), that costs allow (see `scoring.gates.nearest_stop`).
    """
    trends = (view.h1.trend, view.m15.trend, view.m5.trend)
    h1, m15, m5 = trends
    atr = view.m5.averages.true_range.value
    if h1 is None or m15 is None or m5 is None or atr is None:
        return Pass("WARMING_UP")
    structure = view.m15.closes_trend
    seen = (("trend_1h", h1), ("trend_15m", m15), ("trend_5m", m5), ("structure_15m", structure))
    facts: Facts = tuple((name, float(value)) for name, value in seen)
    found = direction(h1, m15, m5, structure)
    if found is None:
        return Pass("NO_RULE", facts)
    side, priority = found
    facts = (*facts, ("priority", float(priority)))
    if priority > 3 and not relaxed:
        return Pass("RELAXED_ONLY", facts)
    adx = ADX_MISSING if view.m5.adx is None else view.m5.adx
    if adx < ADX_REJECT:
        return Pass("ADX_TOO_LOW", (*facts, ("adx_5m", adx)))
    risk = max(STOP_ATR * atr, RISK_MIN, risk_min)
    if view.m5.atr is None or risk > _RISK_MAX:
        return Pass("ATR_OUT_OF_RANGE", (*facts, ("atr_5m", atr)))
    return _proposal(view, assess(view, side, priority, adx), risk, facts)


def _proposal(view: IctView, found: Assessment, risk: float, facts: Facts) -> Proposal:
    side, parts = found.side, found.parts
    scores: Facts = (
        ("adx_5m", found.adx),
        ("structure_points", parts.structure),
        ("order_block_points", parts.order_block),
        ("liquidity_points", parts.liquidity),
        ("institutional_points", parts.institutional),
        ("convergence_points", parts.convergence),
    )
    return Proposal(
        side=side,
        entry=view.close,
        stop=view.close * math.exp(-side.sign * risk),
        target=view.close * math.exp(side.sign * REWARD_RISK * risk),
        confidence=found.confidence / 100.0,
        win=found.win,
        reasons=(f"PRIORITY_{found.priority}", *_events(view.m15, "15M", side), *_events(view.m5, "5M", side)),
        facts=(*facts, *scores, *found.features.pairs()),
    )


def assess(view: IctView, side: Side, priority: int, adx: float) -> Assessment:
    """Weigh one side, whether or not it is the one to take."""
    vector = features(view, side)
    parts = parts_of(vector, block_points(view, side))
    confidence = parts.total * adx_factor(adx)
    return Assessment(side, priority, vector, parts, adx, confidence, win_of(confidence, vector, REWARD_RISK))


def direction(h1: int, m15: int, m5: int, structure: int) -> tuple[Side, int] | None:
    """Give side and priority of the first rule that holds; 1-3 hold in both modes, 4 and 5 in relaxed mode only.

    | P | long (short mirrored); S = structure of 15m |
    |---|---|
    | 1 | 1h, 15m, 5m, S all bullish |
    | 2 | 1h and 15m bullish, S not bearish |
    | 3 | 1h bullish, 15m neutral, 5m bullish, S not bearish |
    | 4 | 1h bullish, 15m not bearish, S not bearish |
    | 5 | 15m and 5m bullish, 1h not bearish, S not bearish |

    No two sides can hold at once: 1-4 need the trend of 1h, and 5 needs both others where 1h does not object.
    """
    for side in (Side.LONG, Side.SHORT):
        priority = _priority(side.sign * h1, side.sign * m15, side.sign * m5, side.sign * structure)
        if priority:
            return side, priority
    return None


def _priority(h1: int, m15: int, m5: int, structure: int) -> int:
    if structure < 0:
        return 0
    if h1 > 0 and m15 >= 0:
        if m15 > 0:
            return 1 if m5 > 0 and structure > 0 else 2
        return 3 if m5 > 0 else 4
    return 5 if h1 == 0 and m15 > 0 and m5 > 0 else 0


def adx_factor(adx: float) -> float:
    """Give what confidence is multiplied by: 0 below 5, 0.6 below 10, 0.8 below 20, else 1."""
    if adx < ADX_REJECT:
        return 0.0
    if adx < ADX_WEAK:
        return 0.6
    return 0.8 if adx < ADX_TRENDING else 1.0


def parts_of(vector: Features, near_block: float) -> Parts:
    """Weigh the features into points; `near_block` are the points for the nearest order block, 0 … 10."""
    return Parts(
        structure=20.0 * vector["structure_integrity"] + (10.0 if vector["market_structure"] > 0.0 else 0.0),
        order_block=min(15.0, 5.0 * vector["order_blocks_count"]) + near_block,
        liquidity=12.0 * vector["liquidity_context"] + 8.0 * vector["liquidity_grab"],
        institutional=10.0 * vector["institutional_participation"] + 5.0 * vector["institutional_candle"],
        convergence=6.0 * vector["timeframe_convergence"] + 4.0 * vector["trend_alignment_enhanced"],
    )


def block_points(view: IctView, side: Side) -> float:
    """Give 10, 7 or 4 points if the nearest 15m block of this side is within 0.5, 1 or 2 %, times its decay."""
    level = view.m5.close
    block = None if level is None else view.m15.blocks.nearest(side.sign, level)
    if block is None or level is None:
        return 0.0
    distance = abs(level - block.level)
    points = next((points for within, points in _NEAR if distance < within), 0.0)
    return points * block.decay(view.time_ms)


def win_of(confidence: float, vector: Features, reward_risk: float) -> float:
    """Estimate the win probability by rule, 0.45 … 0.75; `confidence` 0 … 100."""
    gaps, beyond = vector["fvg_count"], vector["swing_high_distance"]
    flow = 0.05 * vector["order_flow"]
    gap = 0.0 if gaps == 0 else 0.03 if gaps <= 3 else -0.02
    place = 0.03 if beyond < -2.0 else 0.02 if beyond < -1.0 else 0.0
    reward = -0.05 if reward_risk < 1.5 else 0.05 if reward_risk <= 2.5 else 0.02
    win = 0.55 + 0.3 * (confidence / 100.0 - 0.6) + flow + gap + place + reward
    return min(WIN_MAX, max(WIN_MIN, win))


def _events(structure: Structure, frame: str, side: Side) -> tuple[str, ...]:
    """Name what the frame's newest bar did, and whether it speaks for the side (`WITH`) or against it."""
    broke = structure.broke
    found = ((broke.kind if broke else "", broke.side if broke else 0), ("GRAB", structure.grab[1]))
    return tuple(
        f"{name}_{frame}_{'WITH' if sign == side.sign else 'AGAINST'}" for name, sign in found if sign and name
    )
