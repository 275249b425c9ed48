"""An exchange outside as one thing to start and stop: the simulator's process if it is ours, the adapter, the clock."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable

from actors.ingress import Ingress
from actors.population import Population
from actors.ports import Step
from domain.base import Issued
from domain.market import MINUTE_MS, InstrumentArrived
from domain.market_view import REFERENCES, MarketView
from domain.market_view import STREAM as MARKET
from domain.strategies import needs_of
from domain.symbol.events import CandleClosed
from domain.symbol.state import SymbolState
from infra.beliefs import Beliefs
from infra.binance.arrival import Arrival, arrive, hear_time
from infra.binance.client_order_id import client_order_id
from infra.binance.first_look import Say
from infra.binance.history import CANDLES, Held
from infra.binance.live import LiveExchange, Wish
from infra.binance.missed_funding import unsettled_since
from infra.binance.settings import BinanceSettings
from infra.binance.signing import Key, load_key
from infra.clock import ExchangeClock
from infra.exchange.child import Order
from infra.exchange.reopened import HeldPosition, Reopened, RestingOrder
from infra.places import DEBUT_MS, Place, adapter_settings
from infra.settings import Settings
from infra.simulator import Simulator, settings_for
from infra.stopping import heed

_LATE_S_MAX = 2.0
"""By how much our clock may be behind a candle's close (real seconds) before it is set anew."""

_FOR_EVER_MS = 2**63 - 1
"""Up to when a strategy that does not look at open interest knows enough of it."""


class Outside:
    """One exchange and our account there. Built before the kernel's thread runs; `close` it.

    `say` is told why the start has to wait: the exchange is busy.
    """

    def __init__(self, place: Place, settings: Settings, epoch: str = "", say: Say = lambda _: None) -> None:
        self.place = place
        self.clock = ExchangeClock(place.speed)
        self.beliefs = Beliefs(settings.account.name)
        self.live: LiveExchange | None = None
        self._settings = settings
        self._say = say
        self._epoch = epoch or secrets.token_hex(16)
        self._simulator: Simulator | None = None
        self._order: Order | None = None
        self._population: Population | None = None
        self._adapter = adapter_settings(settings, place)
        self._key: Key | None = None
        if place.over_the_wire and not place.simulated:
            self._key = load_key(self._adapter.api_key, self._adapter.api_secret)

    # ── before the start ──────────────────────────────────────────────────────────────────────────────────────────

    def opening_ms(self, stop: threading.Event | None = None) -> int:
        """Say when a run without a past begins (UTC ms): by the exchange's clock, which may walk along a recording.

        Raises a `HindsightError` if it can't be asked, and `Stopped` if `stop` is set meanwhile.
        """
        if self.place.simulated:
            return DEBUT_MS
        return hear_time(self._adapter, self.clock, stop, self._say) // MINUTE_MS * MINUTE_MS

    def open(self, population: Population, at_ms: int, stop: threading.Event | None = None) -> Arrival:
        """Start the simulator at `at_ms` if it is ours, look around, and set the clock.

        Raises a `HindsightError` that says why there is nothing to trade, and `Stopped` if `stop` is set meanwhile.
        """
        heed(stop)
        self._population = population
        self.beliefs.adopt(population)
        if self.place.simulated:
            market = self._settings.market
            self._order = Order(
                seed=market.seed,
                speed=market.speed,
                symbols=_listed(market.symbols),
                start_ms=at_ms,
                balance=self._settings.account.initial_balance,
                reopened=self._remembered(),
            )
            self._simulator = Simulator(self._order)
            self._adapter, self._key = settings_for(self._adapter, self._simulator.announced)
        open_in = tuple(symbol for symbol in _symbols(population) if self.open_in(symbol))
        outside = (self.beliefs.account,) if self.place.over_the_wire else ()
        unsettled = unsettled_since({actor.stream: actor.state for actor in population.actors()}, outside)
        return arrive(self._adapter, self._key, self.place.symbols, self.clock, open_in, unsettled, stop, self._say)

    def connect(self, arrival: Arrival, ingress: Ingress, progress: Callable[[int, int], None]) -> LiveExchange:
        """Make the inflow over what was found."""
        assert self._population is not None
        name = self._settings.config.strategy.name
        held = tuple(_held(self._population, symbol, name) for symbol in arrival.symbols)
        terms = {instrument.symbol: instrument for instrument in arrival.instruments}
        wish = Wish(self.place.symbols, arrival.symbols, held, self.place.market, _known_hours(self._population), terms)
        account = (self.beliefs, self._epoch) if self.place.over_the_wire else None
        self.live = LiveExchange(
            self._adapter,
            self._key,
            self.clock,
            ingress,
            wish,
            account=account,
            open_in=self.open_in,
            progress=progress,
        )
        return self.live

    def instruments(self, arrival: Arrival) -> Iterable[InstrumentArrived]:
        """Give the contracts as inputs."""
        return (InstrumentArrived(instrument, self.place.market) for instrument in arrival.instruments)

    # ── while it runs ─────────────────────────────────────────────────────────────────────────────────────────────

    def carry_out(self, issued: Issued) -> None:
        """Do what an effect asks for; its facts are durable. From any thread."""
        if self.live is not None:
            self.live.carry_out(issued)

    def take(self, step: Step) -> None:
        """Note a step. By the kernel's thread.

        A candle that closes later than it is by our clock says that ours is off: the machine slept, or a simulator's
        time was told to leap. Until the clock is set every timer would be late.
        """
        self.beliefs.take(step)
        if (
            self.live is not None
            and _newest_close_ms(step) > self.clock.now_ms() + _LATE_S_MAX * 1_000 * self.clock.speed
        ):
            self.live.set_clock()

    def open_in(self, symbol: str) -> bool:
        """Whether something, real or virtual, is open in a symbol. From any thread."""
        actor = self._population.get(f"symbol:{symbol}") if self._population is not None else None
        return actor is not None and isinstance(actor.state, SymbolState) and bool(actor.state.facts.attached)

    def look_after(self) -> bool:
        """Start the simulator again if it died, where market time is now; true if that was needed."""
        if self._simulator is None or self._order is None or self._simulator.alive:
            return False
        self._simulator.stop()
        port = int(self._simulator.announced.rest.rpartition(":")[2])
        self._simulator = Simulator(
            Order(
                seed=self._order.seed,
                speed=self._order.speed,
                symbols=self._order.symbols,
                start_ms=self.clock.now_ms(),
                balance=self._order.balance,
                port=port,
                reopened=self._remembered(),
            )
        )
        if self.live is not None:
            self.live.set_clock()
        return True

    def calls(self) -> tuple[int, int]:
        """Give how many requests were sent in this session, and how many of them for candles."""
        if self.live is None:
            return 0, 0
        return self.live.api_calls(), self.live.candle_calls()

    def close(self) -> None:
        """End the simulator."""
        if self._simulator is not None:
            self._simulator.stop()
            self._simulator = None

    @property
    def adapter(self) -> BinanceSettings:
        """The adapter's settings in force."""
        return self._adapter

    @property
    def simulator_pid(self) -> int | None:
        """The simulator's process id."""
        return self._simulator.pid if self._simulator is not None else None

    def _remembered(self) -> Reopened | None:
        """Give the account as history knows it; None before its first day."""
        look = self.beliefs.look()
        if look.balance is None:
            return None
        positions = [deal for deal in look.deals if deal.quantity > 0]
        return Reopened(
            look.balance,
            tuple(
                HeldPosition(d.plan.symbol, d.plan.side, d.quantity, d.entry_price, d.plan.leverage) for d in positions
            ),
            tuple(
                RestingOrder(
                    deal.plan.symbol,
                    order.side,
                    order.order_type.value,
                    order.trigger,
                    client_order_id(self._epoch, order.order_id),
                )
                for deal in positions
                for order in deal.orders
                if order.trigger is not None and order.stage.value != "REQUESTED"
            ),
        )


