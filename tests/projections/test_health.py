"""The read model `health`."""

from __future__ import annotations

from trading_history import TradingHistory

from domain.base import Event
from domain.config import Config
from domain.operations import (
    STREAM,
    ActorStayedDown,
    Condition,
    ConditionCleared,
    ConditionRaised,
    DeadLetter,
    Health,
    HealthChanged,
    OperatorCommandAccepted,
    OperatorKind,
    RunStarted,
    RunStopped,
    StateRestored,
)
from projections.base import fold
from projections.health import HEALTH, HealthKind, HealthRow

STARTED = RunStarted(Config(), "1.0", "00", "paper", "recorded")


def rows_of(*events: Event) -> list[HealthRow]:
    history = TradingHistory()
    for event in events:
        history.record((STREAM, event))
    return list(fold(HEALTH, history.events).values())


def test_a_session_lasts_until_it_is_stopped() -> None:
    (row,) = rows_of(STARTED, RunStopped("SIGTERM"))
    assert (row.kind, row.subject, row.detail) == (HealthKind.SESSION, "1.0", "paper on recorded")
    assert row.ended_ms is not None
    assert (row.ending, row.live) == ("SIGTERM", False)


def test_a_session_without_an_end_was_interrupted_and_the_next_one_says_so() -> None:
    first, second = rows_of(STARTED, STARTED)
    assert (first.ended_ms, first.ending, first.live) == (None, "interrupted", False)
    assert second.live


def test_a_condition_lasts_until_it_is_cleared() -> None:
    stale, lagging = rows_of(
        ConditionRaised(Condition.FEED_STALE, "61 s", 2),
        ConditionRaised(Condition.JOURNAL_LAGGING, "", 1),
        ConditionCleared(Condition.FEED_STALE),
    )
    assert (stale.subject, stale.detail, stale.count, stale.live) == ("FEED_STALE", "61 s", 2, False)
    assert lagging.live


def test_a_restored_run_starts_without_conditions() -> None:
    raised, restored = rows_of(ConditionRaised(Condition.FEED_STALE, "", 1), StateRestored(9, "ab", unclean=True))
    assert (raised.live, raised.ending) == (False, "restored")
    assert (restored.kind, restored.subject) == (HealthKind.RESTORED, "ab")
    assert restored.detail == "from seq 9, after an interrupted session"


def test_a_level_of_health_lasts_until_the_next_one() -> None:
    worse, better = rows_of(HealthChanged(Health.CRITICAL, ("A", "B")), HealthChanged(Health.HEALTHY, ()))
    assert (worse.subject, worse.detail, worse.ending) == ("CRITICAL", "A, B", "HEALTHY")
    assert better.live


def test_a_dead_letter_names_the_input_that_reproduces_it() -> None:
    (row,) = rows_of(DeadLetter("symbol:BTCUSDT", "{}", "ZeroDivisionError", 17, 2))
    assert (row.subject, row.detail, row.count, row.input_seq) == ("symbol:BTCUSDT", "ZeroDivisionError on {}", 2, 17)
    assert (row.kind, row.live) == (HealthKind.DEAD_LETTER, False)


def test_an_actor_that_stays_down_is_named() -> None:
    (row,) = rows_of(ActorStayedDown("symbol:BTCUSDT"))
    assert (row.kind, row.subject) == (HealthKind.STAYED_DOWN, "symbol:BTCUSDT")


def test_an_operators_command_says_who_and_what() -> None:
    (row,) = rows_of(OperatorCommandAccepted(3, OperatorKind.CLOSE, "BTCUSDT", "ann"))
    assert (row.subject, row.detail) == ("close BTCUSDT", "command 3 by ann")
