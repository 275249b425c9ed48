"""Orders at Binance, or at whatever speaks its protocol: each carried out once, each answer told once.

    outbox (durable) ──carry_out──▶ place ──▶ NEW … ──▶ fills by the user stream, or by asking after a while
                                      │
                                      ├─ no answer: ask by client order id; again once it can't arrive any more;
                                      │            send anew only if it does not exist
                                      └─ not sent, or busy: again, as long as it makes sense

An order that a dead process may have sent is treated as one without an answer. A cancellation waits for the end of its
order's placing. Everything here runs on one event loop; `carry_out` may be called from any thread.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final

from domain.base import Issued
from domain.errors import ExchangeRejected, HindsightError, InvalidInput, Refused, Unavailable, WireError
from domain.values import ZERO
from domain.venue import ENTRY_OUTDATED, CancelOrder, OrderType, PlaceOrder, VenueCanceled
from infra.binance import endpoints as at
from infra.binance.account_setup import AccountSetup
from infra.binance.answers import Answers
from infra.binance.faults import EXCHANGE, OutcomeUnknown, WrongClock
from infra.binance.new_order import NewOrder
from infra.binance.rest import Rest
from infra.binance.tracking import Told, Tracked, Tracking, Unsettled
from infra.binance.wire import order_bodies
from infra.binance.wire.order_bodies import AlgoOrder, Order

DUPLICATE: Final = -4116
NO_SUCH_SYMBOL: Final = -1121
ENTRY_PATIENCE_S: Final = 30.0
"""So long an entry is tried that could not even be sent: afterwards its price is an old one (product.md §5)."""
BACK_OFF_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0)
FILL_PATIENCE_S: Final = 2.0
"""A market order of which the user stream told no end after so long is asked for."""
SETTLE_TRIES: Final = 5
Past = Callable[[int], Awaitable[None]]


class BinanceVenue:
    """Carries effects of one account out. `past` waits until a request of that expiry (server ms) can't arrive."""

    def __init__(
        self, rest: Rest, tracking: Tracking, answers: Answers, setup: AccountSetup, *, past: Past | None = None
    ) -> None:
        self.rest = rest
        self.tracking = tracking
        self.answers = answers
        self.setup = setup
        self._past = past or rest.calls.wait_until
        self._doubtful: dict[str, int] = {}
        self._outdated: set[str] = set()
        self._unwanted: set[str] = set()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: dict[str, int] = {}
        self._loop = asyncio.get_running_loop()
        self.error: BaseException | None = None
        self.on_error: Callable[[BaseException], None] = lambda _: None

    # ── from outside ──────────────────────────────────────────────────────────────────────────────────────────────

    def doubt(self, order_ids: Iterable[str], expires_ms: int, *, outdated: bool = False) -> None:
        """Say which orders another process may have sent, and until when what it sent could still arrive.

        `outdated`: that was too long ago for an entry to be sent if it was not.
        """
        self._doubtful.update(dict.fromkeys(order_ids, expires_ms))
        if outdated:
            self._outdated.update(self._doubtful)

    def carry_out(self, issued: Issued) -> None:
        """Do what an effect asks for; its facts are durable. From any thread."""
        self._loop.call_soon_threadsafe(self.take, issued)

    def take(self, issued: Issued) -> None:
        """Begin to do what an effect asks for."""
        effect = issued.effect
        if isinstance(effect, PlaceOrder):
            tracked = self.tracking.track(effect)
            self.spawn(self._placed(tracked), effect.order_id)
        elif isinstance(effect, CancelOrder):
            self._unwanted.add(effect.order_id)
            self.spawn(self._canceled(effect), effect.order_id)

    def busy(self, order_id: str) -> bool:
        """Whether something about an order is on its way."""
        return order_id in self._busy

    def spawn(self, work: Coroutine[Any, Any, None], order_id: str = "") -> None:
        """Run work in the background; what it raises ends the system."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        if order_id:
            self._busy[order_id] = self._busy.get(order_id, 0) + 1
        task.add_done_callback(lambda done: self._ended(done, order_id))

    async def close(self) -> None:
        """Leave everything as it is; what has no answer is asked for after the next start."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None], order_id: str) -> None:
        self._tasks.discard(task)
        if order_id and (left := self._busy.pop(order_id, 0) - 1) > 0:
            self._busy[order_id] = left
        if not task.cancelled() and (error := task.exception()) is not None:
            self.error = self.error or error
            self.on_error(error)

    def tell(self, told: Iterable[Told]) -> None:
        """Pass facts on; what is unsettled is asked for."""
        for each in told:
            if isinstance(each, Unsettled):
                self.spawn(self.settle(each.order_id))
            else:
                self.answers.tell((each,))

    # ── placing ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _placed(self, tracked: Tracked) -> None:
        order = tracked.order
        async with self._locks[order.order_id]:
            if tracked.over:
                return
            expires_ms = self._doubtful.pop(order.order_id, None)
            known = tracked.accepted or (expires_ms is not None and await self._known(tracked, expires_ms))
            if known or self._is_outdated(tracked) or await self._not_ready(tracked) or not await self._sent(tracked):
                return
        if order.order_type is OrderType.MARKET:
            await asyncio.sleep(FILL_PATIENCE_S)
            if not tracked.over:
                await self.settle(order.order_id)

    def _is_outdated(self, tracked: Tracked) -> bool:
        """Say no to an entry of long ago that never arrived: its price is one of the past. What closes is sent."""
        order = tracked.order
        if order.order_id not in self._outdated or order.reduce_only or order.close_position:
            return False
        why = "asked for before an interruption, and never arrived: its price is one of the past"
        self.tell(self.tracking.refused(tracked, self.rest.server_ms(), ENTRY_OUTDATED, why))
        return True

    async def _not_ready(self, tracked: Tracked) -> bool:
        """Set leverage and margin type for an entry; true, and told, if the account is not fit for it."""
        order = tracked.order
        if order.reduce_only or order.close_position:
            return False
        try:
            await self._patiently(lambda: self.setup.prepare(order), ENTRY_PATIENCE_S)
        except HindsightError as error:
            self._refuse(tracked, error)
            return True
        return False

    async def _sent(self, tracked: Tracked) -> bool:
        """Send until the exchange took it or said no; true if it took it."""
        order = tracked.order
        wish = _wish(tracked)
        patience_s = None if wish.closing else ENTRY_PATIENCE_S
        began = self._loop.time()
        while True:
            try:
                if tracked.conditional:
                    await self._patiently(lambda: self.rest.algo_place(wish), patience_s, order.order_id)
                else:
                    await self._patiently(lambda: self.rest.place(wish), patience_s, order.order_id)
            except OutcomeUnknown as doubt:
                if await self._known(tracked, doubt.expires_ms):
                    return True
                if order.order_id in self._unwanted:
                    self.tell(self.tracking.never_was(tracked, self.rest.server_ms(), "CANCELED"))
                    return False
                if patience_s is None or self._loop.time() - began <= patience_s:
                    continue
                self._refuse(tracked, Unavailable(EXCHANGE, doubt.detail))
                return False
            except ExchangeRejected as error:
                if error.code == DUPLICATE:
                    await self.settle(order.order_id)
                    return True
                self._refuse(tracked, error)
                return False
            except _Unwanted:
                self.tell(self.tracking.never_was(tracked, self.rest.server_ms(), "CANCELED"))
                return False
            except HindsightError as error:
                self._refuse(tracked, error)
                return False
            self.tell(self.tracking.taken(tracked, self.rest.server_ms()))
            return True

    async def _known(self, tracked: Tracked, expires_ms: int) -> bool:
        """Find out what became of an order without an answer; false: it does not exist and never will."""
        for last in (False, True):
            body = await self._asked(tracked)
            if body is not None:
                await self._absorb(tracked, body)
                return True
            if not last:
                await self._past(expires_ms)
        return False

    def _refuse(self, tracked: Tracked, error: HindsightError) -> None:
        match error:
            case ExchangeRejected() | Refused():
                code = str(error.code)
            case Unavailable():
                code = "UNAVAILABLE"
            case _:
                code = type(error).__name__.upper()
        text = error.text if isinstance(error, ExchangeRejected) else str(error)
        self.tell(self.tracking.refused(tracked, self.rest.server_ms(), code, text))

    async def _patiently(
        self, call: Callable[[], Awaitable[object]], patience_s: float | None, order_id: str = ""
    ) -> None:
        """Call until it did arrive. Raises what kept it from it when patience is over, `_Unwanted` if it was taken
        back meanwhile.
        """
        began, tries = self._loop.time(), 0
        while True:
            try:
                await call()
            except (Unavailable, WrongClock) as error:
                if order_id in self._unwanted:
                    raise _Unwanted from error
                asked_s = (error.retry_after_ms or 0) / 1000 if isinstance(error, Unavailable) else 0.0
                pause_s = max(_back_off_s(tries), asked_s)
                if patience_s is not None and self._loop.time() + pause_s - began > patience_s:
                    raise
            else:
                return
            tries += 1
            await asyncio.sleep(pause_s)

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def settle(self, order_id: str) -> None:
        """Ask what became of an order, and tell what is news."""
        tracked = self.tracking.get(order_id)
        for tries in range(SETTLE_TRIES):
            if tracked is None or tracked.over:
                return
            body = await self._asked(tracked)
            if body is None:
                self.tell(self.tracking.never_was(tracked, self.rest.server_ms(), "UNKNOWN"))
                return
            if await self._absorb(tracked, body):
                return
            await asyncio.sleep(_back_off_s(tries))

    async def _asked(self, tracked: Tracked) -> Order | AlgoOrder | None:
        """Query an order by its client order id until there is an answer. No trouble of ours or theirs is one: an
        order of which nobody knows what became is asked for as long as it takes.
        """
        symbol, tries = tracked.order.symbol, 0
        while True:
            try:
                if tracked.conditional:
                    return await self.rest.algo_find(symbol, tracked.client_id)
                return await self.rest.find(symbol, tracked.client_id)
            except ExchangeRejected as error:
                if error.code == NO_SUCH_SYMBOL:
                    return None  # the contract is gone, and all of its orders with it
            except HindsightError:
                pass  # nobody answered, or our key or clock is at fault: that may be mended
            await asyncio.sleep(_back_off_s(tries))
            tries += 1

    async def _absorb(self, tracked: Tracked, body: Order | AlgoOrder) -> bool:
        """Tell what a query found; false if some of it is not listed yet."""
        now_ms = self.rest.server_ms()
        if isinstance(body, AlgoOrder):
            self.tell(self.tracking.on_algo_body(tracked, body, now_ms))
            if not tracked.actual:
                return True
            found = await self._actual(tracked)
            if found is None:
                return True
            body = found
        try:
            trades = await self._trades(tracked, body) if body.executed > ZERO else ()
        except HindsightError:
            return False
        told = self.tracking.on_body(tracked, body, trades, now_ms)
        self.answers.tell(each for each in told if not isinstance(each, Unsettled))
        return not any(isinstance(each, Unsettled) for each in told)

    async def _actual(self, tracked: Tracked) -> Order | None:
        """Give the plain order that a conditional one became."""
        params = {"symbol": tracked.order.symbol, "orderId": tracked.actual}
        try:
            return await self.rest.calls.ask(at.QUERY, params, order_bodies.read_order)
        except HindsightError:
            return None

    async def _trades(self, tracked: Tracked, body: Order) -> list[order_bodies.UserTrade]:
        params = {"symbol": tracked.order.symbol, "orderId": body.order_id, "limit": 1_000}
        found = await self.rest.calls.ask(at.USER_TRADES, params, order_bodies.read_user_trades)
        return [trade for trade in found if trade.order_id == body.order_id]

    # ── taking back ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _canceled(self, effect: CancelOrder) -> None:
        tracked = self.tracking.get(effect.order_id)
        if tracked is None:
            gone = VenueCanceled(effect.order_id, self.rest.server_ms(), "UNKNOWN")
            self.answers.tell((gone,))
            return
        async with self._locks[effect.order_id]:
            tries = 0
            while not tracked.over:
                try:
                    await self._take_back(tracked)
                except ExchangeRejected:
                    self.tell(self.tracking.never_was(tracked, self.rest.server_ms(), "UNKNOWN"))
                except (Unavailable, OutcomeUnknown, WireError, WrongClock):
                    await asyncio.sleep(_back_off_s(tries))
                    tries += 1
                except InvalidInput:
                    return  # our key lost its permission: nothing can be said of the order
                else:
                    break
        self._unwanted.discard(effect.order_id)

    async def _take_back(self, tracked: Tracked) -> None:
        symbol = tracked.order.symbol
        if tracked.conditional:
            ended = await self.rest.algo_cancel(symbol, tracked.client_id)
            if ended is None:
                self.tell(self.tracking.canceled(tracked, self.rest.server_ms()))
                return
        else:
            ended = await self.rest.cancel(symbol, tracked.client_id)
        if not await self._absorb(tracked, ended):
            self.spawn(self.settle(tracked.order.order_id))


class _Unwanted(Exception):
    """The order was taken back before it could be sent."""


def _wish(tracked: Tracked) -> NewOrder:
    order = tracked.order
    return NewOrder(
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type.value,
        client_order_id=tracked.client_id,
        quantity=None if order.close_position else order.quantity,
        reduce_only=order.reduce_only,
        close_position=order.close_position,
        trigger=order.trigger,
        working_type="MARK_PRICE" if tracked.conditional else None,
    )


def _back_off_s(tries: int) -> float:
    return BACK_OFF_S[min(tries, len(BACK_OFF_S) - 1)]
