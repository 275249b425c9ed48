"""The full analysis of one symbol, strategy by strategy: mirror images, restarts, extremes, and what follows."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.analysis.full import NAMES, policy_of, unasked
from domain.base import Event
from domain.calibration.table import Calibration
from domain.catalog import decode_event, encode_event
from domain.commands import Analyze
from domain.config import Config, ScoringConfig, StrategyConfig
from domain.instrument import assumed
from domain.market import INTERVALS_MS, Candle, CandleArrived, HistoryArrived, InstrumentArrived, OpenInterestArrived
from domain.market_view import REFERENCES, SeeHours
from domain.strategies import Pass, View
from domain.symbol.decider import decider
from domain.symbol.events import (
    CandleGapFound,
    CandleRejected,
    OpenInterestLoaded,
    SignalDeclined,
    SignalRaised,
    SymbolAnalyzed,
    VirtualPositionPlanned,
)
from domain.symbol.state import SymbolState
from domain.values import Side

FIVE = INTERVALS_MS["5m"]
HOUR = INTERVALS_MS["1h"]
START = 1_000_000 * INTERVALS_MS["1d"] // 50
K = 100.0
COUNTS = {"4h": 80, "1h": 120, "15m": 80, "5m": 80}


def config(strategy: str = "hybrid", **scoring: Any) -> Config:
    return Config(base_interval="5m", strategy=StrategyConfig(name=strategy), scoring=ScoringConfig(**scoring))


def walk(seed: int, count: int, interval: str, start_ms: int, drift: float = 0.0) -> list[Candle]:
    """Random candles that know everything; those before `START` end at 100, the others begin there.

    `drift` is a share a candle.
    """
    draw = random.Random(seed)
    step_ms, price, found = INTERVALS_MS[interval], 100.0, list[tuple[float, float, float, float]]()
    scale = 0.001 * math.sqrt(step_ms / FIVE)
    for _ in range(count):
        opened, price = price, price * math.exp(draw.gauss(drift, scale))
        high = max(opened, price) * math.exp(abs(draw.gauss(0.0, scale / 2)))
        low = min(opened, price) * math.exp(-abs(draw.gauss(0.0, scale / 2)))
        found.append((opened, high, low, price))
    times = 100.0 / price if start_ms < START else 1.0
    prices = (tuple(times * value for value in row) for row in found)
    return [_candle(start_ms + at * step_ms, row, draw) for at, row in enumerate(prices)]


def _candle(open_time_ms: int, row: tuple[float, ...], draw: random.Random) -> Candle:
    quote = 1e5 * math.exp(draw.gauss(0.0, 0.5))
    taker, close = quote * draw.uniform(0.3, 0.7), row[3]
    mark = close * math.exp(draw.gauss(0.0, 0.0002))
    held, rate = 1e6 / close * math.exp(draw.gauss(0.0, 0.02)), draw.gauss(0.0, 0.0002)
    return Candle(
        open_time_ms, *row, quote / close, quote, 100, taker / close, taker, mark, close, rate, open_interest=held
    )


def mirrored(c: Candle) -> Candle:
    """The same market in the mirror: prices reflected in log space, taker sides swapped, quote volume kept."""
    assert c.quote_volume is not None
    assert c.taker_buy_quote_volume is not None
    assert c.mark is not None
    assert c.index is not None
    assert c.funding_rate is not None
    assert c.open_interest is not None
    flip, close = K * K, K * K / c.close
    sold = c.quote_volume - c.taker_buy_quote_volume
    held = c.open_interest * c.mark / (flip / c.mark)
    return replace(
        c, open=flip / c.open, high=flip / c.low, low=flip / c.high, close=close, volume=c.quote_volume / close,
        taker_buy_volume=sold / close, taker_buy_quote_volume=sold, mark=flip / c.mark, index=flip / c.index,
        funding_rate=-c.funding_rate, open_interest=held,
    )  # fmt: skip


class Life:
    """One symbol that is fed and analysed."""

    def __init__(self, used: Config, flip: bool = False, listed: bool = True) -> None:
        self.rules = decider(used, lambda _: Pass("NOBODY_ASKS"))
        self.state: SymbolState = self.rules.initial("symbol:XUSDT")
        self.turn = mirrored if flip else (lambda candle: candle)
        self.flip = flip
        self.late = self.stale = False
        if listed:
            self.tell(InstrumentArrived(assumed("XUSDT", 100.0), "test"))

    def tell(self, command: Any) -> list[Event]:
        events = self.rules.decide(self.state, command)
        for event in events:
            self.state = self.rules.evolve(self.state, event)
        return list(events)

    def warm(self, seed: int = 1, drift: float = 0.0) -> Life:
        for interval, count in COUNTS.items():
            step_ms = INTERVALS_MS[interval]
            candles = walk(seed, count, interval, START - count * step_ms, drift * step_ms / FIVE)
            self.tell(HistoryArrived("XUSDT", interval, tuple(map(self.turn, candles))))
        if self.turn is not bare:
            points = tuple((START - at * HOUR, 1e6 + 1e3 * at) for at in range(60, 0, -1))
            self.tell(OpenInterestArrived("XUSDT", points))
        for number, reference in enumerate(REFERENCES):
            hours = walk(seed + 7 + number, 60, "1h", START - 60 * HOUR)
            closes = tuple((c.open_time_ms + HOUR, self.turn(c).close) for c in hours)
            self.tell(SeeHours(reference, closes, -40.0 if self.flip else 40.0))
        return self

    def live(self, candles: list[Candle]) -> list[Event]:
        found: list[Event] = []
        for candle in candles:
            self.tell(CandleArrived("XUSDT", self.turn(candle)))
            found += self.tell(Analyze(candle.open_time_ms + FIVE, self.late, self.stale))
        return found


def analyses(events: list[Event]) -> list[SymbolAnalyzed]:
    return [event for event in events if isinstance(event, SymbolAnalyzed)]


# ── laws ──────────────────────────────────────────────────────────────────────────────────────────────────────────

OTHER = {"LONG": "SHORT", "SHORT": "LONG", "NONE": "NONE"}


@pytest.mark.parametrize("drift", [0.0, 0.0006])
@pytest.mark.parametrize("strategy", NAMES)
def test_a_mirrored_market_gets_the_mirrored_verdict(strategy: str, drift: float) -> None:
    used = config(strategy, min_score=20.0)
    candles = walk(3, 60, "5m", START, drift)
    plain = analyses(Life(used).warm(drift=drift).live(candles))
    turned = analyses(Life(used, flip=True).warm(drift=drift).live(candles))
    assert len(plain) == len(turned) == 60
    for one, other in zip(plain, turned, strict=True):
        here, there = one.assessment, other.assessment
        assert here is not None
        assert there is not None
        assert other.verdict == OTHER[one.verdict]
        assert (there.tier, other.reasons) == (here.tier, one.reasons)
        assert there.strength.value == pytest.approx(here.strength.value, abs=1e-6)
        assert there.chain.p_long == pytest.approx(1.0 - here.chain.p_long, abs=1e-9)
        assert other.confidence == (None if one.confidence is None else pytest.approx(one.confidence, abs=1e-9))
    assert {one.verdict for one in plain} != {"NONE"}


@pytest.mark.parametrize("strategy", NAMES)
def test_a_restart_from_a_checkpoint_goes_on_to_the_last_bit(strategy: str) -> None:
    candles = walk(5, 60, "5m", START)
    straight, restarted = (Life(config(strategy, min_score=20.0)).warm() for _ in range(2))
    before = straight.live(candles[:31])
    assert restarted.live(candles[:31]) == before
    frozen = restarted.rules.freeze(restarted.state)
    restarted.state = restarted.rules.thaw(frozen)
    assert restarted.rules.freeze(restarted.state) == frozen
    events = straight.live(candles[31:])
    assert [encode_event(1, 1, event) for event in events] == [
        encode_event(1, 1, event) for event in restarted.live(candles[31:])
    ]
    assert straight.rules.freeze(straight.state) == restarted.rules.freeze(restarted.state)


def test_what_comes_later_changes_nothing_that_was_said() -> None:
    candles = walk(6, 40, "5m", START)
    prefix = Life(config()).warm().live(candles[:20])
    assert Life(config()).warm().live(candles)[: len(prefix)] == prefix


prices = st.floats(1e-6, 1e6)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    closes=st.lists(prices, min_size=1, max_size=30),
    volume=st.sampled_from([0.0, 1.0, 1e12]),
    gap=st.integers(0, 5),
    warmed=st.booleans(),
)
def test_extremes_make_neither_an_error_nor_what_is_no_number(
    closes: list[float], volume: float, gap: int, warmed: bool
) -> None:
    life = Life(config(min_score=0.0))
    if warmed:
        life.warm()
    candles = [
        Candle(START + at * FIVE + (gap * FIVE if at > len(closes) // 2 else 0), close, close, close, close, volume)
        for at, close in enumerate(closes)
    ]
    for event in analyses(life.live(candles)):
        state = encode_event(1, 1, event)
        assert len(state) <= 1_000
        assert decode_event("SymbolAnalyzed", state)[2] == event
        assert event.assessment is not None
        text = msgspec.json.encode(event.assessment).decode()
        assert "null" not in text.split("[", 1)[0]
        assert all(math.isfinite(value) for value in event.assessment.features)
        assert math.isfinite(event.assessment.strength.value)


# ── what follows ──────────────────────────────────────────────────────────────────────────────────────────────────


def rising(used: Config, **how: Any) -> tuple[Life, list[Event]]:
    """Live through a market that rises and rises, of which nobody knows who buys or how much is held."""
    life = Life(used, **how)
    life.turn = bare
    life.warm(drift=0.0008)
    return life, life.live(walk(9, 48, "5m", START, 0.0008))


def bare(candle: Candle) -> Candle:
    return replace(candle, taker_buy_volume=None, taker_buy_quote_volume=None, open_interest=None)


RISING = {"min_score": 30.0, "room_atr_open": 0.0, "room_atr_hold": 0.0}


def test_a_prime_verdict_is_raised_when_two_closed_quarters_agree_and_once_only() -> None:
    _, events = rising(config("factors", **RISING))
    raised = [event for event in events if isinstance(event, SignalRaised)]
    assert [event.proposal.side for event in raised] == [Side.LONG]
    assert raised[0].time_ms % INTERVALS_MS["15m"] == 0
    primes = [event.time_ms for event in analyses(events) if event.assessment and event.assessment.tier == "prime"]
    quarters = [time_ms for time_ms in primes if time_ms % INTERVALS_MS["15m"] == 0]
    assert raised[0].time_ms == quarters[1]
    assert all(event.assessment.levels is not None for event in analyses(events) if event.assessment)


@pytest.mark.parametrize(("late", "stale", "reasons"), [
    (True, False, ("LATE_CANDLE",)),
    (False, True, ("STALE_PRICE",)),
    (True, True, ("LATE_CANDLE", "STALE_PRICE")),
])  # fmt: skip
def test_on_candles_that_came_late_or_without_a_price_of_now_nothing_is_raised_and_nothing_followed(
    late: bool, stale: bool, reasons: tuple[str, ...]
) -> None:
    life = Life(config("factors", **RISING))
    life.turn = bare
    life.warm(drift=0.0008)
    life.late, life.stale = late, stale
    events = life.live(walk(9, 48, "5m", START, 0.0008))
    declined = [event for event in events if isinstance(event, SignalDeclined)]
    assert reasons in [event.reasons for event in declined]
    assert not [event for event in events if isinstance(event, SignalRaised | VirtualPositionPlanned)]


def test_a_prime_that_a_gap_forbids_is_declined_and_followed_virtually() -> None:
    life = Life(config("factors", **RISING))
    life.turn = bare
    life.warm(drift=0.0008)
    candles = walk(9, 48, "5m", START, 0.0008)
    for candle in candles:
        life.state.facts.last_gap_ms = candle.open_time_ms
        events = life.live([candle])
        declined = [event for event in events if isinstance(event, SignalDeclined) and event.reasons == ("RECENT_GAP",)]
        if declined:
            planned = [event for event in events if isinstance(event, VirtualPositionPlanned)]
            assert [(one.tier, one.why, one.reasons) for one in planned] == [("prime", "RECENT_GAP", ("RECENT_GAP",))]
            break
    else:
        raise AssertionError("nothing was declined because of the gap")
    assert life.state.facts.published is None
    life.state.facts.last_gap_ms = None
    later = life.live(candles[candles.index(candle) + 1 :])
    assert [type(event) for event in later].count(SignalRaised) == 1, "it comes up again when the gap is past"


def test_without_a_contract_nothing_is_raised_or_followed() -> None:
    _, events = rising(config("factors", **RISING), listed=False)
    assert not [event for event in events if isinstance(event, SignalRaised | VirtualPositionPlanned)]
    reasons = {reason for event in events for reason in getattr(event, "reasons", ())}
    assert "NO_INSTRUMENT" in reasons


@pytest.mark.parametrize(("follows", "count"), [(True, 1), (False, 0)])
def test_what_is_watched_is_followed_virtually_unless_that_is_off(follows: bool, count: int) -> None:
    used = config("factors", min_score=100.0, watch_margin=90.0)
    used = replace(used, strategy=replace(used.strategy, follow_watched=follows))
    life = Life(used).warm(drift=0.0008)
    planned = list[VirtualPositionPlanned]()
    for candle in walk(9, 12, "5m", START, 0.0008):
        events = life.live([candle])
        planned += [event for event in events if isinstance(event, VirtualPositionPlanned)]
        if planned:
            break
    assert len(planned) == count
    if planned:
        assert planned[0].plan.signal_id == f"symbol:XUSDT@{life.state.facts.version - 1}"
        assert planned[0].reasons[0] == "STRENGTH_BELOW_PRIME"


def test_bad_candles_close_the_gate_of_data_quality() -> None:
    life, _ = rising(config("factors", **RISING))
    last_ms = life.state.frames.last_open_ms
    assert last_ms is not None
    spoilt = Candle(last_ms - FIVE, 1.0, 1.0, 1.0, 1.0, 1.0)
    for kind in itertools.repeat(CandleRejected, 3):
        (event,) = life.tell(CandleArrived("XUSDT", spoilt))
        assert isinstance(event, kind)
    assert life.state.facts.data_quality(last_ms + FIVE, FIVE) == pytest.approx(0.85)
    (analysed, *_) = analyses(life.tell(Analyze(last_ms + FIVE)))
    assert "DATA_QUALITY_LOW" in analysed.reasons
    (gap, _closed) = life.tell(CandleArrived("XUSDT", walk(1, 1, "5m", last_ms + 10 * FIVE)[0]))
    assert isinstance(gap, CandleGapFound)
    assert life.state.facts.data_quality(last_ms + 11 * FIVE, FIVE) < 0.9


def test_open_interest_that_is_known_is_not_loaded_again() -> None:
    life = Life(config())
    points = ((HOUR, 1.0), (2 * HOUR, 2.0))
    assert life.tell(OpenInterestArrived("XUSDT", points)) == [OpenInterestLoaded(points)]
    assert life.tell(OpenInterestArrived("XUSDT", points)) == []
    newer = ((3 * HOUR, 3.0), (4 * HOUR, math.nan))
    assert life.tell(OpenInterestArrived("XUSDT", (*points, *newer))) == [OpenInterestLoaded(newer[:1])]


def test_history_that_comes_late_is_read_again_from_its_beginning() -> None:
    whole = walk(2, 80, "5m", START - 80 * FIVE)
    early, late = Life(config()), Life(config())
    early.tell(HistoryArrived("XUSDT", "5m", tuple(whole)))
    late.tell(HistoryArrived("XUSDT", "5m", tuple(whole[40:])))
    late.tell(HistoryArrived("XUSDT", "5m", tuple(whole[:40])))
    assert late.state.reading.structures["5m"].code == early.state.reading.structures["5m"].code
    assert late.state.reading.structures["5m"].tail == early.state.reading.structures["5m"].tail


# ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_policy_takes_costs_and_times_from_where_they_are_set() -> None:
    policy = policy_of(config(min_score=-1.0, gate_cooldown_minutes=3))
    assert policy.min_score is None
    assert (policy.fee_bps, policy.slippage_bps, policy.gate_cooldown_ms) == (5.0, 2.0, 180_000)
    assert (policy.holding_ms, policy.publication_cooldown_ms) == (7_200_000, 900_000)
    assert policy_of(config(min_score=0.0)).min_score == 0.0


def test_a_table_of_ones_own_replaces_the_shipped_one() -> None:
    mine = Calibration("factors", "mine", ((0.0, 0.5), (100.0, 0.5)), 33.0)
    (analysed,) = analyses(Life(config("factors", tables=(mine,))).warm().live(walk(1, 1, "5m", START)))
    assert analysed.assessment is not None
    assert analysed.assessment.strength.needed == 33.0
    assert analysed.assessment.strength.by_confidence_centi == 3_000


def test_without_five_minute_candles_a_built_in_strategy_says_what_it_lacks() -> None:
    view: Any = None
    assert unasked(view) == Pass("NEEDS_5M_CANDLES")


def test_a_strategy_of_ones_own_may_look_at_reading_and_context() -> None:
    seen = list[View]()

    def propose(view: View) -> Pass:
        seen.append(view)
        return Pass("LOOKED")

    life = Life(config("mine.py"))
    life.rules = decider(config("mine.py"), propose)
    life.warm().live(walk(1, 1, "5m", START))
    (view,) = seen
    assert view.reading is not None
    assert view.reading.structures["1h"].ready
    assert view.context is not None
    assert view.context.market_trend == pytest.approx(40.0)
