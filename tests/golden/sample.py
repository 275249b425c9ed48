"""A short life in which every kind of input, event and effect occurs: what a new golden history is made of."""

from __future__ import annotations

import math
from decimal import Decimal

from msgspec.structs import replace

from domain.book import DepthSummary
from domain.calibration.table import Calibration, HitRate
from domain.config import Config, SupervisionConfig
from domain.flow import TradeFlow
from domain.market import (
    INTERVALS_MS,
    Candle,
    CandleArrived,
    FundingArrived,
    HistoryArrived,
    InstrumentArrived,
    InstrumentLeft,
    OpenInterestArrived,
)
from domain.market_view import HOUR_MS, ReferenceHoursArrived
from domain.operations import ClockTicked, Condition, ConditionChanged, OperatorCommand, OperatorKind, SessionEnded
from domain.orders import OrderRequested
from domain.values import Side
from domain.venue import AccountReconciled, ForeignPosition, VenueCanceled, VenueLiquidated, VenueRejected
from infra.memory import MemoryJournal
from tests.worlds import CONFIG, START_MS, SYMBOL, Told, World, arrived, candle, contract, open_ms, proposal

ETH, SOL = "ETHUSDT", "SOLUSDT"
SCRIPT = {
    (SYMBOL, 0): proposal(),
    (SYMBOL, 2): "a bug",
    (SYMBOL, 3): "a bug",
    (ETH, 4): proposal(Side.SHORT),
    (SYMBOL, 5): proposal(Side.SHORT),
    (SYMBOL, 7): proposal(),
    (ETH, 6): "one more bug",
    (ETH, 11): proposal(risk=-2.0),
    (SYMBOL, 12): proposal(),
    (SYMBOL, 14): proposal(),
}


def lived() -> MemoryJournal:
    """Live two sessions, the first of which ends without a word."""
    config = replace(CONFIG, supervision=SupervisionConfig(max_crashes=1, window_ms=180_000))
    world = World(Told(SCRIPT), config=config)
    world.runner.feed(START_MS, InstrumentArrived(contract(ETH), "test"))
    _warm_up(world)
    _stop_out(world)
    _conditions(world)
    world.journal.commit()
    again = world.after_crash(open_ms(5))
    _deny_and_follow(again)
    _liquidate(again)
    _refuse_and_abandon(again)
    _reconcile(again)
    again.runner.feed(again.kernel.head.at_ms, SessionEnded("asked to"))
    again.journal.commit()
    _analyse_in_full(again.journal, config)
    return again.journal


def _warm_up(world: World) -> None:
    bars = tuple(candle(minute, 100.0, 101.0, 99.5) for minute in range(-6, 0))
    world.runner.feed(START_MS, HistoryArrived(SYMBOL, "1m", bars))
    world.runner.feed(START_MS, HistoryArrived(SYMBOL, "1m", bars[:2]))
    hour = START_MS // HOUR_MS * HOUR_MS
    world.runner.feed(START_MS, OpenInterestArrived(SYMBOL, ((hour - HOUR_MS, 1e6), (hour, 1.1e6))))
    hours = ((hour - HOUR_MS, 102.0, 99.0, 101.0), (hour, 103.0, 100.0, 102.0))
    world.runner.feed(START_MS, ReferenceHoursArrived("BTCUSDT", hours))


def _stop_out(world: World) -> None:
    world.enter(0)
    at_ms = open_ms(1) + 5_000
    world.runner.feed(at_ms, FundingArrived(SYMBOL, at_ms, 0.0001, 100.0))
    for second in (6, 7, 8):
        world.quote(open_ms(1) + second * 1_000, BTCUSDT=97.0)
    late_ms = open_ms(1) + 5_500
    world.runner.feed(open_ms(1) + 9_000, FundingArrived(SYMBOL, late_ms, 0.0002, 100.0))
    world.runner.feed(open_ms(2), arrived(1, math.nan))
    for minute in (1, 2, 3):
        world.close(minute, BTCUSDT=99.0, ETHUSDT=100.0)


def _conditions(world: World) -> None:
    at_ms = world.kernel.head.at_ms
    for active in (True, False):
        world.runner.feed(at_ms, ConditionChanged(Condition.FEED_STALE, active, "no quotes", 3 if active else 0))
    world.runner.feed(at_ms, ClockTicked())


def _deny_and_follow(world: World) -> None:
    world.runner.feed(world.kernel.head.at_ms, OperatorCommand(1, OperatorKind.HALT, "", "ann"))
    for minute in (4, 5):
        world.close(minute, ETHUSDT=100.0, BTCUSDT=100.0)
        world.quote(open_ms(minute + 1) + 1_000, ETHUSDT=100.0, BTCUSDT=100.0)
    world.runner.feed(world.kernel.head.at_ms, OperatorCommand(2, OperatorKind.RESUME, "", "ann"))
    world.close(6, ETHUSDT=100.0, BTCUSDT=100.0)


