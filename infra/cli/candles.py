"""`import` and `download`: candles from files, or from Binance's public archive, into a catalogue for backtests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from domain.errors import HindsightError, InvalidInput
from domain.market import INTERVALS_MS
from infra import moments
from infra.cli import options
from infra.cli.output import err, print_facts, print_json, progress
from infra.clock import wall_ms

FINDINGS: Final = 1
SHOWN_MAX: Final = 12

Data = Annotated[Path | None, typer.Option("--data", help="The catalogue (default: data below --home).")]
Files = Annotated[list[Path], typer.Argument(help="Files: .zip, .csv or .parquet.")]
Names = Annotated[list[str], typer.Argument(help="Symbols, such as BTCUSDT.")]
Intervals = Annotated[list[str] | None, typer.Option("--interval", help="Candle length (default 1m); may be repeated.")]
From = Annotated[str | None, typer.Option("--from", help="First day (UTC; default: the first of the last month).")]
To = Annotated[str | None, typer.Option("--to", help="The day after the last one (UTC; default: today).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import")(import_command)
    app.command("download")(download_command)


def import_command(
    files: Files,
    data: Data = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """Bring candle files into the catalogue. The name says what a file holds: BTCUSDT-1m-2025-05.zip, BTCUSDT_x.csv.

    Example: run.py import ~/Downloads/BTCUSDT-1m-2025-05.zip
    """
    from infra.archive.imported import Imported, import_file

    root = _catalogue(data, home, config)
    done: list[Imported] = []
    failed: list[str] = []
    with progress("files", len(files)) as report:
        for number, file in enumerate(files, 1):
            try:
                done.append(import_file(file, root))
            except InvalidInput as error:
                failed.append(str(error))
            report(number)
    _say_all("Not imported:", failed)
    rejected = {reason for each in done for reason, _ in each.rejected}
    left_out = sum(count for each in done for _, count in each.rejected)
    if left_out:
        err.print(f"{left_out:,} rows were left out: {', '.join(sorted(rejected))}.")
    facts = {"files": len(done), "rows": sum(each.rows for each in done), "catalogue": str(root)}
    if as_json:
        print_json({**facts, "failed": failed})
    else:
        print_facts({**facts, "failed": len(failed)}, "import", as_json=False)
    return FINDINGS if failed else 0


def download_command(
    symbols: Names,
    interval: Intervals = None,
    since: From = None,
    until: To = None,
    data: Data = None,
    given: options.Set = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """Fetch candles from Binance's public archive; what is there already is not fetched again.

    Example: run.py download BTCUSDT ETHUSDT --from 2025-05-01 --to 2025-07-01
    """
    from infra.archive.download import download
    from infra.archive.periods import files_of

    url = options.resolve(config, given, None, home).settings.market.archive_url
    root = _catalogue(data, home, config)
    today = datetime.fromtimestamp(wall_ms() / 1000, UTC).date()
    first = _day(since, "--from") or (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    end = _day(until, "--to") or today
    wanted = [
        file
        for name in _names(symbols)
        for length in _intervals(interval)
        for file in files_of(name, length, first, end, today)
    ]
    if not wanted:
        raise InvalidInput("--from, --to", "at least one day that is over", f"{first} to {end}")
    with progress("files", len(wanted)) as report:
        result = asyncio.run(download(url, wanted, root, report))
    _say_all("Not in the archive:", result.missing)
    _say_all("Failed:", result.failed)
    if result.rejected_rows:
        err.print(f"{result.rejected_rows:,} rows were left out because they are no sound candles.")
    if result.missing and not result.files and not result.skipped and not result.failed:
        raise HindsightError("The archive has none of these files: check the symbols and --from.")
    if as_json:
        print_json(result)
    else:
        told = {**msgspec.structs.asdict(result), "missing": len(result.missing), "failed": len(result.failed)}
        print_facts(told, f"download to {root}", as_json=False)
    return FINDINGS if result.failed else 0


def _catalogue(data: Path | None, home: Path | None, config: Path | None) -> Path:
    return data or Path(options.resolve(config, None, None, home).settings.database.home) / "data"


def _say_all(what: str, lines: Sequence[str]) -> None:
    for line in lines[:SHOWN_MAX]:
        err.print(f"{what} {line}", soft_wrap=True)
    if len(lines) > SHOWN_MAX:
        err.print(f"{what} {len(lines) - SHOWN_MAX} more.")


def _day(text: str | None, where: str) -> date | None:
    if text is None:
        return None
    return datetime.fromtimestamp(
        moments.time_ms(f"{text}-01" if len(text) == len("2025-05") else text, where) / 1000, UTC
    ).date()


def _names(symbols: Sequence[str]) -> list[str]:
    names = [name.strip().upper() for given in symbols for name in given.split(",") if name.strip()]
    for name in names:
        if not (name.isascii() and name.isalnum()):
            raise InvalidInput("SYMBOL", "names such as BTCUSDT", repr(name))
    return list(dict.fromkeys(names))


def _intervals(given: Sequence[str] | None) -> list[str]:
    for interval in given or ():
        if interval not in INTERVALS_MS:
            raise InvalidInput("--interval", f"one of {', '.join(INTERVALS_MS)}", repr(interval))
    return list(dict.fromkeys(given or ("1m",)))
