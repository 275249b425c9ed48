"""Weights: never negative, always 100, and shifted by the regime."""

from __future__ import annotations

import pytest

from domain.analysis.weights import PROFILES, REGIMES, regime_of, weights_of
from domain.errors import InvalidInput
from domain.factors import WEIGHED

ALL_REGIMES = (*REGIMES, "normal")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("regime", ALL_REGIMES)
def test_weights_are_never_negative_and_always_100(profile: str, regime: str) -> None:
    """V41's T was -22, -35, -32, -23, -28 in its five regimes."""
    weights = weights_of(profile, regime)  # type: ignore[arg-type]
    assert tuple(weights) == WEIGHED
    assert all(weight >= 0.0 for weight in weights.values())
    assert weights["T"] > 5.0
    assert sum(weights.values()) == pytest.approx(100.0)


def test_the_profiles_are_those_of_the_reference() -> None:
    balanced = {"T": 18, "M": 12, "C": 18, "S": 10, "V": 10, "O": 12, "L": 12, "B": 4, "Q": 4, "I": 0}
    assert PROFILES["balanced"] == pytest.approx(balanced)
    assert PROFILES["v41"] == pytest.approx(
        {"T": 15.625, "M": 9.375, "S": 6.25, "V": 9.375, "C": 12.5, "O": 12.5, "L": 12.5, "B": 9.375, "Q": 6.25,
         "I": 6.25}
    )  # fmt: skip


def test_a_regime_moves_the_profile_seven_tenths_of_the_way() -> None:
    strong = weights_of("v41", "strong_trend")
    assert strong["T"] == pytest.approx(0.7 * REGIMES["strong_trend"]["T"] + 0.3 * PROFILES["v41"]["T"])
    assert weights_of("balanced", "choppy")["I"] == 0.0


@pytest.mark.parametrize(
    ("trend", "volatility", "regime"),
    [
        (61.0, 0.02, "strong_trend"), (-61.0, 0.9, "strong_trend"), (29.0, 0.9, "choppy"), (-29.0, 0.0, "choppy"),
        (45.0, 0.031, "high_volatility"), (-45.0, 0.009, "low_volatility"), (45.0, 0.02, "normal"),
        (None, 0.02, "normal"), (None, 0.05, "high_volatility"),
    ],
)  # fmt: skip
def test_the_regime_follows_trend_first_and_daily_volatility_second(
    trend: float | None, volatility: float, regime: str
) -> None:
    assert regime_of(trend, volatility) == regime


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="balanced, v41"):
        weights_of("bold", "normal")
