"""A run with the full analysis: what its events hold, that it replays, and that `why`, `signals` and tables read it."""

from __future__ import annotations

import pytest
from analysed_runs import SYMBOLS, analysed

from domain.base import Recorded
from domain.catalog import encode_event
from domain.config import Config
from domain.errors import InvalidInput
from domain.market_view import REFERENCES
from domain.scan.decider import ScanSummarized
from domain.scoring import ANSWERS, REASONS
from domain.symbol.events import MarketSeen, SignalDeclined, SignalRaised, SymbolAnalyzed, VirtualPositionPlanned
from infra import calibrate as calibration
from infra import replay, settings, why, why_analysis
from infra.code_version import strategy_named
from projections.base import fold
from projections.signals import SIGNALS, SignalOutcome

TIERS = ("none", "watch", "prime")


def of_kind(kind: type, strategy: str = "hybrid") -> list[Recorded]:
    return [recorded for recorded in analysed(strategy).events(0) if type(recorded.event) is kind]


def with_tier(tier: str) -> Recorded:
    return next(r for r in of_kind(SymbolAnalyzed) if r.event.assessment.tier == tier)


@pytest.mark.parametrize("strategy", ["hybrid", "factors", "ict"])
def test_an_analysis_is_one_event_of_at_most_a_kilobyte(strategy: str) -> None:
    found = of_kind(SymbolAnalyzed, strategy)
    assert len(found) == 60 * len(SYMBOLS)
    assert max(len(encode_event(r.input_seq, r.at_ms, r.event)) for r in found) <= 1_000


@pytest.mark.parametrize("strategy", ["hybrid", "factors", "ict"])
def test_every_analysis_says_all_that_it_rested_on_and_every_reason_is_documented(strategy: str) -> None:
    for recorded in of_kind(SymbolAnalyzed, strategy):
        event = recorded.event
        found = event.assessment
        assert len(found.features) == 12
        assert {"T", "M", "C", "S", "V", "B", "E"} <= set(found.scores)
        assert found.missing_factors == ("L", "Q")
        assert (found.tier == "prime") <= (event.verdict != "NONE")
        assert set(event.reasons) <= {*REASONS, *ANSWERS}
        assert event.reasons or found.publication.published


@pytest.mark.parametrize("strategy", ["hybrid", "factors", "ict"])
def test_the_tape_of_analyses_gives_the_same_events_again(strategy: str) -> None:
    found = replay.verify(analysed(strategy), strategy_named)
    assert (found.divergences, found.chain_equal) == (0, True)


def test_a_replay_from_a_checkpoint_decides_as_one_from_the_beginning() -> None:
    journal = analysed()
    checkpoint = journal.checkpoint(journal.head().input_seq)
    assert checkpoint is not None
    found = replay.verify(journal, strategy_named, from_input=checkpoint.head.input_seq + 1)
    assert (found.inputs, found.divergences) == (1, 0)
    folded = replay.as_of(journal, checkpoint.head.seq, strategy_named)
    journal._checkpoints.clear()
    try:
        assert replay.as_of(journal, checkpoint.head.seq, strategy_named).state_hash == folded.state_hash
    finally:
        journal.save(checkpoint)


def test_every_symbol_sees_the_hours_of_both_references_and_their_trend() -> None:
    seen = of_kind(MarketSeen)
    for symbol in SYMBOLS:
        mine = [r.event for r in seen if r.stream == f"symbol:{symbol}"]
        assert {event.reference for event in mine} == set(REFERENCES)
        assert mine[-1].trend is not None
    last = of_kind(SymbolAnalyzed)[-1].event.assessment
    assert last.chain.market_trend is not None
    assert "I" in last.scores


def test_a_confirmed_prime_is_raised_once_and_said_why_not_before() -> None:
    raised = of_kind(SignalRaised)
    assert raised
    for signal in raised:
        (analysis,) = (
            r for r in of_kind(SymbolAnalyzed) if (r.stream, r.version) == (signal.stream, signal.version - 1)
        )
        assert analysis.event.assessment.tier == "prime"
        assert analysis.event.assessment.publication.published == signal.event.proposal.side.sign
        assert signal.event.strength == analysis.event.assessment.strength.value
    reasons = {reason for r in of_kind(SignalDeclined) for reason in r.event.reasons}
    assert "UNCONFIRMED" in reasons


def test_what_is_watched_is_followed_virtually_and_shows_as_a_near_miss() -> None:
    watched = [r.event for r in of_kind(VirtualPositionPlanned) if r.event.tier]
    assert watched
    rows = fold(SIGNALS, analysed().events(0))
    for planned in watched:
        row = rows[planned.plan.signal_id,]
        assert (row.outcome, row.tier, row.strength) == (SignalOutcome.WATCHED, planned.tier, planned.strength)
        assert row.reasons == planned.reasons
    primes = [row for row in rows.values() if row.outcome is SignalOutcome.TRADED]
    assert all(row.tier == "prime" and row.strength for row in primes)
    assert primes


