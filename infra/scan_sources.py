"""The markets that `run.py scan` can look at. `source_of` is the one door: another market is one more line there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from domain.base import Input
from domain.config import Config
from domain.errors import HindsightError, InvalidInput
from domain.market import INTERVALS_MS, CandleArrived, HistoryArrived
from domain.market_view import HOURS_KEPT, REFERENCES, ReferenceHoursArrived
from domain.sizing import usual_notional
from infra.market.catalogue import KLINES, Catalogue
from infra.market.recorded import RecordedMarket, last_close_ms
from infra.market.synthetic import SyntheticMarket
from infra.market.warm_up import WARM_UP_CANDLES
from infra.scan import LOOK_BACK_MS, ScanSource
from infra.settings import MarketSettings


def source_of(
    data: Path | None, market: MarketSettings, config: Config, names: tuple[str, ...] | None, at_ms: int
) -> ScanSource:
    """Give the recorded market of a directory, or else the built-in one as of `at_ms` (UTC).

    `names` are the symbols to look at, all if None. Raises `InvalidInput`: a directory without candles, a symbol that
    the market does not have.
    """
    if data is not None:
        return RecordedSource(Catalogue.open(data), config, names)
    return BuiltInSource(SyntheticMarket(market.seed, names or market.symbols), config, at_ms)


class RecordedSource:
    """Recorded candles: each symbol at its own last one."""

    def __init__(self, catalogue: Catalogue, config: Config, names: tuple[str, ...] | None) -> None:
        held = sorted({source.symbol for source in catalogue.sources if source.kind == KLINES})
        unknown = sorted(set(names or ()) - set(held))
        if unknown:
            raise InvalidInput("--symbols", f"some of {', '.join(held)}", ", ".join(unknown))
        self.symbols = tuple(held if names is None else names)
        self._catalogue = catalogue
        self._config = config

    def inputs(self, symbol: str) -> Iterator[tuple[int, Input]]:
        """Give history and the last hour. Raises `HindsightError` without candles of the base interval."""
        base, interval = self._config.base_interval, self._config.strategy.analysis_interval
        held = self._catalogue.intervals(KLINES, symbol)
        if base not in held:
            raise HindsightError(
                f"It has candles of {', '.join(held) or 'no known interval'} only, and none of {base}."
            )
        last_ms, step_ms = last_close_ms(self._catalogue, symbol, base), INTERVALS_MS[interval]
        end_ms = last_ms // step_ms * step_ms
        start_ms = end_ms - max(LOOK_BACK_MS, step_ms)
        market = RecordedMarket(self._catalogue, (symbol,), base, start_ms, end_ms, usual_notional(self._config))
        for input_ in (*market.instruments(), *market.warm_up()):
            yield market.start_ms, input_
        for due_ms, inputs in market.feed():
            yield from ((due_ms, input_) for input_ in inputs)


class BuiltInSource:
    """The synthetic market as of a moment."""

    def __init__(self, market: SyntheticMarket, config: Config, at_ms: int) -> None:
        step_ms = INTERVALS_MS[config.strategy.analysis_interval]
        self.symbols = market.symbols
        self._market = market
        self._config = config
        self._end_ms = at_ms // step_ms * step_ms
        self._start_ms = self._end_ms - max(LOOK_BACK_MS, step_ms)

    def inputs(self, symbol: str) -> Iterator[tuple[int, Input]]:
        """Give contract, history, the references' hours and the last hour's candles."""
        market, base, start_ms = self._market, self._config.base_interval, self._start_ms
        base_ms = INTERVALS_MS[base]
        instrument = next(arrived for arrived in market.instruments() if arrived.instrument.symbol == symbol)
        yield start_ms, instrument
        for interval in reversed(INTERVALS_MS):
            if INTERVALS_MS[interval] >= base_ms:
                count = WARM_UP_CANDLES[interval]
                yield start_ms, HistoryArrived(symbol, interval, market.history(symbol, interval, start_ms, count))
        for reference in REFERENCES:
            if reference in market.symbols and reference != symbol:
                hours = market.history(reference, "1h", start_ms, HOURS_KEPT)
                hour_ms = INTERVALS_MS["1h"]
                told = tuple((h.open_time_ms + hour_ms, h.high, h.low, h.close) for h in hours)
                yield start_ms, ReferenceHoursArrived(reference, told)
        count = (self._end_ms - start_ms) // base_ms
        for candle in market.history(symbol, base, self._end_ms, count):
            yield candle.open_time_ms + base_ms, CandleArrived(symbol, candle)
