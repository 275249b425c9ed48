"""One symbol: when it speaks, when it holds its tongue, and what is followed virtually."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from domain.base import Tell
from domain.commands import (
    Analyze,
    AttachPosition,
    ClosePosition,
    Consider,
    OpenPosition,
)
from domain.config import Config
from domain.deal import VIRTUAL, ExitReason
from domain.market import (
    MINUTE_MS,
)
from domain.strategies import Pass, Proposal
from domain.symbol.events import (
    CandleClosed,
    CandleGapFound,
    SignalDeclined,
    SignalRaised,
    SymbolAnalyzed,
    VirtualPositionPlanned,
)
from domain.values import Side
from tests.domain.scenario import plan
from tests.domain.symbol_steps import (
    CONTRACT,
    GHOST,
    LISTED,
    LONG,
    NOTHING,
    QUICK,
    REAL,
    SHORT,
    STREAM,
    Told,
    arrived,
    candle,
    follow,
    listed,
)

# ── analysis ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_close_of_the_analysis_interval_asks_for_an_analysis_at_its_close_time() -> None:
    config = Config(strategy=replace(QUICK, analysis_interval="5m"))
    scenario = Told(config=config)
    asked = []
    for minute in range(11):
        asked += scenario.when(arrived(minute)).reactions
    assert asked == [Tell(STREAM, Analyze(5 * MINUTE_MS)), Tell(STREAM, Analyze(10 * MINUTE_MS))]


def test_a_bar_with_a_hole_is_not_analyzed() -> None:
    scenario = Told(config=Config(strategy=replace(QUICK, analysis_interval="5m")))
    asked = []
    for minute in (0, 1, 3, 4, 5, 6, 7, 8, 9):
        asked += scenario.when(arrived(minute)).reactions
    assert asked == [Tell(STREAM, Analyze(10 * MINUTE_MS))]


def test_an_analysis_without_a_trade_says_why_and_on_which_numbers() -> None:
    scenario = listed().analyzed(Pass("TOO_QUIET", (("adx", 12.5),)), 1)
    assert scenario.one(SymbolAnalyzed) == SymbolAnalyzed(
        2 * MINUTE_MS, "1m", 100.0, "told", "NONE", ("TOO_QUIET",), (("adx", 12.5),)
    )
    assert (scenario.views[0].symbol, scenario.views[0].time_ms, scenario.views[0].interval) == (
        "BTCUSDT",
        2 * MINUTE_MS,
        "1m",
    )


def test_a_signal_is_raised_and_the_account_is_asked_with_the_signals_own_id() -> None:
    scenario = listed().analyzed(LONG, 1)
    assert scenario.kinds() == ["CandleClosed", "SymbolAnalyzed", "SignalRaised"]
    assert scenario.one(SignalRaised) == SignalRaised(1, 2 * MINUTE_MS, "told", LONG)
    wish = scenario.reactions[-1]
    assert wish == Tell("account:main", Consider("BTCUSDT", 1, f"{STREAM}@5", LONG, CONTRACT, "told"))


def test_a_signal_is_raised_when_the_verdict_changes_and_not_while_it_lasts() -> None:
    scenario = listed()
    raised = [
        scenario.analyzed(says, minute).kinds()[2:]
        for minute, says in enumerate((LONG, LONG, NOTHING, LONG, SHORT, SHORT, NOTHING, NOTHING, SHORT), 1)
    ]
    signal = ["SignalRaised"]
    assert raised == [signal, [], [], signal, signal, [], [], [], signal]
    assert scenario.state.facts.signals == 4


def test_within_the_cooldown_a_change_is_declined_and_raised_when_it_is_over() -> None:
    scenario = listed(config=Config(strategy=replace(QUICK, cooldown_minutes=3)))
    assert scenario.analyzed(LONG, 1).kinds()[-1] == "SignalRaised"
    assert scenario.analyzed(SHORT, 2).one(SignalDeclined) == SignalDeclined(3 * MINUTE_MS, Side.SHORT, ("COOLDOWN",))
    assert scenario.analyzed(SHORT, 3).kinds()[-1] == "SignalDeclined"
    assert scenario.analyzed(SHORT, 4).kinds()[-1] == "SignalRaised"


def test_the_first_signal_is_not_held_back_by_the_cooldown() -> None:
    assert listed(config=Config(strategy=replace(QUICK, cooldown_minutes=60))).analyzed(LONG, 1).one(SignalRaised)


def test_without_a_contract_nothing_can_be_traded() -> None:
    scenario = Told().given(CandleClosed(candle(0)))
    assert isinstance(scenario, Told)
    assert scenario.analyzed(LONG, 1).one(SignalDeclined).reasons == ("NO_INSTRUMENT",)


def test_in_the_bar_after_a_bar_with_a_hole_no_signal_is_raised() -> None:
    config = Config(strategy=replace(QUICK, analysis_interval="5m"))
    scenario = Told(LONG, config)
    scenario.given(LISTED, *[CandleClosed(candle(minute)) for minute in range(5)])
    scenario.when(*[arrived(minute) for minute in (6, 7, 8, 9, 10, 11, 12, 13, 14)])
    assert scenario.when(Analyze(15 * MINUTE_MS)).one(SignalDeclined).reasons == ("RECENT_GAP",)
    scenario.when(*[arrived(minute) for minute in range(15, 20)])
    assert scenario.when(Analyze(20 * MINUTE_MS)).kinds() == ["SymbolAnalyzed", "SignalRaised"]


def test_on_a_candle_that_came_late_nothing_is_entered_and_the_next_one_raises_the_signal() -> None:
    scenario = listed(LONG)
    late = replace(arrived(1), late=True)
    scenario.when(late)
    assert scenario.one(CandleClosed).late
    assert scenario.reactions == [Tell(STREAM, Analyze(2 * MINUTE_MS, late=True))]
    declined = scenario.when(Analyze(2 * MINUTE_MS, late=True))
    assert declined.kinds() == ["SymbolAnalyzed", "SignalDeclined"]
    assert declined.one(SignalDeclined).reasons == ("LATE_CANDLE",)
    assert scenario.analyzed(LONG, 2).one(SignalRaised)


def test_while_the_price_is_not_known_nothing_is_entered_and_the_next_candle_raises_the_signal() -> None:
    scenario = listed(LONG)
    scenario.when(replace(arrived(1), stale=True))
    assert scenario.one(CandleClosed).stale
    (analyze,) = [each.message for each in scenario.reactions if isinstance(each, Tell)]
    assert analyze == Analyze(2 * MINUTE_MS, stale=True)
    declined = scenario.when(Analyze(2 * MINUTE_MS, stale=True))
    assert declined.kinds() == ["SymbolAnalyzed", "SignalDeclined"]
    assert declined.one(SignalDeclined).reasons == ("STALE_PRICE",)
    assert scenario.analyzed(LONG, 2).one(SignalRaised)


def test_all_reasons_against_a_signal_are_named() -> None:
    scenario = Told(LONG).given(CandleClosed(candle(0)), CandleGapFound(MINUTE_MS, MINUTE_MS), CandleClosed(candle(2)))
    reasons = scenario.when(Analyze(3 * MINUTE_MS)).one(SignalDeclined).reasons
    assert reasons == ("NO_INSTRUMENT", "RECENT_GAP")


def test_a_strategys_numpy_numbers_are_stored_as_numbers() -> None:
    one = np.float64(1.0)
    says = Proposal(Side.LONG, 100 * one, 98 * one, 103 * one, 0.5 * one, 0.5 * one, (), (("atr", one),))
    scenario = listed().analyzed(says, 1)
    assert [msgspec.msgpack.encode(event) for event in scenario.events]
    assert scenario.one(SignalRaised).proposal == replace(says, facts=(("atr", 1.0),))
    assert listed().analyzed(Pass("X", (("atr", one),)), 1).one(SymbolAnalyzed).facts == (("atr", 1.0),)


@pytest.mark.parametrize("field", ["entry", "stop", "target", "confidence", "win"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_proposal_with_what_is_no_number_is_no_proposal(field: str, value: float) -> None:
    scenario = listed().analyzed(replace(LONG, **{field: value}), 1)
    analyzed = scenario.one(SymbolAnalyzed)
    assert (analyzed.verdict, analyzed.reasons) == ("NONE", ("PROPOSAL_NOT_FINITE",))
    assert scenario.reactions[1:] == []


@pytest.mark.parametrize("says", [None, "LONG", 5])
def test_a_strategy_that_answers_nonsense_raises_so_that_the_supervisor_hears_of_it(says: object) -> None:
    with pytest.raises(AttributeError):
        listed().analyzed(says, 1)


# ── virtual positions ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_signal_that_is_not_traded_is_followed_virtually_under_its_number() -> None:
    scenario = listed().when(follow())
    planned = scenario.one(VirtualPositionPlanned)
    assert (planned.position, planned.why, planned.replaces) == (GHOST, "HALTED", "")
    assert (planned.plan.account, planned.plan.signal_id, planned.plan.strategy) == (VIRTUAL, f"{STREAM}@9", "told")
    assert scenario.reactions == [Tell(GHOST, OpenPosition(planned.plan))]


def test_a_same_side_signal_never_replaces_a_virtual_position() -> None:
    scenario = listed().when(AttachPosition(GHOST, plan(account=VIRTUAL))).when(follow(number=3))
    assert scenario.events == [SignalDeclined(0, Side.LONG, ("HALTED", "VIRTUAL_SAME_SIDE_ACTIVE"))]


def test_an_opposite_signal_closes_the_virtual_position_as_replaced_before_it_opens_its_own() -> None:
    scenario = listed().when(AttachPosition(GHOST, plan(account=VIRTUAL))).when(follow(Side.SHORT, 3))
    planned = scenario.one(VirtualPositionPlanned)
    assert planned.replaces == GHOST
    assert scenario.reactions == [
        Tell(GHOST, ClosePosition(ExitReason.REPLACED)),
        Tell("position:virtual/BTCUSDT-3", OpenPosition(planned.plan)),
    ]


def test_while_a_replaced_one_is_on_its_way_out_the_newest_counts() -> None:
    scenario = listed().when(
        AttachPosition(GHOST, plan(account=VIRTUAL)),
        AttachPosition("position:virtual/BTCUSDT-3", plan(Side.SHORT, account=VIRTUAL)),
    )
    assert scenario.when(follow(Side.SHORT, 4)).one(SignalDeclined).reasons[1] == "VIRTUAL_SAME_SIDE_ACTIVE"
    assert scenario.when(follow(Side.LONG, 4)).one(VirtualPositionPlanned).replaces == "position:virtual/BTCUSDT-3"


def test_a_real_position_is_no_obstacle_to_a_virtual_one() -> None:
    scenario = listed().when(AttachPosition(REAL, plan())).when(follow())
    assert scenario.one(VirtualPositionPlanned).replaces == ""


def test_what_can_not_even_be_followed_is_declined_with_both_reasons() -> None:
    declined = listed().when(follow(stop=101.0)).one(SignalDeclined)
    assert declined.reasons == ("HALTED", "STOP_ON_WRONG_SIDE")
    assert Told().when(follow()).one(SignalDeclined).reasons == ("HALTED", "NO_INSTRUMENT")
