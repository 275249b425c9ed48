"""The in-process exchange of paper trading and backtest: `domain.matching` with accounts, a memory and a queue.

It has no clock and no thread. Logical times come in, and answers wait in a queue until the driver takes them:

    live:     on_tick(tick, at_ms)                        every order sees the quote
    history:  begin(symbol, candle, interval_ms) …        for active symbols of one moment
              while (now_ms := advance()) is not None:    to the next thing that happens
                  while answer := pop_due(now_ms): …      the kernel's new orders get there before the price goes on

An effect reaches the venue at its `at_ms`; what happens there is known `latency_ms` later. Nothing is stored: after a
restart the desks are built again from the accounts' events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from heapq import heappop, heappush

import msgspec

from domain import matching
from domain.base import Input
from domain.config import VenueConfig
from domain.desk import Desk, Slot, key_of, side_opened_by
from domain.errors import InvalidInput
from domain.holding import Holding
from domain.instrument import Instrument
from domain.market import Candle, FundingArrived, MarketTick
from domain.path import Leg, Touch, candle_path, first_touch, out_of_reach, price_on
from domain.terms import Terms
from domain.values import Side, decimal_of
from domain.venue import CancelOrder, PlaceOrder, VenueFilled, VenueFunded, VenueRejected
from infra.account_questions import Booking

PRICE_AGE_MS_MAX = 60_000
"""An older price is no price: nothing is checked against it (product.md §2)."""
ENDED_KEPT = 16
"""So many holdings of a symbol that are over are remembered: funding is told a moment after its time."""
KEPT = 1_000
"""So many bookings of all accounts, and fundings of all symbols, can be asked for."""


class PaperVenue:
    """Accounts at the in-process exchange. A wallet of None is a desk whose margin is never checked (`virtual`)."""

    def __init__(self, rates: VenueConfig, wallets: Mapping[str, Decimal | None]) -> None:
        self._rates = rates
        self._desks = {account: Desk(account, wallet) for account, wallet in wallets.items()}
        self._terms: dict[str, Terms] = {}
        self._prices: dict[str, tuple[float, int]] = {}
        self._places: dict[str, dict[_Place, None]] = {}
        self._walks: dict[str, _Walk] = {}
        self._ended: dict[str, deque[_Ended]] = {}
        self._now_ms = 0
        self._due: list[tuple[int, int, Input]] = []
        self._answers = 0
        self._leverages: dict[tuple[str, str], int] = {}
        self._bookings: deque[tuple[str, Booking]] = deque(maxlen=KEPT)
        self._fundings: deque[tuple[str, int, Decimal]] = deque(maxlen=KEPT)

    # ── what the venue knows ──────────────────────────────────────────────────────────────────────────────────────

    def set_instrument(self, instrument: Instrument) -> None:
        """Say what a contract allows. Orders for other symbols are rejected."""
        self._terms[instrument.symbol] = Terms(instrument, self._rates)

    def observe(self, symbol: str, price: float, at_ms: int) -> None:
        """Say what the price is, so that an order that comes now can be checked against it. Nothing fills."""
        self._prices[symbol] = (price, at_ms)

    def restore_desk(
        self,
        account: str,
        wallet: Decimal | None,
        holdings: Mapping[str, Holding],
        orders: Iterable[PlaceOrder],
    ) -> None:
        """Build an account again, at a venue that has just started, from what its events say: the wallet (USDT), the
        holdings by position stream, and the orders that were accepted and are open. InvalidInput without an instrument.
        """
        desk = matching.restored(account, wallet, holdings, orders)
        for key, slot in desk.slots.items():
            if slot.symbol not in self._terms:
                where, hint = f"account {account}, {key}", "Call set_instrument first."
                raise InvalidInput(where, f"the instrument of {slot.symbol}", "none", hint)
        self._desks[account] = desk
        for key, slot in desk.slots.items():
            self._keep(_Place(account, key), slot.symbol, desk)

    def desk(self, account: str) -> Desk:
        """Give an account as the venue sees it."""
        return self._desks[account]

    def leverage(self, account: str, symbol: str) -> int | None:
        """Give the leverage of the account's last entry in a symbol."""
        return self._leverages.get((account, symbol))

    def bookings(self, account: str) -> tuple[Booking, ...]:
        """Give the newest fees and fundings of an account, oldest first."""
        return tuple(booking for owner, booking in self._bookings if owner == account)

    def fundings(self, symbol: str) -> tuple[tuple[int, Decimal], ...]:
        """Give when funding passed by lately, and its rates, oldest first."""
        return tuple((time_ms, rate) for name, time_ms, rate in self._fundings if name == symbol)

    @property
    def idle(self) -> bool:
        """True if no answer waits and no candle is being walked."""
        return not self._due and not self._walks

    def active(self, symbol: str) -> bool:
        """Say if the symbol's price matters here: somebody has a position or an order in it."""
        return symbol in self._places

    # ── what comes in ─────────────────────────────────────────────────────────────────────────────────────────────

    def execute(self, effect: PlaceOrder | CancelOrder, at_ms: int) -> None:
        """Carry an effect of the kernel out."""
        desk = self._desks.get(effect.account)
        if desk is None:
            answer = VenueRejected(effect.order_id, at_ms, "-4109", f"There is no account {effect.account!r} here.")
            self._answer(at_ms, (answer,))
            return
        place = _Place(effect.account, key_of(effect.order_id))
        if isinstance(effect, CancelOrder):
            desk, answers = matching.cancel(desk, effect, at_ms)
        else:
            if not (effect.reduce_only or effect.close_position):
                self._leverages[effect.account, effect.symbol] = effect.leverage
            price = self._price_for(effect, desk.slots.get(place.key), at_ms)
            desk, answers = matching.place(desk, effect, self._terms.get(effect.symbol), price, at_ms)
        self._keep(place, effect.symbol, desk)
        self._answer(at_ms, answers)

    def on_tick(self, tick: MarketTick, at_ms: int) -> None:
        """Let prices jump to new quotes. Orders that came at `at_ms` or later don't see them."""
        for quote in tick.quotes:
            self._prices[quote.symbol] = (quote.mark, at_ms)
            places = self._places.get(quote.symbol)
            if places:
                mark, bid, ask = decimal_of(quote.mark), decimal_of(quote.bid), decimal_of(quote.ask)
                for place in tuple(places):
                    desk, terms = self._desks[place.account], self._terms[quote.symbol]
                    outcome = matching.quote(desk, place.key, terms, mark, bid, ask, at_ms)
                    self._priced(place, quote.symbol, outcome, at_ms)

    def on_funding(self, funding: FundingArrived, at_ms: int) -> None:
        """Settle funding with everybody who holds the symbol, or held it at that time: it is told a moment later."""
        rate, mark = decimal_of(funding.rate), decimal_of(funding.mark)
        self._fundings.append((funding.symbol, funding.time_ms, rate))
        for place in tuple(self._places.get(funding.symbol, ())):
            desk = self._desks[place.account]
            desk, answers = matching.fund(desk, place.key, rate, mark, funding.time_ms)
            self._keep(place, funding.symbol, desk)
            self._answer(at_ms, answers)
        for ended in tuple(self._ended.get(funding.symbol, ())):
            if ended.holding.settled_ms < funding.time_ms <= ended.ended_ms:
                self._fund_ended(ended, rate, mark, funding, at_ms)

    # ── candle-only history ───────────────────────────────────────────────────────────────────────────────────────

    def begin(self, symbol: str, candle: Candle, interval_ms: int) -> None:
        """Start to walk a candle of an active symbol, see `path.candle_path`. Several symbols may walk at once."""
        if not self._walks:
            self._now_ms = candle.open_time_ms - 1
        self._walks[symbol] = _Walk(candle, interval_ms)

    def advance(self, until_ms: int | None = None) -> int | None:
        """Walk to the next moment at which something happens or an answer falls due, and give it (logical ms).

        None when all walks are over, or have come to `until_ms`.
        """
        if not self._walks or (until_ms is not None and self._now_ms >= until_ms):
            return None
        limit = max(walk.end_ms for walk in self._walks.values())
        if until_ms is not None:
            limit = min(limit, until_ms)
        if self._due and self._due[0][0] > self._now_ms:
            limit = min(limit, self._due[0][0])
        found = self._nearest(limit)
        if found is None:
            self._now_ms = limit
            self._finish_walks()
        else:
            symbol, place, touch = found
            self._now_ms = max(self._now_ms, touch.at_ms)
            self._hit(symbol, place, touch)
        return self._now_ms

    def walk(self, symbol: str, candle: Candle, interval_ms: int) -> Iterator[int]:
        """Walk one symbol's candle alone: `begin`, then `advance` until it is over."""
        self.begin(symbol, candle, interval_ms)
        while (now_ms := self.advance()) is not None:
            yield now_ms

    # ── what goes out ─────────────────────────────────────────────────────────────────────────────────────────────

    def next_due_ms(self) -> int | None:
        """Say when the next answer falls due."""
        return self._due[0][0] if self._due else None

    def pop_due(self, until_ms: int) -> tuple[int, Input] | None:
        """Take the next answer that falls due by `until_ms`, with its time; in order of (due time, creation)."""
        if not self._due or self._due[0][0] > until_ms:
            return None
        due_ms, _, answer = heappop(self._due)
        return due_ms, answer

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _answer(self, at_ms: int, answers: tuple[Input, ...]) -> None:
        for answer in answers:
            self._answers += 1
            heappush(self._due, (at_ms + self._rates.latency_ms, self._answers, answer))
            if isinstance(answer, VenueFilled):
                self._book(key_of(answer.order_id), "COMMISSION", -answer.fee, answer.time_ms)
            elif isinstance(answer, VenueFunded):
                self._book(answer.position, "FUNDING_FEE", answer.amount, answer.time_ms)

    def _book(self, position: str, kind: str, amount: Decimal, time_ms: int) -> None:
        account, _, name = position.partition(":")[2].partition("/")
        self._bookings.append((account, Booking(kind, name.rpartition("-")[0], amount, time_ms)))

    def _keep(self, place: _Place, symbol: str, desk: Desk) -> None:
        self._desks[place.account] = desk
        if place.key in desk.slots:
            self._places.setdefault(symbol, {})[place] = None
        elif places := self._places.get(symbol):
            places.pop(place, None)
            if not places:
                del self._places[symbol]

    def _priced(self, place: _Place, symbol: str, outcome: matching.Outcome, at_ms: int) -> None:
        """Take over what a price did to a slot, and remember a holding that it ended."""
        desk, answers = outcome
        before, after = self._desks[place.account].slots[place.key].holding, desk.slots.get(place.key)
        if before is not None and (after is None or after.holding is None):
            self._ended.setdefault(symbol, deque(maxlen=ENDED_KEPT)).append(_Ended(place, before, at_ms))
        self._keep(place, symbol, desk)
        self._answer(at_ms, answers)

    def _fund_ended(self, ended: _Ended, rate: Decimal, mark: Decimal, funding: FundingArrived, at_ms: int) -> None:
        """Settle funding with somebody who has left since."""
        amount, place = ended.holding.funding(rate, mark), ended.place
        settled = msgspec.structs.replace(ended.holding, settled_ms=funding.time_ms)
        others = self._ended[funding.symbol]
        others[others.index(ended)] = msgspec.structs.replace(ended, holding=settled)
        self._desks[place.account] = self._desks[place.account].credited(amount)
        self._answer(at_ms, (VenueFunded(place.key, funding.time_ms, rate, mark, amount),))

    def _price_for(self, order: PlaceOrder, slot: Slot | None, at_ms: int) -> Decimal | None:
        walk = self._walks.get(order.symbol)
        if walk is not None:
            return price_on(walk.path(slot.side if slot else side_opened_by(order.side)), at_ms)
        seen = self._prices.get(order.symbol)
        if seen is None or at_ms - seen[1] > PRICE_AGE_MS_MAX:
            return None
        return decimal_of(seen[0])

    def _nearest(self, limit_ms: int) -> tuple[str, _Place, Touch] | None:
        nearest: tuple[str, _Place, Touch] | None = None
        for symbol, walk in self._walks.items():
            for place in self._places.get(symbol, ()):
                touch = walk.next_touch(place, self._desks[place.account].slots[place.key])
                if touch and touch.at_ms <= limit_ms and (nearest is None or touch.at_ms < nearest[2].at_ms):
                    nearest = (symbol, place, touch)
        return nearest

    def _hit(self, symbol: str, place: _Place, touch: Touch) -> None:
        self._walks[symbol].passed(place)
        desk = self._desks[place.account]
        outcome = matching.hit(desk, place.key, touch, self._terms[symbol], touch.price, touch.price)
        self._priced(place, symbol, outcome, touch.at_ms)

    def _finish_walks(self) -> None:
        for symbol, walk in tuple(self._walks.items()):
            if walk.end_ms <= self._now_ms:
                self._prices[symbol] = (walk.close, walk.end_ms)
                del self._walks[symbol]


