"""What a page is made of, and how it becomes one HTML file that loads nothing.

The file carries its look (`page.css`), its behaviour (`page.js`) and plotly.js from plotly's wheel. A content security
policy in it forbids everything else, so a page that was passed on can't tell anybody that it was opened. Without
JavaScript the figures and tables are still there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from importlib import resources
from typing import Final, TypeVar

import msgspec

from infra.html.cells import Cell, Tone
from infra.html.charts import Figure, encoded

T = TypeVar("T")

CLOSING: Final = "Times are UTC, amounts USDT unless they say otherwise. This page is one file and loads nothing."
TILES_ABREAST: Final = 6
POLICY: Final = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


class Tile(msgspec.Struct, frozen=True):
    """A key figure with its unit, and a word below it."""

    label: str
    cell: Cell
    unit: str = ""
    note: str = ""


class Chart(msgspec.Struct, frozen=True):
    """A chart under its own heading. `half` ones stand side by side where there is room; `height` in CSS pixels."""

    title: str
    figure: Figure
    height: int = 340
    half: bool = False
    note: str = ""


class Table(msgspec.Struct, frozen=True):
    """Rows of as many cells as there are columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


class Section(msgspec.Struct, frozen=True):
    """Tiles, then charts, then tables, under a heading if there is one."""

    title: str = ""
    note: str = ""
    tiles: tuple[Tile, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """A whole page. `facts` say what it is about, `details` (name, value) stand folded at its end."""

    title: str
    lead: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    details: tuple[tuple[str, str], ...] = ()


def latest(
    title: str, columns: tuple[str, ...], items: Sequence[T], row: Callable[[T], tuple[Cell, ...]], shown: int = 200
) -> Table:
    """Give a table of the last items, a row each, the newest on top, and say how many were left out."""
    note = f"The last {shown} of {len(items):,}, newest first." if len(items) > shown else "Newest first."
    return Table(title, columns, tuple(row(item) for item in reversed(items[-shown:])), note if len(items) > 1 else "")


def render(page: Page) -> str:
    """Give the page as HTML. The same page gives the same text."""
    figures: dict[str, Figure] = {}
    body = "\n".join(_section(section, figures) for section in page.sections)
    scripts = _scripts(figures) if figures else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(page.title)} - Hindsight</title>
<link rel="icon" href="data:,">
<style>
{_resource("page.css")}</style>
</head>
<body>
<header>
<p class="brand">Hindsight</p>
<h1>{escape(page.title)}</h1>
<p class="lead">{escape(page.lead)}</p>
{_facts(page.facts)}
</header>
<main>
{body}
</main>
<footer>
{_details(page.details)}<p>{CLOSING}</p>
</footer>
{scripts}</body>
</html>
"""


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f'<dl class="facts">{items}</dl>' if items else ""


def _details(details: Sequence[tuple[str, str]]) -> str:
    if not details:
        return ""
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in details)
    return f"<details><summary>Settings of this run</summary><dl>{items}</dl></details>\n"


def _section(section: Section, figures: dict[str, Figure]) -> str:
    parts = [
        f"<h2>{escape(section.title)}</h2>" if section.title else "",
        f'<p class="note">{escape(section.note)}</p>' if section.note else "",
        _tiles(section.tiles),
        _charts(section.charts, figures),
        *(_table(table) for table in section.tables),
    ]
    return "<section>\n" + "\n".join(part for part in parts if part) + "\n</section>"


def _tiles(tiles: Sequence[Tile]) -> str:
    if not tiles:
        return ""
    columns = len(tiles) if len(tiles) <= TILES_ABREAST else 4
    return f'<div class="tiles" style="--columns:{columns}">\n' + "\n".join(map(_tile, tiles)) + "\n</div>"


def _tile(tile: Tile) -> str:
    unit = f' <span class="unit">{escape(tile.unit)}</span>' if tile.unit else ""
    note = f'<p class="under">{escape(tile.note)}</p>' if tile.note else ""
    value = f'<p class="value{_tone(tile.cell.tone)}">{escape(tile.cell.text)}{unit}</p>'
    return f'<div class="tile"><p class="label">{escape(tile.label)}</p>{value}{note}</div>'


def _charts(charts: Sequence[Chart], figures: dict[str, Figure]) -> str:
    if not charts:
        return ""
    return '<div class="charts">\n' + "\n".join(_chart(chart, figures) for chart in charts) + "\n</div>"


def _chart(chart: Chart, figures: dict[str, Figure]) -> str:
    """Give the place of a chart; its name is its number on the page."""
    note = f'<p class="note">{escape(chart.note)}</p>' if chart.note else ""
    head = f'<figure class="card{" half" if chart.half else ""}"><figcaption>{escape(chart.title)}</figcaption>{note}'
    if chart.figure.empty:
        return f'{head}<p class="none">Nothing to draw yet.</p></figure>'
    name = f"chart-{len(figures) + 1}"
    figures[name] = chart.figure
    return (
        f'{head}<div class="chart" id="{name}" role="img" aria-label="{escape(chart.title)}"'
        f' style="height:{chart.height}px">'
        "<noscript>This chart needs JavaScript.</noscript></div></figure>"
    )


def _table(table: Table) -> str:
    head = f"<h3>{escape(table.title)}</h3>" + (f'<p class="note">{escape(table.note)}</p>' if table.note else "")
    if not table.rows:
        return f'<div class="card">{head}<p class="none">None.</p></div>'
    numeric, number = [cell.numeric for cell in table.rows[0]], ' class="number"'
    columns = "".join(
        f'<th scope="col"{number if right else ""}>{escape(name)}</th>'
        for name, right in zip(table.columns, numeric, strict=True)
    )
    rows = "\n".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in table.rows)
    return (
        f'<div class="card">{head}<div class="scroll" tabindex="0"><table>\n<thead><tr>{columns}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div></div>"
    )


def _cell(cell: Cell) -> str:
    names = (("number " if cell.numeric else "") + cell.tone).strip()
    return f'<td class="{names}">{escape(cell.text)}</td>' if names else f"<td>{escape(cell.text)}</td>"


def _tone(tone: Tone) -> str:
    return f" {tone}" if tone else ""


def _scripts(figures: dict[str, Figure]) -> str:
    from plotly.offline import get_plotlyjs

    return (
        f'<script id="figures" type="application/json">{encoded(figures)}</script>\n'
        f"<script>{get_plotlyjs()}</script>\n<script>\n{_resource('page.js')}</script>\n"
    )


def _resource(name: str) -> str:
    return resources.files("infra.html").joinpath(name).read_text("utf-8")
