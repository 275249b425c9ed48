"""`cold_start` and `warm_start`: seconds until every symbol was analysed, over an exchange whose answers take long.

The whole system starts (store, kernel, adapter, streams) against the simulator. Cold, it has no history: it finds the
universe, loads six intervals and open interest of every symbol, and analyses them at the close of the next 5m candle.
Warm, it comes back within the same minute: nothing is missing, so nothing is asked for. So that the wait for the close
of a candle is not what is measured, the market leaps to half a second before one when all histories are there.

The baseline is the weight limit's own bound: what was asked for over 2,400 a minute, in seconds. The bench fails if the
exchange refused a call, or if any sliding minute took more than 90 % of the limit.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import psycopg
from msgspec.structs import replace
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from domain.base import Event
from domain.catalog import TOPICS
from domain.errors import InvalidInput
from domain.flow import MINUTE_MS
from domain.symbol.events import CandleClosed, SymbolAnalyzed
from infra.bench.context import BenchContext
from infra.bench.exchange_side import BEFORE_MS, CLOSE_MS, Booked, Served, Simulator
from infra.bench.measure import Measure, beside
from infra.bench.neighbour import Neighbour
from infra.cli.running import System
from infra.cli.system import opened
from infra.exchange.limiter import WEIGHT_A_MINUTE
from infra.exchange.stage import Rules
from infra.places import BINANCE, Place
from infra.settings import Settings
from infra.store import reading

SYMBOLS: Final = 140
SHARE_MAX: Final = 0.9
UNIT: Final = "s, lower is better"
BOUND: Final = "the weight that was asked for, at the limit of 2,400 a minute"
_PATIENCE_S: Final = 120.0
_LOOK_S: Final = 0.25
_LEAP_MS: Final = 20_000
_LEAP_PAUSE_S: Final = 0.3
_LATENCIES: Final = {"": 100, ":slow": 2_600}
"""Milliseconds an answer. The old system took 621 s at 2.6 s a call."""


def bench_cold_start(context: BenchContext) -> list[Measure]:
    """Measure the first start, with a usual and with a very slow exchange."""
    return [_cold("cold_start" + name, _latency(ms, context), context) for name, ms in _LATENCIES.items()]


def bench_warm_start(context: BenchContext) -> list[Measure]:
    """Measure a start after a short absence. Its calls are few, so the bound is that of the cold start before it."""
    symbols = _symbols(context)
    with exchange_at(_latency(_LATENCIES[""], context), symbols) as exchange, database(context) as url:
        _, cold, analysed = _started(exchange, url, symbols, stay=True)
        seconds, warm, _ = _started(exchange, url, analysed)
    _require(warm.candle_calls == 0, f"a warm start asked {warm.candle_calls} times for candles")
    _require_within_limits(warm)
    return [beside("warm_start", seconds, UNIT, f"a cold start: {BOUND}", _bound_s(cold))]


def _cold(name: str, latency_ms: int, context: BenchContext) -> Measure:
    symbols = _symbols(context)
    with exchange_at(latency_ms, symbols) as exchange, database(context) as url:
        seconds, booked, _ = _started(exchange, url, symbols)
    _require_within_limits(booked)
    context.say(
        f"{name}: {booked.weight} weight, {booked.busiest_minute} in the busiest minute, {latency_ms} ms a call."
    )
    return beside(name, seconds, UNIT, BOUND, _bound_s(booked))


def _latency(full_ms: int, context: BenchContext) -> int:
    return context.size(full_ms, full_ms // 20)


def _symbols(context: BenchContext) -> int:
    return context.size(SYMBOLS, 4)


def _bound_s(booked: Booked) -> float:
    return booked.weight * 60.0 / WEIGHT_A_MINUTE


def _require_within_limits(booked: Booked) -> None:
    most = SHARE_MAX * WEIGHT_A_MINUTE
    _require(booked.refused == 0, f"the exchange refused {booked.refused} calls")
    _require(booked.busiest_minute <= most, f"{booked.busiest_minute} of weight in a minute, more than {most:g}")


def _require(holds: bool, found: str) -> None:
    if not holds:
        raise AssertionError(f"A start has to keep to the rules: {found}.")


def exchange_at(latency_ms: int, symbols: int) -> Neighbour:
    """Give an exchange with twice as many contracts as are wanted."""
    return Neighbour(Simulator, 2 * symbols, Rules(latency_ms=latency_ms))


@contextmanager
def database(context: BenchContext) -> Generator[str]:
    """Give a database of its own: a run that is `live` in there is nobody else's."""
    name = f"bench_{time.time_ns():x}"
    with psycopg.connect(context.url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            yield make_conninfo(context.url, dbname=name)
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def settings_over(served: Served) -> Settings:
    """Give the settings of a system that finds its exchange there."""
    defaults = Settings()
    return replace(defaults, binance=replace(defaults.binance, rest_url=served.rest, stream_url=served.ws))


def place_over(symbols: int | tuple[str, ...]) -> Place:
    """Say that prices come from outside and orders stay on paper."""
    return Place(BINANCE, "paper over the simulator", "simulator", "exchange", symbols)


def _started(
    exchange: Neighbour, url: str, wanted: int | tuple[str, ...], *, stay: bool = False
) -> tuple[float, Booked, tuple[str, ...]]:
    """Start the system, wait until every symbol was analysed, stop it; `stay`: four minutes of the market later.

    Give the seconds until then, what was asked for until the histories were there, and the symbols.
    """
    symbols = wanted if isinstance(wanted, int) else len(wanted)
    served: Served = exchange.said
    exchange.ask(None)
    close_ms = (exchange.ask(0) // CLOSE_MS + 1) * CLOSE_MS
    began = time.perf_counter()
    first_seq = _head(url)
    with opened(url, settings_over(served), place_over(wanted)) as system:
        _wait_until_warm(system)
        booked: Booked = exchange.ask(None)
        exchange.ask(max(0, close_ms - BEFORE_MS - exchange.ask(0)))
        analysed = _wait_for(url, first_seq, symbols, SymbolAnalyzed)
        seconds = time.perf_counter() - began
        if stay:
            _let_pass(exchange, url, symbols, close_ms + 4 * MINUTE_MS + BEFORE_MS)
        system.stop("measured")
    return seconds, booked, analysed


def _let_pass(exchange: Neighbour, url: str, symbols: int, until_ms: int) -> None:
    """Let market time pass in leaps that the system can follow, and wait until it has followed."""
    last_seq = _head(url)
    while (left_ms := until_ms - exchange.ask(0)) > 0:
        last_seq = _head(url)
        exchange.ask(min(left_ms, _LEAP_MS))
        time.sleep(_LEAP_PAUSE_S)
    _wait_for(url, last_seq, symbols, CandleClosed)


def _head(url: str) -> int:
    """Give the end of what is stored; 0 before the first start."""
    try:
        with reading(url, "live") as (_, _, reader):
            return reader.head().seq
    except InvalidInput:
        return 0


def _wait_until_warm(system: System) -> None:
    """Wait for the histories."""
    deadline = time.monotonic() + _PATIENCE_S
    while not system.warm(_LOOK_S) and not system.ended and time.monotonic() < deadline:
        pass
    _require(system.warm() and not system.not_loaded, f"not everything could be loaded: {system.not_loaded[:3]}")


def _wait_for(url: str, after_seq: int, symbols: int, what: type[Event]) -> tuple[str, ...]:
    """Wait until such an event of every symbol is stored; give the symbols."""
    deadline = time.monotonic() + _PATIENCE_S
    found: set[str] = set()
    with reading(url, "live") as (_, _, reader):
        while len(found) < symbols:
            until_seq = reader.head().seq
            if until_seq > after_seq:
                new = reader.events(after_seq, until_seq, topics=(TOPICS[what].decode(),))
                found |= {event.stream for event in new}
                after_seq = until_seq
            _require(time.monotonic() < deadline, f"only {len(found)} symbols had a {what.__name__} in time")
            time.sleep(0.02)
    return tuple(sorted(stream.partition(":")[2] for stream in found))
