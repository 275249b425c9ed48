"""A read model as a page: what it is called, which run it is of, and what its own module puts on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from actors.ports import Head, Reader
from infra import moments
from infra.html import accounts, equity, health, orders, pnl, signals, stats, trades
from infra.html.cells import Cell, moment, word
from infra.html.page import Page, Section, latest, render
from infra.postgres.runs import RunInfo
from projections.accounts import AccountRow
from projections.equity import EquityPoint
from projections.health import HealthRow
from projections.orders import OrderRow
from projections.pnl import DayPnl
from projections.positions import PositionRow
from projections.signals import SignalRow
from projections.stats import StatsRow
from projections.virtual_positions import VirtualPositionRow

TITLES: Final = {
    "pnl": ("Profit and loss", "What closed positions brought, counted on the UTC day on which they closed."),
    "equity": ("Equity and drawdown", "The value of each account over time, and how far it was below its peak."),
    "stats": ("Trading statistics", "How well each account trades, beside the signals that were not traded."),
    "positions": ("Positions", "Every real position from its request to its end, on the candles of its symbol."),
    "virtual_positions": ("Virtual positions", "Signals that were not traded, followed without money to learn from."),
    "signals": ("Signals", "Every proposal of the strategy, and what became of it."),
    "orders": ("Orders", "Every order that was sent to the venue, and how it ended."),
    "health": ("Health", "The run's own history: sessions, conditions, crashes, and what operators did."),
    "accounts": ("Accounts", "Every account as it is now, and what it came from."),
}
"""The heading of each page, and a sentence below it."""


def report_page(name: str, rows: Sequence[Mapping[str, Any]], run: RunInfo, reader: Reader) -> str:
    """Give the page of a read model as HTML: the same run and rows give the same bytes.

    `rows` are those of `Follower.report`: JSON types and `Decimal`. The reader gives what rows do not hold: the candles
    behind trades, and where the history ends.
    """
    title, lead = TITLES.get(name, (name.replace("_", " ").capitalize(), "The rows of this read model."))
    head = reader.head()
    empty = Section("Nothing here yet", note=f"The run has not brought a row of {name}. Let it go on, then ask again.")
    sections = _sections(name, rows, reader, head) if rows else (empty,)
    return render(Page(title, lead, _facts(run, head), sections, tuple(_settings(run.config))))


def _sections(name: str, rows: Sequence[Mapping[str, Any]], reader: Reader, head: Head) -> tuple[Section, ...]:
    match name:
        case "pnl":
            return pnl.sections(msgspec.convert(rows, list[DayPnl]))
        case "equity":
            return equity.sections(msgspec.convert(rows, list[EquityPoint]))
        case "stats":
            return stats.sections(msgspec.convert(rows, list[StatsRow]))
        case "positions":
            return trades.sections(msgspec.convert(rows, list[PositionRow]), reader)
        case "virtual_positions":
            return trades.sections(msgspec.convert(rows, list[VirtualPositionRow]), reader)
        case "signals":
            return signals.sections(msgspec.convert(rows, list[SignalRow]))
        case "orders":
            return orders.sections(msgspec.convert(rows, list[OrderRow]))
        case "health":
            return health.sections(msgspec.convert(rows, list[HealthRow]), head.at_ms)
        case "accounts":
            return accounts.sections(msgspec.convert(rows, list[AccountRow]))
        case _:  # a read model that has no page of its own
            return (_plain(rows),)


def _plain(rows: Sequence[Mapping[str, Any]]) -> Section:
    def cells(row: Mapping[str, Any]) -> tuple[Cell, ...]:
        return tuple(_shown(column, row[column]) for column in rows[0])

    return Section("Rows", tables=(latest("All columns", tuple(rows[0]), rows, cells),))


def _shown(column: str, value: object) -> Cell:
    if column.endswith("_ms") and isinstance(value, int) and value >= moments.EPOCH_MS_MIN:
        return moment(value)
    text = "" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return word(text)


def _facts(run: RunInfo, head: Head) -> tuple[tuple[str, str], ...]:
    """Say which run this is, and how far it goes; not when it was made, so that the same run looks the same."""
    return (
        ("Run", run.run_id),
        ("Kind", f"{run.kind} on {run.venue}, {run.clock} clock"),
        ("History until", f"{moment(head.at_ms).text} UTC" if head.at_ms else "empty"),
        ("Inputs", f"{head.input_seq:,}"),
        ("Events", f"{head.seq:,}"),
        ("Chain head", head.content_hash.hex()),
    )


def _settings(config: str) -> Iterator[tuple[str, str]]:
    """Give the recorded settings, one a line; a text that is no JSON as it stands."""
    try:
        yield from _flat("", msgspec.json.decode(config))
    except msgspec.DecodeError:
        yield "settings", config


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            yield from _flat(f"{name}.{key}" if name else key, inner)
    else:
        yield name, value if isinstance(value, str) else msgspec.json.encode(value).decode()
