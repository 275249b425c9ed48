"""The read model `signals`."""

from __future__ import annotations

from trading_history import D, TradingHistory, plan_of

from domain.deal import VIRTUAL
from domain.position_events import PositionAbandoned
from domain.values import Side
from projections.base import fold
from projections.signals import SIGNALS, SignalOutcome, SignalRow


def row_of(history: TradingHistory, signal_id: str) -> SignalRow:
    return fold(SIGNALS, history.events)[signal_id,]


def test_a_raised_signal_shows_what_was_proposed() -> None:
    history = TradingHistory().start()
    row = row_of(history, history.signal("ETHUSDT", Side.SHORT))
    assert (row.outcome, row.symbol, row.side, row.number) == (SignalOutcome.RAISED, "ETHUSDT", Side.SHORT, 1)
    assert (row.entry, row.stop, row.target, row.confidence) == (100.0, 90.0, 120.0, 0.61)
    assert row.reasons == ("EMA_CROSS",)


def test_a_declined_proposal_gives_all_its_reasons() -> None:
    history = TradingHistory().start()
    row = row_of(history, history.decline("COOLDOWN", "RECENT_GAP"))
    assert (row.outcome, row.reasons, row.live) == (SignalOutcome.DECLINED, ("COOLDOWN", "RECENT_GAP"), False)


def test_an_approved_signal_is_traded_and_ends_with_its_position() -> None:
    history = TradingHistory().start()
    signal_id = history.signal()
    position = history.request(plan_of(signal_id=signal_id))
    history.enter(position)
    row = row_of(history, signal_id)
    assert (row.outcome, row.position, row.net) == (SignalOutcome.TRADED, position, None)
    end = history.close(position)
    row = row_of(history, signal_id)
    assert (row.outcome, row.result, row.ended_ms) == (SignalOutcome.TRADED, "TARGET", end.time_ms)
    assert (row.net, row.live) == (D("39.8"), False)


def test_a_denied_signal_keeps_the_code_and_is_followed_virtually() -> None:
    history = TradingHistory().start()
    signal_id = history.signal()
    history.deny(signal_id, "MAX_OPEN_POSITIONS")
    assert row_of(history, signal_id).outcome is SignalOutcome.DENIED
    position = history.request(plan_of(VIRTUAL, signal_id=signal_id))
    row = row_of(history, signal_id)
    assert (row.outcome, row.code, row.position) == (SignalOutcome.VIRTUAL, "MAX_OPEN_POSITIONS", position)


def test_a_denied_signal_that_is_not_even_followed_virtually_stays_one_row() -> None:
    history = TradingHistory().start()
    signal_id = history.signal()
    history.deny(signal_id, "HALTED")
    history.decline("HALTED", "VIRTUAL_SAME_SIDE_ACTIVE")
    (row,) = fold(SIGNALS, history.events).values()
    assert (row.outcome, row.code, row.live) == (SignalOutcome.DENIED, "HALTED", False)
    assert row.reasons[-1] == "VIRTUAL_SAME_SIDE_ACTIVE"


def test_a_later_decline_of_the_same_symbol_is_a_row_of_its_own() -> None:
    history = TradingHistory().start()
    history.deny(history.signal(), "HALTED")
    history.decline("HALTED", "NO_INSTRUMENT")
    history.decline("COOLDOWN")
    outcomes = [row.outcome for row in fold(SIGNALS, history.events).values()]
    assert outcomes == [SignalOutcome.DENIED, SignalOutcome.DECLINED]


def test_a_decline_is_not_taken_for_an_answer_to_another_symbols_denial() -> None:
    history = TradingHistory().start()
    signal_id = history.signal("ETHUSDT")
    history.deny(signal_id, "HALTED", symbol="ETHUSDT")
    history.decline("COOLDOWN", symbol="BTCUSDT")
    assert row_of(history, signal_id).live


def abandoned() -> tuple[TradingHistory, str]:
    history = TradingHistory().start()
    signal_id = history.signal()
    position = history.request(plan_of(signal_id=signal_id))
    history.record((position, PositionAbandoned("-2019")))
    return history, signal_id


def test_a_signal_whose_entry_came_to_nothing_is_abandoned_and_waits_for_its_symbol() -> None:
    row = row_of(*abandoned())
    assert (row.outcome, row.result, row.code, row.live) == (SignalOutcome.ABANDONED, "-2019", "-2019", True)


def test_an_abandoned_signal_is_followed_virtually_to_its_end() -> None:
    history, signal_id = abandoned()
    virtual = history.request(plan_of(VIRTUAL, signal_id=signal_id), why="-2019")
    row = row_of(history, signal_id)
    assert (row.outcome, row.code, row.position, row.result, row.ended_ms) == (
        SignalOutcome.VIRTUAL, "-2019", virtual, "", None,
    )  # fmt: skip
    history.enter(virtual)
    end = history.close(virtual)
    row = row_of(history, signal_id)
    assert (row.result, row.net, row.live) == (end.reason, end.net, False)


def test_an_answer_is_about_the_newest_end_and_not_about_an_old_one_that_never_got_any() -> None:
    history, first = abandoned()
    second = history.signal()
    position = history.request(plan_of(signal_id=second), 2)
    history.record((position, PositionAbandoned("-2019")))
    history.decline("-2019", "VIRTUAL_SAME_SIDE_ACTIVE")
    assert row_of(history, first).reasons == ("EMA_CROSS",)
    assert row_of(history, second).reasons == ("EMA_CROSS", "-2019", "VIRTUAL_SAME_SIDE_ACTIVE")


def test_an_abandoned_signal_that_is_not_even_followed_says_why_and_nothing_else_does() -> None:
    history, signal_id = abandoned()
    history.decline("COOLDOWN")
    assert row_of(history, signal_id).live, "that was about another proposal"
    history.decline("-2019", "VIRTUAL_SAME_SIDE_ACTIVE")
    row = row_of(history, signal_id)
    assert (row.outcome, row.live, row.reasons[-2:]) == (
        SignalOutcome.ABANDONED, False, ("-2019", "VIRTUAL_SAME_SIDE_ACTIVE"),
    )  # fmt: skip
