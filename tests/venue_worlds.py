"""Two venues behind one face: the in-process one, and the simulator over its sockets through the adapter."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from decimal import Decimal
from typing import Any, TypeVar

from msgspec.structs import replace

from domain.base import Input, Issued
from domain.config import VenueConfig
from domain.deal import Deal, Plan
from domain.instrument import Instrument
from domain.market import FundingArrived, MarketTick, Quote
from domain.values import OrderSide, Side
from domain.venue import CancelOrder, OrderType, PlaceOrder
from infra.account_questions import AccountQuestions
from infra.beliefs import Beliefs, Believed, Over
from infra.binance.account_desk import AccountDesk
from infra.binance.arrival import set_clock
from infra.binance.questions import BinanceQuestions
from infra.binance.rest import Rest
from infra.binance.routes import StreamHost
from infra.binance.settings import BinanceSettings
from infra.clock import ExchangeClock
from infra.exchange.faults import Faults
from infra.exchange.market_clock import MarketClock
from infra.exchange.server import ExchangeServer
from infra.exchange.stage import Rules
from infra.exchange.synthetic_market import synthetic_market
from infra.paper import PaperVenue
from infra.paper_questions import PaperQuestions
from infra.simulator import settings_for

T = TypeVar("T")
START_MS = 1_750_032_000_000
SYMBOL = "BTCUSDT"
ACCOUNT = "main"
WALLET = Decimal(10_000)
EPOCH = "0" * 32
WAIT_S = 15.0
HOUR_MS = 3_600_000
DEAL = f"position:{ACCOUNT}/{SYMBOL}-1"


def order(number: int, side: OrderSide = OrderSide.BUY, quantity: str = "0.01", **more: Any) -> PlaceOrder:
    """Give an order of the one position of these tests."""
    kind = more.pop("kind", OrderType.MARKET)
    return PlaceOrder(ACCOUNT, f"{DEAL}@{number}", SYMBOL, side, kind, Decimal(quantity), **more)


def stop(number: int, trigger: Decimal, kind: OrderType = OrderType.STOP_MARKET) -> PlaceOrder:
    """Give a close-position order of a long."""
    return order(number, OrderSide.SELL, kind=kind, trigger=trigger, close_position=True)


class VenueWorld:
    """What a contract test may do. `answers` are all that the venue said so far."""

    def __init__(self) -> None:
        self.answers: list[Input] = []
        self._told = threading.Condition()

    def told(self, answer: Input) -> None:
        with self._told:
            self.answers.append(answer)
            self._told.notify_all()

    def about(self, order_id: str) -> list[Any]:
        return [answer for answer in self.answers if getattr(answer, "order_id", "") == order_id]

    def hears(self, kind: type[T], order_id: str = "", seconds: float = WAIT_S) -> T:
        """Wait for an answer of a kind."""

        def found() -> Iterable[T]:
            known = self.about(order_id) if order_id else self.answers
            return [answer for answer in known if isinstance(answer, kind)]

        deadline = time.monotonic() + seconds
        with self._told:
            while not found():
                left = deadline - time.monotonic()
                assert left > 0, f"no {kind.__name__} within {seconds:g} s; heard {self.answers}"
                self.move(left)
        return next(iter(found()))

    def move(self, seconds: float) -> None:
        """Let a little time pass."""
        self._told.wait(min(seconds, 0.1))

    def until(self, holds: Callable[[], object], seconds: float = WAIT_S) -> None:
        """Wait for something that is no answer."""
        deadline = time.monotonic() + seconds
        with self._told:
            while not holds():
                assert time.monotonic() < deadline, f"not within {seconds:g} s"
                self.move(0.05)

    def place(self, wish: PlaceOrder) -> str:
        raise NotImplementedError

    def cancel(self, wish: PlaceOrder) -> None:
        raise NotImplementedError

    def mark(self) -> Decimal:
        raise NotImplementedError

    def until_hit(self, order_id: str, kind: type[T]) -> T:
        """Let prices move until something happens to an order."""
        raise NotImplementedError

    def fund(self) -> None:
        """Let a funding time pass."""
        raise NotImplementedError

    def questions(self) -> AccountQuestions:
        """Give who answers questions about the account."""
        raise NotImplementedError

    def ask(self, question: Coroutine[Any, Any, T]) -> T:
        """Wait for an answer."""
        return asyncio.run(question)

    def near(self, bps: int) -> Decimal:
        """Give a price so far above (below where negative) the mark."""
        return (self.mark() * (1 + Decimal(bps) / 10_000)).quantize(Decimal("0.1"))

    def close(self) -> None:
        return


class PaperWorld(VenueWorld):
    """The in-process venue at a price that the test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = START_MS
        self.price = 100_000.0
        self.venue = PaperVenue(VenueConfig(latency_ms=1), {ACCOUNT: WALLET})
        step = Decimal("0.001")
        self.contracts = {SYMBOL: Instrument(SYMBOL, Decimal("0.1"), step, step, max_leverage=125)}
        self.venue.set_instrument(self.contracts[SYMBOL])
        self._tick()

    def place(self, wish: PlaceOrder) -> str:
        self.venue.execute(wish, self.now_ms)
        return wish.order_id

    def cancel(self, wish: PlaceOrder) -> None:
        self.venue.execute(CancelOrder(ACCOUNT, wish.order_id, wish.symbol), self.now_ms)

    def questions(self) -> AccountQuestions:
        return PaperQuestions(self.venue, ACCOUNT, self.contracts.get)

    def mark(self) -> Decimal:
        return Decimal(str(self.price))

    def move(self, seconds: float) -> None:
        self.now_ms += 1_000
        self._tick()
        if not self.venue.idle:
            return
        super().move(min(seconds, 0.01))

    def until_hit(self, order_id: str, kind: type[T]) -> T:
        self.price *= 0.9
        return self.hears(kind, order_id)

    def fund(self) -> None:
        self.now_ms += HOUR_MS
        self._tick()
        self.venue.on_funding(FundingArrived(SYMBOL, self.now_ms, 0.0001, self.price), self.now_ms)

    def _tick(self) -> None:
        tick = MarketTick(self.now_ms, (Quote(SYMBOL, self.price, self.price - 1, self.price + 1),))
        self.venue.on_tick(tick, self.now_ms)
        while (due := self.venue.pop_due(self.now_ms + 10)) is not None:
            with self._told:
                self.answers.append(due[1])


