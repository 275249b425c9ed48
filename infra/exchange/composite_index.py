"""The composite index: GET indexInfo and `<symbol>@compositeIndex` (specs/binance.md §1).

One basket, DEFIUSDT: equal parts, at usual prices, of the DeFi tokens that have a contract; where none has, of whatever
has. There is no contract on the basket itself to trade.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from infra.exchange.board import Board

SYMBOL = "DEFIUSDT"
_BASES = ("LINK", "UNI", "AAVE", "CRV", "SNX", "COMP", "SUSHI", "RUNE")
_BEGAN_AT = 1_000.0
"""What the basket would cost at the usual prices of its parts, USD."""


class Part(NamedTuple):
    """One asset of the basket: how much of it there is, its share of the price now, and its own index (USD)."""

    base: str
    quantity: float
    share: float
    index_price: float


def basket(board: Board) -> tuple[float, list[Part]]:
    """Give the index and its parts as of the board's last step."""
    listed = [one for one in board.market.contracts if one.symbol.removesuffix("USDT") in _BASES]
    parts = (listed or board.market.contracts)[: len(_BASES)]
    indices = board.market.marks(board.now_ms).indices
    held = [
        (one.symbol.removesuffix("USDT"), _BEGAN_AT / len(parts) / one.price, float(indices[board.row[one.symbol]]))
        for one in parts
    ]
    price = sum(quantity * index for _, quantity, index in held)
    return price, [Part(base, quantity, quantity * index / price, index) for base, quantity, index in held]


def row_of(board: Board) -> dict[str, object]:
    """Give the entry of GET indexInfo."""
    return {
        "symbol": SYMBOL,
        "time": board.now_ms,
        "component": "baseAsset",
        "baseAssetList": [
            {
                "baseAsset": part.base,
                "quoteAsset": "USDT",
                "weightInQuantity": f"{part.quantity:.8f}",
                "weightInPercentage": f"{part.share:.8f}",
            }
            for part in basket(board)[1]
        ],
    }


def event_of(board: Board, now_ms: int) -> bytes:
    """Write a compositeIndex."""
    price, parts = basket(board)
    made_of = [
        {
            "b": part.base,
            "q": "USDT",
            "w": f"{part.quantity:.8f}",
            "W": f"{part.share:.8f}",
            "i": f"{part.index_price:.8f}",
        }
        for part in parts
    ]
    said = {"e": "compositeIndex", "E": now_ms, "s": SYMBOL, "p": f"{price:.8f}", "C": "baseAsset", "c": made_of}
    return msgspec.json.encode(said)
