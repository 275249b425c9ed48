"""What everybody may see: prices, books and trades as of the last step of the market, in the exchange's own writing.

The market moves in steps (`driver.py`). Everything public is shown as of the last step, so that a REST snapshot and the
streams tell one story: their update ids are one sequence, a function of the step's time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice

import msgspec

from infra.exchange.anonymous_book import LEVELS, Top
from infra.exchange.bar import Bar, next_open
from infra.exchange.ports import ApiError
from infra.exchange.walked_market import Candlesticks, WalkedMarket

_UPDATES_A_MS = 8
Sides = tuple[dict[int, int], dict[int, int]]


class Board:
    """The public face of the market."""

    def __init__(self, market: WalkedMarket, now_ms: int) -> None:
        self.market = market
        self.now_ms = now_ms
        self.row = market.row
        self._digits = [contract.digits for contract in market.contracts]
        self._lot_digits = [contract.lot_digits for contract in market.contracts]
        self._tick_scale = [10.0**digits for digits in self._digits]
        self._lot_scale = [10.0**digits for digits in self._lot_digits]
        self._overlaid: dict[str, tuple[Callable[[], Sides], Callable[[], Top]]] = {}
        self._seen: dict[str, tuple[int, Sides]] = {}
        self._far_seen: dict[str, tuple[int, Sides]] = {}
        self._onlookers: dict[str, list[Callable[[Sides], None]]] = {}

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────

    def price(self, row: int, ticks: int) -> str:
        """Write a price."""
        return f"{ticks / self._tick_scale[row]:.{self._digits[row]}f}"

    def quantity(self, row: int, lots: int) -> str:
        """Write a quantity."""
        return f"{lots / self._lot_scale[row]:.{self._lot_digits[row]}f}"

    def price_of(self, row: int, ticks: int) -> float:
        """Give a price as a number."""
        return ticks / self._tick_scale[row]

    def klines(self, row: int, interval: str, candles: Candlesticks) -> msgspec.Raw:
        """Write candles as REST does, 12 elements each, all in one go: a client's start asks for hundreds of
        thousands, so that what is in columns stays there.
        """
        tick, lot = self._tick_scale[row], self._lot_scale[row]
        prices, lots = ',"%.' + str(self._digits[row]) + 'f"', ',"%.' + str(self._lot_digits[row]) + 'f"'
        written = f'[%d{4 * prices}{lots},%d,"%.5f",%d{lots},"%.5f","0"]'.__mod__

        def one(bar: Bar) -> str:
            return written((
                bar.open_ms, bar.open / tick, bar.high / tick, bar.low / tick, bar.close / tick, bar.lots / lot,
                next_open(interval, bar.open_ms) - 1, bar.quote / 100.0, bar.trades, bar.taker_lots / lot,
                bar.taker_quote / 100.0,
            ))  # fmt: skip

        past, opens, closed, running = candles
        texts = [*map(one, past)]
        if closed is not None:
            traded = closed.traded
            ends = [at - 1 for at in (*opens[1:], next_open(interval, opens[-1]))]
            texts += map(written, zip(
                opens,
                *((column[0] / tick).tolist() for column in (closed.open, closed.high, closed.low, closed.close)),
                (traded.lots[0] / lot).tolist(), ends, (traded.quote[0] / 100.0).tolist(), traded.trades[0].tolist(),
                (traded.taker_lots[0] / lot).tolist(), (traded.taker_quote[0] / 100.0).tolist(), strict=True,
            ))  # fmt: skip
        texts += map(one, running)
        return msgspec.Raw(f"[{','.join(texts)}]".encode())

    def in_units(self, row: int, side: tuple[tuple[Decimal, Decimal], ...]) -> dict[int, int]:
        """Turn decimal levels into ticks → lots."""
        digits, lots = self._digits[row], self._lot_digits[row]
        return {int(price.scaleb(digits)): int(quantity.scaleb(lots)) for price, quantity in side}

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    def require(self, symbol: str) -> int:
        """Give a symbol's row. Raises `ApiError` -1121 for one that is not listed (yet)."""
        row = self.row.get(symbol)
        if row is None or self.market.listings[row].onboard_ms > self.now_ms:
            raise ApiError(-1121, "Invalid symbol.")
        return row

    def listed(self) -> Iterator[str]:
        """Give the symbols that are listed by now."""
        now_ms = self.now_ms
        return (one.symbol for one in self.market.listings if one.onboard_ms <= now_ms)

    @property
    def update_id(self) -> int:
        """Give the update id of all books as of the last step."""
        return self.now_ms * _UPDATES_A_MS

    def step(self, now_ms: int) -> None:
        """Show the market as of `now_ms`."""
        self.now_ms = now_ms

    def overlay(self, symbol: str, sides: Callable[[], Sides] | None, top: Callable[[], Top] | None) -> None:
        """Show the book that these give instead of the anonymous one, from the next step on; None: no longer."""
        if sides is None or top is None:
            self._overlaid.pop(symbol, None)
        else:
            self._overlaid[symbol] = (sides, top)

    def watch(self, symbol: str, onlooker: Callable[[Sides], None]) -> None:
        """Call `onlooker` with every book that is shown to anybody: it may be one that no push has told of."""
        self._onlookers.setdefault(symbol, []).append(onlooker)

    def unwatch(self, symbol: str, onlooker: Callable[[Sides], None]) -> None:
        """Call it no longer."""
        onlookers = self._onlookers.get(symbol, [])
        onlookers.remove(onlooker)
        if not onlookers:
            self._onlookers.pop(symbol, None)

    def sides(self, symbol: str) -> Sides:
        """Give the book as of the last step: ticks → lots, best first. It stays the same until the next step."""
        seen = self._seen.get(symbol)
        if seen is None or seen[0] != self.now_ms:
            overlaid = self._overlaid.get(symbol)
            sides = overlaid[0]() if overlaid is not None else self.market.sides(symbol, self.now_ms)
            seen = self._seen[symbol] = (self.now_ms, sides)
            for onlooker in self._onlookers.get(symbol, ()):
                onlooker(sides)
        return seen[1]

    def far(self, symbol: str) -> Sides:
        """Give the levels beyond what anybody may take, as of the last step; they are not among `sides`."""
        seen = self._far_seen.get(symbol)
        if seen is None or seen[0] != self.now_ms:
            seen = self._far_seen[symbol] = (self.now_ms, self.market.far(symbol, self.now_ms))
        return seen[1]

    def best(self, symbol: str, count: int) -> Sides:
        """Give the `count` best levels of the book (fewer where there are no more), far ones included, best first.

        No more of the book is drawn, unless somebody looks at all of it.
        """
        seen = self._seen.get(symbol)
        looked_at = symbol in self._overlaid or symbol in self._onlookers
        if looked_at or (seen is not None and seen[0] == self.now_ms):
            bids, asks = self.sides(symbol)
        else:
            bids, asks = self.market.sides(symbol, self.now_ms, min(count, LEVELS))
        far_bids, far_asks = self.far(symbol)
        return _best_of(bids, far_bids, count, -1), _best_of(asks, far_asks, count, 1)

    def top(self, symbol: str) -> Top:
        """Give the best levels as of the last step."""
        overlaid = self._overlaid.get(symbol)
        return overlaid[1]() if overlaid is not None else self.market.top(symbol, self.now_ms)

    def levels(self, row: int, side: dict[int, int], count: int) -> list[tuple[str, str]]:
        """Write the best levels of one side."""
        ticks, digits = self._tick_scale[row], self._digits[row]
        scale, lots = self._lot_scale[row], self._lot_digits[row]
        best = list(side.items())[:count]
        return [(f"{t / ticks:.{digits}f}", f"{q / scale:.{lots}f}") for t, q in best]


def _best_of(near: dict[int, int], far: dict[int, int], count: int, way: int) -> dict[int, int]:
    """Give the best levels of a side, near and far ones together. `way` is -1 for bids, 1 for asks.

    Where a price has few ticks, the coarse levels of the near book reach among the far ones; so do clients' orders.
    """
    first = next(iter(far), None)
    last = next(islice(near, count - 1, None), None)
    if first is not None and (last is None or last * way >= first * way):
        whole = {**near, **{ticks: lots + near.get(ticks, 0) for ticks, lots in far.items()}}
        near = dict(sorted(whole.items(), reverse=way < 0))
    return near if len(near) <= count else dict(islice(near.items(), count))
