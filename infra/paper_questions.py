"""The in-process exchange answers questions about an account from its desk. To be asked by who drives the venue."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from domain.desk import key_of
from domain.errors import InvalidInput
from domain.flow import HOUR_MS
from domain.instrument import Instrument
from domain.values import ZERO
from domain.venue import VenueCanceled, VenueFilled
from infra.account_questions import Booking, Funds, HeldPosition, MarginTier, OrderState
from infra.paper import PaperVenue

UNLIMITED: Final = Decimal("Infinity")


class PaperQuestions:
    """One account at the in-process exchange; `instrument_of` gives a contract's terms, None if it has none."""

    def __init__(self, venue: PaperVenue, account: str, instrument_of: Callable[[str], Instrument | None]) -> None:
        self._venue = venue
        self._account = account
        self._instrument_of = instrument_of

    async def order(self, symbol: str, order_id: str) -> OrderState | None:
        """Say what became of an order; the newest 1,000 finished ones are remembered."""
        del symbol
        desk = self._venue.desk(self._account)
        slot = desk.slots.get(key_of(order_id))
        if slot is not None and slot.find(order_id) is not None:
            return OrderState.OPEN
        match desk.answer_to(order_id):
            case VenueFilled():
                return OrderState.FILLED
            case VenueCanceled():
                return OrderState.GONE
            case _:
                return None  # a refused order was never taken

    async def positions(self) -> tuple[HeldPosition, ...]:
        """Give what the desk's slots hold; several of one side are one position, as at an exchange."""
        held: dict[tuple[str, str], HeldPosition] = {}
        for slot in self._venue.desk(self._account).slots.values():
            if slot.holding is None:
                continue
            new = HeldPosition(slot.symbol, slot.side, slot.holding.quantity, slot.holding.entry_price)
            old = held.get((slot.symbol, slot.side.value))
            held[slot.symbol, slot.side.value] = new if old is None else _joined(old, new)
        return tuple(held[key] for key in sorted(held))

    async def funds(self) -> Funds:
        """Give the wallet; a desk without one, whose margin is never checked, has no end."""
        desk = self._venue.desk(self._account)
        if desk.wallet is None or desk.available is None:
            return Funds(ZERO, UNLIMITED)
        return Funds(desk.wallet, desk.available)

    async def leverage(self, symbol: str) -> int | None:
        """Give that of the last entry: here each order brings its own."""
        return self._venue.leverage(self._account, symbol)

    async def isolated(self, symbol: str) -> bool:
        """Always: every position is its own."""
        del symbol
        return True

    async def hedge_mode(self) -> bool:
        """Always: positions are kept by the stream that asked for them, not by contract."""
        return True

    async def tiers(self, symbol: str) -> tuple[MarginTier, ...]:
        """Give the one bracket that a contract has here. Raises `InvalidInput` for one that is not traded."""
        instrument = self._instrument_of(symbol)
        if instrument is None:
            raise InvalidInput("a contract", "one that is traded here", symbol)
        return (MarginTier(None, instrument.max_leverage, instrument.maintenance_rate),)

    async def bookings(self, since_ms: int) -> tuple[Booking, ...]:
        """Give them from the newest 1,000 of this session."""
        return tuple(each for each in self._venue.bookings(self._account) if each.time_ms >= since_ms)

    async def funding_rates(self, symbol: str, since_ms: int) -> tuple[tuple[int, Decimal], ...]:
        """Give what passed by in this session."""
        found = self._venue.fundings(symbol)
        return tuple((time_ms - time_ms % HOUR_MS, rate) for time_ms, rate in found if time_ms >= since_ms)


def _joined(one: HeldPosition, other: HeldPosition) -> HeldPosition:
    quantity = one.quantity + other.quantity
    value = one.quantity * one.entry_price + other.quantity * other.entry_price
    return HeldPosition(one.symbol, one.side, quantity, value / quantity)
