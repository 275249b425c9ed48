"""The first look at an exchange: its clock, what may be traded, and under which terms. Before anything else starts."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from domain.errors import ExchangeRejected, WireError
from domain.instrument import Instrument
from infra.binance.first_look import PATIENCE_MS, Say, until_it_answers
from infra.binance.missed_funding import Missed, missed
from infra.binance.rest import Rest
from infra.binance.settings import BinanceSettings
from infra.binance.signing import Key
from infra.binance.universe import Universe, choose
from infra.binance.wire.contract_bodies import SymbolBrackets
from infra.binance.wire.market_bodies import DayTicker
from infra.clock import ExchangeClock
from infra.stopping import unless_stopped

LEAP_MS: Final = 3_600_000


class Arrival(msgspec.Struct, frozen=True):
    """What was found: the contracts by liquidity, their terms, and how many calls that took."""

    universe: Universe
    instruments: tuple[Instrument, ...]
    calls: int
    without_brackets: str = ""
    """Why leverage limits are assumed instead of known; "" if they are known."""

    missed: Missed = Missed()
    """What funding passed of what is held in process."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names."""
        return tuple(instrument.symbol for instrument in self.instruments)


def arrive(
    settings: BinanceSettings,
    key: Key | None,
    wanted: int | tuple[str, ...],
    clock: ExchangeClock,
    kept: tuple[str, ...] = (),
    unsettled: Mapping[str, int] | None = None,
    stop: threading.Event | None = None,
    say: Say = lambda _: None,
) -> Arrival:
    """Look around and set the clock; while the exchange is busy, wait and `say` so.

    `kept` are symbols that something is open in, whether they are wanted or not; `unsettled` says until when the
    funding of what is held in process is settled.

    Raises a `HindsightError` that says in one sentence why nothing can be done there, and `Stopped` if `stop` is set
    meanwhile.
    """

    async def look_around() -> Arrival:
        return await _arrive(settings, key, wanted, clock, kept, unsettled or {})

    return asyncio.run(unless_stopped(until_it_answers(look_around, say), stop))


def hear_time(
    settings: BinanceSettings, clock: ExchangeClock, stop: threading.Event | None = None, say: Say = lambda _: None
) -> int:
    """Set the clock by the exchange's, and give the time there (UTC ms). Raises as `arrive` does."""

    async def ask() -> None:
        async with Rest(settings, None, now_ms=clock.now_ms, patience_ms=PATIENCE_MS) as rest:
            await set_clock(rest, clock)

    asyncio.run(unless_stopped(until_it_answers(ask, say), stop))
    return clock.now_ms()


async def _arrive(
    settings: BinanceSettings,
    key: Key | None,
    wanted: int | tuple[str, ...],
    clock: ExchangeClock,
    kept: tuple[str, ...],
    unsettled: Mapping[str, int],
) -> Arrival:
    async with Rest(settings, key, now_ms=clock.now_ms, patience_ms=PATIENCE_MS) as rest:
        await set_clock(rest, clock)
        universe = await look(rest, wanted)
        brackets, problem = await known_brackets(rest, key)
        listed = {contract.symbol: contract for contract in (await rest.exchange_info()).contracts} if kept else {}
        contracts = [
            *universe.contracts,
            *(listed[name] for name in kept if name in listed and name not in universe.symbols),
        ]
        found = [contract.instrument(brackets.get(contract.symbol)) for contract in contracts]
        instruments = tuple(instrument for instrument in found if instrument is not None)
        fundings = await missed(rest, unsettled, clock.now_ms())
        return Arrival(universe, instruments, rest.api_calls, problem, fundings)


async def look(rest: Rest, wanted: int | tuple[str, ...], *, strict: bool = True) -> Universe:
    """Choose the universe: exchangeInfo, and one call for all tickers unless the symbols are named."""
    info, tickers = await asyncio.gather(rest.exchange_info(), _day_tickers(rest, wanted))
    volumes = {ticker.symbol: ticker.quote_volume for ticker in tickers}
    return choose(info.contracts, volumes, wanted, strict=strict)


async def _day_tickers(rest: Rest, wanted: int | tuple[str, ...]) -> Sequence[DayTicker]:
    return await rest.day_tickers() if isinstance(wanted, int) else ()


async def set_clock(rest: Rest, clock: ExchangeClock) -> None:
    """Set our idea of the exchange's time.

    A leap must be said twice: the kernel's time never runs backwards, so that one wrong answer would stay for ever, and
    everything that has a time would be due. Raises `WireError` if two answers contradict each other.
    """
    server_ms = await _asked(rest, clock.speed)
    if abs(server_ms - clock.now_ms()) > LEAP_MS:
        before, server_ms = server_ms, await _asked(rest, clock.speed)
        if abs(server_ms - before) > LEAP_MS:
            raise WireError(f"Expected the exchange's time twice, got {before} and {server_ms}", "serverTime")
    clock.set(server_ms)


async def _asked(rest: Rest, speed: float) -> int:
    """Give the exchange's time now; it said it half a round trip ago."""
    sent = time.monotonic()
    server_ms = await rest.server_time_ms()
    return server_ms + int((time.monotonic() - sent) / 2 * 1000 * speed)


async def known_brackets(rest: Rest, key: Key | None) -> tuple[dict[str, SymbolBrackets], str]:
    """Give the leverage brackets. They are told to key holders only; without one careful limits are assumed."""
    if key is None:
        return {}, "no API key"
    try:
        return await rest.brackets(), ""
    except ExchangeRejected as error:
        return {}, str(error)
