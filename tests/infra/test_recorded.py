"""A recorded market: its range, its inputs in order, what stood beside them, and the name of its data."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from candle_files import START_MS, Columns, candles, cut, write

from domain.base import Input
from domain.errors import InvalidInput
from domain.market import MINUTE_MS, Candle, CandleArrived, FundingArrived
from infra.market import candle_stream
from infra.market.catalogue import Catalogue
from infra.market.recorded import RecordedMarket, last_close_ms

DATA = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[2] / "../shared/data")) / "market"
HOUR_MS = 60 * MINUTE_MS
BTC = "klines/1m/BTCUSDT_a.parquet"
ETH = "klines/1m/ETHUSDT_a.parquet"


def opened(root: Path, *symbols: str, **given: int | str | None) -> RecordedMarket:
    return RecordedMarket(Catalogue.open(root), symbols or ("BTCUSDT",), **given)


def given_candles(market: RecordedMarket) -> list[tuple[int, str, Candle]]:
    return [
        (due_ms, arrived.symbol, arrived.candle)
        for due_ms, inputs in market.feed()
        for arrived in inputs
        if isinstance(arrived, CandleArrived)
    ]


def fundings(market: RecordedMarket) -> list[FundingArrived]:
    return [i for _, inputs in market.feed() for i in inputs if isinstance(i, FundingArrived)]


def histories(market: RecordedMarket) -> dict[str, tuple[Candle, ...]]:
    return {history.interval: history.candles for history in market.warm_up()}


# ── the range ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_range_is_what_all_symbols_cover(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(10))
    write(tmp_path, ETH, candles(10, start_ms=START_MS + 4 * MINUTE_MS))
    market = opened(tmp_path, "ETHUSDT", "BTCUSDT")
    assert (market.start_ms, market.end_ms) == (START_MS + 4 * MINUTE_MS, START_MS + 10 * MINUTE_MS)
    assert market.candles == len(given_candles(market)) == 12


def test_the_range_asked_for_is_cut_to_whole_candles(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(10))
    market = opened(tmp_path, start_ms=START_MS + 1, end_ms=START_MS + 3 * MINUTE_MS - 1)
    assert [candle.open_time_ms for _, _, candle in given_candles(market)] == [START_MS + MINUTE_MS]


def test_reversed_dates_are_refused(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(10))
    with pytest.raises(InvalidInput, match="a start before the end, found 2025-06-16T00:01:00Z and 2025-06-16T00:00:0"):
        opened(tmp_path, start_ms=START_MS + MINUTE_MS, end_ms=START_MS)


def test_without_a_common_range_every_symbols_range_is_named(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(10))
    write(tmp_path, ETH, candles(10, start_ms=START_MS + HOUR_MS))
    expected = "BTCUSDT 2025-06-16T00:00:00Z to 2025-06-16T00:10:00Z, ETHUSDT 2025-06-16T01:00:00Z to 2025-06-16T01:10"
    with pytest.raises(InvalidInput, match=expected):
        opened(tmp_path, "BTCUSDT", "ETHUSDT")


@pytest.mark.parametrize("start_ms", [START_MS + 10 * MINUTE_MS, 10**18])
def test_a_range_outside_the_data_is_refused(tmp_path: Path, start_ms: int) -> None:
    write(tmp_path, BTC, candles(10))
    with pytest.raises(InvalidInput, match="in which every symbol has candles, found BTCUSDT 2025-06-16T00:00:00Z to"):
        opened(tmp_path, start_ms=start_ms)


def test_a_symbol_with_nothing_but_a_hole_in_the_range_is_refused(tmp_path: Path) -> None:
    write(tmp_path, BTC, cut(candles(10), [0, 9]))
    with pytest.raises(InvalidInput, match="in which every symbol has candles"):
        opened(tmp_path, start_ms=START_MS + 3 * MINUTE_MS, end_ms=START_MS + 6 * MINUTE_MS)


def test_no_symbol_at_all_is_refused_with_the_names_that_there_are(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(1))
    with pytest.raises(InvalidInput, match="expected some of BTCUSDT, found none"):
        RecordedMarket(Catalogue.open(tmp_path), ())


def test_the_last_close_is_that_of_the_symbols_own_last_candle(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(10))
    assert last_close_ms(Catalogue.open(tmp_path), "BTCUSDT", "1m") == START_MS + 10 * MINUTE_MS


# ── the feed ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_candles_are_due_when_they_close_and_come_sorted_by_symbol(tmp_path: Path) -> None:
    write(tmp_path, ETH, candles(2))
    write(tmp_path, BTC, candles(2))
    found = [
        (due, symbol, candle.open_time_ms)
        for due, symbol, candle in given_candles(opened(tmp_path, "ETHUSDT", "BTCUSDT"))
    ]
    second = START_MS + MINUTE_MS
    assert found == [
        (second, "BTCUSDT", START_MS),
        (second, "ETHUSDT", START_MS),
        (second + MINUTE_MS, "BTCUSDT", second),
        (second + MINUTE_MS, "ETHUSDT", second),
    ]


def test_a_missing_minute_is_absent_and_the_others_go_on(tmp_path: Path) -> None:
    write(tmp_path, BTC, cut(candles(5), [0, 2, 4]))
    write(tmp_path, ETH, cut(candles(5), [0, 1, 4]))
    found = [len(inputs) for _, inputs in opened(tmp_path, "BTCUSDT", "ETHUSDT").feed()]
    assert found == [2, 1, 1, 2]


def test_the_size_of_the_window_does_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, BTC, cut(candles(40), [*range(7), *range(20, 40)]))
    write(tmp_path, ETH, candles(40))
    market = opened(tmp_path, "BTCUSDT", "ETHUSDT")
    whole = list(market.feed())
    monkeypatch.setattr(candle_stream, "WINDOW_CANDLES", 6)
    assert list(market.feed()) == whole


def test_columns_that_a_file_does_not_have_are_none_and_said(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(2) | {"trades": [3, None]})
    market = opened(tmp_path)
    first, second = (candle for _, _, candle in given_candles(market))
    assert first == Candle(START_MS, 100.0, 100.5, 99.5, 100.0, 10.0, trades=3)
    assert isinstance(first.trades, int)
    assert second.trades is None
    lacking = (
        "quote_volume, taker_buy_volume, taker_buy_quote_volume, mark, funding_rate, open_interest, depth, agg_trades"
    )
    assert f"BTCUSDT 1m: no {lacking}" in market.went_without
    assert market.went_without[-1] == "ETHUSDT: no hourly candles, so the market trend goes without it"


# ── what stood beside ─────────────────────────────────────────────────────────────────────────────────────────────


def funding(*times: int) -> Columns:
    return {"funding_time": list(times), "funding_rate": [0.0001 * (i + 1) for i in range(len(times))]}


def test_a_funding_comes_after_the_candles_that_close_then(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(3))
    write(tmp_path, "funding/BTCUSDT_a.parquet", funding(START_MS + MINUTE_MS + 7))
    found = [(due_ms, type(inputs[0])) for due_ms, inputs in opened(tmp_path).feed()]
    second = START_MS + MINUTE_MS
    assert found[:3] == [(second, CandleArrived), (second, FundingArrived), (second + MINUTE_MS, CandleArrived)]


def test_fundings_outside_the_range_and_at_its_start_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(20))
    minutes = (0, 5, 6, 10, 11)
    write(tmp_path, "funding/BTCUSDT_a.parquet", funding(*(START_MS + m * MINUTE_MS for m in minutes)))
    market = opened(tmp_path, start_ms=START_MS + 5 * MINUTE_MS, end_ms=START_MS + 10 * MINUTE_MS)
    assert [(f.time_ms - START_MS) // MINUTE_MS for f in fundings(market)] == [6, 10]


def test_the_mark_of_a_funding_is_that_of_the_mark_candles_or_else_the_last_close(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(200))
    times = [START_MS + HOUR_MS, START_MS + 2 * HOUR_MS, START_MS + 3 * HOUR_MS]
    write(tmp_path, "funding/BTCUSDT_a.parquet", funding(*times))
    marks = cut(candles(2, "1h", START_MS, price=777.0), [0, 1])
    del marks["volume"]
    opening_later = marks | {"open": [777.2, 777.4]}
    write(tmp_path, "mark_klines/1h/BTCUSDT_a.parquet", opening_later)
    assert [f.mark for f in fundings(opened(tmp_path))] == [777.4, 777.1, 117.9]


def test_a_candle_knows_the_mark_only_where_a_mark_candle_closes_with_it(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(61))
    marks = candles(1, "1h", price=777.0)
    del marks["volume"]
    write(tmp_path, "mark_klines/1h/BTCUSDT_a.parquet", marks)
    known = {c.open_time_ms: c.mark for _, _, c in given_candles(opened(tmp_path)) if c.mark is not None}
    assert known == {START_MS + 59 * MINUTE_MS: 777.0}


def test_a_candle_knows_what_was_published_by_its_close_and_is_still_true(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(30))
    published = [START_MS + 2 * MINUTE_MS, START_MS + 3 * MINUTE_MS + 1]
    write(tmp_path, "open_interest/BTCUSDT_a.parquet", {"timestamp": published, "sum_open_interest": [5.0, 6.0]})
    write(tmp_path, "funding/BTCUSDT_a.parquet", funding(START_MS - 8 * HOUR_MS + 2 * MINUTE_MS))
    found = [candle for _, _, candle in given_candles(opened(tmp_path))]
    assert [c.open_interest for c in found[:4]] == [None, 5.0, 5.0, 6.0]
    assert [c.open_interest for c in found[17:19]] == [6.0, None]
    assert [c.funding_rate for c in found[:3]] == [0.0001, 0.0001, None]


# ── warm-up ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_warm_up_is_the_last_candles_that_end_where_the_bucket_of_the_start_begins(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(500))
    write(tmp_path, "klines/1h/BTCUSDT_a.parquet", candles(360, "1h", START_MS - 344 * HOUR_MS))
    start_ms = START_MS + 400 * MINUTE_MS
    found = histories(opened(tmp_path, start_ms=start_ms))
    assert (len(found["1h"]), len(found["1m"])) == (300, 300)
    assert found["1m"][-1].open_time_ms + MINUTE_MS == start_ms
    assert found["1h"][-1].open_time_ms + HOUR_MS == start_ms - start_ms % HOUR_MS


def test_warm_up_of_intervals_without_files_is_joined_from_shorter_ones(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(500))
    write(tmp_path, "klines/1h/BTCUSDT_a.parquet", candles(360, "1h", START_MS - 344 * HOUR_MS, price=200.0))
    start_ms = START_MS + 400 * MINUTE_MS
    found = histories(opened(tmp_path, start_ms=start_ms))
    assert list(found) == ["1d", "4h", "1h", "15m", "5m", "1m"]
    assert (len(found["5m"]), len(found["15m"]), len(found["4h"])) == (80, 26, 87)
    last = found["5m"][-1]
    assert last == Candle(start_ms - 5 * MINUTE_MS, 139.5, 140.4, 139.0, 139.9, 405.0 * 5 + 10.0)
    assert found["4h"][-1].open_time_ms + 4 * HOUR_MS == start_ms - start_ms % (4 * HOUR_MS)


def test_a_longer_candle_with_a_hole_ends_the_warm_up_that_is_joined(tmp_path: Path) -> None:
    write(tmp_path, BTC, cut(candles(60), [*range(17), *range(18, 60)]))
    history = histories(opened(tmp_path, start_ms=START_MS + 50 * MINUTE_MS))["5m"]
    assert [(c.open_time_ms - START_MS) // MINUTE_MS for c in history] == [20, 25, 30, 35, 40, 45]


def test_warm_up_begins_after_the_last_gap(tmp_path: Path) -> None:
    write(tmp_path, BTC, cut(candles(30), [*range(5), *range(8, 30)]))
    history = histories(opened(tmp_path, start_ms=START_MS + 20 * MINUTE_MS))["1m"]
    assert [(c.open_time_ms - START_MS) // MINUTE_MS for c in history] == list(range(8, 20))


def test_older_candles_that_do_not_reach_the_start_are_not_used_and_that_is_said(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(30))
    write(tmp_path, "klines/1h/BTCUSDT_a.parquet", candles(10, "1h", START_MS - 11 * HOUR_MS))
    market = opened(tmp_path)
    assert histories(market) == {}
    assert market.went_without[0] == (
        "BTCUSDT 1h: no warm-up, the last candle closes at 2025-06-15T23:00:00Z and not at 2025-06-16T00:00:00Z"
    )
    assert market.went_without[1] == "BTCUSDT 1m: no warm-up, no candle closes by the start"


def test_candles_shorter_than_the_base_interval_are_no_warm_up(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(300))
    write(tmp_path, "klines/1h/BTCUSDT_a.parquet", candles(10, "1h"))
    market = opened(tmp_path, base_interval="1h", start_ms=START_MS + 3 * HOUR_MS)
    assert {interval: len(found) for interval, found in histories(market).items()} == {"1h": 3}


# ── contracts and names ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("prices", "tick"),
    [
        ([94_500.1, 94_500.0], "0.1"),
        ([94_500.0, 94_000.0], "1E+2"),
        ([2.1924, 2.19], "0.0001"),
        ([0.1 + 0.2, 0.3], "1E-7"),
        ([3.0, 4.0], "0.01"),
    ],
)
def test_the_tick_is_the_finest_decimal_seen_within_bounds(tmp_path: Path, prices: list[float], tick: str) -> None:
    same: Columns = dict.fromkeys(("open", "high", "low", "close"), prices)
    write(tmp_path, BTC, candles(2) | same)
    (arrived,) = opened(tmp_path).instruments()
    assert (arrived.source, arrived.instrument.tick) == ("assumed", Decimal(tick))


def test_the_digest_does_not_depend_on_how_the_data_is_stored(tmp_path: Path) -> None:
    columns = candles(20) | {"trades": [None] * 20}
    write(tmp_path / "a", BTC, candles(20))
    write(tmp_path / "b", "klines/1m/BTCUSDT_2.parquet", cut(columns, range(10)), compression="zstd")
    text = pa.table(cut(columns, range(9, 20)))
    text = text.set_column(4, "close", text["close"].cast(pa.string()))
    write(tmp_path / "b", "klines/1m/BTCUSDT_1.parquet", text, row_group_size=3)
    assert opened(tmp_path / "a").content_digest() == opened(tmp_path / "b").content_digest()


def test_the_digest_names_every_value_that_is_used(tmp_path: Path) -> None:
    write(tmp_path, BTC, candles(300))
    hours = candles(3, "1h", START_MS - 2 * HOUR_MS)
    digests = [opened(tmp_path).content_digest(), opened(tmp_path, end_ms=START_MS + HOUR_MS).content_digest()]
    changes: tuple[tuple[str, Columns], ...] = (
        ("klines/1h/BTCUSDT_a.parquet", hours),
        ("klines/1h/BTCUSDT_a.parquet", hours | {"volume": [10.0, 99.0, 12.0]}),
        ("funding/BTCUSDT_a.parquet", funding(START_MS + HOUR_MS)),
        ("open_interest/BTCUSDT_a.parquet", {"timestamp": [START_MS], "sum_open_interest": [5.0]}),
        (BTC, candles(300) | {"volume": [9.0] * 300}),
    )
    for name, columns in changes:
        write(tmp_path, name, columns)
        digests.append(opened(tmp_path).content_digest())
    assert len(set(digests)) == len(digests)


def test_the_digest_ignores_what_lies_outside_the_range(tmp_path: Path) -> None:
    write(tmp_path / "short", BTC, candles(20))
    write(tmp_path / "long", BTC, candles(30))
    end_ms = START_MS + 15 * MINUTE_MS
    digests = {opened(tmp_path / name, end_ms=end_ms).content_digest() for name in ("short", "long")}
    assert len(digests) == 1


# ── the recorded reference data ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def reference() -> Catalogue:
    if not DATA.is_dir():
        pytest.skip(f"no recorded market at {DATA}: set HINDSIGHT_DATA to the folder that holds market/")
    return Catalogue.open(DATA)


def test_five_recorded_symbols_come_whole_and_in_order(reference: Catalogue) -> None:
    market = RecordedMarket(reference, ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT"))
    due: list[int] = []
    found: list[Input] = []
    for due_ms, inputs in market.feed():
        due.append(due_ms)
        found += inputs
    assert due == sorted(due)
    assert (due[0], due[-1]) == (market.start_ms + MINUTE_MS, market.end_ms)
    arrived = [i for i in found if isinstance(i, CandleArrived)]
    assert len(arrived) == market.candles == 5 * (market.end_ms - market.start_ms) // MINUTE_MS
    assert all(i.candle.defect() is None for i in arrived)
    assert {i.instrument.symbol: str(i.instrument.tick) for i in market.instruments()} == {
        "BNBUSDT": "0.01", "BTCUSDT": "0.1", "ETHUSDT": "0.01", "SOLUSDT": "0.01", "XRPUSDT": "0.0001",
    }  # fmt: skip
    assert all(not report.rejected or report.interval == "1h" for report in market.reports)


def test_two_recorded_hours_of_which_two_sources_disagree_are_left_out(reference: Catalogue) -> None:
    (report, *_) = RecordedMarket(reference, ("BTCUSDT",), "1h").reports
    assert report.rejected == (("CONFLICTING", 4), ("DUPLICATE", 22))
    assert (report.gaps, report.missing_candles) == (1, 2)


def test_the_full_columns_of_recorded_months_arrive(reference: Catalogue) -> None:
    for _, inputs in RecordedMarket(reference, ("AVAXUSDT", "LINKUSDT", "NEARUSDT")).feed():
        for arrived in inputs:
            assert isinstance(arrived, CandleArrived)
            assert None not in msgspec.structs.astuple(arrived.candle)[:10]
