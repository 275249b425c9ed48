"""The read models: pure folds over recorded events, each a table of rows. `base.py` says what a projection is.

    pnl                what closed positions brought, by UTC day, account, symbol, strategy
    equity             the curve of each account, with drawdown
    stats              how well each account trades, and the signals that were not traded (account `virtual`)
    positions          every real position from request to end
    virtual_positions  every position that followed a signal without money, and why it was not traded
    signals            every proposal and what became of it
    orders             every order's life, step by step
    health             sessions, conditions, crashes, operators' commands
    accounts           every account as it is now

`totals.py` is no read model but an accumulator for the end of a run; `holdings.py` values what is open, for all three
that speak of equity.
"""

from __future__ import annotations

from typing import Any, Final

from projections.accounts import ACCOUNTS
from projections.base import Projection
from projections.equity import EQUITY
from projections.health import HEALTH
from projections.orders import ORDERS
from projections.pnl import PNL
from projections.positions import POSITIONS
from projections.signals import SIGNALS
from projections.stats import STATS
from projections.virtual_positions import VIRTUAL_POSITIONS

PROJECTIONS: Final[dict[str, Projection[Any]]] = {
    projection.name: projection
    for projection in (PNL, EQUITY, STATS, POSITIONS, VIRTUAL_POSITIONS, SIGNALS, ORDERS, HEALTH, ACCOUNTS)
}
"""Every projection by its name, in the order in which they are followed."""
