"""Trades on the candles of their symbol: entry, exit, stop and target, as they stood in the market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from actors.ports import Reader
from domain.market import MINUTE_MS
from domain.values import Side
from infra.html.candles import Bar, Window, bars_of
from infra.html.cells import exact, gained, span
from infra.html.charts import (
    ACCENT,
    GAIN,
    LOSS,
    MUTED,
    WARN,
    Trace,
    amounts,
    candlesticks,
    figure,
    markers,
    pieces,
    time_axis,
)
from infra.html.page import Chart, Section
from projections.positions import PositionRow

SYMBOLS_SHOWN: Final = 20
TRADES_SHOWN: Final = 40
"""The newest trades of a symbol that are drawn."""
TRADES_IN_VIEW: Final = 12
"""How many of them are in view at first; more of them hide the candles."""
ROOM: Final = 0.04
"""How much of the time is left free on either side of the trades."""
ROOM_MS_MIN: Final = 30 * 60_000


def on_candles(rows: Sequence[PositionRow], reader: Reader) -> Section:
    """Give a chart a symbol, those with the most trades first; the candles come from the run itself."""
    filled: dict[str, list[PositionRow]] = {}
    for row in rows:
        if row.opened_ms is not None:
            filled.setdefault(row.symbol, []).append(row)
    chosen = sorted(sorted(filled), key=lambda symbol: -len(filled[symbol]))[:SYMBOLS_SHOWN]
    until_ms = reader.head().at_ms
    drawn = {symbol: filled[symbol][-TRADES_SHOWN:] for symbol in chosen}
    bars = bars_of(reader, {symbol: _window(trades, until_ms) for symbol, trades in drawn.items()})
    charts = [_chart(symbol, drawn[symbol], len(filled[symbol]), bars[symbol], until_ms) for symbol in chosen]
    left_out = len(filled) - len(chosen)
    if not charts:
        return Section("Trades on candles", note="No position was filled yet.")
    note = "Triangles enter (up: long, down: short), squares leave; green ends with a net gain, red with a loss."
    note += f" {left_out:,} symbols with fewer trades are not drawn." if left_out else ""
    return Section("Trades on candles", note=note, charts=tuple(charts))


def _window(trades: Sequence[PositionRow], until_ms: int) -> Window:
    first_ms = min(row.requested_ms for row in trades)
    last_ms = max(_end_ms(row, until_ms) for row in trades)
    room_ms = max(ROOM_MS_MIN, int((last_ms - first_ms) * ROOM))
    return Window(first_ms - room_ms, last_ms + room_ms)


def _end_ms(row: PositionRow, until_ms: int) -> int:
    return until_ms if row.closed_ms is None else row.closed_ms


def _chart(symbol: str, trades: Sequence[PositionRow], of: int, by_open_ms: Mapping[int, Bar], until_ms: int) -> Chart:
    which = f"the last {len(trades)} of {of:,} trades" if of > len(trades) else "1 trade" if of == 1 else f"{of} trades"
    note = f"Candles of {_width(list(by_open_ms))}." if by_open_ms else "No candles were recorded here."
    drawn = (
        candlesticks(symbol, by_open_ms),
        *_levels(trades, until_ms),
        _entries(trades, Side.LONG, "triangle-up"),
        _entries(trades, Side.SHORT, "triangle-down"),
        _exits(trades),
    )
    xaxis, yaxis = time_axis(rangeslider={"visible": False}), amounts()
    if len(trades) > TRADES_IN_VIEW and by_open_ms:
        note += f" The last {TRADES_IN_VIEW} trades are in view: double-click to see all that are drawn."
        xaxis["range"], yaxis["range"] = _view(trades[-TRADES_IN_VIEW:], by_open_ms, until_ms)
    chart = figure(*drawn, hovermode="closest", xaxis=xaxis, yaxis=yaxis)
    return Chart(f"{symbol} (USDT): {which}", chart, height=460, note=note)


def _view(trades: Sequence[PositionRow], by_open_ms: Mapping[int, Bar], until_ms: int) -> tuple[list[int], list[float]]:
    """Give the stretch of time and of prices in which these trades can be seen."""
    window = _window(trades, until_ms)
    seen = [bar for open_ms, bar in by_open_ms.items() if window.first_ms <= open_ms <= window.last_ms]
    levels = [float(level) for row in trades for level in (row.stop, row.target)]
    low, high = min([*levels, *(bar.low for bar in seen)]), max([*levels, *(bar.high for bar in seen)])
    return [window.first_ms, window.last_ms], [low - (high - low) * ROOM, high + (high - low) * ROOM]


def _width(opens: Sequence[int]) -> str:
    """Name the width of candles by their open times."""
    return span(min((later - earlier for earlier, later in pairwise(opens)), default=MINUTE_MS)).text


def _levels(trades: Sequence[PositionRow], until_ms: int) -> tuple[Trace, ...]:
    """Draw each trade's stop, target and way from entry to exit, for as long as it lasted."""
    x: list[int | None] = []
    stops: list[float | None] = []
    targets: list[float | None] = []
    ways: list[float | None] = []
    for row in trades:
        x += [row.opened_ms, _end_ms(row, until_ms), None]
        stops += [float(row.stop), float(row.stop), None]
        targets += [float(row.target), float(row.target), None]
        ways += [_price(row.entry_price), _price(row.exit_price), None]
    return (
        pieces("stop", x, stops, LOSS, "dot"),
        pieces("target", x, targets, GAIN, "dot"),
        pieces("entry to exit", x, ways, MUTED, "solid"),
    )


def _price(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _entries(trades: Sequence[PositionRow], side: Side, symbol: str) -> Trace:
    own = [row for row in trades if row.side is side]
    text = [
        f"{side.value} {exact(row.entered).text} at {exact(row.entry_price).text}, confidence {row.confidence:.2f}"
        for row in own
    ]
    times = [row.opened_ms or row.requested_ms for row in own]
    colour = ACCENT if side is Side.LONG else WARN
    return markers(f"{side.value.lower()} entry", times, [float(row.entry_price or 0) for row in own], text, colour,
                   symbol)  # fmt: skip


def _exits(trades: Sequence[PositionRow]) -> Trace:
    own = [row for row in trades if row.exit_price is not None and row.closed_ms is not None]
    text = [f"{row.reason} at {exact(row.exit_price).text}, net {gained(row.net).text} USDT" for row in own]
    painted = [GAIN if row.net > 0 else LOSS for row in own]
    times, prices = [row.closed_ms or 0 for row in own], [float(row.exit_price or 0) for row in own]
    return {**markers("exit", times, prices, text, painted, "square", 8), "showlegend": False}
