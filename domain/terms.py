"""What trading one symbol costs at the in-process exchange."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.config import VenueConfig
from domain.instrument import Instrument
from domain.values import BPS, ONE, OrderSide, money


class Terms(msgspec.Struct, frozen=True):
    """A contract's filters and the venue's rates."""

    instrument: Instrument
    rates: VenueConfig

    def fill_price(self, side: OrderSide, bid: Decimal, ask: Decimal) -> Decimal:
        """Give what a taker gets: the other side's price, worsened by the slippage, rounded to the tick against us."""
        slippage = self.rates.slippage_bps / BPS
        if side is OrderSide.BUY:
            return self.instrument.price_up(ask * (ONE + slippage))
        return max(self.instrument.tick, self.instrument.price_down(bid * (ONE - slippage)))

    def fee(self, notional: Decimal) -> Decimal:
        """Give the taker fee (USDT)."""
        return money(notional * self.rates.taker_fee_bps / BPS)

    def liquidation_fee(self, notional: Decimal) -> Decimal:
        """Give what a forced close costs (USDT): the taker fee and the liquidation fee."""
        return money(notional * (self.rates.taker_fee_bps + self.rates.liquidation_fee_bps) / BPS)

    def entry_cost(self, notional: Decimal, leverage: int) -> Decimal:
        """Give what an entry needs of the wallet (USDT): its initial margin and the fee."""
        return money(notional / leverage) + self.fee(notional)
