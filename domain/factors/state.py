"""What one symbol's factors remember, and the view that they look at.

`FactorState.close` is called once for every closed candle of 5m, 15m, 1h, 4h and 1d. Between two hours the tracks of
1h bars do not change, so what rests on them alone is scored once an hour and kept (see `factors.score_all`).
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from domain.factors.bars import Bars
from domain.factors.context import HOUR_MS, MarketContext
from domain.factors.series import deviation, push
from domain.factors.tracks import FlowTrack, MomentumTrack, OpenInterestTrack, Swings
from domain.market import Candle

FRAMES = ("15m", "1h", "4h", "1d")
DAY_RETURNS = 288
FIVE_MS = 300_000


class FactorTracks(msgspec.Struct, array_like=True):
    """What stands in a checkpoint: bars of four frames, the tracks of 1h bars, a day of 5m returns."""

    quarter: Bars = msgspec.field(default_factory=lambda: Bars(40))
    hour: Bars = msgspec.field(default_factory=lambda: Bars(120))
    four_hour: Bars = msgspec.field(default_factory=lambda: Bars(40))
    day: Bars = msgspec.field(default_factory=lambda: Bars(40))
    momentum: MomentumTrack = msgspec.field(default_factory=MomentumTrack)
    flow: FlowTrack = msgspec.field(default_factory=FlowTrack)
    interest: OpenInterestTrack = msgspec.field(default_factory=OpenInterestTrack)
    swings: Swings = msgspec.field(default_factory=Swings)
    five_close: float = math.nan
    five_last_ms: int = -1
    five_returns: list[float] = msgspec.field(default_factory=list[float])


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FactorTracks).decode


class FactorState:
    """The factors' memory of one symbol. `revision` counts changes, `kept` holds what was computed at a revision."""

    __slots__ = ("_tracks", "kept", "revision")

    def __init__(self, tracks: FactorTracks | None = None) -> None:
        self._tracks = tracks or FactorTracks()
        self.revision = 0
        self.kept: dict[str, Any] = {}

    def close(self, interval: str, candle: Candle) -> None:
        """Take a closed candle. An older one, and one of another interval than 5m, 15m, 1h, 4h, 1d, changes nothing."""
        tracks = self._tracks
        match interval:
            case "5m":
                self._close_five(candle)
            case "15m":
                changed = tracks.quarter.add(candle)
                self._forget(changed)
            case "1h":
                self._forget(self._close_hour(candle))
            case "4h":
                self._forget(tracks.four_hour.add(candle))
            case "1d":
                self._forget(tracks.day.add(candle))
            case _:
                pass

    def add_open_interest(self, hour_ms: int, notional: float) -> None:
        """Take the open interest (USDT) of a full hour, oldest first: history, or the newest poll."""
        self._forget(self._tracks.interest.add(hour_ms - hour_ms % HOUR_MS, notional))

    @property
    def quarter(self) -> Bars:
        """Closed 15m bars."""
        return self._tracks.quarter

    @property
    def hour(self) -> Bars:
        """Closed 1h bars, what most factors rest on."""
        return self._tracks.hour

    @property
    def four_hour(self) -> Bars:
        """Closed 4h bars."""
        return self._tracks.four_hour

    @property
    def day(self) -> Bars:
        """Closed 1d bars."""
        return self._tracks.day

    @property
    def momentum(self) -> MomentumTrack:
        """EMA 3 - EMA 5 of the 1h closes."""
        return self._tracks.momentum

    @property
    def flow(self) -> FlowTrack:
        """Net taker flow of the 1h bars."""
        return self._tracks.flow

    @property
    def interest(self) -> OpenInterestTrack:
        """Hourly open interest."""
        return self._tracks.interest

    @property
    def swings(self) -> Swings:
        """The zig-zag of the 1h bars."""
        return self._tracks.swings

    @property
    def last(self) -> float:
        """ln of the newest close, of a 5m bar if there is a newer one than the last 1h bar's. There must be a bar."""
        tracks, hour = self._tracks, self._tracks.hour
        five_is_newer = tracks.five_last_ms + FIVE_MS >= hour.last_open_ms + HOUR_MS
        return tracks.five_close if tracks.five_last_ms >= 0 and five_is_newer else hour.close[-1]

    @property
    def volatility_1h(self) -> float:
        """Daily volatility as ATR of 1h bars · √24, a fraction."""
        return self._tracks.hour.atr * math.sqrt(24.0)

    @property
    def volatility_24h(self) -> float | None:
        """Deviation of the last day's 5m returns · √288, a fraction; None below an hour of them."""
        moves = self._tracks.five_returns
        return deviation(moves) * math.sqrt(DAY_RETURNS) if len(moves) >= 12 else None

    def freeze(self) -> bytes:
        """Give the state as canonical bytes."""
        return _encode(self._tracks)

    @classmethod
    def thaw(cls, data: bytes) -> FactorState:
        """Give back the state that `freeze` wrote; it goes on exactly as the original would."""
        return cls(_decode(data))

    def _close_five(self, candle: Candle) -> None:
        tracks, close = self._tracks, math.log(candle.close)
        if candle.open_time_ms <= tracks.five_last_ms:
            return
        if tracks.five_last_ms >= 0:
            push(tracks.five_returns, close - tracks.five_close, DAY_RETURNS)
        tracks.five_last_ms, tracks.five_close = candle.open_time_ms, close

    def _close_hour(self, candle: Candle) -> bool:
        tracks = self._tracks
        hour = tracks.hour
        if not hour.add(candle):
            return False
        tracks.momentum.add(hour)
        tracks.flow.add(hour)
        tracks.swings.add(hour, math.log(candle.open))
        if candle.open_interest is not None:
            price = candle.mark or candle.close
            tracks.interest.add(candle.open_time_ms + HOUR_MS, candle.open_interest * price)
        return True

    def _forget(self, changed: bool) -> None:
        if changed:
            self.revision += 1
            self.kept.clear()


class FactorView(msgspec.Struct, frozen=True):
    """What a factor may look at: one symbol's closed bars, and what stood beside them, as of `time_ms` (UTC)."""

    symbol: str
    time_ms: int
    state: FactorState
    context: MarketContext = MarketContext()
