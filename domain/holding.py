"""The arithmetic of one isolated position as the venue keeps it: margin, liquidation, bankruptcy, funding.

The margin is the position's own wallet. It starts as the initial margin (entry value / leverage), takes the funding,
and is all that the position can lose. Fees are paid from outside of it. The formulas are those of linear contracts
(USDT-margined), isolated, in the first bracket, whose maintenance amount is 0; source: Binance, "How to calculate the
liquidation price of USD-M futures contracts".
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.instrument import Instrument
from domain.values import ONE, Side, money


class Holding(msgspec.Struct, frozen=True):
    """An open position. `quantity` > 0 in the base asset, prices in USDT, `margin` in USDT.

    `entry_price` is the average of what was bought (sold) to open it. Funding is settled until `settled_ms` (UTC ms).
    """

    symbol: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    margin: Decimal
    maintenance_rate: Decimal
    settled_ms: int
    liquidation_price: Decimal

    @property
    def bankruptcy_price(self) -> Decimal:
        """The price at which the whole margin is lost: entry price - sign · margin / quantity."""
        return self.entry_price - self.side.sign * self.margin / self.quantity

    def realised(self, price: Decimal, quantity: Decimal) -> Decimal:
        """Give the gross PnL of closing `quantity` at `price`, as it is booked."""
        return money(self.side.sign * (price - self.entry_price) * quantity)

    def increased(self, quantity: Decimal, price: Decimal, leverage: int) -> Holding:
        """Add to the position."""
        value = price * quantity
        total = self.quantity + quantity
        entry_price = (self.entry_price * self.quantity + value) / total
        return _with(self, total, entry_price, self.margin + money(value / leverage))

    def reduced(self, quantity: Decimal) -> Holding | None:
        """Take from the position; its margin shrinks in proportion. None if nothing is left."""
        left = self.quantity - quantity
        if left <= 0:
            return None
        return _with(self, left, self.entry_price, money(self.margin * left / self.quantity))

    def funding(self, rate: Decimal, mark: Decimal) -> Decimal:
        """Give what funding pays (positive) or costs: - sign · quantity · mark · rate."""
        return money(-self.side.sign * self.quantity * mark * rate)

    def funded(self, amount: Decimal, time_ms: int) -> Holding:
        """Settle a funding amount in the margin."""
        after = _with(self, self.quantity, self.entry_price, self.margin + amount)
        return msgspec.structs.replace(after, settled_ms=time_ms)


def hold(
    instrument: Instrument,
    side: Side,
    quantity: Decimal,
    entry_price: Decimal,
    leverage: int,
    settled_ms: int,
) -> Holding:
    """Open a position at its initial margin, or build one again after a restart (then add its funding by `funded`)."""
    margin, rate = money(entry_price * quantity / leverage), instrument.maintenance_rate
    liquidation = liquidation_price(side, quantity, entry_price, margin, rate)
    return Holding(instrument.symbol, side, quantity, entry_price, margin, rate, settled_ms, liquidation)


def liquidation_price(
    side: Side, quantity: Decimal, entry_price: Decimal, margin: Decimal, maintenance_rate: Decimal
) -> Decimal:
    """Give the mark price at which margin + unrealised PnL = maintenance rate · notional. ≤ 0: it can't happen.

    (margin - sign · quantity · entry price) / (quantity · (maintenance rate - sign))
    """
    return (margin - side.sign * quantity * entry_price) / (quantity * (maintenance_rate - side.sign * ONE))


def _with(holding: Holding, quantity: Decimal, entry_price: Decimal, margin: Decimal) -> Holding:
    price = liquidation_price(holding.side, quantity, entry_price, margin, holding.maintenance_rate)
    return msgspec.structs.replace(
        holding, quantity=quantity, entry_price=entry_price, margin=margin, liquidation_price=price
    )
