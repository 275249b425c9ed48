"""The 12 features that the win model learns from: fixed order, fixed meaning, one version number.

| # | Name | What it is | Default |
|---|---|---|---|
| 1 | market_structure | structure code of 1h, *times the side* | 0 |
| 2 | order_blocks_count | retested blocks of the latest 50 bars, 15m | 0 |
| 3 | institutional_candle | 1 if the newest 5m bar is one | 0 |
| 4 | liquidity_grab | 1 if the newest 5m bar grabbed liquidity, either way | 0 |
| 5 | order_flow | (taker buy - taker sell) / total, -1 … 1, *times the side* | 0 |
| 6 | fvg_count | untouched fair value gaps, 5m | 0 |
| 7 | trend_alignment_enhanced | codes of 1h, 15m, 5m alike and not 0: 1; two of them the 1h code: 0.5 | 0 |
| 8 | swing_high_distance | (ln price - ln last 15m swing high) / ATR of 5m, *times the side*; short: low | 0 |
| 9 | structure_integrity | 0.4·[1h code ≠ 0] + 0.3·(1 - min(1, gaps / 5)) + 0.3·tanh(blocks / 3) | 0.5 |
| 10 | institutional_participation | 0.5·institutional + 0.3·abs(flow) + 0.2·grab | 0 |
| 11 | timeframe_convergence | 1 - deviation of the three codes / 2 | 0.5 |
| 12 | liquidity_context | 0.7·(0.6·tanh(depth) + 0.4·(1 - min(1, spread / 0.001))) + 0.3·grab | 0.5 |

Source: `selflearningtrader.md` §2.5. A feature whose input is missing has its default and stands in `missing`: 0 then
means "not known". Without flow, 10 leaves that part out; without a book, 12 is 0.3·grab: both are listed as missing.

| Defect of the old vector | Repair |
|---|---|
| No trades, no book: 5 and 12 constant and nobody knew | both are inputs; what is missing is named |
| 8 went to the swing high for shorts too, and neither price nor ATR ever came | the mirror of the long rule |
| 1, 5, 8 meant the opposite for shorts | times the side, as `SIGNED` says |
| Depth in base units: 100 of them are nothing of PEPE and a fortune of BTC | USDT, 1 = `FULL_DEPTH` |
| Spread relative to the bid | ln(ask / bid): the same seen from either side |
"""

from __future__ import annotations

import math

import msgspec

from domain.smc import Structure
from domain.values import Side

FEATURES_VERSION = 1

NAMES = (
    "market_structure",
    "order_blocks_count",
    "institutional_candle",
    "liquidity_grab",
    "order_flow",
    "fvg_count",
    "trend_alignment_enhanced",
    "swing_high_distance",
    "structure_integrity",
    "institutional_participation",
    "timeframe_convergence",
    "liquidity_context",
)

SIGNED = ("market_structure", "order_flow", "swing_high_distance")
"""The features that are multiplied by the side: positive speaks for it (8: price beyond the swing)."""

_PLACES = {name: place for place, name in enumerate(NAMES)}

DEFAULTS = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.5, 0.5)

FULL_DEPTH = 10_000.0
"""USDT at the best bid and ask, on average, at which the depth of feature 12 has the argument 1."""

FULL_SPREAD = 0.001


class Book(msgspec.Struct, frozen=True, gc=False):
    """The best of the order book: `depth` in USDT (mean of both sides), `spread` = ln(ask / bid)."""

    depth: float
    spread: float

    @classmethod
    def of(cls, bid: float, bid_quantity: float, ask: float, ask_quantity: float) -> Book:
        """Make it of prices (USDT) and quantities (base asset)."""
        return cls((bid * bid_quantity + ask * ask_quantity) / 2.0, math.log(ask / bid))


class IctView(msgspec.Struct, frozen=True):
    """What the features and the `ict` strategy look at, as of one 5m close: nothing of it is later.

    `close` is the newest 5m close (USDT). `order_flow` is (taker buy - taker sell) / total of recent trades, -1 … 1.
    None is what nobody knows. A structure counts from its tenth bar on.
    """

    symbol: str
    time_ms: int
    close: float
    m5: Structure
    m15: Structure
    h1: Structure
    order_flow: float | None = None
    book: Book | None = None


