"""The synthetic market: a function of (seed, time) with the habits of a real one."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from decimal import Decimal
from itertools import islice, pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.base import Input
from domain.errors import InvalidInput
from domain.indicators import adx, atr, ema
from domain.market import INTERVALS_MS, MINUTE_MS, Candle, CandleArrived, FundingArrived, MarketTick
from domain.values import decimal_of
from infra.market.contracts import CONTRACTS
from infra.market.noise import exponential, keys_of, normal, uniform
from infra.market.synthetic import SyntheticMarket

NOW_MS = 1_763_700_000_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
FUNDING_MS = 8 * HOUR_MS

MARKET = SyntheticMarket(1)
seeds = st.integers(-(2**70), 2**70)
symbols = st.sampled_from(MARKET.symbols)
minutes = st.integers(1_577_836_800_000 // MINUTE_MS, 2_051_222_400_000 // MINUTE_MS).map(lambda m: m * MINUTE_MS)


def sample(market: SyntheticMarket) -> bytes:
    """Some of everything that a market says, as bytes."""
    said = (
        [market.candle("ETHUSDT", NOW_MS + i * 7 * MINUTE_MS) for i in range(20)],
        [market.history("DOGEUSDT", interval, NOW_MS, 30) for interval in INTERVALS_MS],
        [market.tick(NOW_MS + i * 1_234) for i in range(20)],
        [market.funding("BTCUSDT", NOW_MS // FUNDING_MS * FUNDING_MS + i * FUNDING_MS) for i in range(9)],
    )
    return msgspec.json.encode(said)


def column(candles: tuple[Candle, ...], name: str) -> np.ndarray:
    return np.array([getattr(candle, name) for candle in candles])


# ── a function of seed and time ───────────────────────────────────────────────────────────────────────────────────


def test_two_processes_agree_bit_for_bit() -> None:
    program = "import sys, test_synthetic as t; sys.stdout.buffer.write(t.sample(t.SyntheticMarket(42)))"
    here = Path(__file__).parent
    paths = os.pathsep.join((str(here), str(here.parents[1])))
    told = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": paths},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told == [sample(SyntheticMarket(42))] * 2


def test_a_seeds_market_is_the_same_on_every_machine_so_that_a_restart_never_jumps() -> None:
    assert (
        hashlib.sha256(sample(SyntheticMarket(42))).hexdigest()
        == "d78eed16791751f4d818d314e78e6bf36775e7e066dc20374e72b410ce992858"
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(symbols, minutes), min_size=2, max_size=4))
def test_a_candle_does_not_depend_on_what_was_asked_before(asked: list[tuple[str, int]]) -> None:
    once = [SyntheticMarket(9).candle(*question) for question in asked]
    market = SyntheticMarket(9)
    assert [market.candle(*question) for question in reversed(asked)] == once[::-1]


def test_a_contract_does_not_depend_on_which_others_are_asked_for() -> None:
    alone = SyntheticMarket(1, ("SOLUSDT",))
    assert alone.candle("SOLUSDT", NOW_MS) == MARKET.candle("SOLUSDT", NOW_MS)
    assert alone.tick(NOW_MS).quotes[0] in MARKET.tick(NOW_MS).quotes


@given(seeds, seeds)
def test_another_seed_is_another_market(one: int, other: int) -> None:
    same = keys_of((one, "market")) == keys_of((other, "market"))
    assert same.all() == (one == other)


# ── candles and ticks ─────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=60, deadline=None)
@given(symbols, minutes)
def test_a_candle_is_sound_and_closes_where_the_next_one_opens(symbol: str, open_time_ms: int) -> None:
    candle, following = (MARKET.candle(symbol, open_time_ms + i * MINUTE_MS) for i in range(2))
    assert candle.defect() is None
    assert candle.open_time_ms == open_time_ms
    assert candle.close == following.open
    book = {"depth", "flow", "bid_quantity", "ask_quantity", "liquidated_long", "liquidated_short"}
    assert {name for name in candle.__struct_fields__ if getattr(candle, name) is None} == book


@settings(max_examples=60, deadline=None)
@given(symbols, minutes)
def test_the_volumes_of_a_candle_fit_together(symbol: str, open_time_ms: int) -> None:
    candle = MARKET.candle(symbol, open_time_ms)
    assert candle.quote_volume
    assert candle.taker_buy_volume is not None
    assert candle.taker_buy_quote_volume is not None
    assert 0.0 <= candle.taker_buy_volume <= candle.volume
    assert 0.0 <= candle.taker_buy_quote_volume <= candle.quote_volume
    assert candle.low * candle.volume - 0.01 <= candle.quote_volume <= candle.high * candle.volume + 0.01
    assert isinstance(candle.trades, int)
    assert candle.trades >= 1


@settings(max_examples=60, deadline=None)
@given(minutes, st.integers(0, MINUTE_MS))
def test_no_tick_lies_outside_the_candle_of_its_minute(open_time_ms: int, later_ms: int) -> None:
    for quote in MARKET.tick(open_time_ms + later_ms).quotes:
        candle = MARKET.candle(quote.symbol, open_time_ms)
        assert candle.low <= quote.mark <= candle.high
        assert quote.bid < quote.mark < quote.ask


def test_the_tick_at_the_turn_of_a_minute_is_its_open() -> None:
    opens = [MARKET.candle(symbol, NOW_MS).open for symbol in MARKET.symbols]
    assert [quote.mark for quote in MARKET.tick(NOW_MS).quotes] == opens


def test_between_two_seconds_the_price_is_on_its_way() -> None:
    times = range(NOW_MS, NOW_MS + 20_000, 500)
    marks = [MARKET.tick(time_ms).quotes[MARKET.symbols.index("BTCUSDT")].mark for time_ms in times]
    seconds = list(zip(marks[::2], marks[1::2], marks[2::2], strict=False))
    assert all(min(one, other) <= half <= max(one, other) for one, half, other in seconds)
    assert any(half not in {one, other} for one, half, other in seconds)


def test_prices_and_quantities_are_whole_ticks_and_steps() -> None:
    for arrived in MARKET.instruments():
        contract = arrived.instrument
        for candle in MARKET.history(contract.symbol, "1m", NOW_MS, 50):
            prices = (candle.open, candle.high, candle.low, candle.close, candle.mark, candle.bid, candle.ask)
            assert all(decimal_of(price) % contract.tick == 0 for price in prices if price is not None)
            assert decimal_of(candle.volume) % contract.step == 0


def test_a_minute_that_starts_between_minutes_is_refused() -> None:
    with pytest.raises(ValueError, match="not the start of a minute"):
        MARKET.candle("BTCUSDT", NOW_MS + 1)


# ── history ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("interval", [name for name in INTERVALS_MS if name != "1m"])
def test_longer_candles_are_exact_sums_of_minutes(interval: str) -> None:
    interval_ms = INTERVALS_MS[interval]
    longer = MARKET.history("XRPUSDT", interval, NOW_MS, 3)
    end_ms = longer[-1].open_time_ms + interval_ms
    single = MARKET.history("XRPUSDT", "1m", end_ms, 3 * interval_ms // MINUTE_MS)
    for place, candle in enumerate(longer):
        part = single[place * len(single) // 3 : (place + 1) * len(single) // 3]
        assert (candle.open_time_ms, candle.open) == (part[0].open_time_ms, part[0].open)
        assert (candle.high, candle.low) == (column(part, "high").max(), column(part, "low").min())
        assert msgspec.structs.astuple(candle)[10:] == msgspec.structs.astuple(part[-1])[10:]
        assert candle.close == part[-1].close
        assert candle.trades == sum(c.trades or 0 for c in part)
        for name in ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume"):
            assert decimal_of(getattr(candle, name)) == sum((decimal_of(getattr(c, name)) for c in part), Decimal(0))


def test_history_has_the_candles_that_are_asked_for_one_by_one() -> None:
    history = MARKET.history("BTCUSDT", "1m", NOW_MS, 12)
    assert history == tuple(MARKET.candle("BTCUSDT", NOW_MS + i * MINUTE_MS) for i in range(-12, 0))


@pytest.mark.parametrize("interval", INTERVALS_MS)
def test_history_ends_with_the_last_candle_that_is_closed_then(interval: str) -> None:
    interval_ms = INTERVALS_MS[interval]
    before_ms = NOW_MS // interval_ms * interval_ms + interval_ms - 1
    history = MARKET.history("BTCUSDT", interval, before_ms, 5)
    assert [candle.open_time_ms + interval_ms for candle in history] == [
        before_ms // interval_ms * interval_ms - back * interval_ms for back in range(4, -1, -1)
    ]


def test_a_long_history_is_that_of_its_parts() -> None:
    long = MARKET.history("ADAUSDT", "1m", NOW_MS, 5_000)
    assert long[-100:] == MARKET.history("ADAUSDT", "1m", NOW_MS, 100)
    assert long[:100] == MARKET.history("ADAUSDT", "1m", NOW_MS - 4_900 * MINUTE_MS, 100)
    assert all(one.close == following.open for one, following in pairwise(long))


def test_no_history_is_no_candle() -> None:
    assert MARKET.history("BTCUSDT", "1h", NOW_MS, 0) == ()


# ── habits of a market ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def ten_days() -> dict[str, tuple[Candle, ...]]:
    return {symbol: MARKET.history(symbol, "5m", NOW_MS, 10 * 288) for symbol in MARKET.symbols}


def test_contracts_move_with_bitcoin_but_not_in_step(ten_days: dict[str, tuple[Candle, ...]]) -> None:
    moves = {symbol: np.diff(np.log(column(candles, "close"))) for symbol, candles in ten_days.items()}
    found = [np.corrcoef(moves["BTCUSDT"], moves[s])[0, 1] for s in MARKET.symbols if s != "BTCUSDT"]
    assert min(found) > 0.5
    assert max(found) < 0.95


def test_five_minutes_move_the_price_as_much_as_in_a_real_market(ten_days: dict[str, tuple[Candle, ...]]) -> None:
    for candles in ten_days.values():
        high, low, close = (column(candles, name) for name in ("high", "low", "close"))
        assert 0.0015 < np.nanmean(atr(high, low, close, 14) / close) < 0.0045


def test_trends_are_strong_enough_for_a_trend_strategy(ten_days: dict[str, tuple[Candle, ...]]) -> None:
    crossings = 0
    for candles in ten_days.values():
        high, low, close = (column(candles, name) for name in ("high", "low", "close"))
        above = ema(close, 20) > ema(close, 50)
        strong = adx(high, low, close, 14) >= 20.0
        assert 0.5 < strong.mean() < 0.9
        crossings += int(np.count_nonzero((above[1:] != above[:-1]) & strong[1:]))
    assert crossings > 20 * 10


def test_stops_and_targets_are_met_within_hours(ten_days: dict[str, tuple[Candle, ...]]) -> None:
    hours: list[float] = []
    for candles in ten_days.values():
        high, low, close = (column(candles, name) for name in ("high", "low", "close"))
        ranges = atr(high, low, close, 14)
        for entry in range(50, len(candles) - 600, 100):
            stop, target = close[entry] - 2 * ranges[entry], close[entry] + 3 * ranges[entry]
            met = (low[entry + 1 :] <= stop) | (high[entry + 1 :] >= target)
            hours.append((int(np.argmax(met)) + 1) / 12 if met.any() else math.inf)
    quartiles = np.percentile(hours, (25, 50, 75))
    assert 0.3 < quartiles[0] < quartiles[1] < quartiles[2] < 3.0


def test_volume_grows_with_the_move_and_takers_lean_its_way(ten_days: dict[str, tuple[Candle, ...]]) -> None:
    candles = ten_days["BTCUSDT"]
    moves = column(candles, "close") / column(candles, "open") - 1.0
    volume = column(candles, "volume")
    assert np.corrcoef(np.abs(moves), volume)[0, 1] > 0.3
    assert np.corrcoef(moves, column(candles, "taker_buy_volume") / volume)[0, 1] > 0.3


@pytest.mark.parametrize("seed", [1, 2])
def test_prices_stay_sane_for_five_years(seed: int) -> None:
    market = SyntheticMarket(seed)
    starts = {contract.symbol: contract.price for contract in CONTRACTS}
    for week in range(5 * 52):
        for quote in market.tick(NOW_MS + week * 7 * DAY_MS).quotes:
            assert 1 / 6 < quote.mark / starts[quote.symbol] < 6


# ── funding and feed ──────────────────────────────────────────────────────────────────────────────────────────────


def test_funding_is_paid_every_eight_hours_at_the_rate_that_the_ticks_announced() -> None:
    due_ms = NOW_MS // FUNDING_MS * FUNDING_MS
    rates: set[float] = set()
    for symbol in MARKET.symbols:
        funding = MARKET.funding(symbol, due_ms)
        (announced,) = (q for q in MARKET.tick(due_ms - FUNDING_MS + 1).quotes if q.symbol == symbol)
        assert (funding.rate, funding.mark) == (announced.funding_rate, MARKET.candle(symbol, due_ms).open)
        assert -0.0005 < funding.rate < 0.0005
        rates.add(funding.rate)
    assert len(rates) > 10
    with pytest.raises(ValueError, match="is no funding time"):
        MARKET.funding("BTCUSDT", due_ms + HOUR_MS)


def test_the_feed_brings_candles_then_fundings_then_the_tick() -> None:
    market = SyntheticMarket(1, 2)
    start_ms = NOW_MS // FUNDING_MS * FUNDING_MS - 2_000
    found = [(due_ms - start_ms, type(input_)) for due_ms, input_ in islice(market.feed(start_ms), 7)]
    assert found == [
        (1_000, MarketTick),
        (2_000, CandleArrived),
        (2_000, CandleArrived),
        (2_000, FundingArrived),
        (2_000, FundingArrived),
        (2_000, MarketTick),
        (3_000, MarketTick),
    ]


def until(market: SyntheticMarket, start_ms: int, end_ms: int, tick_ms: int) -> list[tuple[int, Input]]:
    found: list[tuple[int, Input]] = []
    for due_ms, input_ in market.feed(start_ms, tick_ms):
        if due_ms > end_ms:
            break
        found.append((due_ms, input_))
    return found


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 200_000), st.integers(0, 200_000), st.sampled_from([1_000, 7_000, 60_000, 90_000]))
def test_a_feed_can_be_left_and_taken_up_anywhere(first_ms: int, second_ms: int, tick_ms: int) -> None:
    market = SyntheticMarket(3, 2)
    middle_ms, end_ms = NOW_MS + first_ms, NOW_MS + first_ms + second_ms
    whole = until(market, NOW_MS, end_ms, tick_ms)
    parts = until(market, NOW_MS, middle_ms, tick_ms) + until(SyntheticMarket(3, 2), middle_ms, end_ms, tick_ms)
    assert parts == whole
    assert [due_ms for due_ms, _ in whole] == sorted(due_ms for due_ms, _ in whole)


def test_the_feed_has_every_minute_even_if_ticks_are_rarer() -> None:
    found = until(SyntheticMarket(3, 1), NOW_MS, NOW_MS + 10 * MINUTE_MS, 3 * MINUTE_MS + 1)
    assert sum(isinstance(input_, CandleArrived) for _, input_ in found) == 10


def test_ticks_need_a_distance() -> None:
    with pytest.raises(InvalidInput, match="tick_ms: expected at least 1, found 0"):
        next(MARKET.feed(NOW_MS, 0))


# ── contracts and noise ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("asked", [0, -1, ()])
def test_a_market_of_nothing_is_refused(asked: int | tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match="symbols: expected at least one"):
        SyntheticMarket(1, asked)


def test_any_number_of_contracts_can_be_had_and_any_name() -> None:
    market = SyntheticMarket(1, 140)
    assert len(set(market.symbols)) == 140
    assert market.symbols == tuple(sorted(market.symbols))
    assert all(candle.defect() is None for candle in (market.candle(symbol, NOW_MS) for symbol in market.symbols))
    assert SyntheticMarket(1, ("SYN77USDT",)).candle("SYN77USDT", NOW_MS) == market.candle("SYN77USDT", NOW_MS)


@given(st.floats(-15.0, 15.0))
def test_the_exponential_is_right_to_eleven_digits(x: float) -> None:
    assert math.isclose(exponential(np.array([x]))[0], math.exp(x), rel_tol=2e-11)


def test_noise_is_distributed_as_it_says() -> None:
    keys, indices = keys_of(("a",), ("b",)), np.arange(100_000)
    normals, uniforms = normal(keys, indices), uniform(keys, indices)
    assert abs(normals.mean()) < 0.01
    assert abs(normals.std() - 1.0) < 0.01
    assert np.abs(normals).max() < 3.47
    assert abs(np.corrcoef(normals)[0, 1]) < 0.01
    assert abs(uniforms.mean() - 0.5) < 0.005
    assert uniforms.min() >= 0.0
    assert uniforms.max() < 1.0