class _Place(msgspec.Struct, frozen=True, gc=False):
    """Where a slot is: its desk's account and its key there."""

    account: str
    key: str


class _Ended(msgspec.Struct, frozen=True):
    """What a slot held until `ended_ms`."""

    place: _Place
    holding: Holding
    ended_ms: int


class _Step(msgspec.Struct, frozen=True):
    """What a slot is known to meet next on its way, and the way that is left before and after it."""

    slot: Slot
    path: tuple[Leg, ...]
    touch: Touch | None
    rest: tuple[Leg, ...]


class _Walk:
    """One symbol's way through one candle: each slot walks the path that is the worse for its side."""

    def __init__(self, candle: Candle, interval_ms: int) -> None:
        self.end_ms = candle.open_time_ms + interval_ms - 1
        self.close = candle.close
        self._candle = candle
        self._low, self._high = decimal_of(candle.low), decimal_of(candle.high)
        self._interval_ms = interval_ms
        self._paths: dict[Side, tuple[Leg, ...]] = {}
        self._steps: dict[_Place, _Step] = {}

    def path(self, side: Side) -> tuple[Leg, ...]:
        """Give the whole path for one side."""
        if side not in self._paths:
            self._paths[side] = candle_path(self._candle, side, self._interval_ms)
        return self._paths[side]

    def next_touch(self, place: _Place, slot: Slot) -> Touch | None:
        """Find what a slot meets next. Found again only where the slot has changed."""
        step = self._steps.get(place)
        if step is None or step.slot is not slot:
            if out_of_reach(slot.levels, self._low, self._high):
                return None
            path = step.path if step else self.path(slot.side)
            touch, rest = first_touch(slot.levels, path) or (None, path)
            step = self._steps[place] = _Step(slot, path, touch, rest)
        return step.touch

    def passed(self, place: _Place) -> None:
        """Go on behind the touch that was found last."""
        step = self._steps[place]
        self._steps[place] = _Step(step.slot, step.rest, None, step.rest)
