"""The defects of the older scanner (cryptosignal.md §2, §3, §6), each with the test that shows its repair."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent

REPAIRS = (
    (
        "§2.0 mapping rounded, clipped to -80 … +100",
        "test_factor_golden",
        "test_the_mapping_is_symmetric_unrounded_and_unclipped",
    ),
    ("§2.0 T M C F saturate on a random walk", "test_factor_laws", "test_a_driftless_random_walk_saturates_no_factor"),
    (
        "§2.0 one normaliser shared by all symbols, advanced by scans",
        "test_factor_laws",
        "test_a_state_out_of_a_checkpoint_goes_on_to_the_last_bit",
    ),
    (
        "§2.3 C in base units over price: cheap coins pinned",
        "test_factor_laws",
        "test_a_market_at_another_price_level_scores_the_same",
    ),
    (
        "§2.4 S asks what alternating pivots always are",
        "test_factor_oracle",
        "test_incremental_scores_equal_those_of_whole_windows_on_random_walks",
    ),
    ("§2.4 a zig-zag redrawn with every ATR", "test_factor_tracks", "test_swings_alternate_and_never_repaint"),
    ("§2.5 V votes long on every busy market", "test_factor_laws", "test_a_mirrored_market_gives_mirrored_scores"),
    (
        "§2.6 O: fraction fed to a scale of percent",
        "test_factor_tracks",
        "test_a_spike_of_open_interest_does_not_change_its_growth",
    ),
    ("§2.6 O: an outlying level is halved", "test_factor_tracks", "test_outliers_are_bridged_and_not_halved"),
    (
        "§2.7 L: impact part always 0 (F17)",
        "test_factor_golden",
        "test_a_sweep_costs_what_its_volume_weighted_price_says",
    ),
    (
        "§2.7 missing book scored 0, §2.8 missing spot scored 0 (F16)",
        "test_factor_laws",
        "test_what_is_missing_has_no_value_and_says_why",
    ),
    ("§2.8 funding of any interval taken as 8 h", "test_factor_laws", "test_basis_or_funding_alone_is_worth_half"),
    ("§2.9 Q: 0.5 base units are large for every coin", "test_factor_golden", "test_large_trades"),
    (
        "§2.10 I: joined by place onto frozen closes",
        "test_factor_tracks",
        "test_returns_are_joined_by_time_and_not_by_place",
    ),
    ("§2.11 F saturated by the flow in base units", "test_factor_golden", "test_funds_against_price"),
    ("§2.13 frames read in units of price", "test_market_trend", "test_a_frame_reads_the_same_at_any_price_level"),
    ("§2.14 negative weight of T (F11)", "test_weights", "test_weights_are_never_negative_and_always_100"),
    ("§3.1 side of an exact 0 is short", "test_scoring_chain", "test_quality_factors_modulate_and_never_vote"),
    ("§3.1 shorts get the P of longs (F10)", "test_factor_golden", "test_shorts_have_a_probability_of_their_own"),
    (
        "§3.1 a score that rises lowers P",
        "test_scoring_chain",
        "test_no_factor_that_rises_lowers_the_probability_of_long",
    ),
    ("§3.1 min_score is ignored (F15)", "test_scoring_chain", "test_a_higher_min_score_never_adds_a_signal"),
    ("§3.1 F and market both penalise", "test_scoring_chain", "test_f_and_market_never_both_penalise"),
    (
        "§1.6 age is the length of a cache (F7); thresholds not enforced",
        "test_scoring_chain",
        "test_a_young_contract_needs_less_history_and_more_probability",
    ),
    ("§3.3 EV from an invented table", "test_gates", "test_expected_value_is_net_of_fees_slippage_and_funding"),
    ("§3.5 N counts scans, not bars", "test_publication", "test_only_closed_15m_bars_count_each_once"),
    ("§3.5 a downgrade is published", "test_publication", "test_a_downgrade_is_never_published"),
    (
        "§3.5 the cooldown blocks the first publication",
        "test_publication",
        "test_two_of_three_bars_publish_and_the_first_is_not_held_back",
    ),
    ("§3.6 zone and TP1 behind the market, TP2 < TP1, R ≤ 0", "test_levels", "test_the_guards_hold_in_any_trend"),
    ("§8.2 S L I favour longs (F18)", "test_scoring_chain", "test_a_mirrored_market_gives_a_mirrored_verdict"),
    ("product §3: symmetries exact in price, not in ln(price)", "test_levels", "test_shorts_mirror_longs"),
)


@pytest.mark.parametrize(("defect", "module", "test"), REPAIRS, ids=[row[0] for row in REPAIRS])
def test_every_repaired_defect_has_its_test(defect: str, module: str, test: str) -> None:
    tree = ast.parse((HERE / f"{module}.py").read_text())
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, defect
