"""Charts as plotly's JSON (https://plotly.com/javascript/reference): traces, and a layout that suits all of them.

It is written as data: the page draws it with the plotly.js that it carries. Colours are the names of the page's own
CSS variables (`--gain`), so that a chart is light or dark as the page is. Times are UTC ms, amounts USDT.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from infra.html.candles import Bar
from infra.html.thinning import thinned

Trace: TypeAlias = dict[str, object]
Axis: TypeAlias = dict[str, object]
Dash: TypeAlias = Literal["solid", "dot", "dash"]
Number: TypeAlias = int | float

ACCENT: Final = "--accent"
SECOND: Final = "--second"
GAIN: Final = "--gain"
LOSS: Final = "--loss"
WARN: Final = "--warn"
MUTED: Final = "--muted"
SERIES: Final = ("--accent", "--second", "--third", "--warn", "--loss", "--muted")
"""Colours for what has no colour of its own."""
COUNTED_MAX: Final = 9
"""Up to here every whole number has a tick; beyond, plotly's own steps are whole."""
USDT: Final = "%{y:,.2f} USDT"


class Figure(msgspec.Struct, frozen=True):
    """What plotly draws: `Plotly.newPlot(…, data, layout)`."""

    data: tuple[Trace, ...]
    layout: dict[str, object]

    @property
    def empty(self) -> bool:
        """Whether there is not a point to draw."""
        return not any(trace["x"] for trace in self.data)


def figure(*traces: Trace, xaxis: Axis | None = None, **layout: object) -> Figure:
    """Give a figure of these traces; `layout` is laid over the common one.

    The left margin grows for the labels of y, the bottom one for those of x; growing elsewhere too need not settle.
    """
    spike = {} if "hovermode" in layout else {"spikecolor": "--muted", "spikethickness": 1, "spikedash": "dot"}
    common: dict[str, object] = {
        "margin": {"l": 8, "r": 20, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": "--soft"},
        "hoverlabel": {"bgcolor": "--card", "bordercolor": "--line", "font": {"color": "--ink"}},
        "hovermode": "x unified",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "--muted", "activecolor": "--accent"},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        "showlegend": sum(trace.get("showlegend", True) is True for trace in traces) > 1,
        "bargap": 0.25,
        "xaxis": {**(xaxis or axis()), **spike, "automargin": "bottom"},
        "yaxis": amounts(),
    }
    return Figure(traces, {**common, **layout})


def axis(**more: object) -> Axis:
    """Give an axis with a quiet grid."""
    return {"gridcolor": "--line", "zerolinecolor": "--line", "linecolor": "--line", "automargin": "left", **more}


def amounts(**more: object) -> Axis:
    """Give an axis of amounts or counts, with all their digits."""
    return axis(tickformat=",", **more)


def counts(largest: Number, **more: object) -> Axis:
    """Give an axis of counts up to `largest`: no ticks at halves of a thing."""
    return amounts(**({"dtick": 1} if largest <= COUNTED_MAX else {}), **more)


def time_axis(**more: object) -> Axis:
    """Give an axis of UTC times."""
    return axis(type="date", hoverformat="%Y-%m-%d %H:%M:%S UTC", **more)


def names_axis(**more: object) -> Axis:
    """Give an axis of names: they stay in the order in which they come, the first one on top if it is upright."""
    return axis(type="category", showgrid=False, **more)


def label(text: str) -> str:
    """Give text as plotly has to get it: it reads tags and entities in labels."""
    return html.escape(text, quote=False)


def line(
    name: str,
    x: Sequence[int],
    y: Sequence[float],
    colour: str,
    *,
    steps: bool = False,
    dash: Dash = "solid",
    fill: str = "",
    **more: object,
) -> Trace:
    """Draw a curve, thinned if it is long. `steps` hold each value until the next one; `fill` is the colour below."""
    few_x, few_y = thinned(x, y)
    drawn: Trace = {
        "type": "scatter",
        "mode": "lines" if len(few_x) > 1 else "markers",
        "name": name,
        "x": few_x,
        "y": [round(value, 8) for value in few_y],
        "line": {"color": colour, "width": 1.75, "dash": dash, "shape": "hv" if steps else "linear"},
        "marker": {"color": colour, "size": 8},
        "hovertemplate": USDT,
        **more,
    }
    return {**drawn, "fill": "tozeroy", "fillcolor": fill} if fill else drawn


def bars(name: str, x: Sequence[object], y: Sequence[object], colour: str | Sequence[str], **more: object) -> Trace:
    """Draw a bar for each pair, of one colour or each of its own."""
    painted = colour if isinstance(colour, str) else list(colour)
    return {"type": "bar", "name": name, "x": list(x), "y": list(y), "marker": {"color": painted}, **more}


def candlesticks(name: str, by_open_ms: Mapping[int, Bar]) -> Trace:
    """Draw candles."""
    drawn = list(by_open_ms.values())
    return {
        "type": "candlestick",
        "name": name,
        "x": list(by_open_ms),
        "open": [bar.open for bar in drawn],
        "high": [bar.high for bar in drawn],
        "low": [bar.low for bar in drawn],
        "close": [bar.close for bar in drawn],
        "increasing": {"line": {"color": "--rise", "width": 1}, "fillcolor": "--rise"},
        "decreasing": {"line": {"color": "--fall", "width": 1}, "fillcolor": "--fall"},
        "hoverinfo": "x+y",
    }


def markers(
    name: str,
    x: Sequence[int],
    y: Sequence[float],
    text: Sequence[str],
    colour: str | Sequence[str],
    symbol: str,
    size: int = 9,
) -> Trace:
    """Draw signs with a text each."""
    painted = colour if isinstance(colour, str) else list(colour)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": list(x),
        "y": list(y),
        "text": [label(one) for one in text],
        "marker": {"color": painted, "symbol": symbol, "size": size, "line": {"color": "--card", "width": 1}},
        "hovertemplate": "%{text}<extra></extra>",
    }


def pieces(name: str, x: Sequence[int | None], y: Sequence[float | None], colour: str, dash: Dash) -> Trace:
    """Draw many short lines, with None between two of them."""
    trace: Trace = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": colour, "width": 1.25, "dash": dash},
        "hoverinfo": "skip",
    }
    return trace


def encoded(figures: Mapping[str, Figure]) -> str:
    """Give figures as JSON that may stand in a `<script>`: nothing in it ends the script."""
    return msgspec.json.encode(figures).decode().replace("<", "\\u003c")
