"""What the assets of multi-assets mode are worth in USD: GET assetIndex, `!assetIndex@arr`, `<asset>usd@assetIndex`.

The index of an asset is that of its contract here; an asset without one has no index, but for the dollar's own. How
much is taken off (bid) and put on (ask) at a margin call, and at an automatic exchange, is as in Binance's examples:
hardly anything for dollars, 5 % and 2.5 % for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from infra.exchange.board import Board

ASSETS = (("USDT", "-10000"), ("BTC", "-0.10000000"), ("BNB", "0"), ("ETH", "0"), ("USDC", "-10000"))
"""The assets that margin may be held in, and below what balance they are exchanged automatically."""
_DOLLARS = frozenset({"USDT", "USDC"})
_DOLLAR_BUFFERS, _BUFFERS = (0.0001, 0.0001), (0.05, 0.025)


class AssetIndex(NamedTuple):
    """One asset: its index (USD), and both buffers."""

    symbol: str
    price: float
    buffer: float
    exchange_buffer: float

    def numbers(self) -> tuple[str, ...]:
        """Write index, bid and ask buffer, bid and ask rate, and the latter four again for automatic exchange."""
        found = [self.price]
        for buffer in (self.buffer, self.exchange_buffer):
            found += [buffer, buffer, self.price * (1.0 - buffer), self.price * (1.0 + buffer)]
        return tuple(f"{number:.8f}" for number in found)


def asset_indices(board: Board) -> Iterator[AssetIndex]:
    """Give the assets that have an index, as of the board's last step."""
    marks = board.market.marks(board.now_ms)
    for asset, _ in ASSETS:
        row = board.row.get(f"{asset}USDT")
        dollar = asset in _DOLLARS
        if row is not None or dollar:
            price = 1.0 if row is None else marks.indices[row]
            yield AssetIndex(f"{asset}USD", price, *(_DOLLAR_BUFFERS if dollar else _BUFFERS))


def row_of(one: AssetIndex, now_ms: int) -> dict[str, object]:
    """Give one entry of GET assetIndex."""
    names = (
        "index", "bidBuffer", "askBuffer", "bidRate", "askRate",
        "autoExchangeBidBuffer", "autoExchangeAskBuffer", "autoExchangeBidRate", "autoExchangeAskRate",
    )  # fmt: skip
    return {"symbol": one.symbol, "time": now_ms, **dict(zip(names, one.numbers(), strict=True))}


def event_of(one: AssetIndex, now_ms: int) -> str:
    """Write an assetIndexUpdate."""
    numbers = ",".join(f'"{key}":"{value}"' for key, value in zip("ibaBAqgQG", one.numbers(), strict=True))
    return f'{{"e":"assetIndexUpdate","E":{now_ms},"s":"{one.symbol}",{numbers}}}'
