"""Which feed a stream gets: its payloads are written when its turn comes, keys in the order of the wire."""

from __future__ import annotations

from infra.exchange import book_feeds, price_feeds, trade_feeds
from infra.exchange.feed import Feed, FeedRoom
from infra.exchange.stream_names import Kind, Stream


def feed_of(room: FeedRoom, stream: Stream) -> Feed | None:
    """Give the feed of a stream, or None for one that never says anything here."""
    if stream.symbol and stream.symbol not in room.board.row:
        return None
    match stream.kind:
        case Kind.KLINE | Kind.CONTINUOUS_KLINE:
            return trade_feeds.KlineFeed(room, stream)
        case Kind.AGG_TRADE | Kind.TRADE:
            return trade_feeds.TradeFeed(room, stream)
        case Kind.DEPTH:
            return book_feeds.PartialDepth(room, stream) if stream.levels else book_feeds.DiffDepth(room, stream)
        case Kind.BOOK_TICKER:
            return book_feeds.BookTicker(room, stream) if stream.symbol else book_feeds.AllBookTickers(room)
        case Kind.MARK_PRICE:
            return price_feeds.MarkPrice(room, stream) if stream.symbol else price_feeds.AllMarkPrices(room)
        case Kind.TICKER | Kind.MINI_TICKER:
            return price_feeds.Ticker(room, stream) if stream.symbol else price_feeds.AllTickers(room, stream)
        case Kind.FORCE_ORDER:
            return price_feeds.ForceOrders(room, stream)
        case Kind.CONTRACT_INFO | Kind.QUIET:
            return None
