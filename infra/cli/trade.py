"""`run` and `backtest`: the same kernel over the built-in market in real time, or over recorded candles."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.live import Live

from domain.errors import HindsightError, InvalidInput
from domain.operations import SessionStarted
from domain.sizing import usual_notional
from infra import backtest, moments
from infra.cli import options
from infra.cli.output import err, out, print_facts, progress
from infra.cli.running import System
from infra.cli.system import opened
from infra.code_version import code_version, strategy_named, strategy_sha256
from infra.interpreter import attune
from infra.market.catalogue import Catalogue
from infra.market.recorded import RecordedMarket
from infra.memory import MemoryJournal
from infra.places import place_of, require_durable
from infra.settings import Resolved, Settings
from infra.stopping import Stopped

FRAME_S = 0.25
WARM_UP_FRAME_S = 0.05

Venue = Annotated[str | None, typer.Option("--venue", help="sim, binance, binance-testnet or synthetic (in process).")]
Real = Annotated[bool, typer.Option("--live", help="Place real orders; needs keys and TRADING_ENABLED=true.")]
Duration = Annotated[float | None, typer.Option("--duration", help="Stop cleanly after so many seconds.", min=0.0)]
Speed = Annotated[float | None, typer.Option("--speed", help="Market seconds a real second.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Which synthetic market.")]
Test = Annotated[bool, typer.Option("--test", help="Ten symbols only.")]
ScanInterval = Annotated[int | None, typer.Option("--interval", help="Market seconds between two scan summaries.")]
MinScore = Annotated[float | None, typer.Option("--min-score", help="Strength (0 to 100) that makes a verdict Prime.")]
NoDashboard = Annotated[bool, typer.Option("--no-dashboard", help="Don't draw the live view.")]
Data = Annotated[Path, typer.Option("--data", help="Directory of recorded candles (see the README).")]
From = Annotated[str | None, typer.Option("--from", help="Start of the range (ISO 8601, UTC).")]
To = Annotated[str | None, typer.Option("--to", help="End of the range (ISO 8601, UTC).")]
Strategy = Annotated[str | None, typer.Option("--strategy", help="A built-in strategy, or your own .py file.")]
Interval = Annotated[str | None, typer.Option("--base-interval", help="Candles to run on (default 1m).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run_command)
    app.command("backtest")(backtest_command)


def run_command(
    symbols: options.Symbols = None,
    test: Test = False,
    venue: Venue = None,
    live: Real = False,
    speed: Speed = None,
    seed: Seed = None,
    duration: Duration = None,
    interval: ScanInterval = None,
    min_score: MinScore = None,
    strategy: Strategy = None,
    no_dashboard: NoDashboard = False,
    given: options.Set = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """Run the whole system against the simulated exchange, or on Binance, until Ctrl-C. This is the default command.

    Example: run.py --duration 60 --symbols 20 --speed 60
    """
    resolved = options.resolve(
        config,
        given,
        store,
        home,
        options.override("market.symbols", "10" if test and symbols is None else symbols),
        options.override("market.venue", venue),
        options.override("market.speed", speed),
        options.override("market.seed", seed),
        options.override("scan.interval_seconds", interval),
        options.override("scoring.min_score", min_score),
        options.override("strategy.name", strategy),
    )
    place = place_of(resolved.settings, resolved.origins, live=live)
    strategy_named(resolved.settings.strategy.name)
    attune()
    draw = resolved.settings.screen.dashboard and not no_dashboard and not as_json and out.is_terminal
    try:
        with _stop_signal() as stop, _stored(resolved, stop) as url:
            began = time.perf_counter()
            if live:
                require_durable(url)
            announce = None if draw else err.print
            with opened(url, resolved.settings, place, announce, stop, _say) as system:
                _warm_up(system, stop)
                _watch(system, stop, duration, draw=draw)
            summary = system.summary(time.perf_counter() - began)
    except Stopped:
        err.print("Stopped before the run had begun.")
        return 0
    print_facts(summary, "the run", as_json=as_json)
    return 0


def _say(line: str) -> None:
    err.print(line, soft_wrap=True)


@contextmanager
def _stored(resolved: Resolved, stop: threading.Event) -> Generator[str | None]:
    """Give the database's URL, or None for a run in memory."""
    if resolved.settings.database.url == options.MEMORY:
        yield None
        return
    with options.database(resolved, stop, keep=True) as url:
        yield url


