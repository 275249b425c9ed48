"""Binance answers the questions of `infra/account_questions.py` about one account."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from domain.errors import WireError
from domain.values import Side, decimal_of
from infra.account_questions import Booking, Funds, HeldPosition, MarginTier, OrderState
from infra.binance.client_order_id import client_order_id
from infra.binance.missed_funding import HOUR_MS, RATES_MAX
from infra.binance.rest import Rest

USDT: Final = "USDT"
KINDS: Final = ("COMMISSION", "FUNDING_FEE")
FILLED: Final = frozenset({"FILLED", "FINISHED"})
GONE: Final = frozenset({"CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"})
InUsdt = Callable[[Decimal, str], Decimal]


class BinanceQuestions:
    """One account at the exchange. `epoch` is the store's: our orders are named by it there. Without `in_usdt` no fee
    that was taken in another coin is told.
    """

    def __init__(self, rest: Rest, epoch: str = "", in_usdt: InUsdt | None = None) -> None:
        self._rest = rest
        self._epoch = epoch
        self._in_usdt = in_usdt

    async def order(self, symbol: str, order_id: str) -> OrderState | None:
        """Ask by client order id, for a plain order first and then for a conditional one."""
        name = client_order_id(self._epoch, order_id)
        plain = await self._rest.find(symbol, name)
        if plain is not None:
            return _state(plain.status)
        waiting = await self._rest.algo_find(symbol, name)
        return None if waiting is None else _state(waiting.status)

    async def positions(self) -> tuple[HeldPosition, ...]:
        """Ask for all positions."""
        held = [
            HeldPosition(
                each.symbol, Side.LONG if each.quantity > 0 else Side.SHORT, abs(each.quantity), each.entry_price
            )
            for each in await self._rest.positions()
            if each.quantity
        ]
        return tuple(sorted(held, key=lambda each: (each.symbol, each.side.value)))

    async def funds(self) -> Funds:
        """Ask for the balances. Raises `WireError` if there is none in USDT."""
        for balance in await self._rest.balances():
            if balance.asset == USDT:
                return Funds(balance.balance, balance.available)
        raise WireError("expected a balance in USDT", "balance")

    async def leverage(self, symbol: str) -> int | None:
        """Ask how the symbol is set."""
        return next((each.leverage for each in await self._rest.symbol_configs(symbol) if each.symbol == symbol), None)

    async def isolated(self, symbol: str) -> bool:
        """Ask how the symbol is set."""
        found = [each.margin_type for each in await self._rest.symbol_configs(symbol) if each.symbol == symbol]
        return found == ["ISOLATED"]

    async def hedge_mode(self) -> bool:
        """Ask for the position mode."""
        return await self._rest.position_mode()

    async def tiers(self, symbol: str) -> tuple[MarginTier, ...]:
        """Ask for the brackets. Raises `WireError` if the symbol has none."""
        found = (await self._rest.brackets()).get(symbol)
        if found is None:
            raise WireError(f"expected brackets of {symbol}", "leverageBracket")
        return tuple(MarginTier(each.notional_cap, each.leverage, each.maintenance_rate) for each in found.brackets)

    async def bookings(self, since_ms: int) -> tuple[Booking, ...]:
        """Ask for the incomes of both kinds, at most 1,000 each; what was taken in BNB counts in USDT."""
        found: list[Booking] = []
        for kind in KINDS:
            for each in await self._rest.income(kind, start_ms=since_ms):
                if each.asset == USDT:
                    found.append(Booking(kind, each.symbol, each.amount, each.time_ms))
                elif self._in_usdt is not None:
                    amount = self._in_usdt(each.amount, each.asset)
                    found.append(Booking(kind, each.symbol, amount, each.time_ms))
        return tuple(sorted(found, key=lambda each: each.time_ms))

    async def funding_rates(self, symbol: str, since_ms: int) -> tuple[tuple[int, Decimal], ...]:
        """Ask for the record; it is dated a few ms behind the full hour."""
        found = await self._rest.funding_rates(symbol, since_ms, None, RATES_MAX)
        return tuple((each.time_ms - each.time_ms % HOUR_MS, decimal_of(each.rate)) for each in found)


def _state(status: str) -> OrderState:
    if status in FILLED:
        return OrderState.FILLED
    return OrderState.GONE if status in GONE else OrderState.OPEN
