"""A local order book: a snapshot, and then every change in its place (Binance: "How to manage a local order book").

    EMPTY ── changes wait ──▶ load(snapshot) ──▶ LIVE ── pu ≠ last u, or sides cross ──▶ EMPTY again, counted as a gap

- A change with `u` < the snapshot's id is older than the snapshot and dropped.
- The first change that is applied has `U` ≤ id ≤ `u`; one that begins after it means that the snapshot is too old.
- From then on each change's `pu` is the `u` of the one before. One that is not leaves a hole: a new snapshot is needed.
- A change inside of the ids that the newest one claims (after its `pu`, before its `u`) proves that one false; of the
  changes that wait, one that came before lower ones is left out if nothing leads to it.
- After a change no bid reaches an ask. If one does, a removal was never sent to us: that is a hole as well.

Quantities are absolute, 0 removes a level. Prices and quantities are market data, so float: the same quoted text is
the same float, which makes a price a sound key. Pure and bounded.
"""

from __future__ import annotations

import enum
import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from domain.book import BPS, LEVELS, DepthSummary, Level, depth_summary
from infra.binance.wire.frames import DepthUpdate

WAITING_MAX: Final = 2_000
LEVELS_MAX: Final = 10_000


class Outcome(enum.StrEnum):
    """What became of a change or snapshot."""

    APPLIED = "APPLIED"
    WAITING = "WAITING"
    OLD = "OLD"
    GAP = "GAP"
    TOO_OLD = "TOO_OLD"


