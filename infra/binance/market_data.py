"""What anybody may ask: contracts, candles, books, trades, prices, funding, open interest."""

from __future__ import annotations

from domain.market import Candle
from infra.binance import endpoints as at
from infra.binance.calls import Calls
from infra.binance.limits import MINUTE_MS, Limit
from infra.binance.wire import bodies, contract_bodies, market_bodies
from infra.binance.wire.contract_bodies import ExchangeInfo
from infra.binance.wire.market_bodies import (
    AggregateTrade,
    BookTicker,
    DayTicker,
    Depth,
    FundingInfo,
    FundingRate,
    MarkPrice,
    MarkRow,
    OpenInterest,
    OpenInterestPoint,
    Price,
    Trade,
)

_SPANS_MS = {"SECOND": 1_000, "MINUTE": MINUTE_MS}


class MarketData:
    """Public questions. Times are UTC ms of the exchange; what comes in arrays is oldest first."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    async def ping(self) -> None:
        """Return if the exchange answers."""
        await self.calls.ask(at.PING, {}, bodies.read_nothing)

    async def server_time_ms(self) -> int:
        """Give the exchange's clock."""
        return (await self.calls.ask(at.TIME, {}, bodies.read_server_time)).server_time_ms

    async def exchange_info(self) -> ExchangeInfo:
        """Give all contracts, and adopt the limits that the exchange publishes."""
        info = await self.calls.ask(at.EXCHANGE_INFO, {}, contract_bodies.read_exchange_info)
        self.calls.gate.governor.learn(_published(info))
        return info

    async def candles(
        self, symbol: str, interval: str, start_ms: int | None = None, end_ms: int | None = None, limit: int = 500
    ) -> tuple[Candle, ...]:
        """Give closed candles that open in [start, end] (both optional), at most 1,500; the running one is left out.

        Without times the latest, with `start_ms` the first `limit` from there.
        """
        await self.calls.know_the_time()
        rows, asked_ms = await self.calls.ask_dated(
            at.KLINES, _range(symbol, start_ms, end_ms, limit, interval=interval), market_bodies.read_klines
        )
        sure_ms = asked_ms - (self.calls.clock.uncertainty_ms or 0)  # by the latest now, a running bar may have closed
        return tuple([row.candle() for row in rows if row.close_time_ms < sure_ms])

    async def mark_candles(
        self, symbol: str, interval: str, start_ms: int | None = None, end_ms: int | None = None, limit: int = 500
    ) -> tuple[MarkRow, ...]:
        """Give closed candles of the mark price, as `candles` does."""
        await self.calls.know_the_time()
        rows, asked_ms = await self.calls.ask_dated(
            at.MARK_KLINES, _range(symbol, start_ms, end_ms, limit, interval=interval), market_bodies.read_mark_klines
        )
        sure_ms = asked_ms - (self.calls.clock.uncertainty_ms or 0)
        return tuple(row for row in rows if row.close_time_ms < sure_ms)

    async def depth(self, symbol: str, limit: int = 1_000) -> Depth:
        """Give the order book; `limit` is one of 5, 10, 20, 50, 100, 500, 1000."""
        return await self.calls.ask(at.DEPTH, {"symbol": symbol, "limit": limit}, market_bodies.read_depth)

    async def trades(self, symbol: str, limit: int = 500) -> list[Trade]:
        """Give the latest trades."""
        return await self.calls.ask(at.TRADES, {"symbol": symbol, "limit": limit}, market_bodies.read_trades)

    async def aggregate_trades(
        self,
        symbol: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 1_000,
        from_id: int | None = None,
    ) -> list[AggregateTrade]:
        """Give aggregate trades by time (a window under one hour) or from an id on; only recent ones are kept."""
        params = _range(symbol, start_ms, end_ms, limit, fromId=from_id)
        return await self.calls.ask(at.AGGREGATE_TRADES, params, market_bodies.read_aggregate_trades)

    async def day_tickers(self) -> list[DayTicker]:
        """Give the last 24 h of every symbol."""
        return await self.calls.ask(at.DAY_TICKER, {}, market_bodies.read_day_tickers)

    async def day_ticker(self, symbol: str) -> DayTicker:
        """Give the last 24 h of one symbol."""
        return await self.calls.ask(at.DAY_TICKER, {"symbol": symbol}, market_bodies.read_day_ticker)

    async def prices(self) -> list[Price]:
        """Give the last price of every symbol."""
        return await self.calls.ask(at.PRICE, {}, market_bodies.read_prices)

    async def price(self, symbol: str) -> Price:
        """Give the last price of one symbol."""
        return await self.calls.ask(at.PRICE, {"symbol": symbol}, market_bodies.read_price)

    async def book_tickers(self) -> list[BookTicker]:
        """Give best bid and ask of every symbol."""
        return await self.calls.ask(at.BOOK_TICKER, {}, market_bodies.read_book_tickers)

    async def book_ticker(self, symbol: str) -> BookTicker:
        """Give best bid and ask of one symbol."""
        return await self.calls.ask(at.BOOK_TICKER, {"symbol": symbol}, market_bodies.read_book_ticker)

    async def mark_prices(self) -> list[MarkPrice]:
        """Give mark, index and funding of every symbol."""
        return await self.calls.ask(at.PREMIUM_INDEX, {}, market_bodies.read_mark_prices)

    async def mark_price(self, symbol: str) -> MarkPrice:
        """Give mark, index and funding of one symbol."""
        return await self.calls.ask(at.PREMIUM_INDEX, {"symbol": symbol}, market_bodies.read_mark_price)

    async def funding_rates(
        self, symbol: str | None = None, start_ms: int | None = None, end_ms: int | None = None, limit: int = 100
    ) -> list[FundingRate]:
        """Give settled funding; without times the latest, with `start_ms` the first `limit` (at most 1,000)."""
        params = _range(symbol, start_ms, end_ms, limit)
        return await self.calls.ask(at.FUNDING_RATE, params, market_bodies.read_funding_rates)

    async def funding_info(self) -> list[FundingInfo]:
        """Give the funding intervals; a symbol that is missing settles every 8 h."""
        return await self.calls.ask(at.FUNDING_INFO, {}, market_bodies.read_funding_info)

    async def open_interest(self, symbol: str) -> OpenInterest:
        """Give the open interest now, base asset."""
        return await self.calls.ask(at.OPEN_INTEREST, {"symbol": symbol}, market_bodies.read_open_interest)

    async def open_interest_history(
        self, symbol: str, period: str, start_ms: int | None = None, end_ms: int | None = None, limit: int = 200
    ) -> list[OpenInterestPoint]:
        """Give open interest by period (5m … 1d) of the last month, at most 500 points."""
        params = _range(symbol, start_ms, end_ms, limit, period=period)
        return await self.calls.ask(at.OPEN_INTEREST_HISTORY, params, market_bodies.read_open_interest_history)


def _range(
    symbol: str | None, start_ms: int | None, end_ms: int | None, limit: int, **more: str | int | None
) -> dict[str, object]:
    return {"symbol": symbol, **more, "startTime": start_ms, "endTime": end_ms, "limit": limit}


def _published(info: ExchangeInfo) -> dict[str, Limit]:
    """Give the limits of exchangeInfo by the names of our pools; those that we don't know are left out."""
    pools = {
        ("REQUEST_WEIGHT", 60_000): at.WEIGHT,
        ("ORDERS", 60_000): at.ORDERS_1M,
        ("ORDERS", 10_000): at.ORDERS_10S,
    }
    limits: dict[str, Limit] = {}
    for published in info.rate_limits:
        span_ms = published.number * _SPANS_MS.get(published.interval, 0)
        pool = pools.get((published.kind, span_ms))
        if pool is not None and published.limit > 0:
            limits[pool] = Limit(published.limit, span_ms)
    return limits
