"""Nothing twice: while two connections overlap, both deliver the same streams.

Every market frame has a number that rises along its stream: an update id, a trade id, an event time. A frame that does
not rise was seen before (or is late, and newer data have been used already). A *closed* candle is told by its open time
alone, and a late one still passes once: what it says is not in any other frame.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from operator import attrgetter
from typing import Final, cast

from domain.base import Message
from infra.binance.wire.frames import (
    AggTrade,
    AssetIndex,
    BookTicker,
    CompositeIndex,
    ContinuousKline,
    ForceOrder,
    Kline,
    MarkPrice,
    MiniTicker,
    Ticker,
    Trade,
)

_KLINES: Final = (Kline, ContinuousKline)
_RECENT_CLOSES: Final = 32
_RISING: Final[dict[type[Message], Callable[[Message], int]]] = {
    BookTicker: cast("Callable[[Message], int]", attrgetter("update_id")),
    AggTrade: lambda message: _agg_trade_number(cast("AggTrade", message)),
    Trade: cast("Callable[[Message], int]", attrgetter("trade_id")),
    MarkPrice: cast("Callable[[Message], int]", attrgetter("time_ms")),
    MiniTicker: cast("Callable[[Message], int]", attrgetter("time_ms")),
    Ticker: cast("Callable[[Message], int]", attrgetter("time_ms")),
    CompositeIndex: cast("Callable[[Message], int]", attrgetter("time_ms")),
    AssetIndex: cast("Callable[[Message], int]", attrgetter("time_ms")),
    ForceOrder: lambda message: cast("ForceOrder", message).order.trade_time_ms,
}


def _agg_trade_number(trade: AggTrade) -> int:
    return trade.last_trade_id if trade.agg_trade_id is None else trade.agg_trade_id


class Once:
    """Says of each frame whether it is new. One number a stream (and symbol) is kept."""

    def __init__(self) -> None:
        self._last: dict[Hashable, int] = {}
        self._closes: dict[Hashable, tuple[int, ...]] = {}

    def is_new(self, key: Hashable, message: Message) -> bool:
        """Tell whether this frame of the stream `key` was not seen before, and note it.

        Frames without a number (changes of a book, which number themselves) always pass.
        """
        number_of = _RISING.get(type(message))
        if number_of is None:
            return not isinstance(message, _KLINES) or self._is_new_candle(key, message)
        number = number_of(message)
        if number <= self._last.get(key, -1):
            return False
        self._last[key] = number
        return True

    def forget(self, streams: frozenset[str]) -> None:
        """The connection was lost and made again: an exchange that was restarted may count from the beginning.

        Closed candles are remembered: time does not begin again.
        """
        self._last = {
            key: number
            for key, number in self._last.items()
            if (key[0] if isinstance(key, tuple) else key) not in streams
        }

    def _is_new_candle(self, key: Hashable, kline: Kline | ContinuousKline) -> bool:
        closes = self._closes.get(key, ())
        opened = kline.bar.open_time_ms
        if not closes:
            if kline.bar.closed:
                self._closes[key] = (opened,)
            return True
        if not kline.bar.closed:
            return opened > closes[-1]
        if opened in closes or (len(closes) == _RECENT_CLOSES and opened < closes[0]):
            return False  # seen, or so old that we can't tell any more
        self._closes[key] = tuple(sorted((*closes, opened)))[-_RECENT_CLOSES:]
        return True
