"""Histories that were not to be had at once: waited for as long as it takes, said meanwhile, and of one moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from domain.base import Input
from domain.errors import ExchangeRejected, HindsightError, Unavailable
from domain.market import INTERVALS_MS, MINUTE_MS, Candle, CandleArrived, HistoryArrived, OpenInterestArrived
from domain.market_view import ReferenceHoursArrived
from infra.binance.history import CANDLES, GAP_MINUTES_MAX, Held
from infra.binance.loading import MARGIN_S, SETTLE_MS, TRIES, Loading
from infra.binance.wire.market_bodies import OpenInterestPoint
from infra.clock import ExchangeClock

START_MS = 1_750_032_000_000 + 30_000
BAN = Unavailable("Binance", "this address is banned for another 3600 s (HTTP 418)", 3_600_000)
BUSY = Unavailable("Binance", "HTTP 503")
WARM = tuple(CANDLES)
Refuse = Callable[[str, str, int], HindsightError | None]


class Clock(ExchangeClock):
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.at_ms = START_MS

    def now_ms(self) -> int:
        return self.at_ms


class Trial:
    """An exchange that refuses as `refuse(symbol, what, round)` says, and the streams that wait for it."""

    def __init__(self, refuse: Refuse, **options: bool) -> None:
        self._refuse = refuse
        self.clock = Clock()
        self.inputs: list[Input] = []
        self.calls: list[tuple[str, str]] = []
        self.waits: list[float] = []
        self.said: list[str] = []
        self.begun: dict[str, int] = {}
        self.ready_symbols: list[str] = []
        self.postponed: set[str] = set()
        self.gone: set[str] = set()
        self.rounds_max = 20
        self.loading = Loading(self, self, self.clock, self._deliver, pause=self._pause, **options)

    def run(self, held: Iterable[Held], known_hours: dict[str, int] | None = None) -> None:
        """Load until nothing is missing, or `rounds_max` pauses."""

        async def all_of_it() -> None:
            await self.loading.begin(held, known_hours)
            going_on = asyncio.ensure_future(self.loading.run())
            while self.loading.missing and not going_on.done():
                await asyncio.to_thread(int)
            going_on.cancel()
            await asyncio.wait((going_on,))
            if not going_on.cancelled():
                going_on.result()

        asyncio.run(all_of_it())

    def of(self, symbol: str) -> list[Input]:
        return [each for each in self.inputs if getattr(each, "symbol", "") == symbol]

    async def _deliver(self, input_: Input) -> None:
        self.inputs.append(input_)

    async def _pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.said.append(self.loading.missing)
        self.clock.at_ms += int(seconds * 1000)
        if len(self.waits) >= self.rounds_max:
            raise asyncio.CancelledError

    # ── the exchange ──────────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, symbol: str, what: str) -> None:
        self.calls.append((symbol, what))
        refused = self._refuse(symbol, what, len(self.waits))
        if refused is not None:
            raise refused

    async def candles(
        self, symbol: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> tuple[Candle, ...]:
        self._ask(symbol, interval)
        assert start_ms is not None
        assert end_ms is not None
        opens = range(start_ms, end_ms + 1, INTERVALS_MS[interval])
        return tuple(Candle(at, 1.0, 1.0, 1.0, 1.0, 1.0) for at in opens)

    async def open_interest_history(
        self, symbol: str, period: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[OpenInterestPoint]:
        self._ask(symbol, "open interest")
        assert end_ms is not None
        return [OpenInterestPoint(symbol=symbol, open_interest=5.0, open_interest_value=50.0, time_ms=end_ms)]

    # ── the streams ───────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, symbols: Iterable[str], next_ms: int) -> None:
        self.begun |= dict.fromkeys(symbols, next_ms)

    async def ready(self, symbols: Iterable[str]) -> None:
        self.ready_symbols += symbols

    def postpone(self, symbols: Iterable[str]) -> None:
        self.postponed.update(symbols)

    def follows(self, symbol: str) -> bool:
        return symbol not in self.gone


def banned_in_round_0(*symbols: str) -> Refuse:
    return lambda symbol, _what, number: BAN if number == 0 and symbol in symbols else None


def test_a_ban_is_waited_out_and_what_is_missing_is_asked_for_again() -> None:
    trial = Trial(banned_in_round_0("ETHUSDT"))
    trial.run([Held("BTCUSDT"), Held("ETHUSDT")])
    assert trial.waits == [3_600 + MARGIN_S]
    assert trial.said == [f"histories of ETHUSDT are missing: {BAN.detail}"]
    assert trial.ready_symbols == ["BTCUSDT", "ETHUSDT"], "who has all need not wait"
    assert sum(symbol == "BTCUSDT" for symbol, _ in trial.calls) == 7, "what is there is not asked for again"
    assert trial.loading.loaded is not None
    assert (trial.loading.missing, trial.loading.loaded.failed) == ("", ())


def test_what_comes_after_the_ban_is_of_one_later_moment() -> None:
    trial = Trial(lambda _symbol, what, number: BAN if number == 0 and what == "1m" else None)
    trial.run([Held("BTCUSDT")])
    histories = [each for each in trial.inputs if isinstance(each, HistoryArrived)]
    assert [each.interval for each in histories] == list(CANDLES), (
        "each once: five of six were there before, and no use"
    )
    moment_ms = trial.clock.at_ms
    for each in histories:
        interval_ms = INTERVALS_MS[each.interval]
        assert each.candles[-1].open_time_ms + interval_ms == moment_ms - moment_ms % interval_ms
    assert trial.begun == {"BTCUSDT": moment_ms - moment_ms % MINUTE_MS}
    assert trial.postponed == {"BTCUSDT"}


def test_a_symbol_that_was_held_gets_its_gap_up_to_the_later_moment() -> None:
    last_ms = START_MS - START_MS % MINUTE_MS - 10 * MINUTE_MS
    trial = Trial(banned_in_round_0("BTCUSDT"))
    trial.run([Held("BTCUSDT", last_ms, WARM, open_interest_ms=START_MS * 2)])
    opens = [each.candle.open_time_ms for each in trial.of("BTCUSDT") if isinstance(each, CandleArrived)]
    assert opens == list(range(last_ms + MINUTE_MS, trial.begun["BTCUSDT"], MINUTE_MS))
    assert len(opens) == 9 + 60


def test_after_a_ban_of_days_a_held_symbol_begins_anew() -> None:
    days = Unavailable("Binance", "banned", GAP_MINUTES_MAX * MINUTE_MS)
    last_ms = START_MS - START_MS % MINUTE_MS - 10 * MINUTE_MS
    trial = Trial(lambda _symbol, _what, number: days if number == 0 else None)
    trial.run([Held("BTCUSDT", last_ms, WARM)])
    told = [(each.interval, each.anew) for each in trial.inputs if isinstance(each, HistoryArrived)]
    assert told == [(interval, interval == "1d") for interval in CANDLES]


def test_open_interest_and_references_that_are_missing_hold_no_symbol_back() -> None:
    trial = Trial(lambda s, what, number: BAN if number == 0 and (what == "open interest" or s == "ETHUSDT") else None)
    trial.run([Held("BTCUSDT")], {"ETHUSDT": 0})
    assert trial.ready_symbols == ["BTCUSDT"]
    assert trial.said == [f"histories of ETHUSDT, BTCUSDT are missing: {BAN.detail}"]
    late = {type(each) for each in trial.inputs if not isinstance(each, HistoryArrived)}
    assert late == {OpenInterestArrived, ReferenceHoursArrived}
    assert trial.calls.count(("BTCUSDT", "1m")) == 1


def test_without_an_answer_it_asks_ever_more_rarely_and_then_takes_a_part() -> None:
    trial = Trial(lambda _symbol, what, _round: BUSY if what == "4h" else None)
    trial.run([Held("BTCUSDT")])
    assert trial.waits[:3] == [5.0, 7.5, 11.25]
    assert len(trial.waits) == TRIES - 1
    assert [each.interval for each in trial.of("BTCUSDT") if isinstance(each, HistoryArrived)] == [
        name for name in CANDLES if name != "4h"
    ]
    assert trial.ready_symbols == ["BTCUSDT"]


def test_a_symbol_of_which_nothing_came_is_never_given_up() -> None:
    trial = Trial(lambda _symbol, _what, _round: BUSY)
    trial.run([Held("BTCUSDT")])
    assert len(trial.waits) == trial.rounds_max > TRIES
    assert trial.ready_symbols == []
    assert trial.inputs == []


def test_what_the_exchange_refuses_is_not_asked_for_again() -> None:
    trial = Trial(lambda _symbol, what, _round: ExchangeRejected(-1121, "Invalid symbol.") if what == "4h" else None)
    trial.run([Held("BTCUSDT")])
    assert trial.waits == []
    assert trial.ready_symbols == ["BTCUSDT"]
    assert trial.loading.loaded is not None
    assert len(trial.loading.loaded.failed) == 1


def test_a_symbol_that_left_meanwhile_is_forgotten() -> None:
    trial = Trial(banned_in_round_0("BTCUSDT", "ETHUSDT"))
    trial.gone.add("ETHUSDT")
    trial.run([Held("BTCUSDT"), Held("ETHUSDT")])
    assert trial.ready_symbols == ["BTCUSDT"]
    assert trial.loading.missing == ""


def test_many_missing_symbols_are_counted_not_listed() -> None:
    names = [f"A{number}USDT" for number in range(40)]
    trial = Trial(banned_in_round_0(*names))
    trial.run([Held(name) for name in names])
    assert trial.said[0].startswith("histories of A0USDT, A1USDT, A2USDT, A3USDT, A4USDT and 35 more are missing")


def test_a_candle_that_closed_a_moment_ago_is_waited_for() -> None:
    trial, closed_ms = Trial(lambda *_: None), START_MS - START_MS % MINUTE_MS
    trial.clock.at_ms = closed_ms + SETTLE_MS - 400
    trial.run([Held("BTCUSDT"), Held("ETHUSDT", closed_ms - MINUTE_MS, WARM, START_MS * 2)])
    assert trial.waits == [0.4]
    assert trial.begun == {"BTCUSDT": closed_ms, "ETHUSDT": closed_ms}
    assert trial.of("ETHUSDT") == []
