"""REST bodies of market data: candles, depth, trades, tickers, mark prices, funding, open interest."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from domain.market import Candle
from infra.binance.wire.bodies import BlankableFloat, Body, Int, Reader, RowsReader

field = msgspec.field


class KlineRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One row of /klines: an array whose twelfth element is unused. The newest row may still be open."""

    open_time_ms: Int
    open: float
    high: float
    low: float
    close: float
    volume: float
    close_time_ms: Int
    quote_volume: float
    trades: Int
    taker_buy_volume: float
    taker_buy_quote_volume: float

    def candle(self) -> Candle:
        """Give it as the house's noun."""
        return Candle(
            self.open_time_ms,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.quote_volume,
            self.trades,
            self.taker_buy_volume,
            self.taker_buy_quote_volume,
        )


class MarkRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One row of /markPriceKlines, /indexPriceKlines, /premiumIndexKlines. What stands for volume means nothing."""

    open_time_ms: Int
    open: float
    high: float
    low: float
    close: float
    ignored: Any
    close_time_ms: Int


class Depth(Body, frozen=True, kw_only=True):
    """A snapshot of the order book: (price, quantity) a level, best first."""

    last_update_id: Int
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    event_time_ms: Int | None = field(name="E", default=None)
    trade_time_ms: Int | None = field(name="T", default=None)


class Trade(Body, frozen=True, kw_only=True):
    """One trade of the market. `buyer_is_maker`: a taker sold."""

    trade_id: Int = field(name="id")
    price: float
    quantity: float = field(name="qty")
    quote_quantity: float | None = field(name="quoteQty", default=None)
    time_ms: Int = field(name="time")
    buyer_is_maker: bool = field(name="isBuyerMaker")


class AggregateTrade(Body, frozen=True, kw_only=True):
    """Fills of one taker at one price, joined. `quantity` in the base asset."""

    aggregate_id: Int = field(name="a")
    price: float = field(name="p")
    quantity: float = field(name="q")
    first_trade_id: Int = field(name="f")
    last_trade_id: Int = field(name="l")
    time_ms: Int = field(name="T")
    buyer_is_maker: bool = field(name="m")


class DayTicker(Body, frozen=True, kw_only=True):
    """The rolling last 24 h of one symbol. `quote_volume` in USDT, changes in price and percent."""

    symbol: str
    last_price: float
    quote_volume: float
    volume: float
    price_change: float | None = None
    price_change_percent: float | None = None
    weighted_average_price: float | None = field(name="weightedAvgPrice", default=None)
    open_price: float | None = None
    high_price: float | None = None
    low_price: float | None = None
    open_time_ms: Int | None = field(name="openTime", default=None)
    close_time_ms: Int | None = field(name="closeTime", default=None)
    trades: Int | None = field(name="count", default=None)


class Price(Body, frozen=True, kw_only=True):
    """The last price of one symbol."""

    symbol: str
    price: float
    time_ms: Int | None = field(name="time", default=None)


class BookTicker(Body, frozen=True, kw_only=True):
    """Best bid and ask of one symbol with their quantities."""

    symbol: str
    bid: float = field(name="bidPrice")
    bid_quantity: float = field(name="bidQty")
    ask: float = field(name="askPrice")
    ask_quantity: float = field(name="askQty")
    time_ms: Int | None = field(name="time", default=None)
    last_update_id: Int | None = None


class MarkPrice(Body, frozen=True, kw_only=True):
    """Mark and index price, the funding rate in force (fraction a funding interval) and when it is paid next."""

    symbol: str
    mark: float = field(name="markPrice")
    index: float = field(name="indexPrice")
    estimated_settle_price: float | None = None
    funding_rate: BlankableFloat = field(name="lastFundingRate", default=0.0)
    interest_rate: float | None = None
    next_funding_ms: Int = field(name="nextFundingTime", default=0)
    time_ms: Int = field(name="time")


class FundingRate(Body, frozen=True, kw_only=True):
    """One funding that was settled. `mark` is None in records from before it was kept."""

    symbol: str
    time_ms: Int = field(name="fundingTime")
    rate: float = field(name="fundingRate")
    mark_price: BlankableFloat = 0.0
    rate_type: str = ""

    @property
    def mark(self) -> float | None:
        """The mark price at that moment."""
        return self.mark_price or None


class FundingInfo(Body, frozen=True, kw_only=True):
    """How often a symbol's funding is settled, and its bounds. Symbols with the standard 8 h may be missing."""

    symbol: str
    interval_hours: Int = field(name="fundingIntervalHours", default=8)
    cap: float | None = field(name="adjustedFundingRateCap", default=None)
    floor: float | None = field(name="adjustedFundingRateFloor", default=None)


class OpenInterest(Body, frozen=True, kw_only=True):
    """The open interest of one symbol now, in the base asset."""

    symbol: str
    open_interest: float
    time_ms: Int | None = field(name="time", default=None)


class OpenInterestPoint(Body, frozen=True, kw_only=True):
    """The open interest of one symbol at the end of a period: base asset, and USDT."""

    symbol: str
    open_interest: float = field(name="sumOpenInterest")
    open_interest_value: float = field(name="sumOpenInterestValue")
    time_ms: Int = field(name="timestamp")


read_klines: Final = Reader[list[KlineRow]](list[KlineRow])
read_mark_klines: Final = Reader[list[MarkRow]](list[MarkRow])
read_depth: Final = Reader[Depth](Depth)
read_trades: Final = Reader[list[Trade]](list[Trade])
read_aggregate_trades: Final = Reader[list[AggregateTrade]](list[AggregateTrade])
read_day_ticker: Final = Reader[DayTicker](DayTicker)
read_day_tickers: Final = RowsReader(DayTicker)
read_price: Final = Reader[Price](Price)
read_prices: Final = RowsReader(Price)
read_book_ticker: Final = Reader[BookTicker](BookTicker)
read_book_tickers: Final = RowsReader(BookTicker)
read_mark_price: Final = Reader[MarkPrice](MarkPrice)
read_mark_prices: Final = RowsReader(MarkPrice)
read_funding_rates: Final = Reader[list[FundingRate]](list[FundingRate])
read_funding_info: Final = RowsReader(FundingInfo)
read_open_interest: Final = Reader[OpenInterest](OpenInterest)
read_open_interest_history: Final = Reader[list[OpenInterestPoint]](list[OpenInterestPoint])
