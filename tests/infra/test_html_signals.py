"""The page of signals: a near miss that was watched is neither a signal nor gone."""

from __future__ import annotations

from html_reading import Reading

from domain.values import Side
from infra.html.page import Page, render
from infra.html.signals import sections
from projections.signals import SignalOutcome, SignalRow


def row(number: int, outcome: SignalOutcome, tier: str, *reasons: str) -> SignalRow:
    return SignalRow(
        f"symbol:BTCUSDT@{number}", "BTCUSDT", number, 1_700_000_000_000 + number, Side.LONG, outcome,
        reasons=reasons, tier=tier, strength=55.5, confidence=0.8,
    )  # fmt: skip


ROWS = (
    row(1, SignalOutcome.TRADED, "prime", "T_SUPPORTS"),
    row(2, SignalOutcome.WATCHED, "watch", "NO_ROOM"),
    row(3, SignalOutcome.WATCHED, "watch", "NO_ROOM"),
    row(4, SignalOutcome.DECLINED, "prime", "UNCONFIRMED"),
)
TEXT = Reading(render(Page(title="Signals", lead="", facts=(), sections=sections(ROWS)))).text


def test_what_was_watched_is_counted_as_watched() -> None:
    assert "Proposals 4" in TEXT
    assert "Raised as signals 1" in TEXT
    assert "Watched 2" in TEXT


def test_every_outcome_has_a_colour_of_its_own() -> None:
    from infra.html.signals import COLOURS

    assert set(COLOURS) == {outcome.value for outcome in SignalOutcome}
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_a_proposal_stands_with_its_tier_and_strength() -> None:
    assert "prime 55.5" in TEXT
    assert "watch 55.5" in TEXT
