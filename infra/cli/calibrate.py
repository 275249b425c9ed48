"""`calibrate`: a strategy's confidence table from its own recorded analyses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra import calibrate as calibration
from infra.calibrate import Calibrated
from infra.cli import options
from infra.cli.output import out, print_facts, print_json, progress
from infra.cli.trade import From, To, recorded_market
from infra.code_version import code_version, strategy_named, strategy_sha256

Data = Annotated[Path | None, typer.Option("--data", help="Recorded candles to analyse, instead of a recorded run.")]
Strategy = Annotated[str | None, typer.Option("--strategy", help="With --data: factors, ict or hybrid.")]
Share = Annotated[float, typer.Option("--share", help="Share of all analyses that shall be Prime.", min=0.0, max=0.5)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("calibrate")(calibrate_command)


def calibrate_command(
    data: Data = None,
    symbols: options.Symbols = None,
    since: From = None,
    until: To = None,
    strategy: Strategy = None,
    share: Share = 0.02,
    run: options.Run = None,
    given: options.Set = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Rebuild the confidence table and the Prime strength; what it prints goes into the settings file.

    Examples: run.py calibrate (the newest run) · run.py calibrate --data ../shared/data/market --strategy ict
    """
    resolved = options.resolve(config, given, store, home, options.override("strategy.name", strategy))
    if data is None:
        from infra import store as stores

        with options.existing_database(resolved) as url, stores.reading(url, run) as (_, _, reader):
            found = calibration.calibrate(reader, share)
    else:
        found = _of_data(resolved, data, symbols, since, until, share)
    if as_json:
        print_json(found)
        return
    facts = {name: getattr(found, name) for name in Calibrated.__struct_fields__ if name != "table"}
    print_facts(facts, "calibration", as_json=False)
    out.print("\nFor the settings file:\n\n" + calibration.toml(found.table))


def _of_data(
    resolved: options.Resolved, data: Path, symbols: str | None, since: str | None, until: str | None, share: float
) -> Calibrated:
    from domain.operations import SessionStarted
    from infra import backtest
    from infra.memory import MemoryJournal

    settings = resolved.settings
    name = settings.strategy.name
    market = recorded_market(data, symbols, since, until, settings)
    started = SessionStarted(settings.config, code_version(), strategy_sha256(name), "paper", "recorded")
    journal = MemoryJournal()
    with progress("candles", market.candles) as report:
        backtest.run("calibration", market, started, journal, journal, strategy_named, progress=report)
    return calibration.calibrate(journal, share)
