"""What every stream's feed has in common, and what feeds are made from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from domain.exchange.listing import Listing
from infra.exchange.board import Board
from infra.exchange.rolling import RollingDay
from infra.exchange.tape import Tape

LIQUIDATIONS_KEPT = 1_000
CHANGES_KEPT = 1_000
NEVER_MS = 1 << 62


class Liquidation(NamedTuple):
    """A position closed by force: its notional (USDT), and the forceOrder that tells of it."""

    symbol: str
    notional: float
    payload: bytes


class FeedRoom:
    """What feeds are made from."""

    def __init__(self, board: Board, day: RollingDay, tape: Tape) -> None:
        self.board = board
        self.day = day
        self.tape = tape
        self.liquidations: deque[Liquidation] = deque(maxlen=LIQUIDATIONS_KEPT)
        self.liquidated = 0
        self.changes: deque[tuple[Listing, bool]] = deque(maxlen=CHANGES_KEPT)
        self.changed = 0

    def liquidate(self, found: Liquidation) -> None:
        """Remember a liquidation for the streams that tell of it."""
        self.liquidations.append(found)
        self.liquidated += 1

    def change(self, listing: Listing, *, brackets: bool) -> None:
        """Remember that a contract is listed otherwise from now on; `brackets`: theirs are new, too."""
        self.changes.append((listing, brackets))
        self.changed += 1


class Feed:
    """One stream's payloads. `must`: none of them may be left out. `closes`: some pushes come on their own time."""

    must = False
    closes = False
    closes_ms = NEVER_MS

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Give what there is to say as of now; nothing if nothing changed."""
        raise NotImplementedError

    def closing(self, now_ms: int) -> Iterable[bytes]:
        """Give the pushes that close something by now, oldest first."""
        del now_ms
        return ()

    def end(self) -> None:
        """Let go of what the feed holds: nobody listens any more."""
