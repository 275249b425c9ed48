"""One symbol: what becomes of candles, who watches it, and that its state is the fold of its events."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.base import Tell
from domain.commands import (
    Analyze,
    AttachPosition,
    ClosePosition,
    DetachPosition,
    FollowVirtually,
    ObservePrice,
)
from domain.config import Config
from domain.deal import VIRTUAL, ExitReason
from domain.market import (
    MINUTE_MS,
    CandleArrived,
    FundingArrived,
    HistoryArrived,
    InstrumentArrived,
    InstrumentLeft,
    Quote,
    QuoteArrived,
)
from domain.symbol.events import (
    CandleClosed,
    CandleGapFound,
    CandleRejected,
    HistoryLoaded,
    HistoryRefused,
    PositionAttached,
    PositionDetached,
    SignalDeclined,
    SymbolDelisted,
    SymbolListed,
)
from domain.values import Side
from tests.domain.scenario import plan, proposal
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
    history,
    listed,
)

IN = InstrumentArrived(CONTRACT, "test")
PATIENT = settings(deadline=None)  # the machine may be busy

# ── listing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_contract_that_leaves_is_delisted_once_and_can_come_back() -> None:
    scenario = Told().when(IN).when(InstrumentLeft(CONTRACT.symbol, "LEFT_UNIVERSE"))
    assert scenario.events == [SymbolDelisted("LEFT_UNIVERSE")]
    assert scenario.state.facts.instrument is None
    assert scenario.when(InstrumentLeft(CONTRACT.symbol, "LEFT_UNIVERSE")).events == []
    assert scenario.when(IN).kinds() == ["SymbolListed"]


def test_what_is_open_in_a_contract_that_is_taken_off_is_closed_first() -> None:
    attached = AttachPosition(REAL, plan(Side.LONG))
    scenario = Told().when(IN, attached).when(InstrumentLeft(CONTRACT.symbol, "SETTLING"))
    assert scenario.reactions == [Tell(REAL, ClosePosition(ExitReason.DELISTED))]
    assert scenario.state.facts.instrument is not None, "its terms are needed until it is closed"
    assert not scenario.state.facts.tradable
    scenario.when(DetachPosition(REAL))
    assert scenario.state.facts.instrument is None
    assert scenario.when(InstrumentLeft(CONTRACT.symbol, "SETTLING")).events == []


def test_nothing_new_is_opened_in_a_contract_that_is_taken_off_while_something_is_open() -> None:
    scenario = Told().when(IN, AttachPosition(REAL, plan(Side.LONG)), InstrumentLeft(CONTRACT.symbol, "SETTLING"))
    follow_it = FollowVirtually("symbol:BTCUSDT@1", 1, proposal(Side.SHORT), "HALTED")
    assert scenario.when(follow_it).one(SignalDeclined).reasons == ("HALTED", "NO_INSTRUMENT")
    assert scenario.when(IN).kinds() == ["SymbolListed"], "it may come back before it is flat"
    assert scenario.state.facts.tradable


# ── candles ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_candle_that_follows_is_closed() -> None:
    scenario = Told().when(arrived(0), arrived(1))
    assert scenario.kinds() == ["CandleClosed", "CandleClosed"]
    assert scenario.state.facts.candles == 2


def test_the_same_candle_again_is_nothing() -> None:
    assert Told().when(arrived(0)).when(arrived(0)).events == []


@pytest.mark.parametrize("later", [arrived(5, 101.0), arrived(5, volume=2.0), arrived(5, trades=3)])
def test_another_candle_of_the_same_minute_is_rejected_and_the_first_one_stays(later: CandleArrived) -> None:
    scenario = Told().when(arrived(5)).when(later)
    assert scenario.events == [CandleRejected(5 * MINUTE_MS, "DUPLICATE_DIFFERS")]
    assert scenario.state.frames.last == candle(5)


def test_an_older_candle_is_out_of_order() -> None:
    scenario = Told().when(arrived(5), arrived(6)).when(arrived(5), arrived(0))
    assert scenario.events == [CandleRejected(minute * MINUTE_MS, "OUT_OF_ORDER") for minute in (5, 0)]
    assert scenario.state.facts.rejected == 2


def test_missing_candles_are_named_before_the_one_that_came() -> None:
    scenario = Told().when(arrived(0)).when(arrived(4))
    assert scenario.events == [CandleGapFound(1 * MINUTE_MS, 3 * MINUTE_MS), CandleClosed(candle(4))]
    assert (scenario.state.facts.gaps, scenario.state.facts.last_gap_ms) == (1, 3 * MINUTE_MS)


def test_one_missing_candle_is_its_own_first_and_last() -> None:
    scenario = Told().when(arrived(0)).when(arrived(2))
    assert scenario.events[0] == CandleGapFound(MINUTE_MS, MINUTE_MS)


DEFECTS = {
    "OPEN_NOT_FINITE": {"open": math.nan},
    "HIGH_NOT_FINITE": {"high": math.inf},
    "VOLUME_NOT_FINITE": {"volume": math.nan},
    "PRICE_NOT_POSITIVE": {"low": 0.0},
    "VOLUME_NEGATIVE": {"volume": -1.0},
    "HIGH_BELOW_LOW": {"high": 99.0, "low": 101.0},
    "OPEN_OR_CLOSE_OUTSIDE_RANGE": {"close": 100.0, "high": 99.0, "low": 99.0, "open": 99.0},
}


@pytest.mark.parametrize("reason", sorted(DEFECTS))
def test_an_unusable_candle_is_counted_and_never_traded_on(reason: str) -> None:
    scenario = Told().when(arrived(0)).when(arrived(1, **DEFECTS[reason]))
    assert scenario.events == [CandleRejected(MINUTE_MS, reason)]
    assert scenario.state.frames.last == candle(0)
    assert scenario.when(arrived(1)).kinds() == ["CandleClosed"], "a sound one may still come"


def test_a_candle_that_opens_between_two_minutes_is_off_the_grid() -> None:
    off = CandleArrived("BTCUSDT", replace(candle(1), open_time_ms=MINUTE_MS + 1))
    assert Told().when(off).events == [CandleRejected(MINUTE_MS + 1, "OFF_GRID")]


def test_the_base_interval_is_the_grid() -> None:
    config = Config(base_interval="5m", strategy=replace(QUICK, analysis_interval="5m"))
    scenario = Told(config=config).when(arrived(0), arrived(1), arrived(5), arrived(15))
    assert scenario.kinds() == ["CandleClosed", "CandleRejected", "CandleClosed", "CandleGapFound", "CandleClosed"]
    assert scenario.events[3] == CandleGapFound(10 * MINUTE_MS, 10 * MINUTE_MS)


# ── history, contracts, funding ───────────────────────────────────────────────────────────────────────────────────


def test_history_that_reaches_up_to_what_is_held_is_loaded() -> None:
    scenario = Told().when(arrived(3)).when(history(0, 1, 2))
    assert [type(event) for event in scenario.events] == [HistoryLoaded]
    assert len(scenario.state.frames.frame("1m").window) == 4


def test_after_an_absence_too_long_to_be_filled_a_symbol_is_as_one_that_began_now() -> None:
    scenario, fresh = listed(), listed()
    hours = tuple(candle(60 * hour, 100.0 + hour) for hour in range(480, 500))
    for minute in range(1, 400):
        scenario.when(arrived(minute))
    offered = (HistoryArrived("BTCUSDT", "1h", hours), history(*range(29_990, 30_005)))
    scenario.when(replace(offered[0], anew=True), offered[1])
    assert [event.anew for event in scenario.events if isinstance(event, HistoryLoaded)] == [True, False]
    fresh.state = Told().state
    fresh.when(*offered)
    for minute in (30_005, 30_006):
        for each in (scenario, fresh):
            assert each.when(arrived(minute)).kinds() == ["CandleClosed"], "no gap: the minutes between are forgotten"
    assert scenario.state.frames.freeze() == fresh.state.frames.freeze()
    assert scenario.state.reading.freeze() == fresh.state.reading.freeze()


def test_unusable_history_does_not_take_the_place_of_what_is_held() -> None:
    scenario = Told().when(arrived(3))
    scenario.when(replace(history(8, 10), anew=True))
    assert scenario.one(HistoryRefused).reason == "NOT_CONTIGUOUS"
    assert scenario.state.frames.held == 1


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        (HistoryArrived("BTCUSDT", "2m", (candle(0),)), "UNKNOWN_INTERVAL"),
        (HistoryArrived("BTCUSDT", "1m", ()), "EMPTY"),
        (history(0, 2), "NOT_CONTIGUOUS"),
        (history(2, 1), "NOT_CONTIGUOUS"),
        (history(5, 6), "NOT_OLDER"),
        (history(0, 1), "GAP_TO_HELD"),
        (HistoryArrived("BTCUSDT", "5m", (candle(1),)), "OFF_GRID"),
        (history(2, 3, 4, close=math.nan), "OPEN_NOT_FINITE"),
        (history(2, 3, 4, volume=-1.0), "VOLUME_NEGATIVE"),
    ],
)
def test_history_that_does_not_fit_or_is_unusable_is_refused_with_the_reason(
    offered: HistoryArrived, reason: str
) -> None:
    scenario = Told().when(arrived(5)).when(offered)
    assert scenario.events == [HistoryRefused(offered.interval, len(offered.candles), reason)]
    assert len(scenario.state.frames.frame("1m").window) == 1


def test_what_a_contract_allows_is_said_once_and_again_when_it_changes() -> None:
    other = replace(CONTRACT, max_leverage=3)
    scenario = Told().when(*[InstrumentArrived(CONTRACT, "test")] * 2, InstrumentArrived(other, "exchange"))
    assert scenario.events == [LISTED, SymbolListed(other, "exchange")]
    assert scenario.state.facts.instrument == other


def test_funding_is_the_venues_business() -> None:
    assert Told().when(FundingArrived("BTCUSDT", 0, 0.0001, 100.0)).events == []


# ── positions that watch ──────────────────────────────────────────────────────────────────────────────────────────


def test_who_is_attached_sees_every_candle_before_it_is_analyzed() -> None:
    scenario = listed().when(AttachPosition(REAL, plan()), AttachPosition(GHOST, plan(account=VIRTUAL)))
    assert isinstance(scenario, Told)
    reactions = scenario.when(arrived(1, 100.0, high=103.0, low=99.0)).reactions
    seen = ObservePrice(103.0, 99.0)
    assert reactions == [Tell(REAL, seen), Tell(GHOST, seen), Tell(STREAM, Analyze(2 * MINUTE_MS))]


def test_who_is_detached_sees_nothing_more_and_only_who_is_known_is_detached() -> None:
    scenario = listed().when(AttachPosition(REAL, plan()), DetachPosition(GHOST), DetachPosition(REAL))
    assert scenario.events == [PositionAttached(REAL, Side.LONG, "main"), PositionDetached(REAL)]
    assert scenario.when(DetachPosition(REAL)).events == []
    assert scenario.state.facts.attached == ()


def test_a_quote_is_shown_to_who_is_attached_and_is_no_event() -> None:
    scenario = listed().when(AttachPosition(REAL, plan()))
    quote = Quote("BTCUSDT", 101.0, 100.9, 101.1)
    state, reactions = scenario.decider.observe(scenario.state, QuoteArrived(5, quote))
    assert reactions == (Tell(REAL, ObservePrice(101.0, 101.0)),)
    assert state.quote == quote
    assert QuoteArrived in scenario.decider.glimpses


# ── fold ──────────────────────────────────────────────────────────────────────────────────────────────────────────

COMMANDS = st.lists(
    st.one_of(
        st.builds(arrived, st.integers(0, 30), st.sampled_from([99.0, 100.0, 101.0, math.nan])),
        st.builds(lambda minute: Analyze(minute * MINUTE_MS), st.integers(1, 30)),
        st.builds(lambda first, count: history(*range(first, first + count)), st.integers(0, 20), st.integers(0, 9)),
        st.builds(AttachPosition, st.sampled_from([REAL, GHOST]), st.builds(plan, st.sampled_from(Side))),
        st.builds(DetachPosition, st.sampled_from([REAL, GHOST])),
        st.builds(follow, st.sampled_from(Side), st.integers(1, 5)),
        st.just(InstrumentArrived(CONTRACT, "test")),
    ),
    max_size=40,
)  # fmt: skip


@PATIENT
@given(COMMANDS, st.sampled_from([LONG, SHORT, NOTHING]))
def test_the_state_is_the_fold_of_the_events_also_after_freezing(commands: list[Any], says: object) -> None:
    scenario, happened = Told(says), []
    for command in (arrived(0), *commands):
        happened += scenario.when(command).events
    decider = scenario.decider
    frozen = decider.freeze(scenario.state)
    assert decider.freeze(scenario.refolded(happened, STREAM)) == frozen
    assert decider.freeze(decider.thaw(frozen)) == frozen
    assert scenario.state.facts.version == len(happened)
    assert msgspec.json.encode(decider.describe(scenario.state))


def test_what_is_ephemeral_is_kept_beside_and_can_be_forgotten() -> None:
    scenario = listed()
    decider = scenario.decider
    state, _ = decider.observe(scenario.state, QuoteArrived(5, Quote("BTCUSDT", 101.0, 100.9, 101.1, None, 0.0001)))
    frozen, beside = decider.freeze(state), decider.ephemeral(state)
    thawed = decider.recall(decider.thaw(frozen), beside)
    assert thawed.quote == state.quote
    assert decider.forget(state).quote is None
    assert decider.freeze(state) == frozen, "it is no part of the state"
    assert decider.recall(decider.thaw(frozen), decider.ephemeral(decider.thaw(frozen))).quote is None