class BookTop(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask with their quantities (base asset)."""

    bid: float
    bid_quantity: float
    ask: float
    ask_quantity: float


class _Half:
    """One side: the prices in ascending order, and what rests at each."""

    __slots__ = ("best_is_last", "prices", "resting")

    def __init__(self, *, best_is_last: bool) -> None:
        self.best_is_last = best_is_last
        self.prices: list[float] = []
        self.resting: dict[float, float] = {}

    def load(self, levels: Sequence[Level]) -> None:
        self.resting = {price: quantity for price, quantity in levels if quantity > 0.0}
        self.prices = sorted(self.resting)

    def set(self, price: float, quantity: float) -> None:
        if quantity > 0.0:
            if price not in self.resting:
                insort(self.prices, price)
                if len(self.prices) > LEVELS_MAX:
                    self._forget_furthest()
            self.resting[price] = quantity
        elif self.resting.pop(price, None) is not None:
            del self.prices[bisect_left(self.prices, price)]

    def _forget_furthest(self) -> None:
        furthest = self.prices.pop(0 if self.best_is_last else -1)
        self.resting.pop(furthest, None)

    def top(self, levels: int) -> list[Level]:
        near = self.prices[: -levels - 1 : -1] if self.best_is_last else self.prices[:levels]
        return [(price, self.resting[price]) for price in near]


class LocalBook:
    """The book of one symbol. `gaps` counts how often it had to begin again, `left_out` changes that fitted nowhere."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.last_id: int | None = None
        self.gaps = 0
        self.left_out = 0
        self._fresh = False  # a snapshot was loaded, and no change has followed it yet
        self._claimed_from = 0  # the id after which the newest change claims all
        self._bids = _Half(best_is_last=True)
        self._asks = _Half(best_is_last=False)
        self._waiting: deque[DepthUpdate] = deque(maxlen=WAITING_MAX)

    @property
    def live(self) -> bool:
        """True from a snapshot on until a gap; before that the book is nobody's truth."""
        return self.last_id is not None

    @property
    def waiting(self) -> int:
        """How many changes wait for a snapshot. A book that is not live and waits for none has none to miss yet."""
        return len(self._waiting)

    def apply(self, update: DepthUpdate) -> Outcome:
        """Take a change. GAP and WAITING both mean: get a snapshot and `load` it."""
        if self.last_id is None:
            self._waiting.append(update)
            return Outcome.WAITING
        if update.last_id < self.last_id or (update.last_id == self.last_id and not self._fresh):
            if self._contradicts(update):
                self._begin_again(update)
                return Outcome.GAP
            return Outcome.OLD
        if not self._follows(update):
            self._begin_again(update)
            return Outcome.GAP
        for price, quantity in update.bids:
            self._bids.set(price, quantity)
        for price, quantity in update.asks:
            self._asks.set(price, quantity)
        self._claimed_from = update.first_id - 1 if update.previous_id is None else update.previous_id
        self.last_id = update.last_id
        self._fresh = False
        if self._crossed():
            self.gaps += 1
            self.reset()
            return Outcome.GAP
        return Outcome.APPLIED

    def load(self, last_id: int, bids: Sequence[Level], asks: Sequence[Level]) -> Outcome:
        """Take a snapshot and the changes that wait. TOO_OLD: the first of them begins after it; get another one."""
        overtook = _that_overtook(self._waiting)
        waiting = sorted((update for update in self._waiting if update.last_id >= last_id), key=_last_id)
        if waiting and waiting[0].first_id > last_id and waiting[0].previous_id != last_id:
            return Outcome.TOO_OLD
        self.last_id = last_id
        self._fresh = True
        self._claimed_from = last_id
        self._bids.load(bids)
        self._asks.load(asks)
        self._waiting.clear()
        for place, update in enumerate(waiting):
            if id(update) in overtook and update.last_id > self.last_id and not self._follows(update):
                self.left_out += 1  # if it was true after all, the next one will not follow either
            elif self.apply(update) is Outcome.GAP:
                self._waiting.extend(waiting[place + 1 :])
                return Outcome.GAP
        return Outcome.APPLIED

    def replace(self, update: DepthUpdate) -> None:
        """Take a push of a partial depth stream: it *is* the top of the book."""
        self.last_id = update.last_id
        self._bids.load(update.bids)
        self._asks.load(update.asks)

    def reset(self) -> None:
        """Forget everything: the connection was lost."""
        self.last_id = None
        self._waiting.clear()

    def best(self) -> BookTop | None:
        """Give the best bid and ask; None while the book is not live or a side is empty."""
        if self.last_id is None or not self._bids.prices or not self._asks.prices:
            return None
        bid, ask = self._bids.prices[-1], self._asks.prices[0]
        return BookTop(bid, self._bids.resting[bid], ask, self._asks.resting[ask])

    def bids(self, levels: int = LEVELS) -> list[Level]:
        """Give the best bids, best first."""
        return self._bids.top(levels)

    def asks(self, levels: int = LEVELS) -> list[Level]:
        """Give the best asks, best first."""
        return self._asks.top(levels)

    def summary(self, own_notional: float = 0.0, levels: int = LEVELS) -> DepthSummary | None:
        """Sum the top of the book up for a candle; None while the book is not live."""
        return depth_summary(self.bids(levels), self.asks(levels), own_notional) if self.live else None

    def notional_within(self, bps: float) -> tuple[float, float] | None:
        """Give the USDT that rest within `bps` of the middle: (bids, asks); None while there is no middle."""
        top = self.best()
        if top is None:
            return None
        middle = (top.bid + top.ask) / 2.0
        low, high = middle * (1.0 - bps / BPS), middle * (1.0 + bps / BPS)
        bids = sum(
            price * self._bids.resting[price] for price in self._bids.prices[bisect_left(self._bids.prices, low) :]
        )
        asks = 0.0
        for price in self._asks.prices:
            if price > high:
                break
            asks += price * self._asks.resting[price]
        return bids, asks

    def _follows(self, update: DepthUpdate) -> bool:
        assert self.last_id is not None
        if self._fresh and update.first_id <= self.last_id <= update.last_id:
            return True
        return update.previous_id == self.last_id

    def _contradicts(self, update: DepthUpdate) -> bool:
        """Tell whether an older change stands where the newest one says that nothing is: one of the two is false."""
        assert self.last_id is not None
        begins = update.first_id - 1 if update.previous_id is None else update.previous_id
        return self._claimed_from <= begins < update.last_id < self.last_id

    def _crossed(self) -> bool:
        bids, asks = self._bids.prices, self._asks.prices
        return bool(bids and asks) and bids[-1] >= asks[0]

    def _begin_again(self, update: DepthUpdate) -> None:
        self.gaps += 1
        self.reset()
        self._waiting.append(update)


def _that_overtook(waiting: Sequence[DepthUpdate]) -> frozenset[int]:
    """Give the identities of changes that came before one with a lower id: too early, or never true."""
    found: list[int] = []
    lowest: float = math.inf
    for update in reversed(waiting):
        if update.last_id > lowest:
            found.append(id(update))
        lowest = min(lowest, update.last_id)
    return frozenset(found)


def _last_id(update: DepthUpdate) -> int:
    return update.last_id
