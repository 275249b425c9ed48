"""The circuit breaker, level by level (selflearningtrader.md §4.5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.binance.breaker import AUDITED, WHITELIST, Breaker, Bypass, Level, Verdict
from infra.binance.priority import Priority

PASS = Verdict(allowed=True)


def after(failures: int, at_ms: int = 0) -> Breaker:
    breaker = Breaker()
    for _ in range(failures):
        breaker.failed(at_ms)
    return breaker


@pytest.mark.parametrize(
    ("failures", "level"),
    [
        (0, Level.NORMAL), (1, Level.WARNING), (3, Level.WARNING), (4, Level.THROTTLED), (5, Level.BLOCKED),
        (50, Level.BLOCKED),
    ],
)  # fmt: skip
def test_the_level_follows_the_failures(failures: int, level: Level) -> None:
    assert after(failures).level(0) is level


def test_up_to_three_failures_everything_passes_and_nothing_is_written_down() -> None:
    breaker = after(3)
    assert breaker.ask("query", Priority.LOW, 0) == PASS
    assert breaker.audit == ()


def test_throttled_delays_all_but_the_urgent() -> None:
    breaker = after(4)
    for priority in (Priority.LOW, Priority.NORMAL):
        assert breaker.ask("query", priority, 0) == Verdict(allowed=True, delay_ms=2_000)
    for priority in (Priority.HIGH, Priority.CRITICAL):
        assert breaker.ask("place_order", priority, 0) == PASS
    assert [bypass.priority for bypass in breaker.audit] == [Priority.HIGH, Priority.CRITICAL]


def test_blocked_lets_only_critical_calls_of_the_whitelist_through() -> None:
    breaker = after(5, at_ms=1_000)
    for operation in sorted(WHITELIST):
        assert breaker.ask(operation, Priority.CRITICAL, 2_000) == PASS
        assert not breaker.ask(operation, Priority.HIGH, 2_000).allowed
    refused = breaker.ask("place_order", Priority.CRITICAL, 2_000)
    assert refused == Verdict(allowed=False, retry_after_ms=59_000)
    assert {bypass.operation for bypass in breaker.audit} == WHITELIST


def test_a_success_takes_one_failure_back() -> None:
    breaker = after(5)
    breaker.succeeded(0)
    assert breaker.level(0) is Level.THROTTLED
    for _ in range(9):
        breaker.succeeded(0)
    assert breaker.level(0) is Level.NORMAL


def test_a_minute_after_the_last_failure_all_is_forgotten() -> None:
    breaker = after(6, at_ms=1_000)
    assert breaker.level(60_999) is Level.BLOCKED
    assert breaker.level(61_000) is Level.NORMAL
    assert breaker.ask("query", Priority.LOW, 61_000) == PASS


def test_warnings_are_not_forgotten_by_time() -> None:
    assert after(3).level(10**9) is Level.WARNING


def test_a_bypass_holds_for_its_time_and_is_written_down_with_its_reason() -> None:
    breaker = after(5)
    breaker.bypass(until_ms=1_000, reason="operator")
    assert breaker.ask("query", Priority.LOW, 999) == PASS
    assert breaker.audit == (Bypass(999, Level.BLOCKED, "query", Priority.LOW, "operator"),)
    assert not breaker.ask("query", Priority.LOW, 1_000).allowed


def test_a_bypass_without_a_reason_is_a_bypass_all_the_same() -> None:
    breaker = after(5)
    breaker.bypass(until_ms=1_000, reason="")
    assert breaker.ask("query", Priority.LOW, 999) == PASS
    assert len(breaker.audit) == 1


def test_the_last_hundred_bypasses_are_kept() -> None:
    breaker = after(5)
    for at_ms in range(AUDITED + 7):
        breaker.ask("cancel_order", Priority.CRITICAL, at_ms)
    assert [bypass.at_ms for bypass in breaker.audit] == list(range(7, AUDITED + 7))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30_000))))
def test_closing_a_position_always_passes(steps: list[tuple[bool, int]]) -> None:
    breaker, now_ms = Breaker(), 0
    for failed, later_ms in steps:
        now_ms += later_ms
        (breaker.failed if failed else breaker.succeeded)(now_ms)
        assert breaker.ask("close_position", Priority.CRITICAL, now_ms) == PASS
