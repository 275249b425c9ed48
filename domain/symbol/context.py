"""What a symbol knows beside its own candles, gathered for one analysis."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from domain.analysis.market_trend import market_trend
from domain.config import Config
from domain.factors import MarketContext, Reference
from domain.instrument import Instrument
from domain.market import INTERVALS_MS, Candle
from domain.market_view import HOUR_MS, REFERENCES, Closes, newer
from domain.sizing import usual_notional

OPEN_INTEREST_HOURS: Final = 200
"""How far back factor O looks (cryptosignal.md §2.6)."""
REFERENCE_HOURS: Final = 48


class Leg(msgspec.Struct, frozen=True):
    """What a symbol knows of one reference contract: its newest contiguous closes, and its trend."""

    last_close_ms: int
    ln_close: tuple[float, ...]
    trend: float | None

    def with_closes(self, closes: Closes, trend: float | None) -> Leg:
        """Give the leg after newer closes; a hole begins it anew."""
        held, last_ms = list(self.ln_close), self.last_close_ms
        for close_ms, close in closes:
            if close_ms != last_ms + HOUR_MS:
                held.clear()
            held.append(math.log(close))
            last_ms = close_ms
        return Leg(last_ms, tuple(held[-REFERENCE_HOURS:]), trend)

    @property
    def reference(self) -> Reference:
        """The same as factors want it."""
        return Reference(self.last_close_ms - HOUR_MS, self.ln_close)


class Context(msgspec.Struct):
    """Mutable; `evolve` of the symbol is its only writer, by `seen`. `legs` are the reference contracts by name."""

    legs: dict[str, Leg] = msgspec.field(default_factory=dict[str, Leg])

    def seen(self, reference: str, closes: Closes, trend: float | None) -> None:
        """Note newer closes of a reference contract."""
        known = self.legs.get(reference, _UNKNOWN)
        after = {**self.legs, reference: known.with_closes(closes, trend)}
        self.legs = {name: after[name] for name in REFERENCES if name in after}

    def unseen(self, reference: str, closes: Closes) -> Closes:
        """Give the closes that are newer than what is known."""
        leg = self.legs.get(reference)
        return closes if leg is None else newer(((leg.last_close_ms, 0.0),), closes)

    @property
    def trend(self) -> float | None:
        """The market trend, -100 … 100; None while nothing is known of it."""
        return market_trend(*(leg.trend if (leg := self.legs.get(name)) else None for name in REFERENCES))

    def around(
        self, candle: Candle, instrument: Instrument | None, config: Config, data_quality: float | None
    ) -> MarketContext:
        """Gather what stood around the symbol when `candle`, its newest one, closed."""
        btc, eth = (leg.reference if (leg := self.legs.get(name)) else None for name in REFERENCES)
        hours = 8 if instrument is None else instrument.funding_interval_hours
        return MarketContext(
            mark=candle.mark,
            index=candle.index,
            funding_rate=candle.funding_rate,
            funding_interval_ms=hours * INTERVALS_MS["1h"],
            bid=candle.bid,
            ask=candle.ask,
            depth=candle.depth,
            flow=candle.flow,
            btc=btc,
            eth=eth,
            market_trend=self.trend,
            onboard_ms=None if instrument is None else instrument.onboard_ms,
            own_notional=usual_notional(config),
            data_quality=data_quality,
        )


_UNKNOWN: Final = Leg(0, (), None)