class Features(msgspec.Struct, frozen=True):
    """The vector for one side, in the order of `NAMES`, and the names of the features that lacked an input."""

    side: Side
    values: tuple[float, ...]
    missing: tuple[str, ...]

    def __getitem__(self, name: str) -> float:
        """Give one feature by its name."""
        return self.values[_PLACES[name]]

    def pairs(self) -> tuple[tuple[str, float], ...]:
        """Give (name, value) in order, as events store facts."""
        return tuple(zip(NAMES, self.values, strict=True))


def features(view: IctView, side: Side) -> Features:
    """Compute the twelve for a trade on this side. Every value is finite."""
    sign, h1, m15, m5 = float(side.sign), view.h1, view.m15, view.m5
    known = h1.ready and m15.ready and m5.ready
    codes = (h1.code, m15.code, m5.code)
    flow = _finite(view.order_flow)
    blocks, gaps = float(m15.retested.count), float(m5.gaps.untouched)
    grab, institutional = float(m5.grab[0]), float(m5.institutional)
    distance = swing_distance(view, side)
    values = (
        sign * codes[0] if h1.ready else None,
        blocks if m15.ready else None,
        institutional if m5.ready else None,
        grab if m5.ready else None,
        None if flow is None else sign * flow,
        gaps if m5.ready else None,
        alignment(*codes) if known else None,
        distance,
        integrity(codes[0], gaps, blocks) if known else None,
        participation(institutional, flow or 0.0, grab) if m5.ready else None,
        convergence(*codes) if known else None,
        liquidity_context(view.book, grab) if m5.ready else None,
    )
    missing = [name for name, value in zip(NAMES, values, strict=True) if value is None]
    partly = (("institutional_participation", flow is None), ("liquidity_context", view.book is None))
    missing += [name for name, lacks in partly if lacks and name not in missing]
    # `+ 0.0` makes the -0.0 of a short side a 0.0: equal vectors shall have equal bytes
    filled = [default if value is None else value + 0.0 for value, default in zip(values, DEFAULTS, strict=True)]
    return Features(side, tuple(filled), tuple(sorted(missing, key=_PLACES.__getitem__)))


def swing_distance(view: IctView, side: Side) -> float | None:
    """Give how far price is beyond the last 15m swing on the way of this side, in average true ranges of 5m."""
    swings, close, atr = view.m15.swings, view.m5.close, view.m5.atr
    ends = swings.highs if side is Side.LONG else swings.lows
    if atr is None or close is None or not ends:
        return None
    return side.sign * (close - ends[-1].level) / atr


def alignment(h1: int, m15: int, m5: int) -> float:
    """Give 1 if all three codes are equal and not 0, 0.5 if just one of the others equals that of 1h, else 0."""
    alike = (m15 == h1) + (m5 == h1)
    return 0.5 if alike == 1 else float(alike == 2 and h1 != 0)


def integrity(code: int, gaps: float, blocks: float) -> float:
    """Give how much structure there is, 0 … 1."""
    return 0.4 * (code != 0) + 0.3 * (1.0 - min(1.0, gaps / 5.0)) + 0.3 * math.tanh(blocks / 3.0)


def participation(institutional: float, flow: float, grab: float) -> float:
    """Give how much somebody large takes part, 0 … 1."""
    return 0.5 * institutional + 0.3 * abs(flow) + 0.2 * grab


def convergence(h1: int, m15: int, m5: int) -> float:
    """Give 1 less half the population deviation of the three codes, 0.53 … 1."""
    # in whole numbers: a mirrored market must give the same bits
    spread = 3 * (h1 * h1 + m15 * m15 + m5 * m5) - (h1 + m15 + m5) ** 2
    return min(1.0, max(0.0, 1.0 - math.sqrt(spread) / 6.0))


def liquidity_context(book: Book | None, grab: float) -> float:
    """Give how easily one can trade, 0 … 1; without a book only what the grab says."""
    if book is None or not (math.isfinite(book.depth) and math.isfinite(book.spread)):
        return 0.3 * grab
    depth = math.tanh(max(0.0, book.depth) / FULL_DEPTH)
    return 0.7 * (0.6 * depth + 0.4 * (1.0 - min(1.0, max(0.0, book.spread) / FULL_SPREAD))) + 0.3 * grab


def _finite(flow: float | None) -> float | None:
    return flow if flow is not None and math.isfinite(flow) else None
