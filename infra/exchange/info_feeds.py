"""Streams about the exchange itself: contracts that change, the worth of margin assets, trading sessions."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.exchange.listing import Listing
from infra.exchange import composite_index
from infra.exchange.asset_index import asset_indices, event_of
from infra.exchange.feed import Feed, FeedRoom
from infra.exchange.public_info import FOREVER_MS
from infra.exchange.sessions import session_at
from infra.exchange.stream_names import Stream


class ContractInfo(Feed):
    """`!contractInfo`: contracts that are listed, change their status, or get other brackets."""

    must = True

    def __init__(self, room: FeedRoom) -> None:
        self._room = room
        self._seen = room.changed
        self._seen_ms = room.board.now_ms

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push what changed since."""
        room, after_ms = self._room, self._seen_ms
        listed = (one for one in room.board.market.listings if after_ms < one.onboard_ms <= now_ms)
        found = [contract_info(one, now_ms, brackets=True) for one in listed]
        new = room.changed - self._seen
        found += [contract_info(one, now_ms, brackets=bks) for one, bks in list(room.changes)[-new:] if new]
        self._seen, self._seen_ms = room.changed, now_ms
        return found


def contract_info(one: Listing, now_ms: int, *, brackets: bool) -> bytes:
    """Write a contractInfo; `bks` is there only if the brackets are new."""
    lower = [bracket.leverage for bracket in one.brackets[1:]]
    rows = [
        {
            "bs": bracket.number,
            "bnf": int(bracket.notional_floor),
            "bnc": int(bracket.notional_cap),
            "mmr": float(bracket.maintenance_rate),
            "cf": float(bracket.cumulative),
            "mi": min(below + 1, bracket.leverage),
            "ma": bracket.leverage,
        }
        for bracket, below in zip(one.brackets, [*lower, 0], strict=True)
    ]
    said: dict[str, object] = {
        "e": "contractInfo", "E": now_ms, "s": one.symbol, "ps": one.symbol, "ct": "PERPETUAL", "dt": FOREVER_MS,
        "ot": one.onboard_ms, "cs": one.status,
    }  # fmt: skip
    return msgspec.json.encode({**said, **({"bks": rows} if brackets else {}), "st": 1})


class AssetIndices(Feed):
    """`!assetIndex@arr`, or one asset's index."""

    def __init__(self, room: FeedRoom, stream: Stream) -> None:
        self._board, self._symbol = room.board, stream.symbol

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push them."""
        found = {one.symbol: event_of(one, now_ms) for one in asset_indices(self._board)}
        if not self._symbol:
            return (f"[{','.join(found.values())}]".encode(),)
        return (found[self._symbol].encode(),) if self._symbol in found else ()


class CompositeIndex(Feed):
    """`defiusdt@compositeIndex`: the basket and its parts."""

    def __init__(self, room: FeedRoom) -> None:
        self._board = room.board

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push it."""
        return (composite_index.event_of(self._board, now_ms),)


class TradingSession(Feed):
    """`tradingSession`: the session that U.S. equities are in."""

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push it."""
        start_ms, end_ms, kind = session_at(now_ms)
        return (f'{{"e":"EquityUpdate","E":{now_ms},"t":{start_ms},"T":{end_ms},"S":"{kind}"}}'.encode(),)
