"""What is asked for at a start: everything once, then only what is missing, and never more at a time than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from domain.base import Input
from domain.errors import Unavailable
from domain.market import INTERVALS_MS, MINUTE_MS, Candle, CandleArrived, HistoryArrived, OpenInterestArrived
from domain.market_view import ReferenceHoursArrived
from infra.binance.history import CALL_MAX, CANDLES, GAP_MINUTES_MAX, PARALLEL, Held, Loaded, Loader, contiguous, plan
from infra.binance.wire.market_bodies import OpenInterestPoint

NOW_MS = 1_750_032_000_000 + 10 * 3_600_000 + 90_000
WARM = tuple(CANDLES)


class Past:
    """An exchange that knows every candle, and counts who asks at once."""

    def __init__(self, *, broken: Sequence[str] = ()) -> None:
        self.broken = broken
        self.asked: list[tuple[str, str, int]] = []
        self.at_once = self.most_at_once = 0

    async def candles(
        self, symbol: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> tuple[Candle, ...]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.to_thread(int)  # lets the others ask, too
        self.at_once -= 1
        self.asked.append((symbol, interval, limit))
        if interval in self.broken:
            raise Unavailable("Binance", "HTTP 503")
        assert start_ms is not None
        assert end_ms is not None
        opens = range(start_ms, end_ms + 1, INTERVALS_MS[interval])
        assert len(opens) == limit
        return tuple(Candle(at, 1.0, 1.0, 1.0, 1.0, 1.0) for at in opens)

    async def open_interest_history(
        self, symbol: str, period: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[OpenInterestPoint]:
        self.asked.append((symbol, "open interest", limit))
        assert end_ms is not None
        return [OpenInterestPoint(symbol=symbol, open_interest=5.0, open_interest_value=50.0, time_ms=end_ms)]


def load(past: Past, held: Sequence[Held], **options: bool) -> tuple[Loaded, list[Input], list[int]]:
    delivered: list[Input] = []
    done: list[int] = []

    async def deliver(input_: Input) -> None:
        delivered.append(input_)

    result = asyncio.run(Loader(past, deliver, done.append).load(plan(held, NOW_MS, **options)))
    return result, delivered, done


def test_a_cold_symbol_asks_for_every_interval_once_as_of_one_moment() -> None:
    result, delivered, done = load(Past(), [Held("BTCUSDT")])
    histories = [arrived for arrived in delivered if isinstance(arrived, HistoryArrived)]
    assert {each.interval: len(each.candles) for each in histories} == dict(CANDLES)
    for each in histories:
        interval_ms = INTERVALS_MS[each.interval]
        assert each.candles[-1].open_time_ms + interval_ms == NOW_MS - NOW_MS % interval_ms
    assert isinstance(delivered[-1], OpenInterestArrived)
    assert (result.candle_calls, result.failed) == (6, ())
    assert done[-1] == plan([Held("BTCUSDT")], NOW_MS).calls == 7


def test_a_warm_symbol_that_misses_nothing_asks_for_nothing() -> None:
    last_ms = NOW_MS - NOW_MS % MINUTE_MS - MINUTE_MS
    past = Past()
    result, delivered, _ = load(past, [Held("BTCUSDT", last_ms, WARM, open_interest_ms=NOW_MS)])
    assert (result.candle_calls, delivered, past.asked) == (0, [], [])


def test_a_gap_is_filled_minute_by_minute_in_the_order_of_time_over_all_symbols() -> None:
    last_ms = NOW_MS - NOW_MS % MINUTE_MS - 3 * MINUTE_MS
    held = [Held(name, last_ms, WARM, open_interest_ms=NOW_MS) for name in ("BTCUSDT", "ADAUSDT")]
    result, delivered, _ = load(Past(), held)
    arrived = [
        (each.candle.open_time_ms - last_ms, each.symbol) for each in delivered if isinstance(each, CandleArrived)
    ]
    minutes = (MINUTE_MS, 2 * MINUTE_MS)
    assert arrived == [(minute, name) for minute in minutes for name in ("ADAUSDT", "BTCUSDT")]
    assert all(each.late for each in delivered if isinstance(each, CandleArrived))
    assert result.candle_calls == 2


def test_a_long_gap_is_asked_for_in_pieces() -> None:
    past = Past()
    last_ms = NOW_MS - NOW_MS % MINUTE_MS - (GAP_MINUTES_MAX + 1) * MINUTE_MS + MINUTE_MS
    result, delivered, _ = load(past, [Held("BTCUSDT", last_ms, WARM, open_interest_ms=NOW_MS)])
    assert len(delivered) == GAP_MINUTES_MAX - 1
    assert max(limit for _, _, limit in past.asked) == CALL_MAX
    assert result.candle_calls == -(-GAP_MINUTES_MAX // CALL_MAX)


AWAY = Held("BTCUSDT", NOW_MS - NOW_MS % MINUTE_MS - (GAP_MINUTES_MAX + 1) * MINUTE_MS, WARM, open_interest_ms=NOW_MS)


def test_after_a_longer_absence_every_interval_is_asked_for_and_told_in_place_of_what_is_held() -> None:
    result, delivered, _ = load(Past(), [AWAY])
    told = [(each.interval, each.anew) for each in delivered if isinstance(each, HistoryArrived)]
    assert told == [(interval, interval == "1d") for interval in CANDLES]
    assert (len(delivered), result.candle_calls, result.failed) == (6, 6, ())
    newest = [each.candles[-1].open_time_ms + INTERVALS_MS[each.interval] for each in delivered]  # type: ignore[attr-defined]
    assert newest == [NOW_MS - NOW_MS % INTERVALS_MS[interval] for interval in CANDLES]


def test_what_fails_of_it_is_left_out_and_the_first_that_came_takes_the_place_of_all() -> None:
    result, delivered, _ = load(Past(broken=("1d", "15m")), [AWAY])
    told = [(each.interval, each.anew) for each in delivered if isinstance(each, HistoryArrived)]
    assert told == [("4h", True), ("1h", False), ("5m", False), ("1m", False)]
    assert len(result.failed) == 2
    _, nothing, _ = load(Past(broken=WARM), [AWAY])
    assert nothing == [], "what is held stays"


def test_an_interval_that_failed_last_time_is_asked_for_as_of_what_is_held() -> None:
    last_ms = NOW_MS - NOW_MS % MINUTE_MS - 5 * MINUTE_MS
    held = Held("BTCUSDT", last_ms, tuple(name for name in WARM if name != "1m"), open_interest_ms=NOW_MS)
    asks = plan([held], NOW_MS).asks
    assert [(ask.interval, ask.end_ms, ask.gap) for ask in asks] == [
        ("1m", last_ms + MINUTE_MS, False),
        ("1m", NOW_MS - NOW_MS % MINUTE_MS, True),
    ]


def test_what_fails_is_told_and_the_rest_goes_on() -> None:
    result, delivered, done = load(Past(broken=("4h",)), [Held("BTCUSDT"), Held("ETHUSDT")])
    assert sorted(result.failed) == [
        f"{name} 4h: Binance is not available: HTTP 503" for name in ("BTCUSDT", "ETHUSDT")
    ]
    assert sum(isinstance(arrived, HistoryArrived) for arrived in delivered) == 10
    assert done[-1] == 14


def test_rest_candles_can_be_forbidden() -> None:
    past = Past()
    load(past, [Held("BTCUSDT"), Held("ETHUSDT", NOW_MS - 3_600_000, WARM)], candles=False)
    assert {what for _, what, _ in past.asked} == {"open interest"}


def test_many_symbols_are_asked_for_at_once_but_not_all_at_once() -> None:
    past = Past()
    load(past, [Held(f"A{number}USDT") for number in range(40)])
    assert 8 < past.most_at_once <= PARALLEL


def test_only_the_newest_candles_without_a_gap_are_used() -> None:
    candles = [Candle(minute * MINUTE_MS, 1.0, 1.0, 1.0, 1.0, 1.0) for minute in (0, 1, 3, 4)]
    assert contiguous(candles, "1m") == tuple(candles[2:])
    assert contiguous([], "1m") == ()


def test_the_hours_of_a_reference_are_asked_for_from_the_newest_known_one_on() -> None:
    hour_ms = 3_600_000
    now_hour = NOW_MS - NOW_MS % hour_ms
    known = {"BTCUSDT": 0, "ETHUSDT": now_hour - 2 * hour_ms, "XRPUSDT": now_hour}
    wanted = plan([], NOW_MS, references=known)
    assert [(ask.symbol, ask.count) for ask in wanted.references] == [("BTCUSDT", 100), ("ETHUSDT", 2)]
    delivered: list[Input] = []

    async def deliver(input_: Input) -> None:
        delivered.append(input_)

    asyncio.run(Loader(Past(), deliver).load(wanted))
    told = {arrived.reference: arrived.hours for arrived in delivered if isinstance(arrived, ReferenceHoursArrived)}
    assert [hour[0] for hour in told["ETHUSDT"]] == [now_hour - hour_ms, now_hour]
