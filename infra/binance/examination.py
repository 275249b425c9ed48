"""Looks at an exchange without changing anything there: what `run.py doctor` says about it, a sentence a finding."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import websockets

from domain.errors import HindsightError, InvalidInput, Unavailable
from infra.binance import routes
from infra.binance.arrival import look
from infra.binance.endpoints import WEIGHT
from infra.binance.permission import require_permission_to_trade
from infra.binance.questions import BinanceQuestions
from infra.binance.rest import Rest
from infra.binance.routes import Route, StreamHost
from infra.binance.settings import BinanceSettings
from infra.binance.signing import load_key, points_at_something
from infra.binance.universe import SYMBOLS_MAX
from infra.binance.wire import open_frame

OFFSET_MS_MAX: Final = 1_000
"""The exchange refuses a request from further in its future (specs/binance.md §2)."""
STREAM_S: Final = 10.0
POSITIONS_SHOWN: Final = 5


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


def examine(settings: BinanceSettings, symbols: int | tuple[str, ...] = SYMBOLS_MAX) -> list[Finding]:
    """Look at everything that can be looked at; what depends on what failed is left out."""
    return asyncio.run(_examine(settings, symbols))


async def _examine(settings: BinanceSettings, symbols: int | tuple[str, ...]) -> list[Finding]:
    async with Rest(msgspec.structs.replace(settings, retries=0)) as rest:
        findings = [await _found("exchange", lambda: _reached(rest, settings))]
        if not findings[0].ok:
            return findings
        findings.append(await _found("clock", lambda: _clock(rest)))
        findings.append(await _found("universe", lambda: _universe(rest, symbols)))
        findings.append(await _found("streams", lambda: _streams(settings)))
        findings.append(await _found("weights", lambda: _weights(rest)))
    return findings + await _account(settings)


async def _found(name: str, look_at: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(name, ok=True, detail=await look_at())
    except HindsightError as error:
        return Finding(name, ok=False, detail=str(error))


async def _reached(rest: Rest, settings: BinanceSettings) -> str:
    began = time.monotonic()
    await rest.ping()
    family = "routed streams" if settings.stream_routes == "routed" else "plain streams"
    orders = f"conditional orders at {'algoOrder' if settings.conditional_orders == 'algo' else 'order'}"
    return f"{settings.rest} answers in {(time.monotonic() - began) * 1000:.0f} ms; {family}, {orders}"


async def _clock(rest: Rest) -> str:
    offset_ms = await rest.synchronise()
    if abs(offset_ms) > OFFSET_MS_MAX:
        direction = "behind" if offset_ms > 0 else "ahead of"
        expected = f"at most {OFFSET_MS_MAX} ms between this machine's clock and the exchange's"
        raise InvalidInput(
            "clock", expected, f"{abs(offset_ms)} ms {direction} it", "Synchronise this machine's clock (NTP)."
        )
    return f"{offset_ms:+d} ms between the exchange's clock and ours"


async def _universe(rest: Rest, symbols: int | tuple[str, ...]) -> str:
    found = await look(rest, symbols)
    return f"{len(found.symbols)} contracts, {', '.join(found.symbols[:3])} first"


async def _streams(settings: BinanceSettings) -> str:
    host = StreamHost(settings.streams, routed=settings.stream_routes == "routed")
    began = time.monotonic()
    for route, stream in ((Route.PUBLIC, routes.book_ticker("BTCUSDT")), (Route.MARKET, routes.MARK_PRICES)):
        await _first_message(host.combined(route, (stream,)), settings.streams)
    return f"{settings.streams} pushed on both routes within {(time.monotonic() - began) * 1000:.0f} ms"


async def _first_message(address: str, shown: str) -> None:
    try:
        async with asyncio.timeout(STREAM_S), websockets.connect(address, open_timeout=STREAM_S) as socket:
            open_frame(await socket.recv(decode=False))
    except TimeoutError as error:
        raise Unavailable(shown, f"connected, but no message within {STREAM_S:.0f} s") from error
    except (OSError, websockets.WebSocketException) as error:
        raise Unavailable(shown, str(error) or type(error).__name__) from error


async def _weights(rest: Rest) -> str:
    info = await rest.exchange_info()
    published = {limit.kind: limit.limit for limit in info.rate_limits}
    budget = rest.calls.settings
    weight = published.get("REQUEST_WEIGHT", budget.weight_per_minute)
    used = rest.calls.gate.governor.used(WEIGHT, rest.calls.gate.now_ms())
    return f"{used} of {weight} used in this minute; at most {budget.weight_share:.0%} will be"


async def _account(settings: BinanceSettings) -> list[Finding]:
    """Look at the account, if there is a key. None at all is a choice, one that can't be used is a mistake."""
    try:
        key = load_key(settings.api_key, settings.api_secret)
    except InvalidInput as error:
        if points_at_something(settings.api_key) or points_at_something(settings.api_secret):
            return [Finding("key", ok=False, detail=str(error))]
        return [Finding("key", ok=True, detail=f"none, so paper trading only ({error})")]
    async with Rest(msgspec.structs.replace(settings, retries=0), key) as rest:
        findings = [await _found("key", lambda: _key(rest))]
        if findings[0].ok:
            findings.append(await _found("account", lambda: _modes(rest)))
    return findings


async def _key(rest: Rest) -> str:
    account = await rest.account_with_permissions()
    if account.can_trade is False:
        raise InvalidInput(
            "API key", "permission to trade futures", "a key that may only read", "Allow it on binance.com."
        )
    await require_permission_to_trade(rest)
    withdraw = "; this account may withdraw, which this system never does" if account.can_withdraw else ""
    return f"accepted, may trade; {account.available:f} of {account.wallet:f} USDT available{withdraw}"


async def _modes(rest: Rest) -> str:
    if await rest.multi_assets():
        hint = "Switch to single-asset mode on binance.com (Futures, Preference, Asset Mode)."
        raise InvalidInput("the account's asset mode", "single-asset mode", "MULTI-ASSETS mode", hint)
    hedge = await rest.position_mode()
    held = [f"{each.symbol} {each.side} {each.quantity:f}" for each in await BinanceQuestions(rest).positions()]
    shown = ", ".join(held[:POSITIONS_SHOWN]) + (" …" if len(held) > POSITIONS_SHOWN else "")
    foreign = f"; {len(held)} open: {shown}" if held else ""
    return f"{'hedge' if hedge else 'one-way'} mode, single-asset margin{foreign}"
