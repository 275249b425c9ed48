"""What the user data stream says of an account, as inputs: our orders, funding, and what others did to our positions.

An order that we don't know and that closes something of ours may be a conditional order of ours whose trigger we have
not heard of yet: it is given a moment before it is taken for somebody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from domain.base import Input
from domain.deal import Deal
from domain.values import ZERO, OrderSide, Side
from domain.venue import VenueFunded, VenueLiquidated
from infra.beliefs import Beliefs
from infra.binance.tracking import InUsdt
from infra.binance.venue import BinanceVenue
from infra.binance.wire.account_bodies import Income
from infra.binance.wire.order_bodies import UserTrade
from infra.binance.wire.user_frames import (
    AccountConfigUpdate,
    AccountUpdate,
    AlgoUpdate,
    OrderState,
    OrderTradeUpdate,
    UserEvent,
)

STRANGER_PATIENCE_S: Final = 3.0
FUNDING_FEE: Final = "FUNDING_FEE"
FundingOf = Callable[[str], tuple[Decimal, Decimal]]
"""Gives a symbol's funding rate and mark price as last seen, zeros if they were not."""


class AccountWatch:
    """Listens to one account. `look_again` asks for a reconciliation soon."""

    def __init__(
        self,
        venue: BinanceVenue,
        beliefs: Beliefs,
        in_usdt: InUsdt,
        funding_of: FundingOf,
        look_again: Callable[[], None] = lambda: None,
    ) -> None:
        self._venue = venue
        self._beliefs = beliefs
        self._in_usdt = in_usdt
        self._funding_of = funding_of
        self.look_again = look_again
        self.changes = 0
        """How many events said that something of the account changed."""

    def take(self, event: UserEvent) -> None:
        """Take one event in. On the venue's event loop."""
        match event:
            case OrderTradeUpdate(order=order):
                self.changes += 1
                self._on_order(order)
            case AlgoUpdate(transaction_ms=time_ms, order=order):
                self._venue.tell(self._venue.tracking.on_algo(order, time_ms) or ())
            case AccountUpdate():
                self.changes += 1
                self._on_account(event)
            case AccountConfigUpdate(leverage=leverage) if leverage is not None:
                self._venue.setup.leverage_changed(leverage.symbol, leverage.leverage)
            case _:
                pass  # TRADE_LITE says less than what follows; a margin call changes nothing yet

    # ── orders ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _on_order(self, seen: OrderState) -> None:
        told = self._venue.tracking.on_order(seen)
        if told is not None:
            self._venue.tell(told)
        elif cause := forced(seen.client_id):
            self._venue.answers.tell(self._closed_elsewhere(seen, cause))
        else:
            self._venue.tracking.keep_stray(seen)
            if seen.last_quantity > 0:
                self._venue.spawn(self._explained(seen))

    async def _explained(self, seen: OrderState) -> None:
        await asyncio.sleep(STRANGER_PATIENCE_S)
        if not self._venue.tracking.owns(seen.symbol, seen.order_id):
            self._venue.answers.tell(self._closed_elsewhere(seen, "EXTERNAL"))
            self.look_again()

    def _closed_elsewhere(self, seen: OrderState, cause: str) -> tuple[Input, ...]:
        """Give (a part of) a position of ours as closed by another's order; nothing if it closes nothing of ours."""
        if seen.last_quantity <= 0:
            return ()
        deal = self.holder(seen.symbol, seen.position_side, OrderSide(seen.side))
        fee = max(ZERO, self._in_usdt(seen.fee or ZERO, seen.fee_asset or "USDT"))
        trade_id = f"{seen.symbol}:{seen.trade_id}"
        return self.taken_from(deal, trade_id, seen.trade_time_ms, seen.last_price, seen.last_quantity, fee, cause)

    def closed_by(self, trade: UserTrade) -> tuple[Input, ...]:
        """Give the same for a fill that was asked for: whose order it was is not known any more."""
        deal = self.holder(trade.symbol, trade.position_side, trade.side)
        fee = max(ZERO, self._in_usdt(trade.fee, trade.fee_asset))
        trade_id = f"{trade.symbol}:{trade.trade_id}"
        return self.taken_from(deal, trade_id, trade.time_ms, trade.price, trade.quantity, fee, "EXTERNAL")

    def holder(self, symbol: str, position_side: str, order_side: OrderSide) -> Deal | None:
        """Find our deal that a fill on this side makes smaller."""
        closes = Side.LONG if order_side is OrderSide.SELL else Side.SHORT
        if position_side in {"LONG", "SHORT"} and Side(position_side) is not closes:
            return None
        return self._beliefs.look().holder(symbol, closes)

    @staticmethod
    def taken_from(
        deal: Deal | None, trade_id: str, time_ms: int, price: Decimal, quantity: Decimal, fee: Decimal, cause: str
    ) -> tuple[Input, ...]:
        """Give the input that says so; nothing if there is no deal, or it knows that fill."""
        if deal is None or trade_id in deal.trade_ids:
            return ()
        return (VenueLiquidated(deal.id, time_ms, price, quantity, fee, trade_id, cause),)

    # ── balances and positions ────────────────────────────────────────────────────────────────────────────────────

    def _on_account(self, event: AccountUpdate) -> None:
        change = event.account
        for position in change.positions:
            self._venue.setup.changed(position)
        if change.reason == "ORDER":
            return
        if change.reason != FUNDING_FEE:
            self.look_again()
            return
        paid = [balance.change for balance in change.balances if balance.asset == "USDT" and balance.change]
        if len(change.positions) == 1 and len(paid) == 1:
            held = change.positions[0]
            leg = Side(held.position_side) if held.position_side in {"LONG", "SHORT"} else None
            self._venue.answers.tell(self._funded(held.symbol, event.transaction_ms, paid[0], leg))
        else:
            self.look_again()  # which position paid how much, only the list of incomes says

    def funded(self, income: Income) -> tuple[Input, ...]:
        """Give a funding fee from the list of incomes."""
        if income.kind != FUNDING_FEE or income.asset != "USDT":
            return ()
        return self._funded(income.symbol, income.time_ms, income.amount)

    def _funded(self, symbol: str, time_ms: int, amount: Decimal, leg: Side | None = None) -> tuple[Input, ...]:
        """Say it to the position that is or was held then, under the time that both sources name."""
        found = self._beliefs.look().funded(symbol, time_ms, leg)
        if found is None:
            return ()
        position, settled_ms = found
        rate, mark = self._funding_of(symbol)
        return (VenueFunded(position, settled_ms, rate, mark, amount),)


def forced(client_id: str) -> str:
    """Say why the exchange itself closed a position, from the order's name; "" if it did not."""
    if client_id.startswith("adl_autoclose"):
        return "ADL"
    if client_id.startswith(("autoclose-", "settlement_autoclose-")):
        return "LIQUIDATION"
    return ""