def test_a_higher_score_never_adds_a_signal() -> None:
    primes: list[set[tuple[str, int]]] = []
    for least in (0.0, 70.0, 99.9):
        found = [r for r in analysed(seed=4, min_score=least).events(0) if type(r.event) is SymbolAnalyzed]
        assert all(r.event.assessment.strength.needed == least for r in found)
        primes.append({(r.stream, r.event.time_ms) for r in found if r.event.assessment.tier == "prime"})
    assert primes[0] > primes[1] > primes[2]


def test_a_summary_counts_every_symbol_at_every_interval() -> None:
    found = [recorded.event for recorded in of_kind(ScanSummarized)]
    assert len(found) == 59
    for event in found:
        summary = event.summary
        assert summary.analysed + summary.skipped + summary.errors == summary.total_symbols == len(SYMBOLS)
        assert event.time_ms % 300_000 == 0
        assert summary.distribution[0].count == summary.analysed
        assert summary.results == ()
    assert found[-1].summary.held.candles > 0


# ── why ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tier", TIERS)
def test_why_tells_one_of_each_tier_as_a_chain(tier: str) -> None:
    analysis = with_tier(tier)
    symbol = analysis.stream.partition(":")[2]
    chain = why.why(analysed(), symbol, analysis.seq)
    told = [link.event for link in chain]
    steps = ["CandleArrived", "scores", "direction", "probability"]
    assert told[:4] == steps
    assert [name for name in told if name in {"strength", "gates", "anti-jitter"}] == [
        "strength",
        "gates",
        "anti-jitter",
    ]
    assert "SymbolAnalyzed" in told
    said = " ".join(link.says for link in chain)
    assert tier in said
    for reason in analysis.event.reasons:
        assert reason in said


def test_why_a_signal_tells_its_analysis_and_what_became_of_it() -> None:
    signal = of_kind(SignalRaised)[0]
    told = [link.event for link in why.why(analysed(), signal.event_id)]
    assert told.index("gates") < told.index("SymbolAnalyzed") < told.index("SignalRaised")
    assert {"EntryApproved", "PositionRequested"} <= set(told)


def test_why_a_watched_position_goes_back_to_its_analysis() -> None:
    planned = next(r.event for r in of_kind(VirtualPositionPlanned) if r.event.tier)
    told = [link.event for link in why.why(analysed(), planned.position)]
    assert {"scores", "SymbolAnalyzed", "PositionRequested"} <= set(told)


def test_an_analysis_of_ones_own_strategy_has_no_steps() -> None:
    event = SymbolAnalyzed(0, "5m", 1.0, "mine.py", "NONE", ("CALM",))
    assert list(why_analysis.told(event, Config())) == []


# ── calibration ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_tables_are_rebuilt_from_the_recorded_analyses() -> None:
    found = calibration.calibrate(analysed("factors", hours=6.0))
    assert found.strategy == "factors"
    assert found.samples + found.sideless == 72 * len(SYMBOLS)
    assert calibration.PRIME_STRENGTH_MIN <= found.prime_strength <= 100.0
    knots = found.table.knots
    assert list(knots) == sorted(knots)
    text = calibration.toml(found.table)
    assert text.startswith('[[scoring.tables]]\nstrategy = "factors"')


def test_a_rebuilt_table_can_be_set_and_is_used(tmp_path: object) -> None:
    table = calibration.calibrate(analysed("factors", hours=6.0)).table
    path = tmp_path / "hindsight.toml"  # type: ignore[operator]
    path.write_text(calibration.toml(table), "utf-8")
    resolved = settings.resolve(path, (), {})
    (used,) = resolved.settings.config.scoring.tables
    assert (used.strategy, used.prime_strength, used.samples) == ("factors", table.prime_strength, table.samples)
    assert used.confidence(20.0) == pytest.approx(table.confidence(20.0), abs=1e-3)


def test_a_run_without_full_analyses_can_not_calibrate() -> None:
    from recorded_runs import recorded

    with pytest.raises(InvalidInput, match="one of factors, ict, hybrid, found none"):
        calibration.calibrate(recorded(0.2, ticks=False))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[{strategy = "mine", version = "1", knots = [[0, 0]], prime_strength = 60}]',
            "tables of factors, ict, hybrid",
        ),
        ('[{strategy = "ict", version = "1", knots = [[5, 0], [1, 1]], prime_strength = 60}]', "ascending knots"),
        ("[", "a TOML array"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(text: str, expected: str) -> None:
    with pytest.raises(InvalidInput, match=expected):
        settings.resolve(None, [f"scoring.tables={text}"], {})


@pytest.mark.parametrize(
    "override",
    ["scoring.quality_hold=0.95", "scoring.impact_bps_hold=1", "scoring.confirm_of=4", "scoring.profile=mine"],
)
def test_thresholds_that_contradict_each_other_are_refused_by_name(override: str) -> None:
    with pytest.raises(InvalidInput, match=override.partition("=")[0]):
        settings.resolve(None, [override], {})
