"""What if, and parity: a recorded market traded again."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from recorded_runs import START_MS, STARTED, SYMBOLS, feed, recorded

from actors.ports import Frame
from domain.base import Recorded
from domain.errors import InvalidInput
from domain.market import MINUTE_MS
from domain.operations import SessionStarted
from domain.position_events import PositionClosed
from domain.symbol.events import SignalDeclined
from infra import settings
from infra.code_version import strategy_named
from infra.counterfactual import market_of, session_of, trade
from infra.market.synthetic import SyntheticMarket
from infra.memory import MemoryJournal
from infra.parity import parity
from infra.session import begin
from infra.what_if import what_if


@pytest.fixture(scope="module")
def candles() -> MemoryJournal:
    return recorded(12, ticks=False)


@pytest.fixture(scope="module")
def ticked() -> MemoryJournal:
    return recorded(4, ticks=True)


def closed(journal: MemoryJournal) -> list[Recorded]:
    return [r for r in journal.events(0) if isinstance(r.event, PositionClosed) and r.event.plan.account == "main"]


def with_time_stop(minutes: int):
    def changed(started: SessionStarted) -> SessionStarted:
        return replace(started, config=settings.changed(started.config, [f"strategy.time_stop_minutes={minutes}"]))

    return changed


@pytest.mark.parametrize("run", ["candles", "ticked"])
def test_trading_a_recorded_market_again_is_what_was_recorded(run: str, request: pytest.FixtureRequest) -> None:
    journal: MemoryJournal = request.getfixturevalue(run)
    was = closed(journal)
    assert was, "the fixture must trade"
    again = trade(market_of(journal), session_of(journal), strategy_named)
    assert [(one.position, one.net) for one in again.closed] == [(r.stream, r.event.net) for r in was]
    assert again.realized_pnl == sum((r.event.net for r in was), Decimal(0))


def test_no_change_makes_no_difference(candles: MemoryJournal) -> None:
    found = what_if(candles, lambda started: started, strategy_named)
    assert found.base == found.changed
    assert (found.difference.trades, found.difference.only_base, found.difference.only_changed) == (0, (), ())


def test_a_change_shows_the_trades_that_differ(candles: MemoryJournal) -> None:
    found = what_if(candles, with_time_stop(20), strategy_named)
    assert {one.reason for one in found.changed.closed} >= {"TIME_STOP"}
    assert max(one.closed_ms - one.opened_ms for one in found.changed.closed) <= 21 * 60_000
    assert found.difference.realized_pnl == found.changed.realized_pnl - found.base.realized_pnl
    assert found.difference.trades == len(found.difference.only_changed) - len(found.difference.only_base)


def test_what_both_traded_and_what_came_to_something_else_is_paired(candles: MemoryJournal) -> None:
    found = what_if(candles, with_time_stop(20), strategy_named)
    ends = found.difference.other_ends
    assert ends, "an earlier time stop must end some trade otherwise"
    for end in ends:
        assert (end.base.symbol, end.base.side, end.base.opened_ms) == (
            end.changed.symbol, end.changed.side, end.changed.opened_ms,
        )  # fmt: skip
        assert replace(end.base, position="") != replace(end.changed, position="")
    only = sum(one.net for one in found.difference.only_changed) - sum(one.net for one in found.difference.only_base)
    assert found.difference.realized_pnl == only + sum(end.net for end in ends)


def test_a_change_of_the_shell_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"market\.speed"):
        settings.changed(STARTED.config, ["market.speed=5"])
    with pytest.raises(InvalidInput, match="leverage"):
        settings.changed(STARTED.config, ["account.leverage=0"])


def test_a_backtest_has_full_parity_with_itself(candles: MemoryJournal) -> None:
    found = parity(candles, strategy_named)
    assert found.decisions > 100
    assert (found.equal, found.differences) == (found.decisions, ())


def test_a_run_with_ticks_decides_alike_and_every_difference_has_a_cause(ticked: MemoryJournal) -> None:
    found = parity(ticked, strategy_named)
    assert found.differences, "fills at ticks differ from fills at a candle's open"
    assert not [one for one in found.differences if one.what.startswith("SymbolAnalyzed")]
    assert all(one.cause for one in found.differences)
    recorded_seqs = [one.seq for one in found.differences if one.seq]
    assert found.equal == found.decisions - len(recorded_seqs)


def test_every_recorded_decision_is_compared_also_of_two_at_one_close(candles: MemoryJournal) -> None:
    class Doubled(MemoryJournal):
        """The record, with every decline said twice."""

        def events(self, *args: Any, **more: Any) -> Iterator[Recorded]:
            for one in candles.events(*args, **more):
                yield from (one, one) if isinstance(one.event, SignalDeclined) else (one,)

        def frames(self, *args: Any, **more: Any) -> Iterator[Frame]:
            return candles.frames(*args, **more)

    once, twice = parity(candles, strategy_named), parity(Doubled(), strategy_named)
    declined = sum(isinstance(one.event, SignalDeclined) for one in candles.events(0))
    assert declined
    assert twice.decisions == once.decisions + declined
    assert [one.what.split()[0] for one in twice.differences] == ["SignalDeclined"] * declined


def two_sessions() -> tuple[MemoryJournal, int]:
    """A run whose second session has a short time stop; and the input with which that began."""
    first = recorded(6, ticks=False)
    again = first.after_crash()
    hurried = with_time_stop(20)(STARTED)
    runner = begin(again, again, strategy_named, hurried, again.head().at_ms)
    began = runner.kernel.head.input_seq
    feed(runner, SyntheticMarket(3, SYMBOLS), START_MS + 6 * 60 * MINUTE_MS, START_MS + 14 * 60 * MINUTE_MS)
    again.close()
    return again, began


def test_a_what_if_starts_from_the_settings_that_were_in_force_then() -> None:
    journal, began = two_sessions()
    asked: list[SessionStarted] = []

    def unchanged(started: SessionStarted) -> SessionStarted:
        asked.append(started)
        return started

    whole = what_if(journal, unchanged, strategy_named)
    later = what_if(journal, unchanged, strategy_named, from_input=began)
    before = what_if(journal, unchanged, strategy_named, from_input=began - 2, until_input=began - 1)
    assert [started.config.strategy.time_stop_minutes for started in asked] == [
        STARTED.config.strategy.time_stop_minutes, 20, STARTED.config.strategy.time_stop_minutes,
    ]  # fmt: skip
    assert before.base.trades == 0
    from_ms = next(frame.at_ms for frame in journal.frames(began - 1, began))
    was = [r.event for r in closed(journal) if r.event.time_ms - r.event.held_ms > from_ms]
    assert was, "the fixture must trade in its second session"
    assert later.base.closed, "what came before has taught the symbols their past"
    assert min(one.opened_ms for one in later.base.closed) >= from_ms
    assert "TIME_STOP" in {one.reason for one in later.base.closed}
    assert later.base.signals < whole.base.signals
    assert later.base == later.changed


def test_without_a_beginning_a_market_is_traded_as_it_was_first_started(candles: MemoryJournal) -> None:
    assert what_if(candles, with_time_stop(20), strategy_named, from_input=1) == what_if(
        candles, with_time_stop(20), strategy_named
    )
    assert session_of(candles) == session_of(candles, candles.head().input_seq) == STARTED


def test_an_empty_run_can_not_be_traded_again() -> None:
    with pytest.raises(InvalidInput, match="recorded inputs"):
        session_of(MemoryJournal())
    with pytest.raises(InvalidInput, match="market inputs"):
        trade(iter(()), STARTED, strategy_named)
