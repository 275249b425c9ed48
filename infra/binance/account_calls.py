"""What an account has and how it is set: balances, positions, leverage, modes, brackets, fees, income, listenKey."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from domain.errors import ExchangeRejected, WireError
from infra.binance import endpoints as at
from infra.binance.conditional import ConditionalTrading
from infra.binance.priority import Priority
from infra.binance.wire import account_bodies, bodies, contract_bodies
from infra.binance.wire.account_bodies import (
    Account,
    AccountConfig,
    Balance,
    Income,
    LeverageSet,
    PositionRisk,
    SymbolConfig,
)
from infra.binance.wire.contract_bodies import CommissionRate, SymbolBrackets

NO_NEED_TO_CHANGE: Final = frozenset({-4046, -4059, -4171})
"""Margin type, position mode, asset mode: it is already as wished."""


class AccountCalls(ConditionalTrading):
    """Questions and settings of one account. Needs a key."""

    async def account(self) -> Account:
        """Give totals, assets, and the positions that hold something (v3)."""
        return await self.calls.ask(at.ACCOUNT, {}, account_bodies.read_account)

    async def account_with_permissions(self) -> Account:
        """Give the older answer (v2), which also says whether the key may trade, for all symbols."""
        return await self.calls.ask(at.ACCOUNT_V2, {}, account_bodies.read_account)

    async def balances(self) -> list[Balance]:
        """Give the balance of every asset."""
        return await self.calls.ask(at.BALANCE, {}, account_bodies.read_balances)

    async def positions(self, symbol: str | None = None, *, urgent: bool = False) -> list[PositionRisk]:
        """Give the positions that hold something or have orders; `urgent` if a close waits for it."""
        return await self.calls.ask(
            at.POSITIONS,
            {"symbol": symbol},
            account_bodies.read_positions,
            priority=Priority.CRITICAL if urgent else None,
        )

    async def positions_with_leverage(self, symbol: str | None = None) -> list[PositionRisk]:
        """Give the older answer (v2): every symbol, with leverage and margin type."""
        return await self.calls.ask(at.POSITIONS_V2, {"symbol": symbol}, account_bodies.read_positions)

    async def set_leverage(self, symbol: str, leverage: int) -> LeverageSet:
        """Set the leverage of new positions in a symbol."""
        params = {"symbol": symbol, "leverage": leverage}
        return await self.calls.ask(at.SET_LEVERAGE, params, account_bodies.read_leverage_set)

    async def set_margin_type(self, symbol: str, *, isolated: bool) -> None:
        """Set a symbol's margin type; that it is so already counts as done."""
        params = {"symbol": symbol, "marginType": "ISOLATED" if isolated else "CROSSED"}
        await _done(self.calls.ask(at.SET_MARGIN_TYPE, params, bodies.read_done))

    async def position_mode(self) -> bool:
        """Say whether the account is in hedge mode, and remember it for the orders to come."""
        self.hedge = (await self.calls.ask(at.POSITION_MODE, {}, account_bodies.read_position_mode)).hedge
        return self.hedge

    async def set_position_mode(self, *, hedge: bool) -> None:
        """Set hedge or one-way mode; that it is so already counts as done."""
        await _done(self.calls.ask(at.SET_POSITION_MODE, {"dualSidePosition": hedge}, bodies.read_done))
        self.hedge = hedge

    async def multi_assets(self) -> bool:
        """Say whether several assets are margin together."""
        return (await self.calls.ask(at.ASSET_MODE, {}, account_bodies.read_asset_mode)).multi_assets

    async def set_multi_assets(self, *, on: bool) -> None:
        """Set the asset mode; that it is so already counts as done."""
        await _done(self.calls.ask(at.SET_ASSET_MODE, {"multiAssetsMargin": on}, bodies.read_done))

    async def brackets(self) -> dict[str, SymbolBrackets]:
        """Give the leverage brackets of every symbol, lowest first."""
        listed = await self.calls.ask(at.BRACKETS, {}, contract_bodies.read_brackets)
        return {brackets.symbol: brackets for brackets in listed}

    async def commission_rate(self, symbol: str) -> CommissionRate:
        """Give the fees of this account in a symbol."""
        return await self.calls.ask(at.COMMISSION, {"symbol": symbol}, contract_bodies.read_commission_rate)

    async def income(
        self,
        kind: str | None = None,
        symbol: str | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 1_000,
        page: int | None = None,
    ) -> list[Income]:
        """Give bookings (FUNDING_FEE, COMMISSION …), by default of the last 7 days; weight 30."""
        params = {
            "symbol": symbol,
            "incomeType": kind,
            "startTime": start_ms,
            "endTime": end_ms,
            "limit": limit,
            "page": page,
        }
        return await self.calls.ask(at.INCOME, params, account_bodies.read_income)

    async def symbol_configs(self, symbol: str | None = None) -> list[SymbolConfig]:
        """Give leverage and margin type of every symbol, or of one."""
        return await self.calls.ask(at.SYMBOL_CONFIG, {"symbol": symbol}, account_bodies.read_symbol_configs)

    async def account_config(self) -> AccountConfig:
        """Give what the account may do and its modes, and remember the position mode; weight 5."""
        config = await self.calls.ask(at.ACCOUNT_CONFIG, {}, account_bodies.read_account_config)
        self.hedge = config.hedge
        return config

    async def open_listen_key(self) -> str:
        """Open a user data stream, or extend the one there is; give its name. Valid for 60 minutes.

        Raises `WireError` if the answer has none: a stream without a name would connect and stay silent.
        """
        key = (await self.calls.ask(at.OPEN_LISTEN_KEY, {}, bodies.read_listen_key)).listen_key
        if not key:
            raise WireError("expected a listen key", at.OPEN_LISTEN_KEY.name)
        return key

    async def renew_listen_key(self) -> None:
        """Extend the user data stream. Raises `ExchangeRejected` (-1125) if it is gone: open a new one."""
        await self.calls.ask(at.RENEW_LISTEN_KEY, {}, bodies.read_listen_key)

    async def close_listen_key(self) -> None:
        """End the user data stream."""
        await self.calls.ask(at.CLOSE_LISTEN_KEY, {}, bodies.read_listen_key)


async def _done(call: Awaitable[object]) -> None:
    """Wait for a setting; that there is nothing to change is as good."""
    try:
        await call
    except ExchangeRejected as error:
        if error.code not in NO_NEED_TO_CHANGE:
            raise
