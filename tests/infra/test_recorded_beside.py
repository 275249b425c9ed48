"""What stood beside recorded candles: trades, books, open interest, and the hours of contracts that are not traded."""

from __future__ import annotations

from pathlib import Path

import pytest
from candle_files import START_MS, Columns, candles, write

from domain.book import depth_summary
from domain.flow import WINDOW_MINUTES
from domain.market import MINUTE_MS, Candle, CandleArrived, OpenInterestArrived
from domain.market_view import HOURS_KEPT, ReferenceHoursArrived
from infra.market.catalogue import Catalogue
from infra.market.recorded import RecordedMarket

HOUR_MS = 60 * MINUTE_MS
SOL = "klines/1m/SOLUSDT_a.parquet"


def opened(root: Path, own_notional: float = 0.0) -> RecordedMarket:
    return RecordedMarket(Catalogue.open(root), ("SOLUSDT",), own_notional=own_notional)


def closed(market: RecordedMarket) -> list[Candle]:
    return [i.candle for _, inputs in market.feed() for i in inputs if isinstance(i, CandleArrived)]


def trades(minutes: int) -> Columns:
    times = [START_MS + i * MINUTE_MS + 500 for i in range(minutes)]
    return {
        "time": times,
        "price": [100.0] * minutes,
        "quantity": [float(i + 1) for i in range(minutes)],
        "is_buyer_maker": [i % 2 == 1 for i in range(minutes)],
    }


def test_recorded_trades_become_the_flow_of_the_minutes_that_they_cover(tmp_path: Path) -> None:
    write(tmp_path, SOL, candles(20))
    write(tmp_path, "agg_trades/SOLUSDT_a.parquet", trades(20))
    market = opened(tmp_path)
    found = [candle.flow for candle in closed(market)]
    assert found[: WINDOW_MINUTES - 1] == [None] * (WINDOW_MINUTES - 1)
    first, second = found[WINDOW_MINUTES - 1 : WINDOW_MINUTES + 1]
    assert first is not None
    assert (first.trades, first.large_buy, first.large_sell) == (WINDOW_MINUTES, 1_500.0, 0.0)
    assert first.p95 == pytest.approx(1_430.0)
    assert second is not None
    assert (second.large_buy, second.large_sell) == (0.0, 1_600.0)
    assert not any("agg_trades" in note for note in market.went_without)


def book(*events: tuple[int, int, float, float]) -> Columns:
    return {
        "event_time": [START_MS + ms for ms, *_ in events],
        "side": [side for _, side, _, _ in events],
        "price": [price for _, _, price, _ in events],
        "qty": [quantity for *_, quantity in events],
    }


BOOK = book(
    (0, 1, 99.0, 500.0),
    (0, -1, 101.0, 500.0),
    (0, -1, 100.2, 500.0),
    (1_000, 1, 98.0, 5.0),
    (170_000, 1, 98.0, 0.0),
    (170_000, 1, 99.0, 400.0),
    (4 * MINUTE_MS, 1, 99.5, 1.0),
)


def test_a_recorded_book_is_summed_up_at_each_close_once_it_is_settled(tmp_path: Path) -> None:
    write(tmp_path, SOL, candles(4))
    write(tmp_path, "depth/SOLUSDT_x_depthUpdate.parquet", BOOK)
    found = [candle.depth for candle in closed(opened(tmp_path, 4_000.0))]
    asks = [(100.2, 500.0), (101.0, 500.0)]
    assert found[0] is None
    assert found[1] == depth_summary([(99.0, 500.0), (98.0, 5.0)], asks, 4_000.0)
    assert found[2] == depth_summary([(99.0, 400.0)], asks, 4_000.0)


def test_best_prices_are_taken_while_they_are_fresh_and_bound_the_book(tmp_path: Path) -> None:
    write(tmp_path, SOL, candles(4))
    write(tmp_path, "depth/SOLUSDT_x_depthUpdate.parquet", BOOK)
    best = {"event_time": [START_MS + 100_000], "bid": [99.0], "ask": [101.0], "bid_qty": [3.0], "ask_qty": [4.0]}
    write(tmp_path, "depth/SOLUSDT_x_bookTicker.parquet", best)
    first, second, third, _ = closed(opened(tmp_path))
    assert (first.bid, second.bid, second.ask, third.bid) == (None, 99.0, 101.0, None)
    assert (second.bid_quantity, second.ask_quantity) == (3.0, 4.0)
    assert second.depth == depth_summary([(99.0, 500.0), (98.0, 5.0)], [(101.0, 500.0)])


def test_a_book_too_thin_for_the_sweep_says_so(tmp_path: Path) -> None:
    write(tmp_path, SOL, candles(3))
    write(tmp_path, "depth/SOLUSDT_x_depthUpdate.parquet", BOOK)
    depth = closed(opened(tmp_path, 1e9))[2].depth
    assert depth is not None
    assert (depth.buy_impact_bps, depth.sell_impact_bps) == (None, None)


def test_open_interest_of_the_hours_before_comes_in_usdt(tmp_path: Path) -> None:
    write(tmp_path, SOL, candles(3))
    times = [START_MS - 2 * HOUR_MS, START_MS - HOUR_MS - 300_000, START_MS]
    held = {"timestamp": times, "sum_open_interest": [1.0, 2.0, 3.0], "sum_open_interest_value": [10.0, 20.0, 30.0]}
    write(tmp_path, "open_interest/SOLUSDT_a.parquet", held)
    (arrived,) = [i for i in opened(tmp_path).warm_up() if isinstance(i, OpenInterestArrived)]
    assert arrived.points == ((times[0], 10.0), (times[1] + 300_000, 20.0), (times[2], 30.0))


def test_the_hours_of_btc_come_though_it_is_not_traded(tmp_path: Path) -> None:
    write(tmp_path, SOL, candles(130))
    write(tmp_path, "klines/1h/BTCUSDT_a.parquet", candles(123, "1h", START_MS - 120 * HOUR_MS))
    market = opened(tmp_path)
    (before,) = [i for i in market.warm_up() if isinstance(i, ReferenceHoursArrived)]
    assert (len(before.hours), before.hours[-1][0]) == (HOURS_KEPT, START_MS)
    during = [(due, i) for due, inputs in market.feed() for i in inputs if isinstance(i, ReferenceHoursArrived)]
    assert [due for due, _ in during] == [START_MS + HOUR_MS, START_MS + 2 * HOUR_MS]
    assert [i.hours[0][0] for _, i in during] == [due for due, _ in during]
    assert [note for note in market.went_without if "USDT: no hourly" in note] == [
        "ETHUSDT: no hourly candles, so the market trend goes without it"
    ]
