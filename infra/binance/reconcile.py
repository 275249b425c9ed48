"""Compares what we believe of an account with what the exchange says: at the start, after a reconnect, every minute.

    open and conditional orders   an order of ours that is not open there ─▶ asked for, and its end told
    positions                     less there than here ─▶ the fills that we missed, ours or another's; else unexplained
                                  more there than here ─▶ foreign: reported, never touched
    wallet, funding (every 10 min, and before a wallet is called another)

A difference counts only if two looks in a row find it: between a fill over there and its event here lies a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

import msgspec

from domain.deal import Deal
from domain.errors import HindsightError
from domain.orders import Stage
from domain.values import ZERO, Side
from domain.venue import AccountReconciled, ForeignPosition
from infra.beliefs import Beliefs, Believed
from infra.binance.account_watch import FUNDING_FEE, AccountWatch
from infra.binance.rest import Rest
from infra.binance.venue import BinanceVenue
from infra.binance.wire.account_bodies import Income, PositionRisk

EVERY_S: Final = 60.0
CONFIRM_S: Final = 2.0
INCOME_EVERY_S: Final = 600.0
LISTED_MS: Final = 60_000
"""So long after a charge at the latest it stands in the list of incomes."""
WALLET_TOLERANCE: Final = Decimal("0.01")
"""USDT. Below it stands what rounding makes of many fills (product.md §6)."""
TRADES_BEFORE_MS: Final = 60_000
TRADES_WITHIN_MS: Final = 7 * 86_400_000 - 60_000
"""One question reaches 7 days from its beginning, and what was missed is recent: of an older position not its first
week is asked for, but the last one.
"""
TRADES_MAX: Final = 1_000


class Difference(msgspec.Struct, frozen=True):
    """What one look found that fits nothing we know. `wallet` is None where it agrees."""

    wallet: Decimal | None
    foreign: tuple[ForeignPosition, ...]
    unexplained: tuple[str, ...]


AGREED: Final = Difference(None, (), ())


class Reconciler:
    """Looks again and again. `now_s` is a monotonic clock."""

    def __init__(self, venue: BinanceVenue, watch: AccountWatch, beliefs: Beliefs, now_s: Callable[[], float]) -> None:
        self._venue = venue
        self._rest: Rest = venue.rest
        self._watch = watch
        self._beliefs = beliefs
        self._now_s = now_s
        self._again = asyncio.Event()
        self._suspected: Difference = AGREED
        self._reported: Difference = AGREED
        self._income_s: float | None = None
        self._income_ms = 0
        self._income_asked_ms = 0
        self._incomes: frozenset[Income] = frozenset()  # those of the last answer that were told
        self.looks = 0
        self.clean = False
        """Whether the last look found nothing that is not explained."""

    def look_again(self) -> None:
        """Ask for a look soon."""
        self._again.set()

    async def run(self, every_s: float = EVERY_S) -> None:
        """Look until cancelled; what can't be asked now is asked at the next look."""
        while True:
            try:
                pause_s = CONFIRM_S if await self.look() else every_s
            except HindsightError:
                pause_s = min(every_s, 5.0)
            self._again.clear()
            try:
                await asyncio.wait_for(self._again.wait(), pause_s)
            except TimeoutError:
                continue

    async def look(self) -> bool:
        """Look once; true if something was found that another look must confirm."""
        before = self._watch.changes
        believed = self._beliefs.look()
        await self._orders(believed)
        positions = await self._rest.positions()
        wallet = next((each.balance for each in await self._rest.balances() if each.asset == "USDT"), ZERO)
        if self._watch.changes == before:
            self._venue.setup.seen(positions)
        missed = await self._missed_fills(believed, positions)
        await self._funding(believed)
        self.looks += 1
        if missed or self._watch.changes != before or not self._venue.answers.idle:
            return True  # something was on its way
        found = self._compared(self._beliefs.look(), positions, wallet)
        if found.wallet is not None and found != self._suspected and await self._funding(believed, at_once=True):
            return True  # that may be all the difference
        return self._judge(found)

    # ── orders ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _orders(self, believed: Believed) -> None:
        wanted = [(deal, order) for deal, order in believed.open_orders() if not self._venue.busy(order.order_id)]
        if not wanted:
            return
        plain = {order.client_order_id for order in await self._rest.open_orders()}
        waiting = {order.client_algo_id for order in await self._rest.algo_open_orders()}
        for deal, order in wanted:
            tracked = self._venue.tracking.track(deal.place(order), accepted=order.stage is not Stage.REQUESTED)
            if order.stage is Stage.REQUESTED and not tracked.accepted:
                continue  # it is about to be sent, or asked for
            if tracked.client_id not in plain | waiting and not self._venue.busy(order.order_id):
                await self._venue.settle(order.order_id)

    # ── positions ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _missed_fills(self, believed: Believed, positions: Iterable[PositionRisk]) -> bool:
        """Tell the fills of others that made a position of ours smaller; true if there were any."""
        theirs = _by_side(positions)
        found = False
        for deal in believed.deals:
            if deal.quantity <= theirs.get((deal.plan.symbol, deal.plan.side), ZERO) or self._expects_exit(deal):
                continue
            since_ms = max(deal.opened_ms - TRADES_BEFORE_MS, self._rest.server_ms() - TRADES_WITHIN_MS)
            trades = await self._rest.user_trades(deal.plan.symbol, since_ms, limit=TRADES_MAX)
            for trade in trades:
                if not self._venue.tracking.owns(trade.symbol, trade.order_id) and trade.time_ms >= deal.opened_ms:
                    answers = self._watch.closed_by(trade)
                    self._venue.answers.tell(answers)
                    found = found or bool(answers)
        return found

    def _expects_exit(self, deal: Deal) -> bool:
        return any(self._venue.busy(order.order_id) for order in deal.orders)

    def _compared(self, believed: Believed, positions: list[PositionRisk], wallet: Decimal) -> Difference:
        ours: dict[tuple[str, Side], Decimal] = {}
        for deal in believed.deals:
            key = deal.plan.symbol, deal.plan.side
            ours[key] = ours.get(key, ZERO) + deal.quantity
        theirs = _by_side(positions)
        entries = {(each.symbol, _side(each)): each.entry_price for each in positions if each.quantity}
        foreign = tuple(
            ForeignPosition(symbol, side, quantity - ours.get((symbol, side), ZERO), entries[symbol, side])
            for (symbol, side), quantity in sorted(theirs.items())
            if quantity > ours.get((symbol, side), ZERO)
        )
        unexplained = tuple(
            f"{symbol} {side}: {theirs.get((symbol, side), ZERO):f} at the exchange, {quantity:f} here"
            for (symbol, side), quantity in sorted(ours.items())
            if quantity > theirs.get((symbol, side), ZERO)
        )
        off = believed.balance is not None and abs(wallet - believed.balance) > WALLET_TOLERANCE
        return Difference(wallet if off else None, foreign, unexplained)

    def _judge(self, found: Difference) -> bool:
        """Report what two looks found alike; true if a second look is needed."""
        self.clean = not found.unexplained
        if found != self._suspected:
            self._suspected = found
            return found != self._reported
        if found != self._reported or found.wallet is not None:
            self._reported = msgspec.structs.replace(found, wallet=None)
            balance = self._beliefs.look().balance
            wallet = found.wallet if found.wallet is not None else balance
            if wallet is not None:
                account, now_ms = self._beliefs.account, self._rest.server_ms()
                told = AccountReconciled(account, now_ms, wallet, found.foreign, found.unexplained)
                self._venue.answers.tell((told,))
            self._suspected = self._reported
        return False

    # ── funding ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _funding(self, believed: Believed, *, at_once: bool = False) -> bool:
        """Ask for what was paid since the last time, if somebody held something since; true if that was news."""
        now_s, now_ms = self._now_s(), self._rest.server_ms()
        if self._income_s is not None and now_s - self._income_s < INCOME_EVERY_S and not at_once:
            return False
        opened = [deal.opened_ms for deal in believed.deals if deal.quantity]
        opened += [over.opened_ms for over in believed.over if over.closed_ms >= self._income_asked_ms - LISTED_MS]
        if not opened:
            return False
        # Charges of one time are listed one after the other: what comes in late may be older than what is known.
        since_ms = self._income_ms - LISTED_MS if self._income_ms else min(opened)
        incomes = await self._rest.income(FUNDING_FEE, start_ms=since_ms)
        self._income_s, self._income_asked_ms = now_s, now_ms
        told = {income: self._watch.funded(income) for income in sorted(incomes, key=lambda each: each.time_ms)}
        news = [answers for income, answers in told.items() if answers and income not in self._incomes]
        self._income_ms = max((self._income_ms, *(income.time_ms for income in told)))
        self._incomes = frozenset(income for income, answers in told.items() if answers)
        for answers in news:
            self._venue.answers.tell(answers)
        return bool(news)


def _side(position: PositionRisk) -> Side:
    return Side.LONG if position.quantity > 0 else Side.SHORT


def _by_side(positions: Iterable[PositionRisk]) -> dict[tuple[str, Side], Decimal]:
    return {(each.symbol, _side(each)): abs(each.quantity) for each in positions if each.quantity}
