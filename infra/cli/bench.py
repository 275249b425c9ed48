"""`bench`: how fast this machine runs Hindsight, each figure beside a baseline of the same run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from domain.errors import InvalidInput
from infra.cli import options
from infra.cli.output import err, print_rows, sentences
from infra.interpreter import attune

DATA: Final = Path(__file__).parents[3] / "shared" / "data" / "market"

Names = Annotated[list[str] | None, typer.Argument(help="Which benchmarks (default: all).", metavar="[NAME]...")]
Quick = Annotated[bool, typer.Option("--quick", help="Small sizes, to see that all works; the figures mean nothing.")]
Data = Annotated[Path | None, typer.Option("--data", help="Directory of recorded candles, for backtest and replay.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench")(bench_command)


def bench_command(
    names: Names = None,
    quick: Quick = False,
    data: Data = None,
    store: options.Store = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Measure, and compare each figure with its baseline: the ratio is what counts, for latency the lower the better.

    Works in a throw-away PostgreSQL, or with --store in schemas that are dropped again.

    Example: run.py bench append kernel --json
    """
    from infra.bench import BENCHMARKS, BenchContext, Measure, Skipped

    chosen = _chosen(names or [], list(BENCHMARKS))
    url = options.resolve(config, None, store, None).settings.database.url
    if url == options.MEMORY:
        raise InvalidInput("--store", "a PostgreSQL URL", "memory", "Leave --store out.")
    attune()
    found: list[Measure] = []
    with BenchContext(store=url, data=data or _recorded(), quick=quick, say=lambda line: sentences([line])) as context:
        for name in chosen:
            err.print(f"Measuring {name} …")
            try:
                found += BENCHMARKS[name](context)
            except Skipped as why:
                err.print(f"Skipped: {why}")
    print_rows([msgspec.to_builtins(measure) for measure in found], "benchmarks", as_json=as_json, empty="none ran")


def _chosen(names: list[str], known: list[str]) -> list[str]:
    for name in names:
        if name not in known:
            raise InvalidInput("bench", f"some of {', '.join(known)}", repr(name))
    return names or known


def _recorded() -> Path:
    """Find recorded candles: in `HINDSIGHT_DATA`, or beside the project."""
    root = os.environ.get("HINDSIGHT_DATA")
    return Path(root) / "market" if root else DATA