def _listed(wanted: int | tuple[str, ...]) -> int | tuple[str, ...]:
    """Say what a simulator lists: what is wanted, and what stands for the market."""
    if isinstance(wanted, int):
        return max(wanted, len(REFERENCES))
    return tuple(dict.fromkeys((*wanted, *REFERENCES)))


def _symbols(population: Population) -> Iterable[str]:
    return (actor.stream.partition(":")[2] for actor in population.actors() if isinstance(actor.state, SymbolState))


def _known_hours(population: Population) -> dict[str, int]:
    """Say of each reference contract when its newest known hour closed."""
    actor = population.get(MARKET)
    if actor is None or not isinstance(actor.state, MarketView):
        return {}
    return {name: known.hours[-1][0] for name, known in actor.state.references.items() if known.hours}


def _newest_close_ms(step: Step) -> int:
    """Say when the newest candle that a step is about closed, 0 for a step about none."""
    closed = (each.event.candle for each in step.events if isinstance(each.event, CandleClosed))
    return max((candle.open_time_ms + MINUTE_MS for candle in closed), default=0)


def _held(population: Population, symbol: str, strategy: str) -> Held:
    actor = population.get(f"symbol:{symbol}")
    unasked = 0 if needs_of(strategy).reading else _FOR_EVER_MS
    if actor is None or not isinstance(actor.state, SymbolState):
        return Held(symbol, open_interest_ms=unasked)
    state = actor.state
    frames = state.frames
    filled = tuple(name for name in CANDLES if name not in frames.intervals or len(frames.frame(name).window))
    return Held(symbol, frames.last_open_ms, filled, max(state.interest_ms, unasked))
