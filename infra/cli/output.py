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
BRIEF_MAX: Final = 80
"""How many characters of one value stand in a line of changes."""
WIDE: Final = 240
"""How wide a table may be where nobody looks at it: in a file or a pipe."""


def _console(width: int | None) -> Console:
    # Neither markup nor emoji: what is printed holds users' words, and a stray `[/x]` of theirs must not end a command.
    return Console(highlight=False, markup=False, emoji=False, width=width)


out = _console(None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_json(value: object) -> None:
    """Print one JSON document on one line."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_facts(value: msgspec.Struct | Mapping[str, object], title: str, *, as_json: bool) -> None:
    """Print one record: JSON, or a name and a value a line.

    A value is never cut: a chain head is there to be noted, and a narrow terminal wraps it so that it is copied whole.
    """
    if as_json:
        print_json(value)
        return
    facts = cast("dict[str, object]", msgspec.to_builtins(value)) if isinstance(value, msgspec.Struct) else value
    out.print(title, style="italic")
    width = max(map(len, facts), default=0)
    for name, fact in facts.items():
        out.print(f"{name.replace('_', ' '):<{width}}  {shown(fact)}", soft_wrap=True)


def print_rows(rows: Sequence[Mapping[str, object]], title: str, *, as_json: bool, empty: str = "nothing yet") -> None:
    """Print rows: JSON, or a table.

    Where a table is too wide for the screen, a few rows stand on their heads, and of many rows what is the same in all
    of them is said once. A file or a pipe gets the whole width.
    """
    if as_json:
        print_json(rows)
        return
    if not rows:
        out.print(f"{title}: {empty}")
        return
    cells = [[_cell(name, value) for name, value in row.items()] for row in rows]
    names, common = list(rows[0]), ""
    if _width(names, cells) > out.width:
        if len(rows) <= UPRIGHT_MAX:
            columns = [list(line) for line in zip(names, *cells, strict=True)]
            names, cells = columns[0], columns[1:]
        else:
            names, cells, common = _without_common(names, cells)
    numeric = {name for name, value in rows[0].items() if isinstance(value, int | float | Decimal)}
    out.print(title, style="italic")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        table.add_column(name, justify="right" if name in numeric else "left", no_wrap=True)
    for line in cells:
        table.add_row(*line)
    screen = out if out.is_terminal else _console(max(out.width, _width(names, cells)))
    screen.print(table)
    if common:
        out.print(f"in every row: {common}", soft_wrap=True)


def _width(names: list[str], cells: list[list[str]]) -> int:
    return sum(2 + max(map(len, column)) for column in zip(names, *cells, strict=True))


def _without_common(names: list[str], cells: list[list[str]]) -> tuple[list[str], list[list[str]], str]:
    """Give names and cells without the columns whose cells are all alike, and what those say."""
    columns = list(zip(names, *cells, strict=True))
    varied = [column for column in columns if len(set(column[1:])) > 1]
    if not varied:
        return names, cells, ""
    common = ", ".join(f"{name} {first or '-'}" for name, first, *rest in columns if not {*rest} - {first})
    kept = [list(line) for line in zip(*varied, strict=True)]
    return kept[0], kept[1:], common


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


def print_changes(changes: Mapping[str, object], title: str) -> None:
    """Print what changed: a line a field. Of a long list stand its size and its end."""
    out.print(title, style="bold")
    if not changes:
        out.print("nothing")
    for path, change in changes.items():
        before, after = cast("Sequence[object]", change)
        out.print(f"{path}: {_brief(before)} → {_brief(after)}", soft_wrap=True)


def _brief(value: object) -> str:
    text = shown(value)
    if len(text) <= BRIEF_MAX:
        return text
    if isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        return f"({len(items):,} items, the last {_brief(items[-1])})"
    return f"{text[:BRIEF_MAX]}…"


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
        case list() | tuple() if all(isinstance(item, str) for item in cast("Sequence[object]", value)):
            return ", ".join(cast("Sequence[str]", value)) or "-"
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
