"""The steps that tests of a symbol are written in."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from domain.base import Tell
from domain.commands import (
    Analyze,
    FollowVirtually,
)
from domain.config import Config, StrategyConfig
from domain.instrument import assumed
from domain.market import (
    MINUTE_MS,
    Candle,
    CandleArrived,
    HistoryArrived,
)
from domain.scan.decider import STREAM as SCAN
from domain.strategies import Pass
from domain.symbol.decider import decider
from domain.symbol.events import (
    CandleClosed,
    SymbolListed,
)
from domain.values import Side
from tests.domain.scenario import Scenario, proposal

STREAM = "symbol:BTCUSDT"
CONTRACT = assumed("BTCUSDT", 100.0)
LISTED = SymbolListed(CONTRACT, "test")
REAL, GHOST = "position:main/BTCUSDT-1", "position:virtual/BTCUSDT-2"
LONG, SHORT = proposal(Side.LONG), proposal(Side.SHORT)
NOTHING = Pass("NOTHING")
QUICK = StrategyConfig(name="told", analysis_interval="1m", cooldown_minutes=0)
CONFIG = Config(strategy=QUICK)


class Told(Scenario):
    """A symbol whose strategy says what the test says."""

    def __init__(self, says: object = NOTHING, config: Config = CONFIG) -> None:
        self.says = says
        self.views: list[Any] = []
        super().__init__(decider(config, self._propose), STREAM)

    def _propose(self, view: Any) -> Any:
        self.views.append(view)
        return self.says

    def when(self, *commands: Any) -> Told:
        """Leave out what is told to the periodic scan: it hears of every analysis."""
        super().when(*commands)
        self.reactions = [r for r in self.reactions if not (isinstance(r, Tell) and r.stream == SCAN)]
        return self

    def analyzed(self, says: object, minute: int) -> Told:
        """Let the minute's candle close and be analysed."""
        self.says = says
        self.when(arrived(minute), Analyze((minute + 1) * MINUTE_MS))
        return self


def candle(minute: int, close: float = 100.0, **more: Any) -> Candle:
    values = {"open": close, "high": close, "low": close, "close": close, "volume": 1.0} | more
    return Candle(minute * MINUTE_MS, **values)


def arrived(minute: int, close: float = 100.0, **more: Any) -> CandleArrived:
    return CandleArrived("BTCUSDT", candle(minute, close, **more))


def listed(says: object = NOTHING, config: Config = CONFIG) -> Told:
    told = Told(says, config)
    told.given(LISTED, CandleClosed(candle(0)))
    return told


def history(*minutes: int, **more: Any) -> HistoryArrived:
    return HistoryArrived("BTCUSDT", "1m", tuple(candle(minute, **more) for minute in minutes))


def follow(side: Side = Side.LONG, number: int = 2, **levels: float) -> FollowVirtually:
    wanted = replace(proposal(side), **levels)
    return FollowVirtually(f"{STREAM}@9", number, wanted, "HALTED")
