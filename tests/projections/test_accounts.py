"""The read model `accounts`."""

from __future__ import annotations

from trading_history import D, TradingHistory, plan_of

from domain.account import EntriesHalted, EntriesResumed
from projections.accounts import ACCOUNTS, AccountRow
from projections.base import fold


def row_of(history: TradingHistory, name: str = "main") -> AccountRow:
    return fold(ACCOUNTS, history.events)[name,]


def test_an_entry_reserves_its_margin() -> None:
    history = TradingHistory().start("1000")
    history.request(plan_of())
    row = row_of(history)
    assert (row.balance, row.reserved, row.available, row.entries) == (D(1000), D(40), D(960), 1)
    assert [held.symbol for held in row.reservations] == ["BTCUSDT"]


def test_the_end_of_a_position_frees_its_margin() -> None:
    history = TradingHistory().start("1000")
    history.trade(plan_of(), 1)
    row = row_of(history)
    assert (row.reserved, row.available) == (D(0), row.balance)


def test_the_balance_is_what_was_deposited_realised_paid_and_funded() -> None:
    history = TradingHistory().start("1000")
    position = history.request(plan_of())
    history.enter(position)
    history.fund(position, "-0.25")
    history.close(position)
    row = row_of(history)
    assert (row.realised, row.fees, row.funding) == (D(40), D("0.2"), D("-0.25"))
    assert row.balance == row.deposited + row.realised - row.fees + row.funding


def test_every_cause_of_a_halt_is_shown_until_it_is_lifted() -> None:
    history = TradingHistory().start()
    for cause in ("OPERATOR", "FEED_STALE"):
        history.record(("account:main", EntriesHalted(cause)))
    history.record(("account:main", EntriesResumed("OPERATOR")))
    assert row_of(history).halts == ("FEED_STALE",)


def test_denials_are_counted() -> None:
    history = TradingHistory().start()
    history.deny(history.signal(), "HALTED")
    assert row_of(history).denials == 1


def test_accounts_are_told_apart() -> None:
    history = TradingHistory().start("1000").start("500", "second")
    history.trade(plan_of("second"), 1)
    assert (row_of(history).balance, row_of(history, "second").balance) == (D(1000), D("539.8"))
