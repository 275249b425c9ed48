"""The page of `accounts`: what each account has, how it came to that, and what holds it."""

from __future__ import annotations

from collections.abc import Sequence

from infra.html.cells import Cell, count, gained, percent, usdt, word
from infra.html.charts import ACCENT, GAIN, LOSS, USDT, Figure, figure, names_axis
from infra.html.page import Chart, Section, Table, Tile
from projections.accounts import AccountRow


def sections(rows: Sequence[AccountRow]) -> tuple[Section, ...]:
    """Give what stands on the page: a section an account."""
    return tuple(_account(row) for row in rows)


def _account(row: AccountRow) -> Section:
    halted = f"No entries: {', '.join(row.halts)}." if row.halts else "Entries are allowed."
    return Section(
        f"Account {row.account}",
        note=halted,
        tiles=_tiles(row),
        charts=(Chart("From deposit to balance (USDT)", _figure(row), height=320),),
        tables=(_reservations(row),),
    )


def _tiles(row: AccountRow) -> tuple[Tile, ...]:
    change = row.balance - row.deposited
    since = percent(change / row.deposited if row.deposited else None)
    return (
        Tile("Balance", usdt(row.balance), "USDT", "without unrealised PnL"),
        Tile("Change", gained(change), "USDT", f"{since.text} of the deposit"),
        Tile("Reserved", usdt(row.reserved), "USDT", f"{len(row.reservations)} positions"),
        Tile("Available", usdt(row.available), "USDT"),
        Tile("Entries approved", count(row.entries)),
        Tile("Entries denied", count(row.denials)),
    )


def _figure(row: AccountRow) -> Figure:
    steps = (row.deposited, row.realised, -row.fees, row.funding, row.balance)
    trace: dict[str, object] = {
        "type": "waterfall",
        "x": ["deposited", "realised", "fees", "funding", "balance"],
        "y": [float(step) for step in steps],
        "measure": ["absolute", "relative", "relative", "relative", "total"],
        "text": [f"{step:+,.2f}" if 0 < place < 4 else f"{step:,.2f}" for place, step in enumerate(steps)],
        "textposition": "outside",
        "cliponaxis": False,
        "increasing": {"marker": {"color": GAIN}},
        "decreasing": {"marker": {"color": LOSS}},
        "totals": {"marker": {"color": ACCENT}},
        "connector": {"line": {"color": "--line", "width": 1}},
        "hovertemplate": f"%{{x}}: {USDT}<extra></extra>",
    }
    return figure(trace, xaxis=names_axis(), hovermode="closest", margin={"l": 8, "r": 20, "t": 26, "b": 8})


def _reservations(row: AccountRow) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (word(held.position), word(held.symbol), word(held.side), usdt(held.margin)) for held in row.reservations
    ]
    return Table("What positions have reserved", ("position", "symbol", "side", "margin (USDT)"), tuple(rows))
