"""Charts made of bars: what is largest, what things are made of, how many a day, how values are distributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from infra.html.charts import (
    GAIN,
    LOSS,
    Axis,
    Figure,
    Number,
    Trace,
    amounts,
    axis,
    bars,
    counts,
    figure,
    label,
    names_axis,
)  # fmt: skip

SHOWN: Final = 25
"""How many names stand beside bars that lie."""
DAYS_FEW: Final = 10


def ranked(values: Mapping[str, Number], colour: str | None = None, unit: str = "", shown: int = SHOWN) -> Figure:
    """Draw the largest values as bars that lie, the largest on top; gains and losses if there is no colour."""
    order = sorted(values, key=lambda name: (-abs(values[name]), name))[:shown]
    order.sort(key=lambda name: (-values[name], name))
    numbers = [values[name] for name in order]
    painted = colour or [GAIN if number >= 0 else LOSS for number in numbers]
    hover = f"%{{y}}: %{{x:,}} {unit}<extra></extra>"
    trace = bars("", numbers, [label(name) for name in order], painted, orientation="h", hovertemplate=hover)
    whole = all(isinstance(number, int) for number in numbers)
    return _lying(len(order), counts(max(numbers, default=0), tickangle=0) if whole else amounts(tickangle=0), trace)


def _lying(names: int, along: Axis, *traces: Trace) -> Figure:
    """Give a figure of bars that lie beside their names; a few bars are not drawn thicker than many."""
    gap = max(0.3, 1 - 0.25 * names)
    names_down = names_axis(autorange="reversed")
    return figure(*traces, hovermode="closest", barmode="stack", bargap=gap, xaxis=along, yaxis=names_down)


def stacked(numbers: Mapping[tuple[str, str], int], colours: Mapping[str, str], shown: int = SHOWN) -> Figure:
    """Draw counts of (name, kind) as one lying bar a name, most first, in the colours of the kinds."""
    totals: dict[str, int] = {}
    for (name, _), number in numbers.items():
        totals[name] = totals.get(name, 0) + number
    order = sorted(totals, key=lambda name: (-totals[name], name))[:shown]
    labels = [label(name) for name in order]
    traces = [
        bars(kind, [numbers.get((name, kind), 0) for name in order], labels, colour, orientation="h",
             hovertemplate=f"%{{y}}, {kind}: %{{x:,}}<extra></extra>")
        for kind, colour in colours.items()
        if any(numbers.get((name, kind)) for name in order)
    ]  # fmt: skip
    return _lying(len(order), counts(max(totals.values(), default=0), tickangle=0), *traces)


def days_axis(days: Sequence[str]) -> Axis:
    """Give an axis of UTC days as ISO 8601; a few days are names, so that their bars are no towers."""
    if len(days) <= DAYS_FEW:
        return names_axis(range=[-0.5, len(days) - 0.5])
    return axis(type="date", hoverformat="%Y-%m-%d")


def gap_of(bars_abreast: int) -> float:
    """Give the share of its place that a bar leaves free, so that a few bars are not drawn thicker than many."""
    return max(0.25, 1 - 0.12 * bars_abreast)


def daily(numbers: Mapping[tuple[str, str], int], colours: Mapping[str, str]) -> Figure:
    """Draw counts of (UTC day, kind) as one standing bar a day, in the colours of the kinds."""
    days = sorted({day for day, _ in numbers})
    traces = [
        bars(kind, days, [numbers.get((day, kind), 0) for day in days], colour, hovertemplate="%{y:,}")
        for kind, colour in colours.items()
        if any(numbers.get((day, kind)) for day in days)
    ]
    largest = max((sum(n for (at, _), n in numbers.items() if at == day) for day in days), default=0)
    return figure(*traces, yaxis=counts(largest), barmode="stack", bargap=gap_of(len(days)), xaxis=days_axis(days))


def histogram(middles: Sequence[float], numbers: Sequence[int], width: float, unit: str) -> Figure:
    """Draw how many fell into each bin; bins above 0 are gains, those below losses."""
    painted = [GAIN if middle >= 0 else LOSS for middle in middles]
    hover = f"%{{x:,.2f}} {unit}: %{{y:,}}<extra></extra>"
    trace = bars("", middles, numbers, painted, width=width * 0.92, hovertemplate=hover)
    return figure(trace, hovermode="closest", xaxis=amounts(), yaxis=counts(max(numbers, default=0)))
