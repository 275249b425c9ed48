"""Which feed a stream gets: its payloads are written when its turn comes, keys in the order of the wire."""

from __future__ import annotations

from collections.abc import Callable

from infra.exchange import book_feeds, composite_index, info_feeds, price_feeds, trade_feeds
from infra.exchange.feed import Feed, FeedRoom
from infra.exchange.stream_names import Kind, Stream

_OF_ONE: dict[Kind, Callable[[FeedRoom, Stream], Feed]] = {
    Kind.KLINE: trade_feeds.KlineFeed,
    Kind.CONTINUOUS_KLINE: trade_feeds.KlineFeed,
    Kind.AGG_TRADE: trade_feeds.TradeFeed,
    Kind.TRADE: trade_feeds.TradeFeed,
    Kind.DEPTH: lambda room, one: (book_feeds.PartialDepth if one.levels else book_feeds.DiffDepth)(room, one),
    Kind.BOOK_TICKER: book_feeds.BookTicker,
    Kind.MARK_PRICE: price_feeds.MarkPrice,
    Kind.TICKER: price_feeds.Ticker,
    Kind.MINI_TICKER: price_feeds.Ticker,
    Kind.FORCE_ORDER: price_feeds.ForceOrders,
}
_OF_ALL: dict[Kind, Callable[[FeedRoom, Stream], Feed]] = {
    Kind.BOOK_TICKER: lambda room, _: book_feeds.AllBookTickers(room),
    Kind.MARK_PRICE: lambda room, _: price_feeds.AllMarkPrices(room),
    Kind.TICKER: price_feeds.AllTickers,
    Kind.MINI_TICKER: price_feeds.AllTickers,
    Kind.FORCE_ORDER: price_feeds.ForceOrders,
    Kind.CONTRACT_INFO: lambda room, _: info_feeds.ContractInfo(room),
    Kind.TRADING_SESSION: lambda _room, _: info_feeds.TradingSession(),
}


def feed_of(room: FeedRoom, stream: Stream) -> Feed | None:
    """Give the feed of a stream, or None for one that never says anything here.

    Those are streams of unknown contracts.
    """
    if stream.kind is Kind.COMPOSITE_INDEX:
        return info_feeds.CompositeIndex(room) if stream.symbol == composite_index.SYMBOL else None
    if stream.kind is Kind.ASSET_INDEX:
        return info_feeds.AssetIndices(room, stream)
    if stream.symbol and stream.symbol not in room.board.row:
        return None
    feed = (_OF_ONE if stream.symbol else _OF_ALL).get(stream.kind)
    return None if feed is None else feed(room, stream)
