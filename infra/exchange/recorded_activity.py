"""What stands beside recorded candles: recorded where a file says it, else drawn as in the synthetic market."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domain.market import MINUTE_MS
from infra.market.activity import Activity
from infra.market.beside import Beside
from infra.market.contracts import Contract
from infra.market.noise import Floats, Indices, keys_of

_HOUR_MS = 60 * MINUTE_MS
_FUNDING_HOURS = (1, 4, 8)
_FUNDING_MS = 8 * _HOUR_MS
_RATE_WITHOUT_RECORD = 0.0001
_FUNDINGS_LOOKED_AT = 30


class RecordedActivity(Activity):
    """Premium is drawn. Funding rates, open interest, and the mark's distance from the last price are as recorded."""

    def __init__(self, seed: int, contract: Contract, beside: Beside) -> None:
        column = np.array([[1_000.0 * contract.turnover]]), np.array([[contract.price]])
        super().__init__(keys_of((seed, "contract", contract.symbol)), *column)
        self._beside = beside
        self._gap_times: Indices = np.zeros(0, np.int64)
        self._gaps: Floats = np.zeros(0)

    def learn_gaps(self, times: Indices, last: Floats) -> None:
        """Take in the last prices at the times at which marks were recorded (`mark_times`)."""
        marks = self._beside.marks
        assert marks is not None
        self._gap_times = times
        self._gaps = marks.columns["open"][np.searchsorted(marks.times, times)] / last - 1.0

    def mark_times(self, start_ms: int, end_ms: int) -> Indices:
        """Give the times in [start, end) at which a mark price was recorded: the opens of its candles."""
        marks = self._beside.marks
        return np.zeros(0, np.int64) if marks is None else marks.between(start_ms, end_ms).times

    def mark_gap(self, times: Indices) -> Floats:
        """Give how far the mark stands above the last price: as recorded at full hours, on a straight line between."""
        if not len(self._gap_times):
            return super().mark_gap(times)
        return np.interp(times, self._gap_times, self._gaps, left=0.0, right=0.0)[None, :]

    def funding_rate(self, times: Indices, interval_ms: int | Indices = _FUNDING_MS) -> Floats:
        """Give the rate of the first funding at or after each time; the usual one where none was recorded."""
        del interval_ms
        rates = np.full((1, len(times)), _RATE_WITHOUT_RECORD)
        funding = self._beside.funding
        if funding is not None and len(funding.times):
            places = np.minimum(np.searchsorted(funding.times, times), len(funding.times) - 1)
            ahead = funding.times[places] - times
            known = (ahead >= 0) & (ahead <= _FUNDING_MS)
            rates[0, known] = funding.columns["funding_rate"][places[known]]
        return rates

    def open_interest(self, times: Indices) -> Floats:
        """Give the open interest: the last one published, drawn where there is none."""
        drawn = super().open_interest(times)
        recorded = self._beside.context(np.asarray(times, np.int64)).get("open_interest")
        return drawn if recorded is None else np.where(np.isnan(recorded), drawn, recorded)

    @property
    def funding_hours(self) -> int | None:
        """How far fundings are apart: what is usual at the end of the recording; None if there is none."""
        funding = self._beside.funding
        if funding is None or len(funding.times) < 2:
            return None
        hours = float(np.median(np.diff(funding.times[-_FUNDINGS_LOOKED_AT:]))) / _HOUR_MS
        return min(_FUNDING_HOURS, key=lambda usual: abs(usual - hours))

    @property
    def funding_since_ms(self) -> int | None:
        """When the first funding was recorded (UTC); None if there is none."""
        funding = self._beside.funding
        return int(funding.times[0]) if funding is not None and len(funding.times) else None


class TogetherActivity(Activity):
    """The activities of several contracts, one row each."""

    def __init__(self, single: Sequence[Activity]) -> None:
        self._single = single

    def premium(self, times: Indices) -> Floats:
        """Give the premium of each."""
        return np.vstack([one.premium(times) for one in self._single])

    def funding_rate(self, times: Indices, interval_ms: int | Indices = _FUNDING_MS) -> Floats:
        """Give the rate of each."""
        return np.vstack([one.funding_rate(times, interval_ms) for one in self._single])

    def open_interest(self, times: Indices) -> Floats:
        """Give the open interest of each."""
        return np.vstack([one.open_interest(times) for one in self._single])

    def mark_gap(self, times: Indices) -> Floats:
        """Give how far the mark of each stands above its last price."""
        return np.vstack([one.mark_gap(times) for one in self._single])
