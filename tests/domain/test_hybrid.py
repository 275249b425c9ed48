"""The hybrid strategy: same side, one alone, opposite sides."""

from __future__ import annotations

import pytest

from domain.scoring import REASONS
from domain.strategies import Pass, Proposal
from domain.strategies.hybrid import combine
from domain.values import Side

FACTORS = Proposal(Side.LONG, 100.0, 98.0, 105.0, 0.9, 0.7, ("PRIME",), (("T", 50.0),))
ICT = Proposal(Side.LONG, 101.0, 99.0, 104.0, 0.5, 0.6, ("TREND",), (("structure", 1.0),))


def test_the_same_side_takes_the_levels_of_ict_and_the_mean_of_both_beliefs() -> None:
    both = combine(FACTORS, ICT)
    assert isinstance(both, Proposal)
    assert (both.side, both.entry, both.stop, both.target) == (Side.LONG, 101.0, 99.0, 104.0)
    assert (both.confidence, both.win) == pytest.approx((0.7, 0.65))
    assert both.reasons == ("TREND", "PRIME")
    assert both.facts == (("structure", 1.0), ("T", 50.0))


def test_one_alone_passes_as_it_is() -> None:
    assert combine(FACTORS, Pass("NO_TREND")) is FACTORS
    assert combine(Pass("NEUTRAL"), ICT) is ICT


def test_opposite_sides_are_declined() -> None:
    short = Proposal(Side.SHORT, 101.0, 103.0, 98.0, 0.5, 0.6)
    assert combine(FACTORS, short) == Pass("CONFLICT", (("T", 50.0),))
    assert "CONFLICT" in REASONS


def test_none_of_both_gives_the_factors_reason_and_all_facts() -> None:
    nothing = combine(Pass("NEUTRAL", (("T", 0.0),)), Pass("NO_TREND", (("adx", 5.0),)))
    assert nothing == Pass("NEUTRAL", (("T", 0.0), ("adx", 5.0)))
