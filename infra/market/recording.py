"""One symbol's share of a recorded market, cut to the range of a run."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np

from domain.instrument import Instrument, assumed
from domain.market import INTERVALS_MS, FundingArrived
from domain.values import decimal_of
from infra.market.beside import Beside
from infra.market.books import DEPTH_COLUMNS, best_at, depth_at
from infra.market.candle_rows import PRICES
from infra.market.catalogue import Catalogue
from infra.market.series import LoadReport, Series
from infra.market.trades import FLOW_COLUMNS, flow_at
from infra.market.warm_up import warm_up_series

_TICK_ROWS = 2_000
_TICK_SHARES = (-6, -2)
"""A tick is 10^-6 to 10^-2 of the price's own power of ten: finer is float noise, coarser is chance."""


_BESIDE = {
    "mark": "mark",
    "funding_rate": "funding_rate",
    "open_interest": "open_interest",
    DEPTH_COLUMNS[0]: "depth",
    FLOW_COLUMNS[0]: "agg_trades",
}
"""What may stand beside the candles, and what it is called where it is missing."""


class Recording(msgspec.Struct, frozen=True):
    """One symbol in the range of a run.

    `candles` of the base interval, with what stood beside them; `histories` from before it; `fundings` in it;
    `open_interest` at the full hours before it;
    `reports` on every file used; `went_without` says in sentences what there was no data for.
    """

    candles: Series
    histories: tuple[Series, ...]
    fundings: tuple[FundingArrived, ...]
    open_interest: tuple[tuple[int, float], ...]
    reports: tuple[LoadReport, ...]
    went_without: tuple[str, ...]

    @classmethod
    def load(cls, catalogue: Catalogue, whole: Series, start_ms: int, end_ms: int, own_notional: float) -> Recording:
        """Cut `whole`, the base candles, to the range, and load what belongs to it."""
        beside = Beside.load(catalogue, whole.symbol)
        histories, notes = warm_up_series(catalogue, whole, start_ms)
        used = whole.between(start_ms, end_ms)
        closes = used.times + INTERVALS_MS[whole.interval]
        best = best_at(catalogue, whole.symbol, closes)
        depth = depth_at(catalogue, whole.symbol, closes, own_notional, best)
        context = {**beside.context(closes), **best, **depth, **flow_at(catalogue, whole.symbol, closes)}
        candles = Series(used.symbol, used.interval, used.times, {**used.columns, **context}, used.report).owned()
        others = (*histories, beside.marks, beside.funding, beside.open_interest)
        reports = [s.report for s in others if s and s.report != whole.report]
        lacking = (said for column, said in _BESIDE.items() if column not in context)
        without = [*whole.report.missing, *lacking]
        if without:
            notes.append(f"{whole.symbol} {whole.interval}: no {', '.join(without)}")
        return cls(
            candles=candles,
            histories=tuple(histories),
            fundings=tuple(beside.fundings(whole, start_ms, end_ms)),
            open_interest=beside.open_interest_hours(start_ms),
            reports=(whole.report, *reports),
            went_without=tuple(notes),
        )

    def instrument(self) -> Instrument:
        """Assume the contract's filters from the first price, and the tick from the decimals of the first prices."""
        first = float(self.candles.columns["open"][0])
        prices = np.unique(np.concatenate([self.candles.columns[name][:_TICK_ROWS] for name in PRICES]))
        finest = min(_exponent(price) for price in prices.tolist())
        lowest, highest = (decimal_of(first).adjusted() + share for share in _TICK_SHARES)
        tick = Decimal(1).scaleb(min(max(finest, lowest), highest))
        return msgspec.structs.replace(assumed(self.candles.symbol, first), tick=tick)


def _exponent(price: float) -> int:
    """Give the power of ten of a price's last digit: -1 for 94500.1."""
    return int(decimal_of(price).normalize().as_tuple().exponent)
