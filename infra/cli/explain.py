"""`why`: the chain of causes of one thing."""

from __future__ import annotations

from typing import Annotated

import typer

from infra import moments
from infra import store as stores
from infra import why as causes
from infra.cli import options
from infra.cli.output import out, print_json
from infra.cli.travel import At

Asked = Annotated[
    str, typer.Argument(help="An order, a position, a signal (event id), or a symbol.", metavar="ID|SYMBOL")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("why")(why_command)


def why_command(
    asked: Asked,
    at: At = None,
    run: options.Run = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Say why it did that, or did not: the chain of causes, from stored facts only.

    Examples: run.py why BTCUSDT · run.py why position:main/BTCUSDT-7 · run.py why position:main/BTCUSDT-7@5
    """
    resolved = options.resolve(config, None, store, home)
    with options.database(resolved) as url, stores.reading(url, run) as (_, _, reader):
        until = None if at is None else moments.seq_at(reader, at, "--at")
        chain = causes.why(reader, asked, until)
    if as_json:
        print_json({"asked": asked, "chain": chain})
        return
    for link in chain:
        out.print(f"[dim]{link.at}  seq {link.seq:<9}[/dim] {link.stream or 'outside'}", markup=True)
        out.print(f"    {link.event or 'nothing'}: {link.says}", markup=False)
