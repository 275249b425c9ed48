"""The REST client: `Rest` has a method for everything that we ask of Binance, named after what it gives.

    async with Rest(settings) as rest:                        # public questions need no key
        info = await rest.exchange_info()
        bars = await rest.candles("BTCUSDT", "1h", limit=300)

    async with Rest(settings, load_key(settings.api_key, settings.api_secret)) as rest:
        try:
            order = await rest.place(wish)
        except OutcomeUnknown as doubt:
            order = await rest.look_up(wish.symbol, wish.client_order_id, doubt.expires_ms)   # None: not placed

Errors are sorted in `faults`. Several accounts behind one address share a `Gate` and a `Breaker`. Public questions:
`market_data`; orders: `trading`, `conditional`; the account: `account_calls`; how a call is carried out: `calls`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from types import TracebackType
from typing import Self

from infra.binance.account_calls import AccountCalls
from infra.binance.breaker import Breaker
from infra.binance.calls import BACK_OFF_MS, Calls
from infra.binance.market_data import MarketData
from infra.binance.pacing import Gate
from infra.binance.settings import BinanceSettings
from infra.binance.signing import Key
from infra.clock import wall_ms


class Rest(MarketData, AccountCalls):
    """Everything that we ask of Binance over REST, for one key. Used from one event loop."""

    def __init__(
        self,
        settings: BinanceSettings,
        key: Key | None = None,
        *,
        account: str = "main",
        gate: Gate | None = None,
        breaker: Breaker | None = None,
        now_ms: Callable[[], int] = wall_ms,
        draw: Callable[[], float] = random.random,
        back_off_ms: int = BACK_OFF_MS,
        patience_ms: int | None = None,
    ) -> None:
        calls = Calls(
            settings,
            key,
            account=account,
            gate=gate,
            breaker=breaker,
            now_ms=now_ms,
            draw=draw,
            back_off_ms=back_off_ms,
            patience_ms=patience_ms,
        )
        AccountCalls.__init__(self, calls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.calls.close()

    async def synchronise(self) -> int:
        """Set the estimate of the exchange's clock right; give the offset to ours in ms."""
        return await self.calls.synchronise()

    def server_ms(self) -> int:
        """Give the exchange's time now, as well as we know it."""
        return self.calls.server_ms()

    @property
    def api_calls(self) -> int:
        """How many requests were sent so far, repeated ones included."""
        return self.calls.counts.total()

    @property
    def api_calls_by_endpoint(self) -> dict[str, int]:
        """The same by endpoint, such as `GET /fapi/v1/klines`."""
        return dict(self.calls.counts)
