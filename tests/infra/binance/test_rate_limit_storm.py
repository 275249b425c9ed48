"""429 and 418 in the middle of everything: obeyed to the second, gone on from there, and no candle lost.

Adapter and simulator share an event loop whose clock runs twenty times as fast, sockets included.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from domain.base import Input
from domain.market import MINUTE_MS, Candle, HistoryArrived
from infra.binance.back_fill import BackFill
from infra.binance.calls import governor_of
from infra.binance.candle_order import CandleOrder
from infra.binance.history import CANDLES, Held, Loader, plan
from infra.binance.pacing import Gate
from infra.binance.rest import Rest
from infra.binance.settings import BinanceSettings
from infra.exchange.door import Answer, Asked
from infra.exchange.faults import Faults, Once, RestFault
from infra.exchange.market_clock import MarketClock
from infra.exchange.server import ExchangeServer
from infra.exchange.stage import Rules
from infra.exchange.synthetic_market import synthetic_market

FASTER = 20.0
PATIENCE_S = 20.0
START_MS = 1_780_000_020_000
IN_FLIGHT_S = 4.0
"""What was let through before the refusal came may still arrive: 0.2 s of real time."""
SYMBOLS = ("BTCUSDT", "ETHUSDT", "DOGEUSDT", "PEOPLEUSDT")
KLINES = "/fapi/v1/klines"


class HastySelector(selectors.DefaultSelector):
    """Waits a twentieth of what it is asked to."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout / FASTER if timeout is not None and timeout > 0 else timeout)


class HastyLoop(asyncio.SelectorEventLoop):
    """A loop whose second is a twentieth."""

    def time(self) -> float:
        return time.monotonic() * FASTER


class Arrived(NamedTuple):
    """A request that reached the exchange, and its answer."""

    at_s: float
    path: str
    status: int
    retry_after_s: float


class Scene:
    """An exchange whose minute of weight ends in twelve seconds, and an adapter that knows nothing of its faults."""

    def __init__(self, faults: Faults) -> None:
        loop = asyncio.get_running_loop()
        offset = -loop.time() % 60.0 + 48.0
        clock = MarketClock(START_MS, 1.0, lambda: loop.time() + offset)
        self.server = ExchangeServer(synthetic_market(1, SYMBOLS, START_MS), clock, Rules(faults=faults))
        self.arrived: list[Arrived] = []
        self._answer = self.server.stage.door.answer
        self.server.stage.door.answer = self._noted
        self._loop = loop

    def _noted(self, asked: Asked, *, refuse: bool = False) -> Answer:
        answer = self._answer(asked, refuse=refuse)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        after_s = float(headers.get("retry-after", 0.0))
        self.arrived.append(Arrived(self._loop.time(), asked.path, answer.status, after_s))
        return answer

    async def rest(self) -> Rest:
        """Start the exchange, and give an adapter."""
        announced = await self.server.start()
        settings = BinanceSettings(rest_url=announced.rest, timeout_ms=600_000, connect_timeout_ms=600_000)
        gate = Gate(governor_of(settings), lambda: int(self._loop.time() * 1_000))
        return Rest(settings, gate=gate, now_ms=self.server.stage.clock.now_ms, draw=lambda: 0.5)

    def of(self, status: int) -> list[Arrived]:
        return [one for one in self.arrived if one.status == status]

    def disobeyed(self) -> list[tuple[Arrived, Arrived]]:
        """Give requests that arrived while an answer had asked for silence."""
        return [
            (told, late)
            for told in self.arrived
            if told.status in {418, 429}
            for late in self.arrived
            if told.at_s + IN_FLIGHT_S < late.at_s < told.at_s + told.retry_after_s - 1.0
        ]


def storm(faults: Faults, test: Callable[[Scene, Rest], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S * FASTER):
            scene = Scene(faults)
            rest = await scene.rest()
            try:
                await test(scene, rest)
            finally:
                await rest.close()
                await scene.server.stop()

    with asyncio.Runner(loop_factory=lambda: HastyLoop(HastySelector())) as runner:
        runner.run(bounded())


def test_a_load_that_is_refused_waits_as_long_as_it_is_told_and_brings_everything() -> None:
    found: list[Input] = []

    async def deliver(input_: Input) -> None:
        found.append(input_)

    async def test(scene: Scene, rest: Rest) -> None:
        await rest.server_time_ms()
        loaded = await Loader(rest, deliver).load(plan((Held(name) for name in SYMBOLS), START_MS))
        assert loaded.failed == ()
        assert len(scene.of(429)) == 5
        assert not scene.disobeyed()
        histories = {(one.symbol, one.interval) for one in found if isinstance(one, HistoryArrived)}
        assert histories == {(symbol, interval) for symbol in SYMBOLS for interval in CANDLES}

    storm(Faults(next=(Once(RestFault.REFUSED_429, KLINES, count=5),)), test)


def test_gaps_outlive_refusals_and_a_ban_and_are_filled_in_the_end() -> None:
    begin_ms, order = START_MS - 90 * MINUTE_MS, CandleOrder(MINUTE_MS)
    released: dict[str, list[int]] = {symbol: [] for symbol in SYMBOLS}

    async def deliver(symbol: str, candles: tuple[Candle, ...], _late: bool) -> None:
        released[symbol] += [one.open_time_ms for one in candles]

    async def test(scene: Scene, rest: Rest) -> None:
        async def fetch(symbol: str, start_ms: int, end_ms: int) -> Sequence[Candle]:
            return await rest.candles(symbol, "1m", start_ms, end_ms - 1, (end_ms - start_ms) // MINUTE_MS)

        fill = BackFill(order, fetch, deliver)
        for symbol in SYMBOLS:
            order.begin(symbol, begin_ms)
        looks = 0
        while order.missing(START_MS, 0):
            looks += 1
            await fill.look(START_MS + 10_000)
            gone = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(2.0, gone.set_result, None)
            await gone
        assert scene.of(429)
        assert scene.of(418)
        assert not scene.disobeyed()
        assert fill.failed > 0
        assert looks > 1

    once = (Once(RestFault.REFUSED_429, KLINES, count=3), Once(RestFault.BANNED_418, KLINES))
    storm(Faults(ban_s=75.0, next=once), test)  # longer than a call is patient
    assert order.lost == 0
    assert released == {symbol: list(range(begin_ms, START_MS, MINUTE_MS)) for symbol in SYMBOLS}