@contextmanager
def _stop_signal() -> Generator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set, instead of an exception somewhere in the middle."""
    stop = threading.Event()

    def asked(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _warm_up(system: System, stop: threading.Event) -> None:
    """Wait until every history that can be had is there."""
    with progress("history", None) as report:
        while not (system.warm() or stop.is_set() or system.ended):
            report(*system.warming)
            stop.wait(WARM_UP_FRAME_S)
    for line in system.not_loaded:
        err.print(f"Not loaded: {line}", soft_wrap=True)


def _watch(system: System, stop: threading.Event, duration: float | None, *, draw: bool) -> None:
    """Let the system run until somebody or something stops it, and draw it meanwhile."""
    deadline = None if duration is None else time.monotonic() + duration
    if not draw:
        err.print(f"Running {system.title}. Ctrl-C stops cleanly.")
    with Live(console=out, screen=True, auto_refresh=False) if draw else _nothing() as live:
        while not stop.is_set() and not system.ended:
            left = FRAME_S if deadline is None else min(FRAME_S, deadline - time.monotonic())
            if left <= 0:
                break
            stop.wait(left)
            if system.look_after():
                tell = err.print if live is None else system.note
                tell("The simulated exchange had died; it was started again.")
            if live is not None:
                live.update(system.draw(out.size), refresh=True)
    if system.stalled:
        raise HindsightError("The kernel made no progress for a minute although the database answers: stopped.")
    system.stop("asked" if stop.is_set() else "duration over")


@contextmanager
def _nothing() -> Generator[None]:
    yield None


def backtest_command(
    data: Data,
    symbols: options.Symbols = None,
    since: From = None,
    until: To = None,
    strategy: Strategy = None,
    base_interval: Interval = None,
    given: options.Set = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """Run recorded candles through the kernel; the run is kept, and can be replayed, verified and asked.

    Example: run.py backtest --data ../shared/data/market --symbols BTCUSDT,ETHUSDT --from 2025-05-01
    """
    name, base = options.override("strategy.name", strategy), options.override("base_interval", base_interval)
    coarser = None if base_interval in {None, "1m", "5m"} else f"strategy.analysis_interval={base_interval}"
    resolved = options.resolve(config, [*([coarser] if coarser else []), *(given or [])], store, home, name, base)
    settings = resolved.settings
    strategy_named(settings.strategy.name)
    attune()
    market = recorded_market(data, symbols, since, until, settings)
    started = SessionStarted(
        config=settings.config,
        code_version=code_version(),
        strategy_sha256=strategy_sha256(settings.strategy.name),
        venue="paper",
        market="recorded",
    )
    run_id = backtest.run_id(started, market.content_digest())
    with progress("candles", market.candles) as report:
        if settings.database.url == options.MEMORY:
            journal = MemoryJournal()
            result = backtest.run(run_id, market, started, journal, journal, strategy_named, progress=report)
        else:
            from infra import store as runs

            with options.database(resolved) as url, runs.building(url, run_id, settings) as (journal, reader, complete):
                result = backtest.run(run_id, market, started, journal, reader, strategy_named, progress=report)
                complete()
    for line in backtest.remarks(market):
        err.print(line)
    print_facts(result, f"backtest {run_id}", as_json=as_json)
    return 0


def recorded_market(
    data: Path, symbols: str | None, since: str | None, until: str | None, settings: Settings
) -> RecordedMarket:
    """Open the recorded candles that a command's options name. Raises `InvalidInput`."""
    catalogue, base_interval = Catalogue.open(data), settings.base_interval
    names = catalogue.symbols(base_interval) if symbols is None else _listed(symbols)
    if not names:
        catalogue.candle_files("", base_interval)  # says what there is instead
    start_ms = None if since is None else moments.time_ms(since, "--from")
    end_ms = None if until is None else moments.time_ms(until, "--to")
    return RecordedMarket(catalogue, names, base_interval, start_ms, end_ms, usual_notional(settings.config))


def _listed(symbols: str) -> tuple[str, ...]:
    names = tuple(name.strip().upper() for name in symbols.split(",") if name.strip())
    if not names or symbols.isdecimal():
        raise InvalidInput("--symbols", "names separated by commas, such as BTCUSDT,ETHUSDT", repr(symbols))
    return names
