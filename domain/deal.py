"""The arithmetic of one position: its plan, its live orders, and what its fills add up to. No rule stands here.

PnL of a linear (USDT-margined) contract: gross = sign · (exit value - entry value), net = gross - fees + funding,
where a value is Σ price · quantity over the fills.
"""

from __future__ import annotations

import enum
from decimal import Decimal

import msgspec

from domain.orders import LiveOrder, Role, Stage
from domain.values import ZERO, Side, decimal_of, money
from domain.venue import PlaceOrder

VIRTUAL = "virtual"
"""The account name of positions that follow a signal without money. It has no account actor."""


class ExitReason(enum.StrEnum):
    """Why a position ended."""

    STOP = "STOP"
    TARGET = "TARGET"
    TIME_STOP = "TIME_STOP"
    OPERATOR = "OPERATOR"
    REPLACED = "REPLACED"
    UNPROTECTED = "UNPROTECTED"
    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"
    EXTERNAL = "EXTERNAL"
    DELISTED = "DELISTED"


class Plan(msgspec.Struct, frozen=True):
    """What a position is meant to be. Prices in USDT, `quantity` in the base asset, `margin` in USDT.

    `signal_id` is the event that proposed it, `reference_price` the price it was decided at.
    """

    account: str
    symbol: str
    side: Side
    quantity: Decimal
    reference_price: Decimal
    stop: Decimal
    target: Decimal
    leverage: int
    margin: Decimal
    time_stop_ms: int
    signal_id: str
    strategy: str
    confidence: float
    win: float


class Deal(msgspec.Struct, frozen=True):
    """Everything known of a position once it was requested. `quantity` is what is open now, `cost` its entry value.

    Funding is settled up to `funded_ms`: what comes for that time again changes nothing.
    """

    id: str
    version: int
    plan: Plan
    orders: tuple[LiveOrder, ...] = ()
    trade_ids: tuple[str, ...] = ()
    quantity: Decimal = ZERO
    entered: Decimal = ZERO
    entry_value: Decimal = ZERO
    exit_value: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    opened_ms: int = 0
    funded_ms: int = 0
    highest: Decimal | None = None
    lowest: Decimal | None = None
    cost: Decimal = ZERO

    @property
    def entry_price(self) -> Decimal:
        """The average price of all entry fills."""
        return self.entry_value / self.entered

    @property
    def open_price(self) -> Decimal:
        """The average price of what is open: another than `entry_price` once an entry went on after a first exit."""
        return self.cost / self.quantity if self.quantity > 0 else self.entry_price

    @property
    def gross(self) -> Decimal:
        """What the fills brought, once everything is closed (USDT)."""
        return money(self.plan.side.sign * (self.exit_value - self.entry_value))

    @property
    def net(self) -> Decimal:
        """The same after fees and funding."""
        return self.gross - self.fees + self.funding

    def order(self, order_id: str) -> LiveOrder | None:
        """Find a live order."""
        return next((order for order in self.orders if order.order_id == order_id), None)

    def live(self, role: Role) -> LiveOrder | None:
        """Find a live order of this role."""
        return next((order for order in self.orders if order.role is role), None)

    def role_of(self, order_id: str) -> Role | None:
        """Say what a live order is for."""
        order = self.order(order_id)
        return order.role if order else None

    def realised(self, price: Decimal, quantity: Decimal) -> Decimal:
        """Give the gross PnL of closing `quantity` at `price`, by the average cost of what is open, as Binance does."""
        return self.plan.side.sign * (price - self.open_price) * quantity

    def place(self, order: LiveOrder) -> PlaceOrder:
        """Give the request for one of this position's orders."""
        return PlaceOrder(
            account=self.plan.account,
            order_id=order.order_id,
            symbol=self.plan.symbol,
            side=order.side,
            order_type=order.order_type,
            quantity=order.quantity,
            trigger=order.trigger,
            reduce_only=order.role is Role.EXIT,
            close_position=order.role in {Role.STOP, Role.TARGET},
            leverage=self.plan.leverage,
        )

    def with_order(self, order: LiveOrder) -> Deal:
        """Add a live order."""
        return msgspec.structs.replace(self, orders=(*self.orders, order))

    def staged(self, order_id: str, stage: Stage, cancel_id: str = "") -> Deal:
        """Move a live order to a stage."""
        moved = (
            msgspec.structs.replace(order, stage=stage, cancel_id=cancel_id or order.cancel_id)
            if order.order_id == order_id
            else order
            for order in self.orders
        )
        return msgspec.structs.replace(self, orders=tuple(moved))

    def without_order(self, order_id: str) -> Deal:
        """Drop a finished order."""
        return msgspec.structs.replace(self, orders=tuple(order for order in self.orders if order.order_id != order_id))

    def filled(self, role: Role, trade_id: str, price: Decimal, quantity: Decimal, fee: Decimal) -> Deal:
        """Add a fill. An entry grows the position, every other role shrinks it."""
        value = price * quantity
        known = (*self.trade_ids, trade_id)
        if role is Role.ENTRY:
            return msgspec.structs.replace(
                self,
                trade_ids=known,
                quantity=self.quantity + quantity,
                entered=self.entered + quantity,
                entry_value=self.entry_value + value,
                cost=self.cost + value,
                fees=self.fees + fee,
            )
        return msgspec.structs.replace(
            self,
            trade_ids=known,
            quantity=self.quantity - quantity,
            exit_value=self.exit_value + value,
            cost=self.open_price * (self.quantity - quantity),
            fees=self.fees + fee,
        )

    def stretched(self, high: float, low: float) -> tuple[Decimal, Decimal] | None:
        """Give the highest and lowest price after the price was within [low, high], None if neither is new.

        What was quoted is compared, not its float: 0.1 is more than Decimal("0.1"), and would be news for ever.
        """
        highest, lowest = self.highest, self.lowest
        if highest is None or lowest is None:
            return decimal_of(high), decimal_of(low)
        if high < highest and low > lowest:
            return None
        reach = max(decimal_of(high), highest), min(decimal_of(low), lowest)
        return None if reach == (highest, lowest) else reach

    def excursions(self) -> tuple[Decimal, Decimal]:
        """Give the largest favourable and adverse price moves while open, as fractions of the entry price, both ≥ 0.

        MFE and MAE as Sweeney defined them ("Maximum Adverse Excursion", 1996), on the prices that were observed.
        """
        entry = self.entry_price
        up = max(ZERO, (self.highest or entry) - entry) / entry
        down = max(ZERO, entry - (self.lowest or entry)) / entry
        return (up, down) if self.plan.side is Side.LONG else (down, up)
