"""A small world: hand-made candles and quotes, a strategy that does as it is told, a kernel, a journal in memory."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec.structs import replace

from actors.kernel import CHECKPOINT_SCHEMA, Kernel
from actors.ports import Step
from domain.base import Event, Recorded
from domain.config import Config, StrategyConfig
from domain.instrument import Instrument
from domain.market import MINUTE_MS, Candle, CandleArrived, InstrumentArrived, MarketTick, Quote
from domain.operations import SessionStarted
from domain.strategies import Pass, Proposal, Strategy, View
from domain.values import Side
from infra import replay
from infra.memory import MemoryJournal
from infra.session import begin

START_MS = 1_700_000_100_000
assert START_MS % (5 * MINUTE_MS) == 0
CONFIG = Config(
    strategy=StrategyConfig(name="told", analysis_interval="1m", cooldown_minutes=0, time_stop_minutes=30),
)
STARTED = SessionStarted(CONFIG, "test", "00", "paper", "hand-made")
SYMBOL = "BTCUSDT"
POSITION = f"position:main/{SYMBOL}-1"


def contract(symbol: str = SYMBOL) -> Instrument:
    return Instrument(symbol, Decimal("0.1"), Decimal("0.001"), Decimal("0.001"))


def open_ms(minute: int) -> int:
    """Give the open time of the n-th minute of the world."""
    return START_MS + minute * MINUTE_MS


def candle(minute: int, close: float = 100.0, high: float | None = None, low: float | None = None) -> Candle:
    return Candle(open_ms(minute), close, high or close, low or close, close, 1.0)


def arrived(minute: int, close: float = 100.0, symbol: str = SYMBOL) -> CandleArrived:
    return CandleArrived(symbol, candle(minute, close))


def tick(time_ms: int, **marks: float) -> MarketTick:
    """Give quotes without a spread."""
    return MarketTick(time_ms, tuple(Quote(symbol, mark, mark, mark) for symbol, mark in marks.items()))


def proposal(side: Side = Side.LONG, entry: float = 100.0, risk: float = 2.0) -> Proposal:
    target = entry + side.sign * 1.5 * risk
    return Proposal(side, entry, entry - side.sign * risk, target, 0.7, 0.4, ("TOLD",))


class Told:
    """A strategy that says what stands in its script for a symbol and a minute, and else nothing.

    A string in the script is raised as an error.
    """

    def __init__(self, script: dict[tuple[str, int], Proposal | str] | None = None) -> None:
        self.script = dict(script or {})

    def __call__(self, view: View) -> Proposal | Pass:
        minute = (view.time_ms - START_MS) // MINUTE_MS - 1
        said = self.script.get((view.symbol, minute), Pass("NOTHING"))
        if isinstance(said, str):
            raise ValueError(said)
        return said


def buys(minute: int = 0, symbol: str = SYMBOL, side: Side = Side.LONG) -> Told:
    """Propose one trade at the close of a minute."""
    return Told({(symbol, minute): proposal(side)})


class World:
    """One session of a run, and all that it left."""

    def __init__(
        self,
        strategy: Strategy | None = None,
        *,
        config: Config = CONFIG,
        journal: MemoryJournal | None = None,
        at_ms: int = START_MS,
        symbols: tuple[str, ...] = (SYMBOL,),
    ) -> None:
        self.strategy: Strategy = strategy or Told()
        self.config = config
        self.journal = journal or MemoryJournal(checkpoint_schema=CHECKPOINT_SCHEMA)
        self.steps: list[Step] = []
        fresh = not self.journal.head().input_seq
        started = replace(STARTED, config=config)
        self.runner = begin(self.journal, self.journal, self.found, started, at_ms, on_step=self.steps.append)
        if fresh:
            for symbol in symbols:
                self.runner.feed(at_ms, InstrumentArrived(contract(symbol), "test"))

    def found(self, _name: str) -> Strategy:
        return self.strategy

    @property
    def kernel(self) -> Kernel:
        return self.runner.kernel

    def state(self, stream: str) -> object:
        actor = self.kernel.population.get(stream)
        return None if actor is None else actor.state

    def quote(self, at_ms: int, **marks: float) -> World:
        self.runner.feed(at_ms, tick(at_ms, **marks))
        return self

    def close(self, minute: int, **closes: float) -> World:
        """Let a minute end: one candle for each symbol."""
        for symbol, close in closes.items():
            self.runner.feed(open_ms(minute + 1), arrived(minute, close, symbol))
        return self

    def enter(self, minute: int = 0, price: float = 100.0, symbol: str = SYMBOL) -> World:
        """Live through a minute at whose end the strategy buys, until the position is open and protected."""
        self.close(minute, **{symbol: price})
        for second in (1, 2):
            self.quote(open_ms(minute + 1) + second * 1_000, **{symbol: price})
        return self

    def events(self, kind: type[Event] | None = None) -> list[Recorded]:
        """Give what this session recorded."""
        return [r for step in self.steps for r in step.events if kind is None or type(r.event) is kind]

    def kinds(self) -> list[str]:
        return [type(recorded.event).__name__ for recorded in self.steps[-1].events] if self.steps else []

    def after_crash(self, at_ms: int | None = None, strategy: Strategy | None = None) -> World:
        """Give the next session, after the process died without a word."""
        journal = self.journal.after_crash()
        at = max(self.kernel.head.at_ms, journal.head().at_ms) + 1_000 if at_ms is None else at_ms
        return World(strategy or self.strategy, config=self.config, journal=journal, at_ms=at)

    def verified(self, strategies: Callable[[str], Strategy] | None = None, **how: object) -> replay.ReplayReport:
        """Replay all that is durable; what is held becomes durable before."""
        self.journal.commit()
        return replay.verify(self.journal, strategies or self.found, **how)


def traded() -> World:
    """Live until a position was opened and stopped out."""
    world = World(buys()).enter()
    for second in (10, 12, 13):
        world.quote(open_ms(1) + second * 1_000, BTCUSDT=97.0)
    return world
