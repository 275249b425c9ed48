"""Where a walked market's candles come from: a seed, or a recording."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from infra.exchange.bar import Bar
from infra.exchange.ports import Listing
from infra.exchange.recorded_past import Past
from infra.market.activity import Activity
from infra.market.bars import Bars, Counts
from infra.market.contracts import Contract

HOUR_MINUTES = 60


class Minutes(Protocol):
    """Where candles come from. Minutes and hours are counted after 1970; a contract's row is its place in the list."""

    contracts: tuple[Contract, ...]
    listings: tuple[Listing, ...]
    activity: Activity
    begins_ms: tuple[int, ...]

    def minute(self, row: int, minute: int) -> Bar:
        """Give a 1m candle, whole."""
        ...

    def bars(self, row: int, first: int, end: int) -> Bars:
        """Give the 1m candles of [first, end) in one row."""
        ...

    def shared(self, row: int, first: int, end: int) -> Bars:
        """Give the same of a stretch that all contracts will be asked for."""
        ...

    def hours(self, row: int, first: int, end: int) -> Bars:
        """Give the 1h candles of [first, end) in one row."""
        ...

    def opens(self, row: int, first: int, last: int) -> Counts:
        """Give the opens (ticks) of the minutes `first` to `last`, both included."""
        ...

    def issued(self, row: int, minute: int) -> Issued:
        """Give the ids that a minute begins with: the numbers of all trades and prints before it."""
        ...

    def activity_of(self, row: int) -> Activity:
        """Give what goes on beside the price of one contract: `activity` says it of all."""
        ...

    def past(self, row: int) -> Past:
        """Give the candles from before the minutes begin (`begins_ms`)."""
        ...

    def past_marks(self, row: int) -> Past:
        """Give the candles of the mark price that were recorded, in units of 1e-8 USDT."""
        ...

    def fundings_since(self, row: int) -> int:
        """Say when the first funding was (UTC ms)."""
        ...

    def ends(self, minute: int) -> tuple[Counts, Counts]:
        """Give opens and closes (ticks) of all contracts in a minute: shape (contracts,)."""
        ...


class Issued(NamedTuple):
    """The next ids: of a trade, and of a print, which may stand for several trades and is what an aggTrade tells."""

    trade: int
    print: int
