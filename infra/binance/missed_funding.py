"""Funding that passed while we were away, for what is held in process: asked for at the start, told as if it came now.

A real account is charged by its exchange, and told so by its incomes. Who holds something at the venue inside is
charged when a `FundingArrived` comes by; none came while the process was down. What was settled already is not settled
again: the venue and the position both know until when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from domain.base import kind_of
from domain.deal import Deal
from domain.errors import HindsightError, Unavailable
from domain.flow import HOUR_MS
from domain.market import MINUTE_MS, FundingArrived
from domain.position import Entering, Exiting, Open
from infra.binance.market_data import MarketData
from infra.binance.wire.market_bodies import FundingRate

RATES_MAX: Final = 1_000
"""What one request brings: 41 days of hourly funding, 333 of the usual."""


class Missed(msgspec.Struct, frozen=True):
    """The fundings by time, and in sentences what could not be had."""

    fundings: tuple[FundingArrived, ...] = ()
    failed: tuple[str, ...] = ()


def unsettled_since(streams: Mapping[str, object], outside: Sequence[str] = ()) -> dict[str, int]:
    """Say of each symbol that is held in process until when its funding is settled at least (ms).

    `streams` are states by stream; the positions of accounts that are `outside` are charged there.
    """
    since: dict[str, int] = {}
    for stream, state in streams.items():
        if kind_of(stream) != "position" or not isinstance(state, Entering | Open | Exiting):
            continue
        deal: Deal = state.deal
        if deal.quantity and deal.plan.account not in outside:
            settled_ms = max(deal.opened_ms, deal.funded_ms)
            since[deal.plan.symbol] = min(settled_ms, since.get(deal.plan.symbol, settled_ms))
    return since


async def missed(source: MarketData, since: Mapping[str, int], now_ms: int) -> Missed:
    """Ask for what was settled after `since`. A symbol of which no full hour has passed is not asked for."""
    failed: list[str] = []

    async def of(symbol: str, since_ms: int) -> list[FundingArrived]:
        if now_ms - now_ms % HOUR_MS <= since_ms:
            return []
        try:
            rates = await source.funding_rates(symbol, since_ms + 1, now_ms, RATES_MAX)
            return [await _arrived(source, rate) for rate in rates]
        except HindsightError as error:
            failed.append(f"{symbol} funding since {since_ms}: {error}")
            return []

    found = await asyncio.gather(*(of(symbol, since_ms) for symbol, since_ms in since.items()))
    in_order = sorted((each for some in found for each in some), key=lambda each: (each.time_ms, each.symbol))
    return Missed(tuple(in_order), tuple(failed))


async def _arrived(source: MarketData, settled: FundingRate) -> FundingArrived:
    """Date it by the full hour, as the stream does: the record is a few ms behind it."""
    time_ms = settled.time_ms - settled.time_ms % HOUR_MS
    mark = settled.mark
    if mark is None:
        rows = await source.mark_candles(settled.symbol, "1m", time_ms, time_ms + MINUTE_MS - 1, 1)
        if not rows:
            raise Unavailable(f"the mark price of {settled.symbol} at {time_ms}")
        mark = rows[0].open
    return FundingArrived(settled.symbol, time_ms, settled.rate, mark)
