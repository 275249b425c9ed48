"""`why`: the chain of causes of one thing."""

from __future__ import annotations

import textwrap
from typing import Annotated, Final

import typer
from rich.text import Text

from infra import moments
from infra import store as stores
from infra import why as causes
from infra.cli import options
from infra.cli.output import out, print_json
from infra.cli.travel import At

READABLE: Final = 120
"""How wide a sentence may be."""

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
    with options.existing_database(resolved) as url, stores.reading(url, run) as (_, _, reader):
        until = None if at is None else moments.seq_at(reader, at, "--at")
        chain = causes.why(reader, asked, until)
    if as_json:
        print_json({"asked": asked, "chain": chain})
        return
    before: tuple[object, ...] = ()
    for link in chain:
        place = (link.at, link.seq, link.stream)
        if place != before:
            when = (f"{link.at}  seq {link.seq:<9} ", "dim")
            out.print(Text.assemble(when, link.stream or "outside"))
        out.print(_told(f"{link.event or 'nothing'}: {link.says}"))
        before = place


def _told(text: str) -> str:
    """Indent a sentence below its place, wrapped so that it can be read in a wide terminal too."""
    width = min(out.width, READABLE)
    return textwrap.fill(text, width, initial_indent=" " * 4, subsequent_indent=" " * 8, break_on_hyphens=False)