class Known(Beliefs):
    """What a kernel would believe, as the test says."""

    def __init__(self) -> None:
        super().__init__(ACCOUNT)
        self.deals: tuple[Deal, ...] = ()
        self.over: tuple[Over, ...] = ()
        self.balance: Decimal | None = WALLET
        self.resumed_ms = 0

    def look(self) -> Believed:
        return Believed(self.balance, self.deals, 0, self.over, self.resumed_ms)

    def holds(self, quantity: str, opened_ms: int, **more: Any) -> None:
        """Believe that the position of these tests is open."""
        plan = Plan(
            account=ACCOUNT, symbol=SYMBOL, side=Side.LONG, quantity=Decimal(quantity), reference_price=Decimal(1),
            stop=Decimal(1), target=Decimal(2), leverage=5, margin=Decimal(1), time_stop_ms=1, signal_id="",
            strategy="", confidence=0.5, win=0.5,
        )  # fmt: skip
        deal = Deal(DEAL, 1, plan, quantity=Decimal(quantity), opened_ms=opened_ms)
        self.deals = (replace(deal, **more),)


class WireWorld(VenueWorld):
    """The simulator and the adapter on one event loop in a thread of its own, over real sockets."""

    def __init__(self, speed: float = 1.0, *, settings: BinanceSettings | None = None) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.beliefs = Known()
        self._settings = settings or BinanceSettings(recv_window_ms=1_000, timeout_ms=1_500)
        market = synthetic_market(5, (SYMBOL, "ETHUSDT"), START_MS)
        rules = Rules(seed=5, accounts=2, balance=WALLET)
        self.server = ExchangeServer(market, MarketClock(START_MS, speed), rules)
        self.stage = self.server.stage
        self.jobs: list[asyncio.Task[None]] = []
        self.run(self._open(speed))

    async def _open(self, speed: float) -> None:
        announced = await self.server.start()
        settings, key = settings_for(self._settings, announced)
        clock = ExchangeClock(speed)
        self.rest = Rest(settings, key, now_ms=clock.now_ms)
        await set_clock(self.rest, clock)
        self.host = StreamHost(settings.streams)
        self.clock = clock
        await self.open_desk()

    async def open_desk(self) -> None:
        """Begin a session of the account."""

        def offer(answer: Input, _timeout_s: float) -> bool:
            self.told(answer)
            return True

        self.desk = AccountDesk(
            self.rest, self.host, self.beliefs, EPOCH, offer, lambda _: None, lambda _: (Decimal(0), Decimal(0)),
            speed=self.clock.speed,
        )  # fmt: skip
        await self.desk.begin()
        self.jobs = [self.loop.create_task(job()) for job in self.desk.jobs()]
        while not self.desk.stream.connected:
            await self.rest.ping()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_S)

    def on_loop(self, work: Callable[[], T]) -> T:
        async def done() -> T:
            return work()

        return self.run(done())

    def place(self, wish: PlaceOrder) -> str:
        self.desk.venue.carry_out(Issued(wish.order_id, wish))
        return wish.order_id

    def cancel(self, wish: PlaceOrder) -> None:
        self.desk.venue.carry_out(Issued("x@9", CancelOrder(ACCOUNT, wish.order_id, wish.symbol)))

    def questions(self) -> AccountQuestions:
        return BinanceQuestions(self.rest, EPOCH, lambda amount, _: amount)

    def ask(self, question: Coroutine[Any, Any, T]) -> T:
        return self.run(question)

    def mark(self) -> Decimal:
        return Decimal(str(self.run(self.rest.mark_price(SYMBOL)).mark))

    def advance(self, milliseconds: int) -> None:
        """Let market time leap."""

        def leap() -> None:
            self.stage.clock.advance(milliseconds)
            self.stage.driver.step()

        self.on_loop(leap)
        self.run(set_clock(self.rest, self.clock))

    def until_hit(self, order_id: str, kind: type[T]) -> T:
        for _ in range(400):
            if any(isinstance(answer, kind) for answer in self.about(order_id)):
                break
            self.advance(60_000)
        return self.hears(kind, order_id)

    def fund(self) -> None:
        now_ms = self.stage.clock.now_ms()
        self.advance(8 * HOUR_MS - now_ms % (8 * HOUR_MS) + 1)

    def misbehave(self, faults: Faults) -> None:
        """Let things go wrong from now on."""
        self.on_loop(lambda: self.stage.misbehave(faults))

    def asked(self, path: str) -> int:
        """Give how often the adapter sent a request."""
        return self.rest.api_calls_by_endpoint.get(path, 0)

    def end_session(self) -> None:
        """End the account's session as a dying process does: nothing more is heard or said."""

        async def end() -> None:
            for job in self.jobs:
                job.cancel()
            if self.jobs:
                await asyncio.wait(self.jobs, timeout=2.0)
            await self.desk.close()

        self.run(end())

    def close(self) -> None:
        self.end_session()

        async def end() -> None:
            await self.rest.close()
            await self.server.stop()
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

        self.run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(WAIT_S)
        self.loop.close()
