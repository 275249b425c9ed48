"""The page of `health`: a timeline of sessions, conditions and levels of health, with crashes and commands on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from domain.operations import Health
from infra.html.cells import Cell, count, moment, span, word
from infra.html.charts import (
    ACCENT,
    GAIN,
    LOSS,
    SECOND,
    WARN,
    Figure,
    Trace,
    figure,
    label,
    markers,
    names_axis,
    time_axis,
)
from infra.html.page import Chart, Section, Tile, latest
from infra.moments import iso
from projections.health import HealthKind, HealthRow

ROWS_SHOWN: Final = 2_000
"""The newest things on the timeline."""
LASTING: Final = (HealthKind.SESSION, HealthKind.HEALTH, HealthKind.CONDITION)
SIGNS: Final = {
    HealthKind.RESTORED: (ACCENT, "circle"),
    HealthKind.DEAD_LETTER: (LOSS, "x"),
    HealthKind.STAYED_DOWN: (LOSS, "x-thin-open"),
    HealthKind.OPERATOR: (SECOND, "diamond"),
}
LEVELS: Final = {Health.HEALTHY.value: GAIN, Health.DEGRADED.value: WARN}


def sections(rows: Sequence[HealthRow], until_ms: int) -> tuple[Section, ...]:
    """Give what stands on the page. What still lasts is drawn up to `until_ms`, the end of the history."""
    lanes = len({_lane(row) for row in rows})
    chart = Chart("Timeline (UTC)", _timeline(rows[-ROWS_SHOWN:], until_ms), height=120 + 34 * lanes)
    return (
        Section(tiles=_tiles(rows)),
        Section(charts=(chart,)),
        Section(tables=(latest("What lasted, and what happened", _COLUMNS, rows, _row),)),
    )


def _tiles(rows: Sequence[HealthRow]) -> tuple[Tile, ...]:
    kinds = Counter(row.kind for row in rows)
    level = next((row.subject for row in reversed(rows) if row.kind is HealthKind.HEALTH), Health.HEALTHY)
    interrupted = sum(row.ending == "interrupted" for row in rows)
    return (
        Tile("Health", word(level)),
        Tile("Sessions", count(kinds[HealthKind.SESSION]), "", f"{interrupted:,} interrupted"),
        Tile("Conditions so far", count(kinds[HealthKind.CONDITION])),
        Tile("Conditions now", count(sum(row.live and row.kind is HealthKind.CONDITION for row in rows))),
        Tile("Crashes of actors", count(kinds[HealthKind.DEAD_LETTER]), "", _down(kinds[HealthKind.STAYED_DOWN])),
        Tile("Operators' commands", count(kinds[HealthKind.OPERATOR])),
    )


def _down(number: int) -> str:
    return f"{number:,} stayed down" if number else ""


def _lane(row: HealthRow) -> str:
    return row.subject if row.kind is HealthKind.CONDITION else row.kind.value


def _timeline(rows: Sequence[HealthRow], until_ms: int) -> Figure:
    lanes = sorted({_lane(row) for row in rows}, key=lambda lane: (lane not in set(HealthKind), lane))
    lasting = [row for row in rows if row.kind in LASTING]
    happened = [row for row in rows if row.kind not in LASTING]
    traces = [_spans(lasting, until_ms)] if lasting else []
    for kind, (colour, symbol) in SIGNS.items():
        own = [row for row in happened if row.kind is kind]
        if own:
            traces.append(_signs(kind, own, colour, symbol))
    lanes_axis = names_axis(categoryorder="array", categoryarray=[label(lane) for lane in reversed(lanes)])
    return figure(*traces, hovermode="closest", showlegend=False, xaxis=time_axis(), yaxis=lanes_axis)


def _spans(rows: Sequence[HealthRow], until_ms: int) -> Trace:
    """Draw what lasted as bars; one whose end was not recorded ends where the next of its lane begins."""
    ends: list[int] = []
    next_ms: dict[str, int] = {}
    for row in reversed(rows):
        ends.append(row.ended_ms if row.ended_ms is not None else next_ms.get(_lane(row), until_ms))
        next_ms[_lane(row)] = row.began_ms
    ends.reverse()
    colours = [_colour(row) for row in rows]
    edges = ["--card" if row.kind is HealthKind.SESSION else _colour(row) for row in rows]  # or short ones vanish
    return {
        "type": "bar",
        "orientation": "h",
        "base": [row.began_ms for row in rows],
        "x": [max(end - row.began_ms, 1) for row, end in zip(rows, ends, strict=True)],
        "y": [label(_lane(row)) for row in rows],
        "width": 0.55,
        "marker": {"color": colours, "line": {"color": edges, "width": 1}},
        "text": [_said(row) for row in rows],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
    }


def _signs(kind: HealthKind, rows: Sequence[HealthRow], colour: str, symbol: str) -> Trace:
    drawn = markers(kind.value, [row.began_ms for row in rows], [0.0] * len(rows), [], colour, symbol)
    return {**drawn, "y": [label(_lane(row)) for row in rows], "text": [_said(row) for row in rows]}


def _colour(row: HealthRow) -> str:
    match row.kind:
        case HealthKind.HEALTH:
            return LEVELS.get(row.subject, LOSS)
        case HealthKind.CONDITION:
            return WARN
        case _:
            return ACCENT


def _said(row: HealthRow) -> str:
    ended = row.ended_ms is not None and row.ended_ms > row.began_ms
    until = f" to {iso(row.ended_ms or 0)}" if ended else ""
    lines = (f"{row.kind.value} {row.subject}", f"{iso(row.began_ms)}{until}", row.detail, row.ending)
    return "<br>".join(label(line) for line in lines if line)


_COLUMNS: Final = ("began (UTC)", "kind", "subject", "ended (UTC)", "lasted", "detail", "ending", "count", "seq")


def _row(row: HealthRow) -> tuple[Cell, ...]:
    return (
        moment(row.began_ms),
        word(row.kind),
        word(row.subject),
        moment(row.ended_ms),
        span(None if row.ended_ms is None else row.ended_ms - row.began_ms),
        word(row.detail),
        word(row.ending),
        count(row.count),
        count(row.seq),
    )
