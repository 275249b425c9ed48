"""The nouns of the market: candles, quotes, and the inputs that bring them in."""

from __future__ import annotations

import math

import msgspec

from domain.base import Input, Tell
from domain.book import DepthSummary
from domain.flow import MINUTE_MS, TradeFlow
from domain.instrument import Instrument

INTERVALS_MS = {"1m": MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS, "1h": 60 * MINUTE_MS,
                "4h": 240 * MINUTE_MS, "1d": 1440 * MINUTE_MS}  # fmt: skip


class Candle(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One closed candle. Times are UTC ms of the exchange, prices in USDT, `volume` in the base asset.

    What a source does not know is None, never 0: `quote_volume` (USDT), `trades` (count), the two taker-buy volumes
    (base, USDT), and what stood beside the candle when it closed: `mark` and `index` price, `funding_rate` (fraction a
    funding interval), `bid` and `ask`, and `open_interest` (base asset).

    Of the book and of the trades at the close: `depth` and `flow` (see `book.py`, `flow.py`), and what rests at `bid`
    and `ask` (base asset). Of the minute's forced orders: longs that were sold, shorts that were bought (USDT).
    """

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float | None = None
    trades: int | None = None
    taker_buy_volume: float | None = None
    taker_buy_quote_volume: float | None = None
    mark: float | None = None
    index: float | None = None
    funding_rate: float | None = None
    bid: float | None = None
    ask: float | None = None
    open_interest: float | None = None
    depth: DepthSummary | None = None
    flow: TradeFlow | None = None
    bid_quantity: float | None = None
    ask_quantity: float | None = None
    liquidated_long: float | None = None
    liquidated_short: float | None = None

    def defect(self) -> str | None:
        """Name what makes this candle unusable, or None if it is sound."""
        o, h, low, c, v = self.open, self.high, self.low, self.close, self.volume
        if 0.0 < low <= o <= h < math.inf and low <= c <= h and 0.0 <= v < math.inf:
            return None
        for name, value in (("open", o), ("high", h), ("low", low), ("close", c), ("volume", v)):
            if not math.isfinite(value):
                return f"{name.upper()}_NOT_FINITE"
        if min(o, h, low, c) <= 0.0:
            return "PRICE_NOT_POSITIVE"
        if v < 0.0:
            return "VOLUME_NEGATIVE"
        return "HIGH_BELOW_LOW" if h < low else "OPEN_OR_CLOSE_OUTSIDE_RANGE"


class Quote(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The newest prices of one symbol: mark, best bid and ask, and what is known of index and funding.

    `taker_buy` and `taker_sell` are what takers bought and sold (USDT) since the symbol's last quote; None if trades
    were missed, or nobody counts them.
    """

    symbol: str
    mark: float
    bid: float
    ask: float
    index: float | None = None
    funding_rate: float | None = None
    taker_buy: float | None = None
    taker_sell: float | None = None


class CandleArrived(Input, frozen=True, gc=False):
    """A closed candle of the run's base interval came in. `late`: not when it closed, but by asking for it later on, or
    behind one that had to be asked for. The market has moved on since: it says what was, and nothing is entered on it.

    `stale`: whoever brought it knows that the symbol's price of this moment is not known, or older than 3 s of real
    time. Neither is anything entered on that. A history of candles alone never says so: there a candle is the price.
    """

    symbol: str
    candle: Candle
    late: bool = False
    stale: bool = False

    def deliveries(self) -> tuple[Tell, ...]:
        """To the symbol's own actor."""
        return (Tell(f"symbol:{self.symbol}", self),)


class QuoteArrived(Input, frozen=True, gc=False):
    """One symbol's share of a `MarketTick`: what its actor receives."""

    time_ms: int
    quote: Quote

    def deliveries(self) -> tuple[Tell, ...]:
        """To the symbol's own actor."""
        return (Tell(f"symbol:{self.quote.symbol}", self),)


class MarketTick(Input, frozen=True, gc=False):
    """The conflated quotes of one moment, of the symbols that changed. On the tape, never in events."""

    time_ms: int
    quotes: tuple[Quote, ...]

    def deliveries(self) -> tuple[Tell, ...]:
        """To each symbol its own quote."""
        return tuple(Tell(f"symbol:{q.symbol}", QuoteArrived(self.time_ms, q)) for q in self.quotes)


class InstrumentArrived(Input, frozen=True, gc=False):
    """The exchange (or an assumption, see `instrument.assumed`) says what a contract allows."""

    instrument: Instrument
    source: str

    def deliveries(self) -> tuple[Tell, ...]:
        """To the symbol's own actor."""
        return (Tell(f"symbol:{self.instrument.symbol}", self),)


class InstrumentLeft(Input, frozen=True, gc=False):
    """A contract is not to be traded any more: it left the universe, or the exchange takes it off (its status)."""

    symbol: str
    reason: str

    def deliveries(self) -> tuple[Tell, ...]:
        """To the symbol's own actor."""
        return (Tell(f"symbol:{self.symbol}", self),)


class HistoryArrived(Input, frozen=True, gc=False):
    """Closed, gap-free candles from before the run, for warm-up. Oldest first, all of one `interval`.

    `anew`: all candles of the symbol are forgotten first. After an absence too long to be filled minute by minute, the
    larger frames would keep a hole that no candle closes.
    """

    symbol: str
    interval: str
    candles: tuple[Candle, ...]
    anew: bool = False

    def deliveries(self) -> tuple[Tell, ...]:
        """To the symbol's own actor."""
        return (Tell(f"symbol:{self.symbol}", self),)


class FundingArrived(Input, frozen=True, gc=False):
    """A funding time passed: `rate` is the fraction of notional that longs pay to shorts."""

    symbol: str
    time_ms: int
    rate: float
    mark: float

    def deliveries(self) -> tuple[Tell, ...]:
        """To the symbol's own actor; who holds a position is charged by the venue."""
        return (Tell(f"symbol:{self.symbol}", self),)


class OpenInterestArrived(Input, frozen=True, gc=False):
    """Open interest at full hours (ms UTC, USDT) from before the run, oldest first: what factor O is warmed up with."""

    symbol: str
    points: tuple[tuple[int, float], ...]

    def deliveries(self) -> tuple[Tell, ...]:
        """To the symbol's own actor."""
        return (Tell(f"symbol:{self.symbol}", self),)
