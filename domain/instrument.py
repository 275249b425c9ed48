"""What the exchange allows in one contract: price tick, quantity step, smallest order, margin."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.values import decimal_of, round_down, round_up


class Instrument(msgspec.Struct, frozen=True):
    """One USD-M perpetual contract.

    `tick` and `step` are the smallest steps of price and quantity, `min_notional` is in USDT,
    `maintenance_rate` is the share of the notional below which a position is liquidated. `onboard_ms` is when trading
    in it began (UTC), None where nobody says; funding is paid every `funding_interval_hours`.
    """

    symbol: str
    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    min_notional: Decimal = Decimal(5)
    max_leverage: int = 20
    maintenance_rate: Decimal = Decimal("0.005")
    onboard_ms: int | None = None
    funding_interval_hours: int = 8

    def price_down(self, price: Decimal) -> Decimal:
        """Round a price down to the tick."""
        return round_down(price, self.tick)

    def price_up(self, price: Decimal) -> Decimal:
        """Round a price up to the tick."""
        return round_up(price, self.tick)

    def quantity_down(self, quantity: Decimal) -> Decimal:
        """Round a quantity down to the step."""
        return round_down(quantity, self.step)


def assumed(symbol: str, price: float) -> Instrument:
    """Guess a contract's filters where no exchange information is at hand (recorded candles, synthetic market).

    Five significant digits of price, and a step worth about one USDT: the shape of Binance's own filters. The result
    enters the run as an input, so that a replay rests on what was assumed then.
    """
    magnitude = decimal_of(price).adjusted()
    step = Decimal(1).scaleb(min(0, -magnitude))
    return Instrument(symbol=symbol, tick=Decimal(1).scaleb(magnitude - 4), step=step, min_quantity=step)
