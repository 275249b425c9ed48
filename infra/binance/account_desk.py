"""One account at the exchange, put together: its orders, its events, and their comparison with what we believe."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

from domain.base import Issued
from domain.errors import HindsightError
from domain.orders import Stage
from domain.values import ZERO, decimal_of
from infra.beliefs import Beliefs
from infra.binance.account_setup import AccountSetup
from infra.binance.account_watch import AccountWatch, FundingOf
from infra.binance.answers import Answers, Offer
from infra.binance.feed_values import Connected, Delivery
from infra.binance.permission import require_permission_to_trade
from infra.binance.reconcile import Reconciler
from infra.binance.rest import Rest
from infra.binance.routes import StreamHost
from infra.binance.tracking import Tracking
from infra.binance.user_stream import UserStream
from infra.binance.venue import ENTRY_PATIENCE_S, BinanceVenue
from infra.binance.wire.user_frames import UserEvent

USDT: Final = "USDT"
DOLLARS: Final = frozenset({"USDT", "USDC", "FDUSD", "BUSD", "BNFCR"})
FEE_COINS: Final = ("BNB",)
"""Coins that fees are taken in where the owner chose so; their contracts need not be among those that are traded."""
PRICES_EVERY_S: Final = 60.0
MARGIN_S: Final = 0.5
PriceOf = Callable[[str], Decimal | None]
"""Gives the mark price of a contract as last seen, None if it was not."""


class _ListenKeys:
    """The three calls of a listen key, over the account's own client."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def create(self) -> str:
        """Open a key, or extend the one there is."""
        return await self._rest.open_listen_key()

    async def renew(self, key: str) -> None:
        """Extend it."""
        del key  # the API key says whose it is
        await self._rest.renew_listen_key()

    async def delete(self, key: str) -> None:
        """Close it."""
        del key
        await self._rest.close_listen_key()


class AccountDesk:
    """Everything about one account. `speed`: how fast the exchange's time runs against ours (a simulator's)."""

    def __init__(
        self,
        rest: Rest,
        host: StreamHost,
        beliefs: Beliefs,
        epoch: str,
        offer: Offer,
        price_of: PriceOf,
        funding_of: FundingOf,
        *,
        speed: float = 1.0,
    ) -> None:
        self._rest = rest
        self._beliefs = beliefs
        self._speed = speed
        self._price_of = price_of
        self._fee_prices: dict[str, Decimal] = {}
        self.answers = Answers(offer)
        tracking = Tracking(epoch, self._in_usdt)
        self.venue = BinanceVenue(rest, tracking, self.answers, AccountSetup(rest), past=self._past)
        self.watch = AccountWatch(self.venue, beliefs, self._in_usdt, funding_of)
        loop = asyncio.get_running_loop()
        self.reconciler = Reconciler(self.venue, self.watch, beliefs, loop.time)
        self.watch.look_again = self.reconciler.look_again
        self.stream = UserStream(host, _ListenKeys(rest), self._deliver)

    async def begin(self, held: Sequence[Issued] = ()) -> None:
        """Look at the key and the account's modes, then take up the orders that history knows, and waiting effects.

        An order that was asked for and never answered may have been sent by a process that is dead now.
        """
        # The first look may find fills that were missed, with fees to convert.
        await asyncio.gather(self.venue.setup.begin(), self._learn_fee_prices())
        await require_permission_to_trade(self._rest)  # else every order, the protecting ones too, would be refused
        looked, now_ms = self._beliefs.look(), self._rest.server_ms()
        outdated = 0 < looked.resumed_ms < now_ms - ENTRY_PATIENCE_S * 1000.0 * self._speed
        expires_ms = now_ms + self._rest.calls.settings.recv_window_ms
        self.venue.doubt(looked.unanswered(), expires_ms, outdated=outdated)
        for deal, order in looked.open_orders():
            answered = order.stage is not Stage.REQUESTED
            self.venue.tracking.track(deal.place(order), accepted=answered, trade_ids=deal.trade_ids)
        self.venue.setup.seen(await self._rest.positions())
        for issued in held:
            self.venue.take(issued)

    def jobs(self) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """Give what has to run until the end."""
        return self.answers.run, self.stream.run, self.reconciler.run, self._keep_fee_prices

    async def close(self) -> None:
        """Stop; nothing is taken back at the exchange."""
        await self.venue.close()

    async def _deliver(self, batch: Sequence[Delivery]) -> None:
        for delivery in batch:
            if isinstance(delivery.message, UserEvent):
                self.watch.take(delivery.message)
            elif isinstance(delivery.message, Connected):
                self.reconciler.look_again()

    def _in_usdt(self, amount: Decimal, asset: str) -> Decimal:
        """Turn a fee into USDT at the price of now. Raises `HindsightError` for an asset without a price."""
        if asset in DOLLARS or amount == ZERO:
            return amount
        price = self._price_of(f"{asset}{USDT}") or self._fee_prices.get(asset)
        if price is None:
            raise HindsightError(f"a fee was taken in {asset}, and there is no price of {asset}{USDT} to convert it by")
        return amount * price

    async def _keep_fee_prices(self) -> None:
        """Know what the coins are worth that fees may be taken in."""
        while True:
            await asyncio.sleep(PRICES_EVERY_S)
            await self._learn_fee_prices()

    async def _learn_fee_prices(self) -> None:
        for coin in FEE_COINS:
            with suppress(HindsightError):  # an exchange without that contract takes no fee in it
                found = await self._rest.mark_price(f"{coin}{USDT}")
                if found.mark:
                    self._fee_prices[coin] = decimal_of(found.mark)

    async def _past(self, expires_ms: int) -> None:
        """Wait until the exchange refuses a request of that expiry, whatever the speed of its time.

        A simulator stretches the window by its speed, so that it stays as long in real time; the real one's speed is 1.
        """
        await asyncio.sleep(self._rest.calls.settings.recv_window_ms / 1000 + MARGIN_S)
        if self._speed == 1.0:
            await self._rest.calls.wait_until(expires_ms)
