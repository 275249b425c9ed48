"""The synthetic exchange's market: one story, whatever is asked, in whatever order."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidInput
from infra.exchange.bar import DAY_MS, SPANS_MS, earlier_open, next_open, open_time
from infra.exchange.synthetic_market import synthetic_market
from infra.exchange.walked_market import WalkedMarket
from tests.infra.exchange.staging import Rig

NOW_MS = 1_780_000_012_345
MARKET = synthetic_market(1, 300, NOW_MS)
moments = st.integers(NOW_MS - 700 * DAY_MS, NOW_MS)
symbols = st.sampled_from(MARKET.symbols[:120])


def told(market: WalkedMarket) -> bytes:
    """Some of everything that a market says."""
    return msgspec.json.encode(
        [
            [market.latest("ETHUSDT", interval, 3, NOW_MS) for interval in SPANS_MS if interval not in {"1w", "1M"}],
            market.prints("DOGEUSDT", NOW_MS - 90_000, NOW_MS),
            market.book("BTCUSDT", NOW_MS),
            market.mark("ETHUSDT", NOW_MS),
            market.open_interest("BTCUSDT", NOW_MS),
            market.fundings("BTCUSDT", [NOW_MS // (8 * 3_600_000) * 8 * 3_600_000]),
        ]
    )


def test_the_market_of_a_seed_is_the_same_everywhere_and_for_ever() -> None:
    few = synthetic_market(1, ("DOGEUSDT", "ETHUSDT", "BTCUSDT"), NOW_MS)
    assert told(few) == told(MARKET)
    assert hashlib.sha256(told(few)).hexdigest() == "428fba6d4e7455ec6e45e9e49bee5b019d5633f4ef85f2f8ea1deab7062373e1"


@settings(max_examples=15, deadline=None)
@given(symbols, moments, st.sampled_from(["3m", "5m", "15m", "30m", "1h", "2h", "4h"]))
def test_a_long_candle_is_the_sum_of_its_minutes(symbol: str, at_ms: int, interval: str) -> None:
    (long,) = MARKET.latest(symbol, interval, 1, at_ms)
    minutes = MARKET.bars(symbol, "1m", long.open_ms, at_ms + 1, at_ms)
    folded = minutes[0]
    for minute in minutes[1:]:
        folded = folded.then(minute)
    assert folded == long


@settings(max_examples=15, deadline=None)
@given(symbols, moments)
def test_prints_fold_to_the_minute_they_are_in(symbol: str, at_ms: int) -> None:
    minute = at_ms // 60_000
    bar, contract = MARKET.minute(symbol, minute), MARKET.contracts[MARKET.row[symbol]]
    prints = MARKET.prints(symbol, minute * 60_000 - 1, minute * 60_000 + 59_999)
    prices = [int(p.price.scaleb(contract.digits)) for p in prints]
    assert (prices[0], max(prices), min(prices), prices[-1]) == (bar.open, bar.high, bar.low, bar.close)
    assert sum(int(p.quantity.scaleb(contract.lot_digits)) for p in prints) == bar.lots
    assert len(prints) == bar.trades


@settings(max_examples=15, deadline=None)
@given(symbols, moments)
def test_books_are_sorted_uncrossed_and_begin_with_the_top(symbol: str, at_ms: int) -> None:
    (bids, asks), top = MARKET.sides(symbol, at_ms), MARKET.top(symbol, at_ms)
    assert list(bids) == sorted(bids, reverse=True)
    assert list(asks) == sorted(asks)
    assert next(iter(bids.items())) == (top.bid, top.bid_lots)
    assert next(iter(asks.items())) == (top.ask, top.ask_lots)
    assert top.bid < top.ask
    assert min(*bids.values(), *asks.values()) > 0
    _, last, bought = MARKET.last(symbol, at_ms)
    assert last == (top.ask if bought else top.bid)


@settings(max_examples=15, deadline=None)
@given(symbols, moments)
def test_a_mark_lies_within_its_minutes_range_and_has_a_funding_ahead(symbol: str, at_ms: int) -> None:
    row = MARKET.row[symbol]
    bar, mark = MARKET.minute(symbol, at_ms // 60_000), MARKET.mark(symbol, at_ms)
    ticks = float(mark.mark) * 10 ** MARKET.contracts[row].digits
    assert bar.low - 0.01 <= ticks <= bar.high + 0.01
    assert abs(float(mark.mark / mark.index) - 1.0) < 0.001
    interval_ms = MARKET.listings[row].funding_interval_hours * 3_600_000
    assert 0 < mark.next_funding_ms - at_ms <= interval_ms
    assert mark.next_funding_ms % interval_ms == 0


@pytest.mark.parametrize("symbol", ["BTCUSDT", "DOGEUSDT"])
def test_a_top_that_is_looked_at_again_and_again_is_always_that_of_the_book(symbol: str) -> None:
    began_ms = NOW_MS // 60_000 * 60_000 - 12_000  # the minute ends meanwhile
    tops = [MARKET.top(symbol, began_ms + step * 50) for step in range(480)]
    for step, top in enumerate(tops):
        bids, asks = MARKET.sides(symbol, began_ms + step * 50)
        assert (*next(iter(bids.items())), *next(iter(asks.items()))) == tuple(top)
    assert len(set(tops)) > 20


def test_levels_of_a_book_change_at_their_own_times() -> None:
    books = [MARKET.sides("BTCUSDT", NOW_MS + step * 100)[0] for step in range(20)]
    changed = [sum(new.get(p) != q for p, q in old.items()) for old, new in itertools.pairwise(books)]
    assert max(changed) < 100
    assert sum(changed) > 50


def test_new_contracts_have_no_past() -> None:
    newest = MARKET.listings[-1]
    first = MARKET.bars(newest.symbol, "1d", 0, NOW_MS, NOW_MS)[0]
    assert NOW_MS - newest.onboard_ms < 31 * DAY_MS
    assert first.open_ms == open_time("1d", newest.onboard_ms)
    ages = [(NOW_MS - one.onboard_ms) / DAY_MS for one in MARKET.listings]
    assert min(ages) < 1.0
    assert max(ages) > 5 * 365


def test_filters_are_as_varied_as_on_the_real_exchange() -> None:
    assert {str(one.min_notional) for one in MARKET.listings} == {"5", "20", "50"}
    assert {one.funding_interval_hours for one in MARKET.listings} == {1, 4, 8}
    assert {str(one.multiplier_up) for one in MARKET.listings} == {"1.05", "1.10", "1.15"}
    for one in MARKET.listings:
        assert one.min_price % one.tick == one.max_price % one.tick == 0
        assert one.max_quantity % one.step == one.max_market_quantity % one.step == 0
        ladder = one.brackets
        assert [b.notional_floor for b in ladder[1:]] == [b.notional_cap for b in ladder[:-1]]
        assert [b.leverage for b in ladder] == sorted((b.leverage for b in ladder), reverse=True)


@given(st.sampled_from([*SPANS_MS]), st.integers(1_500_000_000_000, 1_900_000_000_000), st.integers(0, 40))
def test_candles_follow_each_other(interval: str, at_ms: int, count: int) -> None:
    opened = open_time(interval, at_ms)
    assert opened <= at_ms < next_open(interval, opened)
    assert open_time(interval, opened) == opened
    back = earlier_open(interval, opened, count)
    for _ in range(count):
        back = next_open(interval, back)
    assert back == opened


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    assert open_time("1w", 1_783_123_200_000) == 1_782_691_200_000  # Saturday 2026-07-04 → Monday 2026-06-29
    assert open_time("1M", 1_783_123_200_000) == 1_782_864_000_000  # 2026-07-01


def test_no_contract_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput, match="--symbols"):
        synthetic_market(1, 0, NOW_MS)


@settings(max_examples=10, deadline=None)
@given(symbols, moments)
def test_a_rolling_day_is_the_sum_of_its_minutes(symbol: str, at_ms: int) -> None:
    minute = at_ms // 60_000
    day = MARKET.day_until(symbol, minute)
    assert day is not None
    assert day == MARKET.stretch(symbol, (minute - 1_439) * 60_000, minute * 60_000)


def test_a_contract_listed_this_minute_has_no_day_yet() -> None:
    newest = MARKET.listings[-1]
    assert MARKET.day_until(newest.symbol, newest.onboard_ms // 60_000) is None


def test_marks_of_whole_hours_are_the_same_alone_and_among_many() -> None:
    hour_ms = 3_600_000
    last = NOW_MS // hour_ms * hour_ms
    times = [last - 40 * 8 * hour_ms, last - 8 * hour_ms, last]
    assert MARKET.marks_of("ETHUSDT", times) == [MARKET.marks_of("ETHUSDT", [at])[0] for at in times]


def test_the_fundings_of_all_contracts_read_no_more_than_they_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(symbols=MARKET.symbols[:40])
    asked: list[int] = []
    read = rig.stage.market.fundings

    def counted(symbol: str, times_ms: Sequence[int]) -> list[tuple[int, float, float]]:
        asked.extend(times_ms)
        return read(symbol, times_ms)

    monkeypatch.setattr(rig.stage.market, "fundings", counted)
    rows = rig.ask("GET", "/fapi/v1/fundingRate", limit=1_000)[1]
    assert len(rows) == len(asked) == 1_000
    assert [row["fundingTime"] for row in rows] == sorted(row["fundingTime"] for row in rows)
