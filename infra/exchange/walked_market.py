"""A market made of 1m candles: candles, prints and books, each a function of the moment; `marked_market.py` has marks.

Where the candles come from is the business of `Minutes` (`synthetic_market.py`, `recorded_market.py`). Walks are drawn
only for contracts and minutes that somebody asks about, and a few thousand of them are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from domain.market import MINUTE_MS, Candle
from infra.exchange.anonymous_book import LEVELS, BookShape, Mood, Top
from infra.exchange.bar import Bar, earlier_open, grouped, next_open, open_time, opens_between, rows_of
from infra.exchange.marked_market import MarkedMarket
from infra.exchange.minutes import HOUR_MINUTES, Issued, Minutes
from infra.exchange.ports import Level, Print
from infra.exchange.walk import Walk
from infra.market.bars import Bars, joined
from infra.market.contracts import Contract
from infra.market.noise import key_of, keys_of

_WALKS_KEPT = 2_048
_QUIET_MINUTES_MAX = 5
"""After so many minutes without a trade, the last price is the close of then, whenever it was."""
_DAY_MINUTES = 1_440
_MINUTES_SHARED_MAX = 32


class Candlesticks(NamedTuple):
    """Consecutive candles: recorded ones, closed ones as columns with their opens, and the one that runs, if any."""

    past: list[Bar]
    opens: list[int]
    closed: Bars | None
    running: list[Bar]


class _Shown(NamedTuple):
    """The top of a book, which is the same in [from, until): streams look at it twenty times a second."""

    from_ms: int
    until_ms: int
    top: Top


class WalkedMarket(MarkedMarket):
    """Candles, prints, books and marks over `Minutes`. Prices in ticks, quantities in lots, unless Decimal."""

    def __init__(self, seed: int, minutes: Minutes) -> None:
        super().__init__(minutes)
        self._walk_keys = [keys_of((seed, "walk", symbol)) for symbol in self.symbols]
        self._shapes = [_shape(seed, contract) for contract in self.contracts]
        self._walk = lru_cache(_WALKS_KEPT)(self._drawn)
        self._shown: dict[int, _Shown] = {}

    # ── candles ───────────────────────────────────────────────────────────────────────────────────────────────────

    def bars(self, symbol: str, interval: str, first_ms: int, end_ms: int, now_ms: int) -> list[Bar]:
        """Give the candles that open in [first, end), on the interval's grid, the last one as far as it went by now."""
        found = self.candlesticks(symbol, interval, first_ms, end_ms, now_ms)
        closed = [] if found.closed is None else rows_of(found.closed, 0, found.opens)
        return found.past + closed + found.running

    def candlesticks(self, symbol: str, interval: str, first_ms: int, end_ms: int, now_ms: int) -> Candlesticks:
        """Give the same candles, most of them as columns."""
        row = self.row[symbol]
        listed = self._begins_ms[row]
        end_ms = min(end_ms, now_ms + 1)
        past = self._minutes.past(row).between(interval, first_ms, end_ms, now_ms)
        if past:
            first_ms = next_open(interval, past[-1].open_ms)
        opens = opens_between(interval, max(first_ms, open_time(interval, listed)), end_ms)
        if not opens:
            return Candlesticks(past, [], None, [])
        until_ms, running = next_open(interval, opens[-1]), list[Bar]()
        if until_ms > now_ms:
            until_ms = opens.pop()
            running = self._running(row, max(until_ms, listed // MINUTE_MS * MINUTE_MS), until_ms, now_ms)
        closed = self._closed(row, opens, until_ms, listed) if opens else None
        return Candlesticks(past, opens, closed, running)

    def since(self, symbol: str, interval: str) -> int:
        """Say when the first candle of an interval opened: with the minutes, or in the past."""
        row = self.row[symbol]
        first_ms = self._minutes.past(row).since(interval)
        return self._begins_ms[row] if first_ms is None else min(first_ms, self._begins_ms[row])

    def latest(self, symbol: str, interval: str, count: int, now_ms: int, end_ms: int | None = None) -> list[Bar]:
        """Give the last `count` candles that opened by `end_ms` (default: now)."""
        newest = open_time(interval, now_ms if end_ms is None else min(now_ms, end_ms))
        first = earlier_open(interval, newest, count - 1)
        return self.bars(symbol, interval, first, newest + 1, now_ms)

    def _closed(self, row: int, starts: Sequence[int], end_ms: int, listed_ms: int) -> Bars:
        """Fold closed candles from minutes, or from hours where their edges are on hours.

        The first one may begin with the listing, within an hour: it is folded alone, so that the rest can be of hours.
        """
        if len(starts) > 1 and starts[0] < listed_ms:
            first, rest = starts[:1], starts[1:]
            return joined([self._closed(row, first, rest[0], listed_ms), self._closed(row, rest, end_ms, listed_ms)])
        hourly = not any(at % (HOUR_MINUTES * MINUTE_MS) for at in (*starts[:2], end_ms)) and starts[0] >= listed_ms
        hourly = hourly and (len(starts) == 1 or starts[1] - starts[0] >= HOUR_MINUTES * MINUTE_MS)
        unit = HOUR_MINUTES * MINUTE_MS if hourly else MINUTE_MS
        first = -(-max(starts[0], listed_ms) // unit)
        read = self._minutes.hours if hourly else self._minutes.bars
        parts = read(row, first, end_ms // unit)
        return grouped(parts, np.maximum(np.asarray(starts, np.int64) // unit - first, 0))

    def _running(self, row: int, from_ms: int, opened_ms: int, now_ms: int) -> list[Bar]:
        """Fold the candle that is not closed yet: its closed minutes, and the prints of this one."""
        minute = now_ms // MINUTE_MS
        parts: list[Bar] = []
        if from_ms < minute * MINUTE_MS:
            parts += rows_of(self._closed(row, [from_ms], minute * MINUTE_MS, from_ms), 0, [from_ms])
        walk = self._walk(row, minute)
        count = walk.until(now_ms)
        if count:
            parts.append(walk.partial(count))
        if not parts:
            return [self.flat(row, opened_ms, minute)]
        whole = parts[0] if len(parts) == 1 else parts[0].then(parts[1])
        return [whole._replace(open_ms=opened_ms)]

    def flat(self, row: int, opened_ms: int, minute: int) -> Bar:
        """Give the candle of a minute in which nothing was traded yet: where the minute before ended."""
        price = self._minutes.minute(row, minute - 1).close
        return Bar(opened_ms, price, price, price, price, 0, 0, 0, 0, 0)

    def stretch(self, symbol: str, from_ms: int, until_ms: int) -> Bar | None:
        """Fold the closed minutes of [from, until), as far as the contract was listed; None if there are none."""
        row = self.row[symbol]
        listed = self._begins_ms[row]
        from_ms = max(from_ms, listed)
        return None if from_ms >= until_ms else rows_of(self._closed(row, [from_ms], until_ms, listed), 0, [from_ms])[0]

    def day_until(self, symbol: str, minute: int) -> Bar | None:
        """Fold the 1,439 closed minutes before `minute`, as far as the contract was listed; None if there are none.

        They are cut from two days that are kept: a rolling day is asked for every minute, of every contract.
        """
        row = self.row[symbol]
        origin = (minute // _DAY_MINUTES - 1) * _DAY_MINUTES
        first = max(minute - _DAY_MINUTES + 1, -(-self._begins_ms[row] // MINUTE_MS))
        if first >= minute:
            return None
        held = self._minutes.shared(row, origin, origin + 2 * _DAY_MINUTES)
        part = slice(first - origin, minute - origin)
        traded = held.traded
        columns = (traded.lots, traded.quote, traded.taker_lots, traded.taker_quote, traded.trades)
        return Bar(
            first * MINUTE_MS,
            int(held.open[0, part.start]),
            int(held.high[0, part].max()),
            int(held.low[0, part].min()),
            int(held.close[0, part.stop - 1]),
            *(int(column[0, part].sum()) for column in columns),
        )

    def running(self, symbol: str, now_ms: int) -> Bar:
        """Give the minute that runs, as far as it went."""
        row, opened_ms = self.row[symbol], now_ms // MINUTE_MS * MINUTE_MS
        return self._running(row, opened_ms, opened_ms, now_ms)[0]

    def closed_minutes(self, symbol: str, first: int, end: int) -> list[Bar]:
        """Give the 1m candles of [first, end): few ones as all contracts share them, many computed at once."""
        row = self.row[symbol]
        if end - first <= _MINUTES_SHARED_MAX:
            return [self._minutes.minute(row, minute) for minute in range(first, end)]
        return rows_of(self._minutes.bars(row, first, end), 0, range(first * MINUTE_MS, end * MINUTE_MS, MINUTE_MS))

    def minute(self, symbol: str, minute: int) -> Bar:
        """Give a closed 1m candle."""
        return self._minutes.minute(self.row[symbol], minute)

    def candles(self, symbol: str, interval: str, start_ms: int, end_ms: int) -> Sequence[Candle]:
        """Give the candles that open in [start, end), the last one as far as it is known at `end_ms`."""
        contract = self.contracts[self.row[symbol]]
        first = next_open(interval, open_time(interval, start_ms - 1))
        ticks, lots = float(10**contract.digits), float(10**contract.lot_digits)
        return [
            Candle(b.open_ms, b.open / ticks, b.high / ticks, b.low / ticks, b.close / ticks, b.lots / lots,
                   b.quote / 100.0, b.trades, b.taker_lots / lots, b.taker_quote / 100.0)
            for b in self.bars(symbol, interval, first, end_ms, end_ms)
        ]  # fmt: skip

    # ── prints ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _drawn(self, row: int, minute: int) -> Walk:
        return Walk(self._walk_keys[row], self._minutes.minute(row, minute), self._minutes.issued(row, minute))

    def issued(self, symbol: str, minute: int) -> Issued:
        """Give the ids that a minute begins with."""
        return self._minutes.issued(self.row[symbol], minute)

    def walk(self, symbol: str, minute: int) -> Walk:
        """Give the walk of a minute (after 1970), whole: what lies after now is the asker's to leave out."""
        return self._walk(self.row[symbol], minute)

    def walked(self, symbol: str, after_ms: int, until_ms: int) -> Iterator[tuple[Walk, int, int]]:
        """Give the walks that touch (after, until], each with the places [from, to) of its prints in there."""
        for minute in range(after_ms // MINUTE_MS, until_ms // MINUTE_MS + 1):
            walk = self.walk(symbol, minute)
            first, end = walk.until(after_ms), walk.until(until_ms)
            if first < end:
                yield walk, first, end

    def prints(self, symbol: str, after_ms: int, until_ms: int) -> list[Print]:
        """Give the anonymous trades in (after, until], in time order."""
        contract = self.contracts[self.row[symbol]]
        return [
            Print(symbol, time_ms, Decimal(ticks).scaleb(-contract.digits), Decimal(lots).scaleb(-contract.lot_digits),
                  not bought, trades)
            for walk, first, end in self.walked(symbol, after_ms, until_ms)
            for time_ms, ticks, lots, bought, trades in zip(
                walk.times[first:end].tolist(), walk.prices[first:end].tolist(), walk.lots[first:end].tolist(),
                walk.buys[first:end].tolist(), walk.spans[first:end].tolist(), strict=True,
            )
        ]  # fmt: skip

    def last(self, symbol: str, time_ms: int) -> tuple[int, int, bool]:
        """Give the last trade by a moment: its time, its price in ticks, and whether a taker bought."""
        row = self.row[symbol]
        minute = time_ms // MINUTE_MS
        walk = self._walk(row, minute)
        count = walk.until(time_ms)
        while count == 0:
            minute -= 1
            walk = self._walk(row, minute)
            count = walk.count
            if count == 0 and time_ms // MINUTE_MS - minute >= _QUIET_MINUTES_MAX:
                return minute * MINUTE_MS, walk.bar.close, False
        return walk.last(count)

    # ── books ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def top(self, symbol: str, time_ms: int) -> Top:
        """Give best bid and ask of the anonymous book."""
        row = self.row[symbol]
        shown = self._shown.get(row)
        if shown is None or not shown.from_ms <= time_ms < shown.until_ms:
            shown = self._shown[row] = self._computed_top(row, symbol, time_ms)
        return shown.top

    def _computed_top(self, row: int, symbol: str, time_ms: int) -> _Shown:
        _, ticks, bought = self.last(symbol, time_ms)
        shape = self._shapes[row]
        touch = shape.touch(ticks, bought)
        walk = self._walk(row, time_ms // MINUTE_MS)
        until_ms = min(walk.next_ms(walk.until(time_ms)), shape.top_until(*touch, time_ms))
        return _Shown(time_ms, until_ms, shape.top(*touch, self._mood(row, time_ms), time_ms))

    def sides(self, symbol: str, time_ms: int, levels: int = LEVELS) -> tuple[dict[int, int], dict[int, int]]:
        """Give the best levels (all of them) of the anonymous book: ticks → lots, best first."""
        row = self.row[symbol]
        _, ticks, bought = self.last(symbol, time_ms)
        shape = self._shapes[row]
        return shape.sides(*shape.touch(ticks, bought), self._mood(row, time_ms), time_ms, levels)

    def far(self, symbol: str, time_ms: int) -> tuple[dict[int, int], dict[int, int]]:
        """Give the levels far from the touch that nothing reaches: ticks → lots, best first."""
        _, ticks, bought = self.last(symbol, time_ms)
        shape = self._shapes[self.row[symbol]]
        return shape.far(*shape.touch(ticks, bought))

    def book(self, symbol: str, time_ms: int) -> tuple[Sequence[Level], Sequence[Level]]:
        """Give the anonymous bids and asks as of a moment, best first."""
        contract = self.contracts[self.row[symbol]]
        bids, asks = (
            [(Decimal(t).scaleb(-contract.digits), Decimal(q).scaleb(-contract.lot_digits)) for t, q in side.items()]
            for side in self.sides(symbol, time_ms)
        )
        return bids, asks

    def _mood(self, row: int, time_ms: int) -> Mood:
        bar = self._walk(row, time_ms // MINUTE_MS).bar
        wildness = (bar.high - bar.low) / max(1, bar.close) * 1_500.0
        return Mood(1.6 / (0.6 + min(wildness, 6.0)), 0.5 * (bar.taker_lots / max(1, bar.lots) - 0.5))


def _shape(seed: int, contract: Contract) -> BookShape:
    lots_a_minute = 1_000.0 * contract.turnover / contract.price * 10**contract.lot_digits
    return BookShape(key_of(seed, "book", contract.symbol), round(contract.price * 10**contract.digits), lots_a_minute)