def _liquidate(world: World) -> None:
    """The venue inside closes at the stop long before: this answer is laid into its mouth."""
    world.close(7, BTCUSDT=100.0)
    for second in (1, 2):
        world.quote(open_ms(8) + second * 1_000, BTCUSDT=100.0)
    position = f"position:main/{SYMBOL}-3"
    quantity = world.kernel.population.get(position).state.deal.quantity
    at_ms = world.kernel.head.at_ms
    world.runner.feed(at_ms, OperatorCommand(3, OperatorKind.CLOSE, SYMBOL, "ann"))
    world.runner.feed(at_ms, VenueLiquidated(position, at_ms, Decimal("80.5"), quantity, Decimal("0.25")))
    world.quote(at_ms + 1_000, BTCUSDT=100.0)


def _reconcile(world: World) -> None:
    at_ms = world.kernel.head.at_ms
    foreign = (ForeignPosition(ETH, Side.SHORT, Decimal(2), Decimal(101)),)
    wallet = world.kernel.population.get("account:main").state.balance + Decimal("12.5")
    world.runner.feed(at_ms, AccountReconciled("main", at_ms, wallet, foreign, ("BTCUSDT: 1 there, 2 here",)))
    world.runner.feed(at_ms, AccountReconciled("main", at_ms, wallet))
    world.runner.feed(at_ms, InstrumentLeft(ETH, "STATUS_SETTLING"))


def _analyse_in_full(journal: MemoryJournal, config: Config) -> None:
    """A session of the strategy that looks at everything, over a symbol with a past, a book and trades."""
    table = Calibration("hybrid", "test", ((0.0, 0.0), (100.0, 1.0)), 60.0, 40, (HitRate(0.5, 20, 0.45),), 0.25)
    strategy, scoring = replace(config.strategy, name="hybrid"), replace(config.scoring, tables=(table,))
    hybrid = replace(config, strategy=strategy, scoring=scoring)
    world = World(config=hybrid, journal=journal, at_ms=open_ms(15))
    world.runner.feed(open_ms(15), InstrumentArrived(contract(SOL), "test"))
    for interval in ("1h", "15m", "5m"):
        step_ms, end_ms = INTERVALS_MS[interval], open_ms(15)
        opens = range(end_ms - end_ms % step_ms - 60 * step_ms, end_ms - end_ms % step_ms, step_ms)
        past = tuple(_waved(open_ms_, at) for at, open_ms_ in enumerate(opens))
        world.runner.feed(end_ms, HistoryArrived(SOL, interval, past))
    for minute in range(15, 31):
        world.runner.feed(open_ms(minute + 1), CandleArrived(SOL, _waved(open_ms(minute), minute)))
    world.runner.feed(world.kernel.head.at_ms, SessionEnded("asked to"))
    journal.commit()


def _waved(opened_ms: int, at: int) -> Candle:
    """Give a candle of a market that rises in waves, with all that may stand beside one."""
    close = 100.0 + at * 0.25 + (at % 7) * 0.5
    return Candle(
        opened_ms, close - 0.5, close + 1.0, close - 1.25, close, 500.0 + at, (500.0 + at) * close, 90,
        300.0, 300.0 * close, close, close - 0.25, 0.0001, close - 0.125, close + 0.125, 40_000.0 + at,
        DepthSummary(2.5, 400_000.0, 350_000.0, 20_000.0, 0.75, 0.5), TradeFlow(900, 800_000, 2_500.0, 9e4, 6e4),
        12.0, 14.0, 0.0, 1_500.0,
    )  # fmt: skip


def _refuse_and_abandon(world: World) -> None:
    world.close(10, BTCUSDT=100.0)
    world.close(11, ETHUSDT=100.0, BTCUSDT=100.0)
    world.close(12, BTCUSDT=100.0)
    at_ms, entry = world.kernel.head.at_ms, world.events(OrderRequested)[-1].event_id
    world.runner.feed(at_ms, VenueRejected(entry, at_ms, "-1001", "Internal error."))
    for minute in (13, 14):
        world.close(minute, BTCUSDT=100.0)
    at_ms, entry = world.kernel.head.at_ms, world.events(OrderRequested)[-1].event_id
    world.runner.feed(at_ms, OperatorCommand(4, OperatorKind.FLATTEN, "", "ann"))
    world.runner.feed(at_ms, VenueCanceled(entry, at_ms, "ASKED_FOR"))
