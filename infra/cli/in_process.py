"""The synthetic market in the program's own process: no exchange outside, no network, at any speed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from actors.ingress import Ingress
from actors.runner import Runner
from domain.base import Input
from domain.market import HistoryArrived
from domain.symbol.state import SymbolState
from infra.clock import Clock, ScaledClock
from infra.live import Inflow, Scheduled
from infra.market.synthetic import SyntheticMarket
from infra.settings import Settings

HISTORY: Final = {"4h": 75, "1h": 300, "15m": 300, "5m": 300, "1m": 300}
"""How many closed candles of each interval a symbol starts with (product.md §2): at most 12.5 days have to be made."""


def run_in_process(runner: Runner, settings: Settings, ingress: Ingress) -> tuple[Clock, Inflow, int]:
    """Let the synthetic market run in this process; give its clock, its inflow and how many symbols it has."""
    market = SyntheticMarket(settings.market.seed, settings.market.symbols)
    start_ms = runner.kernel.head.at_ms
    _load(runner, market, start_ms)
    clock = ScaledClock(start_ms, settings.market.speed)
    source = Ticking(market, settings.market.tick_ms)
    return clock, Scheduled(source, runner.kernel.head.at_ms, clock, ingress), len(market.symbols)


class Ticking:
    """The synthetic market as a source: taken up a moment early, so that what a crash lost of it comes again."""

    def __init__(self, market: SyntheticMarket, tick_ms: int) -> None:
        self._market = market
        self._tick_ms = tick_ms

    def feed(self, start_ms: int) -> Iterator[tuple[int, Input]]:
        """Give all that comes in from `start_ms` on, what is due then included."""
        yield from self._market.feed(start_ms - 1, self._tick_ms)


def _load(runner: Runner, market: SyntheticMarket, start_ms: int) -> None:
    """Bring in the contracts, and the history of symbols that have none."""
    for instrument in market.instruments():
        runner.feed(start_ms, instrument)
    for symbol in market.symbols:
        actor = runner.kernel.population.get(f"symbol:{symbol}")
        known = actor is not None and isinstance(actor.state, SymbolState) and actor.state.frames.last is not None
        if not known:
            for interval, count in HISTORY.items():
                candles = market.history(symbol, interval, start_ms, count)
                runner.feed(start_ms, HistoryArrived(symbol, interval, candles))
