"""The read model `pnl`."""

from __future__ import annotations

from decimal import Decimal

from trading_history import START_MS, TradingHistory, closed, plan_of

from domain.deal import VIRTUAL
from domain.position_events import PositionClosed
from projections.base import fold
from projections.pnl import DAY_MS, PNL, DayPnl

MIDNIGHT_MS = START_MS - START_MS % DAY_MS + DAY_MS


def rows_of(*events: PositionClosed) -> list[DayPnl]:
    history = TradingHistory()
    for number, event in enumerate(events):
        history.record((f"position:{event.plan.account}/{event.plan.symbol}-{number}", event))
    return list(fold(PNL, history.events).values())


def test_trades_of_one_day_symbol_strategy_and_account_are_one_row() -> None:
    (row,) = rows_of(closed(plan_of(), "10"), closed(plan_of(), "-4"))
    assert row == DayPnl(
        day="2023-11-14", account="main", symbol="BTCUSDT", strategy="trend", trades=2,
        gross=Decimal("7.0"), fees=Decimal(2), funding=Decimal("1.0"), net=Decimal(6),
    )  # fmt: skip


def test_net_is_gross_minus_fees_plus_funding() -> None:
    (row,) = rows_of(closed(plan_of(), "10"), closed(plan_of(), "-4"))
    assert row.net == row.gross - row.fees + row.funding


def test_a_position_counts_on_the_utc_day_on_which_it_closed() -> None:
    before = closed(plan_of(), time_ms=MIDNIGHT_MS - 1)
    after = closed(plan_of(), time_ms=MIDNIGHT_MS)
    assert [row.day for row in rows_of(before, after)] == ["2023-11-14", "2023-11-15"]


def test_symbols_strategies_and_accounts_are_told_apart() -> None:
    plans = (plan_of(), plan_of(symbol="ETHUSDT"), plan_of(strategy="ict"), plan_of("second"))
    assert [row.trades for row in rows_of(*map(closed, plans))] == [1, 1, 1, 1]


def test_funding_that_is_told_after_the_close_counts_on_the_day_of_the_close() -> None:
    history = TradingHistory().start()
    end = closed(plan_of(), "10", time_ms=MIDNIGHT_MS - 1)
    history.record(("position:main/BTCUSDT-1", end))
    history.candle("BTCUSDT", 100.0, after_ms=DAY_MS)
    history.fund_late(end, "position:main/BTCUSDT-1", "-0.5")
    history.fund_late(end, "position:main/BTCUSDT-1", "-0.25", before="-0.5")
    (row,) = fold(PNL, history.events).values()
    assert (row.day, row.trades, row.funding, row.net) == (
        "2023-11-14",
        1,
        end.funding - Decimal("0.75"),
        Decimal("9.25"),
    )
    assert row.net == row.gross - row.fees + row.funding


def test_virtual_positions_make_no_money() -> None:
    assert rows_of(closed(plan_of(VIRTUAL))) == []
