"""Funding of one position: in time or told when it is over, it is settled once, and only if the position was held."""

from __future__ import annotations

from decimal import Decimal

import pytest
from test_position import ENTRY, STREAM, TARGET, fill, protected, requested

from domain import position
from domain.base import Tell
from domain.commands import BookFunding, OpenPosition
from domain.deal import VIRTUAL
from domain.position_events import Aftermath, FundingSettled, PositionClosed
from domain.venue import VenueFunded, VenueRejected
from tests.domain.scenario import Scenario, plan


def test_funding_enters_the_net_result() -> None:
    scenario = protected().when(VenueFunded(STREAM, 3, Decimal("0.0001"), Decimal(100), Decimal("-0.02")))
    assert scenario.one(FundingSettled).amount == Decimal("-0.02")
    assert scenario.when(fill(TARGET, "110")).one(PositionClosed).net == Decimal("19.78")


def test_funding_of_one_time_is_settled_once() -> None:
    funded = VenueFunded(STREAM, 3, Decimal("0.0001"), Decimal(100), Decimal("-0.02"))
    assert protected().when(funded, funded).kinds() == ["FundingSettled"]


def funded(time_ms: int, amount: str = "-0.5") -> VenueFunded:
    return VenueFunded(STREAM, time_ms, Decimal("0.0001"), Decimal(100), Decimal(amount))


def ended() -> Scenario:
    """A position that was held from 1,000 to 61,000 and brought 19.8."""
    return protected().when(fill(TARGET, "110", time_ms=61_000))


@pytest.mark.parametrize("time_ms", [1_000, 30_000, 61_000])
def test_funding_told_after_the_close_is_settled_once_if_it_was_held_then(time_ms: int) -> None:
    scenario = ended().when(funded(time_ms), funded(time_ms))
    assert scenario.events == [
        FundingSettled(
            time_ms, Decimal("0.0001"), Decimal(100), Decimal("-0.5"), Aftermath(61_000, Decimal("19.8"), plan())
        )
    ]
    assert scenario.reactions == [Tell("account:main", BookFunding(STREAM, Decimal("-0.5")))]
    assert scenario.state.deal.net == Decimal("19.3")


@pytest.mark.parametrize("time_ms", [0, 999, 61_001])
def test_funding_of_a_time_at_which_it_was_not_held_is_not_its_own(time_ms: int) -> None:
    assert ended().when(funded(time_ms)).events == []


def test_two_late_fundings_know_of_each_other_and_of_one_that_was_in_time() -> None:
    scenario = protected().when(funded(2_000, "-0.1"), fill(TARGET, "110", time_ms=61_000))
    assert scenario.one(PositionClosed).net == Decimal("19.7")
    late = [event.after_close.net for event in scenario.when(funded(2_000), funded(3_000), funded(4_000)).events]
    assert late == [Decimal("19.7"), Decimal("19.2")]


def test_an_entry_that_came_to_nothing_pays_no_funding() -> None:
    assert requested().when(VenueRejected(ENTRY, 5, "-2019", "Margin is insufficient."), funded(5)).kinds() == [
        "OrderRejected",
        "PositionAbandoned",
    ]


def test_a_virtual_position_has_no_account_to_book_late_funding_with() -> None:
    virtual = Scenario(position.DECIDER, STREAM).when(OpenPosition(plan(account=VIRTUAL)))
    virtual.when(fill(ENTRY, "100"), fill(TARGET, "110", time_ms=61_000))
    assert virtual.when(funded(2_000)).kinds() == ["FundingSettled"]
    assert virtual.reactions == []
