"""Nothing twice: while two connections overlap, both deliver the same streams.

Every market frame has a number that rises along its stream: an update id, a trade id, an event time. A frame that does
not rise was seen before (or is late, and newer data have been used already), unless the one before never was true
(`rising.py`). A *closed* candle is told by its open time alone, and a trade by its id; a late one still passes once:
what it says is not in any other frame.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from operator import attrgetter
from typing import Final, TypeAlias, cast

from domain.base import Message
from infra.binance.feed_values import Statistics
from infra.binance.rising import Rising
from infra.binance.routes import is_partial_depth
from infra.binance.wire.frames import (
    AggTrade,
    AssetIndex,
    BookTicker,
    CompositeIndex,
    ContinuousKline,
    DepthUpdate,
    ForceOrder,
    Kline,
    MarkPrice,
    MiniTicker,
    Ticker,
    Trade,
)

_KLINES: Final = (Kline, ContinuousKline)
_TRADES: Final = (AggTrade, Trade)
_RECENT_CLOSES: Final = 32
_RISING: Final[dict[type[Message], Callable[[Message], int]]] = {
    BookTicker: cast("Callable[[Message], int]", attrgetter("update_id")),
    MarkPrice: cast("Callable[[Message], int]", attrgetter("time_ms")),
    MiniTicker: cast("Callable[[Message], int]", attrgetter("time_ms")),
    Ticker: cast("Callable[[Message], int]", attrgetter("time_ms")),
    CompositeIndex: cast("Callable[[Message], int]", attrgetter("time_ms")),
    AssetIndex: cast("Callable[[Message], int]", attrgetter("time_ms")),
    ForceOrder: lambda message: cast("ForceOrder", message).order.trade_time_ms,
}
Judge: TypeAlias = Callable[[Hashable, Message, int], bool]
_HOLES_MAX: Final = 256
"""So many ranges of ids that were left out are remembered a stream; one that is older is not expected any more."""


def trade_number(message: AggTrade | Trade) -> int:
    """Give the number by which a trade is told from the others of its stream."""
    if isinstance(message, Trade):
        return message.trade_id
    return message.last_trade_id if message.agg_trade_id is None else message.agg_trade_id


class TradeIds:
    """Which trades of a stream were seen: all up to `newest`, but those in the holes."""

    __slots__ = ("_holes", "newest")

    def __init__(self, first: int) -> None:
        self.newest = first
        self._holes = [(0, first - 1)]

    def is_new(self, number: int) -> bool:
        """Tell whether this trade was not seen before, and note it."""
        if number > self.newest:
            if number > self.newest + 1:
                self._holes.append((self.newest + 1, number - 1))
                del self._holes[:-_HOLES_MAX]
            self.newest = number
            return True
        for place in range(len(self._holes) - 1, -1, -1):  # what is late is mostly not very late
            low, high = self._holes[place]
            if low <= number <= high:
                rest = [hole for hole in ((low, number - 1), (number + 1, high)) if hole[0] <= hole[1]]
                self._holes[place : place + 1] = rest
                return True
        return False


class Once:
    """Says of each frame whether it is new. One number a stream (and symbol) is kept, and a few of late trades.

    Numbers that were taken and turned out to be false are counted in `statistics`.
    """

    def __init__(self, statistics: Statistics | None = None) -> None:
        self._statistics = statistics or Statistics()
        self._rising: dict[Hashable, Rising] = {}
        self._trades: dict[Hashable, TradeIds] = {}
        self._closes: dict[Hashable, tuple[int, ...]] = {}
        self._rises = self._rising_by(cast("Callable[[Message], int]", attrgetter("last_id")))
        self.judges: Final[dict[type[Message], Judge]] = {
            **{kind: self._rising_by(number_of) for kind, number_of in _RISING.items()},
            **dict.fromkeys(_KLINES, cast("Judge", self._is_new_candle)),
            **dict.fromkeys(_TRADES, cast("Judge", self._is_new_trade)),
            DepthUpdate: cast("Judge", self._is_new_top),
        }
        """How a kind of frame is told from those before; whoever judges very many takes it from here."""

    def is_new(self, key: Hashable, message: Message, source: int = 0) -> bool:
        """Tell whether this frame of the stream `key` was not seen before, and note it. `source` is its connection.

        Frames without a number (changes of a book, which number themselves) always pass.
        """
        judge = self.judges.get(type(message))
        return judge is None or judge(key, message, source)

    def forget(self, streams: frozenset[str]) -> None:
        """The connection was lost and made again: an exchange that was restarted may count from the beginning.

        Closed candles are remembered: time does not begin again.
        """

        def stays(key: Hashable) -> bool:
            return (key[0] if isinstance(key, tuple) else key) not in streams

        for known in (self._rising, self._trades):
            for key in [key for key in known if not stays(key)]:
                del known[key]

    def newest_trade(self, stream: str) -> int | None:
        """Give the highest number of the trades that a stream brought; None before the first."""
        seen = self._trades.get(stream)
        return None if seen is None else seen.newest

    def _rising_by(self, number_of: Callable[[Message], int]) -> Judge:
        known, stands_back = self._rising, self._stands_back

        def is_new(key: Hashable, message: Message, source: int) -> bool:
            number, seen = number_of(message), known.get(key)
            if seen is not None and number > seen.newest:
                seen.newest, seen.source = number, source
                return True
            return not stands_back(key, number, seen, source)

        return is_new

    def _stands_back(self, key: Hashable, number: int, seen: Rising | None, source: int) -> bool:
        """Tell whether a number that does not rise is none to go on with."""
        if seen is None:
            self._rising[key] = Rising(number, source)
            return False
        if seen.refuted(number, source):
            self._statistics.refuted += 1
            return False
        return True

    def _is_new_top(self, key: Hashable, depth: DepthUpdate, source: int) -> bool:
        whole = isinstance(key, str) and is_partial_depth(key)
        return not whole or self._rises(key, depth, source)

    def _is_new_trade(self, key: Hashable, trade: AggTrade | Trade, _source: int) -> bool:
        number, seen = trade_number(trade), self._trades.get(key)
        if seen is None:
            self._trades[key] = TradeIds(number)
            return True
        return seen.is_new(number)

    def _is_new_candle(self, key: Hashable, kline: Kline | ContinuousKline, _source: int) -> bool:
        closes, bar = self._closes.get(key), kline.bar
        opened = bar.open_time_ms
        if closes is None:
            if bar.closed:
                self._closes[key] = (opened,)
            return True
        if not bar.closed:
            return opened > closes[-1]
        if opened in closes or (len(closes) == _RECENT_CLOSES and opened < closes[0]):
            return False  # seen, or so old that we can't tell any more
        self._closes[key] = tuple(sorted((*closes, opened)))[-_RECENT_CLOSES:]
        return True
