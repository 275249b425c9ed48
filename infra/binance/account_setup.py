"""How the account must be set before an order: one asset as margin, its position mode known, leverage and margin type.

Leverage and margin type of a symbol are changed only while it is flat, and a symbol in which somebody else holds
something is not entered: both would become one position, and our stop would close theirs. In hedge mode that holds
for the leg; the other one is theirs to keep.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from decimal import Decimal
from typing import Final

from domain.desk import side_opened_by
from domain.errors import InvalidInput, Refused
from domain.venue import PlaceOrder
from infra.binance.rest import Rest
from infra.binance.wire.account_bodies import PositionRisk
from infra.binance.wire.user_frames import PositionState

MULTI_ASSETS_HINT: Final = "Switch to single-asset mode on binance.com (Futures, Preference, Asset Mode)."


class AccountSetup:
    """What is known of an account's settings and holdings. Used from one event loop."""

    def __init__(self, rest: Rest, *, isolated: bool = True) -> None:
        self._rest = rest
        self._isolated = isolated
        self._leverage: dict[str, int] = {}
        self._typed: set[str] = set()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.amounts: dict[tuple[str, str], Decimal] = {}
        """Signed quantity by symbol and position side (BOTH, LONG, SHORT), as last seen."""

    @property
    def hedge(self) -> bool:
        """Whether a symbol can be long and short at once."""
        return bool(self._rest.hedge)

    async def begin(self) -> None:
        """Look at the modes. Raises `InvalidInput` for one that can't be traded in."""
        await self._rest.position_mode()
        if await self._rest.multi_assets():
            raise InvalidInput("the account's asset mode", "single-asset mode", "MULTI-ASSETS mode", MULTI_ASSETS_HINT)

    def seen(self, positions: list[PositionRisk]) -> None:
        """Take in all positions as they were asked for."""
        self.amounts = {(each.symbol, each.position_side): each.quantity for each in positions if each.quantity}

    def changed(self, position: PositionState) -> None:
        """Take in one position as the user stream tells it."""
        key = (position.symbol, position.position_side)
        if position.amount:
            self.amounts[key] = position.amount
        else:
            self.amounts.pop(key, None)

    def leverage_changed(self, symbol: str, leverage: int) -> None:
        """Somebody set a symbol's leverage."""
        self._leverage[symbol] = leverage

    async def prepare(self, order: PlaceOrder) -> None:
        """Make a symbol fit for an entry. Raises what the exchange says, and `Refused` if it is not flat."""
        symbol = order.symbol
        async with self._locks[symbol]:
            legs = [leg for held, leg in self.amounts if held == symbol]
            if legs:
                if not self.hedge or side_opened_by(order.side) in legs:
                    raise Refused("SYMBOL_NOT_FLAT", symbol=symbol)
                await self._require_as_set(symbol, order.leverage)
                return
            if symbol not in self._typed:
                await self._rest.set_margin_type(symbol, isolated=self._isolated)
                self._typed.add(symbol)
            if self._leverage.get(symbol) != order.leverage:
                self._leverage[symbol] = (await self._rest.set_leverage(symbol, order.leverage)).leverage

    async def _require_as_set(self, symbol: str, leverage: int) -> None:
        """The other leg is open, and both have one leverage and one margin type: this one takes them as they are."""
        if symbol in self._typed and self._leverage.get(symbol) == leverage:
            return
        found = next((each for each in await self._rest.symbol_configs(symbol) if each.symbol == symbol), None)
        wanted = "ISOLATED" if self._isolated else "CROSSED"
        if found is None or (found.leverage, found.margin_type) != (leverage, wanted):
            is_set = f"{found.margin_type} x{found.leverage}" if found is not None else "unknown"
            raise Refused("SETTINGS_NEED_FLAT", symbol=symbol, wanted=f"{wanted} x{leverage}", found=is_set)
        self._typed.add(symbol)
        self._leverage[symbol] = leverage

    def forget(self) -> None:
        """After an absence nothing of this is sure any more."""
        self._leverage.clear()
        self._typed.clear()
