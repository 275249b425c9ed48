"""The market as a whole: who reports hours, who is told, and that everybody ends up knowing the same."""

from __future__ import annotations

from domain import market_view
from domain.base import Tell
from domain.market_view import (
    HOURS_KEPT,
    STREAM,
    Closes,
    Hours,
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


def hours(*numbers: int) -> Hours:
    return tuple((number * HOUR, 101.0 + number, 99.0 + number, 100.0 + number) for number in numbers)


def closes(*numbers: int) -> Closes:
    return tuple((number * HOUR, 100.0 + number) for number in numbers)


def told(scenario: Scenario) -> list[tuple[str, object]]:
    return [(tell.stream, tell.message) for tell in scenario.reactions if isinstance(tell, Tell)]


def test_an_hour_of_a_reference_is_told_to_everybody_who_joined() -> None:
    scenario = market().given(SymbolJoined("AUSDT"), SymbolJoined("BUSDT")).when(ReportHours("BTCUSDT", hours(1)))
    assert scenario.events == [HoursReported("BTCUSDT", hours(1))]
    seen = SeeHours("BTCUSDT", closes(1), None)
    assert told(scenario) == [("symbol:AUSDT", seen), ("symbol:BUSDT", seen)]


def test_whoever_joins_late_is_told_all_that_is_known() -> None:
    scenario = market().given(HoursReported("ETHUSDT", hours(1, 2)), HoursReported("BTCUSDT", hours(2)))
    scenario.when(JoinMarket("AUSDT"))
    assert told(scenario) == [
        ("symbol:AUSDT", SeeHours("BTCUSDT", closes(2), None)),
        ("symbol:AUSDT", SeeHours("ETHUSDT", closes(1, 2), None)),
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
    assert scenario.state.references["BTCUSDT"].hours == hours(*range(5, HOURS_KEPT + 5))


def test_hours_that_rise_without_a_pause_are_a_trend() -> None:
    reported = market().when(ReportHours("BTCUSDT", hours(*range(1, 61)))).one(HoursReported)
    assert 80.0 < reported.trend <= 100.0


def test_a_hole_in_the_hours_begins_the_trend_anew() -> None:
    scenario = market().when(ReportHours("BTCUSDT", hours(*range(1, 61))), ReportHours("BTCUSDT", hours(62)))
    assert [event.trend is None for event in scenario.events] == [False, True]


def test_equal_knowledge_is_an_equal_state_in_whatever_order_it_came() -> None:
    one = market().given(HoursReported("BTCUSDT", hours(1)), HoursReported("ETHUSDT", hours(1)))
    other = market().given(HoursReported("ETHUSDT", hours(1)), HoursReported("BTCUSDT", hours(1)))
    assert market_view.DECIDER.freeze(one.state) == market_view.DECIDER.freeze(other.state)
