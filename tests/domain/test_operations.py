"""The run itself: sessions, conditions, operators, crashes, health."""

from __future__ import annotations

import pytest

from domain import operations
from domain.base import Tell
from domain.commands import CloseSymbol, HaltEntries, OpenAccount, ResumeEntries
from domain.config import Config
from domain.operations import (
    Condition,
    ConditionChanged,
    Health,
    HealthChanged,
    OperatorCommand,
    OperatorKind,
    RecordCrash,
    Restored,
    SessionEnded,
    SessionStarted,
    StateRestored,
)
from tests.domain.scenario import Scenario

STARTED = SessionStarted(Config(), "1", "00", "paper", "synthetic")


def running() -> Scenario:
    return Scenario(operations.DECIDER, operations.STREAM).when(STARTED)


def test_a_session_records_its_settings_and_opens_the_account() -> None:
    scenario = running()
    assert scenario.kinds() == ["RunStarted"]
    assert scenario.state.config == Config()
    assert scenario.reactions == [Tell("account:main", OpenAccount(Config().account.initial_balance))]


def test_a_restore_says_whether_the_last_session_ended_on_purpose() -> None:
    assert running().when(Restored(9, "ab")).one(StateRestored).unclean
    assert not running().when(SessionEnded("asked"), Restored(9, "ab")).one(StateRestored).unclean


@pytest.mark.parametrize("condition", operations.HALTING)
def test_what_makes_trading_unsafe_halts_entries_until_it_ends(condition: Condition) -> None:
    scenario = running().when(ConditionChanged(condition, active=True))
    assert scenario.reactions == [Tell("account:main", HaltEntries(condition))]
    scenario.when(ConditionChanged(condition, active=False))
    assert scenario.reactions == [Tell("account:main", ResumeEntries(condition))]


def test_a_condition_that_is_reported_twice_is_one_event() -> None:
    scenario = running().when(*[ConditionChanged(Condition.CONFLATED, active=True, count=3)] * 2)
    assert scenario.kinds() == ["ConditionRaised", "HealthChanged"]


def test_health_is_the_worst_of_all_conditions() -> None:
    scenario = running().when(
        ConditionChanged(Condition.CONFLATED, active=True), ConditionChanged(Condition.JOURNAL_LOST, active=True)
    )
    levels = [event.health for event in scenario.events if isinstance(event, HealthChanged)]
    assert levels == [Health.DEGRADED, Health.CRITICAL]
    scenario.when(ConditionChanged(Condition.JOURNAL_LOST, active=False))
    assert scenario.one(HealthChanged).health is Health.DEGRADED


def test_a_crash_is_a_dead_letter_and_the_last_one_is_critical() -> None:
    crash = RecordCrash("symbol:A", "{}", "ValueError: x", 12, 1, stays_down=False)
    assert running().when(crash).kinds() == ["DeadLetter"]
    last = RecordCrash("symbol:A", "{}", "ValueError: x", 13, 4, stays_down=True)
    scenario = running().when(last)
    assert scenario.kinds() == ["DeadLetter", "ActorStayedDown", "HealthChanged"]
    assert scenario.state.health is Health.CRITICAL


def test_a_restore_forgets_conditions_and_who_was_down() -> None:
    scenario = running().when(ConditionChanged(Condition.FEED_STALE, active=True), Restored(1, ""))
    assert scenario.state.conditions == ()
    assert scenario.state.health is Health.HEALTHY


@pytest.mark.parametrize(
    ("kind", "argument", "wishes"),
    [
        (OperatorKind.HALT, "", [HaltEntries("OPERATOR")]),
        (OperatorKind.RESUME, "", [ResumeEntries("OPERATOR")]),
        (OperatorKind.FLATTEN, "", [HaltEntries("OPERATOR"), CloseSymbol("")]),
        (OperatorKind.CLOSE, "BTCUSDT", [CloseSymbol("BTCUSDT")]),
        (OperatorKind.CLOSE, "", []),
    ],
)
def test_an_operator_is_obeyed_once(kind: OperatorKind, argument: str, wishes: list[object]) -> None:
    wish = OperatorCommand(7, kind, argument, "ann")
    scenario = running().when(wish)
    assert scenario.reactions == [Tell("account:main", wanted) for wanted in wishes]
    assert scenario.when(wish).events == []
