"""What a command prints: data to standard output as a table or as JSON, everything else to standard error."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, Protocol, cast

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from infra import moments

UPRIGHT_MAX: Final = 4
WIDE: Final = 240
"""How wide a table may be where nobody looks at it: in a file or a pipe."""

# Neither markup nor emoji: what is printed holds users' words, and a stray `[/x]` of theirs must not end a command.
out = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_json(value: object) -> None:
    """Print one JSON document on one line."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_facts(value: msgspec.Struct | Mapping[str, object], title: str, *, as_json: bool) -> None:
    """Print one record: JSON, or a name and a value a line."""
    if as_json:
        print_json(value)
        return
    facts = cast("dict[str, object]", msgspec.to_builtins(value)) if isinstance(value, msgspec.Struct) else value
    out.print(title, style="italic")
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, fact in facts.items():
        table.add_row(name.replace("_", " "), shown(fact))
    out.print(table)


def print_rows(rows: Sequence[Mapping[str, object]], title: str, *, as_json: bool, empty: str = "nothing yet") -> None:
    """Print rows: JSON, or a table; a few rows that are too wide for the screen stand on their heads."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        out.print(f"{title}: {empty}")
        return
    cells = [[_cell(name, value) for name, value in row.items()] for row in rows]
    names = list(rows[0])
    widths = [max(len(text) for text in column) for column in zip(names, *cells, strict=True)]
    if sum(widths) + 2 * len(widths) > out.width and len(rows) <= UPRIGHT_MAX:
        names, cells = ["", *(line[0] for line in cells)], [list(line) for line in zip(names, *cells, strict=True)][1:]
        names[0] = next(iter(rows[0]))
    numeric = {name for name, value in rows[0].items() if isinstance(value, int | float | Decimal)}
    out.print(title, style="italic")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        table.add_column(name, justify="right" if name in numeric else "left", no_wrap=True)
    for line in cells:
        table.add_row(*line)
    out.print(table)


def _cell(name: str, value: object) -> str:
    """Write a value of a column; a UTC time in ms is written as a time, a duration stays a number."""
    if name.endswith("_ms") and isinstance(value, int) and value >= moments.EPOCH_MS_MIN:
        return moments.iso(value)
    return shown(value)


def print_tree(value: object, title: str) -> None:
    """Print nested JSON types as a tree."""
    tree = Tree(Text(title, "bold"))
    _grow(tree, value)
    out.print(tree)


def _grow(tree: Tree, value: object) -> None:
    if isinstance(value, dict):
        for name, item in cast("dict[str, object]", value).items():
            _branch(tree, name, item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("Sequence[object]", value)):
            _branch(tree, str(index), item)
    else:
        tree.add(shown(value))


def _branch(tree: Tree, name: str, item: object) -> None:
    nested = isinstance(item, dict | list | tuple) and bool(cast("Sequence[object]", item))
    if nested:
        _grow(tree.add(Text(name, "bold")), cast("object", item))
    else:
        tree.add(f"{name}: {shown(cast('object', item))}")


def shown(value: object) -> str:
    """Write one value for a human."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.6g}"
        case int():
            return f"{value:,}"
        case Decimal():
            return f"{value:,f}"
        case list() | tuple() | dict():
            return msgspec.json.encode(cast("Any", value)).decode()
        case _:
            return str(value)


class Progressed(Protocol):
    """Says how much is done, and of how much if that is news."""

    def __call__(self, done: int, whole: int | None = None, /) -> None:
        """Draw it."""
        ...


@contextmanager
def progress(what: str, total: int | None) -> Generator[Progressed]:
    """Show a progress bar on standard error while the block runs; call what it gives with the amount done.

    A total that is known only later may be given with it.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, whole=total: bar.update(task, completed=done, total=whole)


def sentences(lines: Iterable[str]) -> None:
    """Say something to the user beside the data."""
    for line in lines:
        err.print(line)
