"""Puts the commands together, and turns every error into one sentence and an exit code."""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.text import Text

from domain.errors import CorruptHistory, HindsightError
from infra import log
from infra.cli import (
    audit,
    bench,
    calibrate,
    candles,
    checks,
    exchange,
    explain,
    ledger,
    operator,
    scan,
    trade,
    travel,
)  # fmt: skip
from infra.cli.output import err
from infra.masking import mask

FINDINGS = 1
COULD_NOT_RUN = 2
INTERRUPTED = 130

app = typer.Typer(
    name="run.py",
    help="Hindsight: trade Binance USD-M perpetual futures on paper, and replay any moment exactly as it happened.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    trade, scan, calibrate, travel, explain, ledger, audit, operator, candles, checks, exchange, bench,
):  # fmt: skip
    group.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (default: the process's own; without a command, `run`) and give the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0].startswith("-") and given[0] not in {"-h", "--help"}):
        given.insert(0, "run")
    log.configure("warning")
    try:
        outcome = app(given, standalone_mode=False)
    except typer.Exit as end:
        outcome = end.exit_code
    except KeyboardInterrupt:
        outcome = INTERRUPTED
    except CorruptHistory as error:
        err.print(mask(str(error)), style="bold red", soft_wrap=True)
        return FINDINGS
    except HindsightError as error:
        err.print(Text.assemble(("Can't do that.", "bold red"), " ", mask(str(error))), soft_wrap=True)
        return COULD_NOT_RUN
    except Exception as error:  # noqa: BLE001 - the outermost loop of the shell
        return _foreign(error)
    if outcome == INTERRUPTED:  # typer makes the same of Ctrl-C, and says nothing
        err.print("Interrupted.")
    return outcome if isinstance(outcome, int) else 0


def _foreign(error: Exception) -> int:
    """Answer an error that is not ours: the parser's in its own words, a bug with a file for whoever mends it."""
    show = getattr(error, "show", None)
    if callable(show):  # typer's and click's usage errors
        show()
        return COULD_NOT_RUN
    with tempfile.NamedTemporaryFile("w", prefix="hindsight-bug-", suffix=".log", delete=False) as file:
        file.write(mask("".join(traceback.format_exception(error))))
    what = mask(f"{type(error).__name__}: {error}")
    hint = f"Nothing that was committed is lost. Please report it with {Path(file.name)}."
    err.print(Text.assemble(("That is a bug in Hindsight:", "bold red"), f" {what}. {hint}"), soft_wrap=True)
    return COULD_NOT_RUN
