"""How a price gets from one moment to the next, and what it meets on its way. Geometry only: no rule of trading.

A price either travels along `Leg`s (a candle's assumed path) and meets every level between, or it jumps (from quote to
quote) and finds levels behind it. What waits for a price is a `Level`; that a price reached one is a `Touch`.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import msgspec

from domain.market import Candle
from domain.values import ZERO, Side, decimal_of

_FIRST_OF_ALL = Decimal("Infinity")


class Level(msgspec.Struct, frozen=True, gc=False):
    """A price that something waits for, from `since_ms` on (UTC ms): at or below it if `falling`, else at or above.

    `price` is None where any price will do. `order_id` says who waits; None stands for the position's liquidation.
    """

    order_id: str | None
    price: Decimal | None
    falling: bool
    since_ms: int

    def reached_by(self, price: Decimal) -> bool:
        """Say if `price` is at the level or beyond it."""
        if self.price is None:
            return True
        return price <= self.price if self.falling else price >= self.price


class Touch(msgspec.Struct, frozen=True, gc=False):
    """A level was reached: whose, when, and where the price stood then."""

    order_id: str | None
    at_ms: int
    price: Decimal


class Leg(msgspec.Struct, frozen=True, gc=False):
    """A straight line from one moment's price to another's. Times in UTC ms, prices in USDT."""

    start_ms: int
    start: Decimal
    end_ms: int
    end: Decimal

    def price_at(self, at_ms: int) -> Decimal:
        """Give the price at a moment; before the leg its start, after the leg its end."""
        if at_ms >= self.end_ms:
            return self.end
        if at_ms <= self.start_ms:
            return self.start
        return self.start + (self.end - self.start) * (at_ms - self.start_ms) / (self.end_ms - self.start_ms)

    def after(self, at_ms: int) -> Leg:
        """Give what is left of the leg at a moment within it."""
        return Leg(at_ms, self.price_at(at_ms), self.end_ms, self.end) if at_ms > self.start_ms else self

    def time_of(self, price: Decimal) -> int:
        """Give the first whole millisecond at which the price got to `price`, which lies on the leg."""
        passed_ms = (price - self.start) * (self.end_ms - self.start_ms) / (self.end - self.start)
        return self.start_ms + int(passed_ms.to_integral_value(ROUND_CEILING))


def candle_path(candle: Candle, side: Side, interval_ms: int) -> tuple[Leg, Leg, Leg]:
    """Give the way that a candle's price is assumed to have gone, the worse for a position of `side`.

    Open, a third later the worse extreme (LONG: the low), after two thirds the better one, and the close in the last
    millisecond. So a stop is always met before a target that lies in the same candle.
    """
    low, high = decimal_of(candle.low), decimal_of(candle.high)
    worse, better = (low, high) if side is Side.LONG else (high, low)
    opened_ms = candle.open_time_ms
    worse_ms, better_ms = opened_ms + interval_ms // 3, opened_ms + 2 * interval_ms // 3
    return (
        Leg(opened_ms, decimal_of(candle.open), worse_ms, worse),
        Leg(worse_ms, worse, better_ms, better),
        Leg(better_ms, better, opened_ms + interval_ms - 1, decimal_of(candle.close)),
    )


def price_on(path: tuple[Leg, ...], at_ms: int) -> Decimal:
    """Give the price at a moment of a path; before the path its start, after the path its end."""
    leg = next((leg for leg in path if at_ms <= leg.end_ms), path[-1])
    return leg.price_at(at_ms)


def out_of_reach(levels: tuple[Level, ...], low: Decimal, high: Decimal) -> bool:
    """Say that a price between `low` and `high` reaches none of the levels: most candles touch nothing."""
    return all(not level.reached_by(low if level.falling else high) for level in levels)


def first_touch(levels: tuple[Level, ...], path: tuple[Leg, ...]) -> tuple[Touch, tuple[Leg, ...]] | None:
    """Find the level that a path reaches first, and what is left of the path from there on; None if it reaches none.

    A level that the path's start is already beyond is reached there and then, and of several such that one first whose
    price is farthest behind. Between equals, the order of `levels` decides.
    """
    for index, leg in enumerate(path):
        touch = _first_on_leg(levels, leg)
        if touch is not None:
            return touch, (Leg(touch.at_ms, touch.price, leg.end_ms, leg.end), *path[index + 1 :])
    return None


def first_jumped(levels: tuple[Level, ...], price: Decimal, at_ms: int) -> Touch | None:
    """Find the level that a jump to `price` passes first; None if it passes none. Levels as young as it don't count."""
    passed = [level for level in levels if level.since_ms < at_ms and level.reached_by(price)]
    if not passed:
        return None
    first = max(passed, key=lambda level: _overshoot(level, price))
    return Touch(first.order_id, at_ms, price)


def _first_on_leg(levels: tuple[Level, ...], leg: Leg) -> Touch | None:
    best: Touch | None = None
    best_rank = (0, ZERO, ZERO)
    for level in levels:
        touch = _touch_on_leg(level, leg)
        if touch is not None:
            rank = (touch.at_ms, abs(touch.price - leg.start), -_overshoot(level, touch.price))
            if best is None or rank < best_rank:
                best, best_rank = touch, rank
    return best


def _touch_on_leg(level: Level, leg: Leg) -> Touch | None:
    if level.since_ms > leg.end_ms:
        return None
    seen = leg.after(level.since_ms)
    if level.price is None or level.reached_by(seen.start):
        return Touch(level.order_id, seen.start_ms, seen.start)
    if level.reached_by(leg.end):
        return Touch(level.order_id, max(seen.start_ms, leg.time_of(level.price)), level.price)
    return None


def _overshoot(level: Level, price: Decimal) -> Decimal:
    return _FIRST_OF_ALL if level.price is None else abs(price - level.price)
