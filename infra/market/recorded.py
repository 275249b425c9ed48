"""Recorded candles as the inputs of a run: what a backtest rests on, in time order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter

import numpy as np

from domain.base import Input
from domain.errors import InvalidInput
from domain.market import INTERVALS_MS, FundingArrived, HistoryArrived, InstrumentArrived, OpenInterestArrived
from domain.market_view import ReferenceHoursArrived
from infra.market.candle_stream import arrivals, candles_of
from infra.market.catalogue import Catalogue, listed
from infra.market.recording import Recording
from infra.market.references import reference_hours
from infra.market.series import LoadReport, Series, load_candles
from infra.market.warm_up import iso


class RecordedMarket:
    """The candles of some symbols over the range that all of them cover.

    `start_ms` and `end_ms` (UTC, on the base interval's grid) are that range: candles that open at or after
    `start_ms` and close by `end_ms`. `reports` say what became of every file; `went_without` says in sentences what
    there was no data for.

    The columns of the range are held in memory: 48 to 104 bytes a candle, so 25 to 55 MB for a symbol's year of 1m
    candles. They become objects a window at a time (see `candle_stream`).
    """

    def __init__(
        self,
        catalogue: Catalogue,
        symbols: Sequence[str],
        base_interval: str = "1m",
        start_ms: int | None = None,
        end_ms: int | None = None,
        own_notional: float = 0.0,
    ) -> None:
        """Load the files; recorded books are swept for `own_notional` (see `book.depth_summary`).

        Raises `InvalidInput`: unknown symbol or interval, unreadable file, no common range.
        """
        self.symbols = tuple(sorted(set(symbols)))
        self.base_interval = base_interval
        if not self.symbols:
            held = catalogue.symbols(base_interval)
            raise InvalidInput("symbols", f"some of {listed(held)}", "none", "Check --symbols.")
        whole = [load_candles(catalogue, symbol, base_interval) for symbol in self.symbols]
        self.start_ms, self.end_ms = _common_range(whole, start_ms, end_ms)
        # Each is let go of once its range is cut out: a whole file may be many times as long.
        self._recordings = [
            Recording.load(catalogue, whole.pop(0), self.start_ms, self.end_ms, own_notional) for _ in self.symbols
        ]
        self._references, notes = reference_hours(catalogue, self.symbols, self.start_ms, self.end_ms)
        self.reports: tuple[LoadReport, ...] = tuple(r for one in self._recordings for r in one.reports)
        self.went_without: tuple[str, ...] = (*(n for one in self._recordings for n in one.went_without), *notes)

    @property
    def candles(self) -> int:
        """How many candles `feed` will bring."""
        return sum(len(one.candles.times) for one in self._recordings)

    def instruments(self) -> Iterator[InstrumentArrived]:
        """Give each contract's filters, assumed from the prices seen."""
        return (InstrumentArrived(one.instrument(), "assumed") for one in self._recordings)

    def warm_up(self) -> Iterator[HistoryArrived | OpenInterestArrived | ReferenceHoursArrived]:
        """Give what comes before the range: symbol by symbol, longest interval first; then the references."""
        for one in self._recordings:
            for history in one.histories:
                yield HistoryArrived(history.symbol, history.interval, tuple(candles_of(history)))
            if one.open_interest:
                yield OpenInterestArrived(one.candles.symbol, one.open_interest)
        for hours in self._references:
            if hours.before:
                yield ReferenceHoursArrived(hours.reference, hours.before)

    def feed(self) -> Iterator[tuple[int, tuple[Input, ...]]]:
        """Give the run's inputs as `(due_ms, inputs)`, ordered by `due_ms`, the logical time at which they come in.

        Candles are due when they close, those of one time together, sorted by symbol. Fundings are due at their funding
        time, after the candles that close then; so are the hours of references that are not among the symbols.
        """
        candles = arrivals([one.candles for one in self._recordings], self.start_ms, self.end_ms)
        references = (hours.arrivals() for hours in self._references)
        return merge(candles, self._fundings(), *references, key=itemgetter(0))

    def content_digest(self) -> str:
        """Name the data that the run rests on: SHA-256 (hex) over every value that `warm_up` and `feed` bring.

        Neither names nor number nor encoding of the files enter it.
        """
        digest = hashlib.sha256(f"{self.base_interval} {self.start_ms} {self.end_ms}\n".encode())
        for one in self._recordings:
            for series in (*one.histories, one.candles):
                for part in _canonical(series):
                    digest.update(part)
            for funding in one.fundings:
                digest.update(f"{funding.symbol} {funding.time_ms} {funding.rate!r} {funding.mark!r}\n".encode())
            digest.update(f"{one.open_interest!r}\n".encode() if one.open_interest else b"")
        for hours in self._references:
            digest.update(f"{hours.reference} {hours.before!r} {hours.during!r}\n".encode())
        return digest.hexdigest()

    def _fundings(self) -> Iterator[tuple[int, tuple[FundingArrived, ...]]]:
        found = [funding for one in self._recordings for funding in one.fundings]
        by_time = groupby(sorted(found, key=attrgetter("time_ms", "symbol")), key=attrgetter("time_ms"))
        return ((time_ms, tuple(fundings)) for time_ms, fundings in by_time)


def last_close_ms(catalogue: Catalogue, symbol: str, interval: str) -> int:
    """Say when a symbol's last candle closes (UTC): `scan` looks at each symbol at its own end."""
    return int(load_candles(catalogue, symbol, interval).times[-1]) + INTERVALS_MS[interval]


def _common_range(whole: Sequence[Series], start_ms: int | None, end_ms: int | None) -> tuple[int, int]:
    """Intersect the symbols' ranges with the one asked for, and cut to whole candles."""
    interval_ms = INTERVALS_MS[whole[0].interval]
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise InvalidInput("--from, --to", "a start before the end", f"{iso(start_ms)} and {iso(end_ms)}")
    ranges = {s.symbol: (int(s.times[0]), int(s.times[-1]) + interval_ms) for s in whole}
    starts = [first for first, _ in ranges.values()]
    ends = [last for _, last in ranges.values()]
    start = max(starts if start_ms is None else [*starts, start_ms])
    end = min(ends if end_ms is None else [*ends, end_ms])
    start, end = -(-start // interval_ms) * interval_ms, end // interval_ms * interval_ms
    bare = [s.symbol for s in whole if not len(s.between(start, end).times)]
    if start < end and not bare:
        return start, end
    asked = "" if start_ms is None else f" from {iso(start_ms)}"
    asked += "" if end_ms is None else f" to {iso(end_ms)}"
    held = [f"{symbol} {iso(first)} to {iso(last)}" for symbol, (first, last) in ranges.items()]
    raise InvalidInput("--symbols, --from, --to", f"a range{asked} in which every symbol has candles", listed(held))


def _canonical(series: Series) -> Iterator[bytes]:
    yield f"{series.symbol} {series.interval} {len(series.times)}\n".encode()
    yield series.times.astype("<i8").tobytes()
    for name, column in sorted(series.columns.items()):
        unknown = np.isnan(column)
        if not unknown.all():
            yield f"{name}\n".encode()
            # One NaN and one zero, so that equal values have equal bytes.
            yield (np.where(unknown, np.nan, column) + 0.0).astype("<f8").tobytes()
