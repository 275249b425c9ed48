"""The market as a whole: who reports hours, who is told, and that everybody ends up knowing the same."""

from __future__ import annotations

from domain import market_view
from domain.base import Tell
from domain.market_view import (
    HOURS_KEPT,
    STREAM,
    HoursReported,
    JoinMarket,
    MarketView,
    ReportHours,
    SeeHours,
    SymbolJoined,
)
from tests.domain.scenario import Scenario

HOUR = 3_600_000


def market() -> Scenario:
    return Scenario(market_view.DECIDER, STREAM)


def hours(*numbers: int) -> tuple[tuple[int, float], ...]:
    return tuple((number * HOUR, 100.0 + number) for number in numbers)


def told(scenario: Scenario) -> list[tuple[str, object]]:
    return [(tell.stream, tell.message) for tell in scenario.reactions if isinstance(tell, Tell)]


def test_an_hour_of_a_reference_is_told_to_everybody_who_joined() -> None:
    scenario = market().given(SymbolJoined("AUSDT"), SymbolJoined("BUSDT")).when(ReportHours("BTCUSDT", hours(1)))
    assert scenario.events == [HoursReported("BTCUSDT", hours(1))]
    seen = SeeHours("BTCUSDT", hours(1))
    assert told(scenario) == [("symbol:AUSDT", seen), ("symbol:BUSDT", seen)]


def test_whoever_joins_late_is_told_all_that_is_known() -> None:
    scenario = market().given(HoursReported("ETHUSDT", hours(1, 2)), HoursReported("BTCUSDT", hours(2)))
    scenario.when(JoinMarket("AUSDT"))
    assert told(scenario) == [
        ("symbol:AUSDT", SeeHours("BTCUSDT", hours(2))),
        ("symbol:AUSDT", SeeHours("ETHUSDT", hours(1, 2))),
    ]


def test_joining_twice_is_nothing() -> None:
    assert market().given(SymbolJoined("AUSDT")).when(JoinMarket("AUSDT")).events == []


def test_hours_that_are_known_are_not_told_again() -> None:
    scenario = market().given(HoursReported("BTCUSDT", hours(1, 2))).when(ReportHours("BTCUSDT", hours(1, 2, 3)))
    assert scenario.events == [HoursReported("BTCUSDT", hours(3))]
    assert scenario.when(ReportHours("BTCUSDT", hours(2, 3))).events == []


def test_a_contract_that_is_no_reference_is_not_the_market() -> None:
    assert market().when(ReportHours("DOGEUSDT", hours(1))).events == []


def test_only_the_newest_hours_are_kept() -> None:
    scenario = market().when(ReportHours("BTCUSDT", hours(*range(HOURS_KEPT + 5))))
    assert isinstance(scenario.state, MarketView)
    assert scenario.state.hours == {"BTCUSDT": hours(*range(5, HOURS_KEPT + 5))}


def test_equal_knowledge_is_an_equal_state_in_whatever_order_it_came() -> None:
    one = market().given(HoursReported("BTCUSDT", hours(1)), HoursReported("ETHUSDT", hours(1)))
    other = market().given(HoursReported("ETHUSDT", hours(1)), HoursReported("BTCUSDT", hours(1)))
    assert market_view.DECIDER.freeze(one.state) == market_view.DECIDER.freeze(other.state)
