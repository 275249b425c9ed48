"""`halt`, `resume`, `flatten`, `close`: an operator's wishes to the running system, through its database."""

from __future__ import annotations

import getpass
import socket
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from domain.errors import HindsightError, InvalidInput, Unavailable
from domain.operations import OperatorKind
from infra import obeyed
from infra.cli import options
from infra.cli.output import out, print_json

if TYPE_CHECKING:
    from psycopg import Connection

    from infra.postgres.tables import Tables

WAIT_S = 15.0

Symbol = Annotated[str, typer.Argument(help="Which symbol, such as BTCUSDT.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("halt")(halt_command)
    app.command("resume")(resume_command)
    app.command("flatten")(flatten_command)
    app.command("close")(close_command)


def halt_command(
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Let the running system take no new positions; what is open stays protected.

    Example: run.py halt
    """
    _ask(OperatorKind.HALT, "", options.resolve(config, None, store, home), as_json=as_json)


def resume_command(
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Let the running system take new positions again.

    Example: run.py resume
    """
    _ask(OperatorKind.RESUME, "", options.resolve(config, None, store, home), as_json=as_json)


def flatten_command(
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Close all positions at the market and take no new ones until `resume`.

    Example: run.py flatten
    """
    _ask(OperatorKind.FLATTEN, "", options.resolve(config, None, store, home), as_json=as_json)


def close_command(
    symbol: Symbol,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Close what is open in one symbol at the market.

    Example: run.py close BTCUSDT
    """
    wanted = symbol.strip().upper()
    if not wanted:
        raise InvalidInput("close", "a symbol such as BTCUSDT", repr(symbol), "`run.py flatten` closes everything.")
    _ask(OperatorKind.CLOSE, wanted, options.resolve(config, None, store, home), as_json=as_json)


def _ask(kind: OperatorKind, argument: str, resolved: options.Resolved, *, as_json: bool) -> None:
    """Put the wish into the commands table and wait for the event that answers it."""
    from infra import store
    from infra.postgres import commands, runs
    from infra.postgres.session import connect

    who = f"{getpass.getuser()}@{socket.gethostname()}"
    tables = runs.tables_of(runs.LIVE)
    with options.existing_database(resolved) as url, connect(url, "operator") as connection:
        _require_running(connection, tables)
        with store.reading(url, runs.LIVE) as (_, _, reader):
            if kind is OperatorKind.CLOSE:
                obeyed.require_symbol(reader, argument)
            command_id = commands.issue(connection, tables, kind, argument, who)
            answer = commands.wait_for_answer(connection, tables, command_id, WAIT_S)
            if answer.refused:
                raise HindsightError(f"The running system refused {kind}: {answer.refused}")
            what = obeyed.followed(reader, kind, answer.seq)
    if as_json:
        facts = {"command": kind, "argument": argument, "event": answer.event, "seq": answer.seq}
        print_json({**facts, **msgspec.to_builtins(what)})
    else:
        said = obeyed.sentence(kind, argument, what)
        out.print(f"{f'{kind} {argument}'.rstrip()}: {said} (seq {answer.seq})", soft_wrap=True)


def _require_running(connection: Connection[Any], tables: Tables) -> None:
    """Raise `Unavailable` if no process owns the run: the wish would be carried out whenever one starts again."""
    from infra.postgres.lease import is_owned

    if not is_owned(connection, tables):
        raise Unavailable("A running system", "nobody runs on this store; start one with `python run.py`")
