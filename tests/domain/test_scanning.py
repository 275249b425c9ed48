"""The periodic scan: who counts, when a summary is due, what it says, and what a restart forgets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.base import Timer
from domain.config import Config, ScanConfig
from domain.scan.decider import (
    SETTLE_MS,
    STREAM,
    TIMER,
    EnlistSymbol,
    ReportAnalysis,
    ReportCrash,
    ScanSummarized,
    SumUp,
    SymbolEnlisted,
    decider,
)
from domain.scan.summary import Held, ScanRow, summed_up
from tests.domain.scenario import Scenario

FIVE = 300_000


def row(symbol: str, time_ms: int = FIVE, tier: str = "none", strength: float = 10.0, **more: object) -> ScanRow:
    reasons = () if tier == "prime" else ("STRENGTH_BELOW_PRIME",)
    return ScanRow(symbol, time_ms, 1.0, "LONG", tier, reasons, strength, 60.0, **more)


class Scan(Scenario):
    """The scan of two symbols."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(decider(config or Config()), STREAM)
        self.given(SymbolEnlisted("AUSDT"), SymbolEnlisted("BUSDT"))

    def seen(self, *messages: object) -> Scan:
        self.reactions = []
        for message in messages:
            self.state, reactions = self.decider.observe(self.state, message)
            self.reactions += reactions
        return self


def report(symbol: str, **more: object) -> ReportAnalysis:
    return ReportAnalysis(row(symbol, **more), 100, 200)


def test_the_first_analysis_says_when_a_summary_is_due_and_the_second_does_not_move_it() -> None:
    scan = Scan().seen(report("AUSDT", time_ms=FIVE), report("BUSDT", time_ms=FIVE))
    assert scan.reactions == [Timer(TIMER, FIVE + SETTLE_MS, SumUp())]
    assert scan.decider.resume(scan.state) == (Timer(TIMER, FIVE + SETTLE_MS, SumUp()),)


def test_an_analysis_between_two_intervals_waits_for_the_next_full_one() -> None:
    assert Scan().seen(report("AUSDT", time_ms=FIVE + 1)).reactions[0].due_ms == 2 * FIVE + SETTLE_MS


def test_an_interval_of_zero_is_never() -> None:
    assert Scan(Config(scan=ScanConfig(interval_seconds=0))).seen(report("AUSDT")).reactions == []


def test_a_summary_counts_who_was_analysed_who_was_not_and_who_crashed() -> None:
    scan = Scan().given(SymbolEnlisted("CUSDT"))
    scan.seen(report("AUSDT"), report("BUSDT"), ReportCrash("BUSDT", "ValueError: no")).when(SumUp())
    event = scan.one(ScanSummarized)
    summary = event.summary
    assert event.time_ms == FIVE
    assert (summary.total_symbols, summary.analysed, summary.skipped, summary.errors) == (3, 1, 1, 1)
    assert summary.skipped_because == (("CUSDT", "NOT_ANALYSED"),)
    assert summary.failed_because == (("BUSDT", "ValueError: no"),)
    assert summary.held == Held(1, 100, 200)


def test_after_a_summary_everything_begins_anew() -> None:
    scan = Scan().seen(report("AUSDT")).when(SumUp())
    assert scan.decider.resume(scan.state) == ()
    assert scan.when(SumUp()).events == []
    assert scan.seen(report("AUSDT", time_ms=2 * FIVE)).reactions[0].due_ms == 2 * FIVE + SETTLE_MS


def test_who_is_later_than_a_summary_counts_for_the_next_one() -> None:
    scan = Scan().seen(report("AUSDT", time_ms=FIVE)).when(SumUp())
    late = scan.seen(report("BUSDT", time_ms=FIVE))
    assert late.reactions[0].due_ms == 2 * FIVE + SETTLE_MS


def test_enlisting_twice_is_nothing() -> None:
    assert Scan().when(EnlistSymbol("AUSDT")).events == []


def test_a_restart_forgets_what_was_reported_and_a_replay_in_mid_run_does_not() -> None:
    scan = Scan().seen(report("AUSDT"))
    rules, state = scan.decider, scan.state
    thawed = rules.thaw(rules.freeze(state))
    assert thawed == rules.forget(state)
    assert rules.recall(thawed, rules.ephemeral(state)) == state


def test_rows_are_summed_up_by_tier_reason_and_factor() -> None:
    rows = [
        row("AUSDT", tier="prime", strength=90.0, scores=(("T", 10.0),)),
        row("BUSDT", tier="watch", strength=55.0, scores=(("T", 20.0),)),
        row("CUSDT", strength=5.0, scores=(("T", 30.0), ("L", -1.0))),
    ]
    summary = summed_up(rows, {}, {}, Held(3, 0, 0), named=1)
    assert (summary.signals_found, summary.watched) == (1, 1)
    assert summary.top_rejections == (("STRENGTH_BELOW_PRIME", 2),)
    (miss,) = summary.near_misses
    assert (miss.symbol, miss.lacking) == ("BUSDT", 5.0)
    spread = summary.distribution[0]
    assert (spread.count, spread.min, spread.p25, spread.median, spread.p75, spread.max) == (3, 10, 15, 20, 25, 30)
    assert [one.factor for one in summary.distribution] == ["T", "L"]


@given(st.lists(st.sampled_from("ABCDEFGH"), unique=True), st.integers(0, 8), st.integers(0, 8))
def test_analysed_skipped_and_failed_are_all(names: list[str], analysed: int, skipped: int) -> None:
    rows = [row(name) for name in names[:analysed]]
    left_out = dict.fromkeys(names[analysed : analysed + skipped], "why")
    failed = dict.fromkeys(names[analysed + skipped :], "why")
    summary = summed_up(rows, left_out, failed, Held(0, 0, 0))
    assert summary.analysed + summary.skipped + summary.errors == summary.total_symbols == len(names)


@pytest.mark.parametrize("count", [0, 1])
def test_a_factor_nobody_has_has_no_distribution(count: int) -> None:
    assert summed_up([row("AUSDT")] * count, {}, {}, Held(0, 0, 0)).distribution == ()
