"""The indicators that a frame carries, so that every strategy finds the same numbers ready."""

from __future__ import annotations

import msgspec

from domain.indicators.incremental import ADX, ATR, EMA, MACD, RSI, Bands, Bollinger, Convergence
from domain.market import Candle


class IndicatorSet(msgspec.Struct):
    """EMA 20 and 50, RSI 14, MACD 12/26/9, Bollinger 20/2, ADX 14 and ATR 14 of one interval's closed candles.

    The properties give the newest value, None while warming up. The fields are the state behind them.
    """

    short_average: EMA = msgspec.field(default_factory=lambda: EMA(20))
    long_average: EMA = msgspec.field(default_factory=lambda: EMA(50))
    strength: RSI = msgspec.field(default_factory=RSI)
    convergence: MACD = msgspec.field(default_factory=MACD)
    bands: Bollinger = msgspec.field(default_factory=Bollinger)
    direction: ADX = msgspec.field(default_factory=ADX)
    true_range: ATR = msgspec.field(default_factory=ATR)

    def update(self, candle: Candle) -> None:
        """Take the next closed candle of the interval."""
        high, low, close = candle.high, candle.low, candle.close
        self.short_average.update_close(close)
        self.long_average.update_close(close)
        self.strength.update_close(close)
        self.convergence.update_close(close)
        self.bands.update_close(close)
        self.direction.update_hlc(high, low, close)
        self.true_range.update_hlc(high, low, close)

    @property
    def ema20(self) -> float | None:
        """Exponential average of 20 closes, a price."""
        return self.short_average.value

    @property
    def ema50(self) -> float | None:
        """Exponential average of 50 closes, a price."""
        return self.long_average.value

    @property
    def rsi14(self) -> float | None:
        """Relative strength index, 0 … 100."""
        return self.strength.value

    @property
    def macd(self) -> Convergence | None:
        """MACD line, signal and histogram, in units of price."""
        return self.convergence.value

    @property
    def bollinger(self) -> Bands | None:
        """Upper, middle and lower band, prices."""
        return self.bands.value

    @property
    def adx14(self) -> float | None:
        """Average directional index, 0 … 100."""
        return self.direction.value

    @property
    def atr14(self) -> float | None:
        """Average true range, in units of price."""
        return self.true_range.value

    def describe(self) -> dict[str, object]:
        """Give the newest values in JSON types, by name."""
        return {
            "ema20": self.ema20,
            "ema50": self.ema50,
            "rsi14": self.rsi14,
            "macd": None if self.macd is None else self.macd._asdict(),
            "bollinger": None if self.bollinger is None else self.bollinger._asdict(),
            "adx14": self.adx14,
            "atr14": self.atr14,
        }
