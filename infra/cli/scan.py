"""`scan`: one look at all symbols."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from domain.errors import InvalidInput
from domain.scan.summary import ScanRow, ScanSummary
from infra.cli import options
from infra.cli.output import err, out, print_json, print_rows, progress
from infra.cli.trade import MinScore
from infra.clock import wall_ms
from infra.code_version import strategy_named

TEST_SYMBOLS = 10

Data = Annotated[Path | None, typer.Option("--data", help="Recorded candles, each symbol at its own last one.")]
Test = Annotated[bool, typer.Option("--test", help="Ten symbols only.")]
Strategy = Annotated[str | None, typer.Option("--strategy", help="hybrid, factors, ict, trend, or your own .py file.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("scan")(scan_command)


def scan_command(
    symbols: options.Symbols = None,
    test: Test = False,
    min_score: MinScore = None,
    data: Data = None,
    strategy: Strategy = None,
    given: options.Set = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """Analyse every symbol once, at its newest close, and say what stands out and what kept the others back.

    It stores nothing: --store and --home are taken as by every other command, and change nothing.

    Example: run.py scan --data ../shared/data/market --min-score 70
    """
    from infra.scan import scan
    from infra.scan_sources import source_of

    asked = "10" if test and symbols is None else symbols
    count, names = _asked(asked)
    resolved = options.resolve(
        config,
        given,
        store,
        home,
        options.override("market.symbols", count if data is None else None),
        options.override("scoring.min_score", min_score),
        options.override("strategy.name", strategy),
    )
    settings = resolved.settings
    strategy_named(settings.strategy.name)
    source = source_of(data, settings.market, settings.config, names, wall_ms())
    if count is not None and data is not None:
        source.symbols = source.symbols[:count]
    if not source.symbols:
        raise InvalidInput("scan", "a market with at least one symbol", "none", "Check --data and --symbols.")
    with progress("symbols", len(source.symbols)) as report:
        summary = scan(source, settings.config, strategy_named, report)
    if as_json:
        print_json(document(summary))
    else:
        _print(summary)
    return 0


def document(summary: ScanSummary) -> dict[str, Any]:
    """Give a summary as JSON types, with names for keys where the struct has pairs."""
    found = msgspec.to_builtins(summary)
    found["distribution"] = {spread.pop("factor"): spread for spread in found["distribution"]}
    for pairs in ("skipped_because", "failed_because", "top_rejections"):
        found[pairs] = dict(found[pairs])
    for row in found["results"]:
        row["scores"] = dict(row.get("scores", ()))
    return found


def _asked(symbols: str | None) -> tuple[int | None, tuple[str, ...] | None]:
    """Read `--symbols`: a number, or names."""
    if symbols is None:
        return None, None
    if symbols.isdecimal():
        return int(symbols), None
    names = tuple(dict.fromkeys(name.strip().upper() for name in symbols.split(",") if name.strip()))
    if not names:
        raise InvalidInput("--symbols", "a number, or names such as BTCUSDT,ETHUSDT", repr(symbols))
    return None, names


def _print(summary: ScanSummary) -> None:
    rows = sorted(summary.results, key=lambda row: -(row.strength or 0.0))
    print_rows([_shown(row) for row in rows], "analysed", as_json=False)
    spreads = [msgspec.to_builtins(spread) for spread in summary.distribution]
    print_rows(spreads, "scores by factor", as_json=False)
    print_rows([{"reason": code, "symbols": count} for code, count in summary.top_rejections], "rejected because",
               as_json=False, empty="nothing was")  # fmt: skip
    misses = [{**msgspec.to_builtins(miss), "reasons": ", ".join(miss.reasons)} for miss in summary.near_misses]
    print_rows(misses, "near misses", as_json=False, empty="none")
    for symbol, why in (*summary.skipped_because, *summary.failed_because):
        err.print(f"{symbol} was not analysed: {why}", soft_wrap=True)
    out.print(
        f"{summary.total_symbols} symbols: {summary.analysed} analysed, {summary.skipped} skipped, {summary.errors} "
        f"failed; {summary.signals_found} Prime, {summary.watched} watched; {summary.elapsed_seconds:.1f} s, "
        f"{summary.symbols_per_second:g} symbols/s, {summary.api_calls} network calls"
    )


def _shown(row: ScanRow) -> dict[str, object]:
    return {
        "symbol": row.symbol,
        "time_ms": row.time_ms,
        "close": row.close,
        "verdict": row.verdict,
        "tier": row.tier,
        "strength": row.strength,
        "confidence": row.confidence,
        "win": row.win,
        "reasons": ", ".join(row.reasons),
    }
