"""`exchange`: the simulated exchange alone, for any client that speaks Binance's USD-M protocol."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import InvalidInput
from infra.cli import options
from infra.cli.output import err, print_json

if TYPE_CHECKING:  # loading these takes longer than `--help` should
    from infra.exchange.server import ExchangeServer
    from infra.exchange.walked_market import WalkedMarket

_LOOPBACK = "127.0.0.1"

Port = Annotated[int, typer.Option("--port", help="One port for REST and WebSocket; 0: a free one.", min=0, max=65_535)]
Host = Annotated[str, typer.Option("--host", help="The address to listen on.")]
Speed = Annotated[float, typer.Option("--speed", help="Market seconds a real second.", min=0.001, max=100_000.0)]
Seed = Annotated[int, typer.Option("--seed", help="Which synthetic market.")]
Data = Annotated[Path | None, typer.Option("--data", help="Directory of recorded candles to walk along instead.")]
Latency = Annotated[int, typer.Option("--latency-ms", help="How much later every answer comes.", min=0, max=600_000)]
Faults = Annotated[Path | None, typer.Option("--faults", help="A TOML or JSON file of faults.")]
NoLimits = Annotated[bool, typer.Option("--no-limits", help="Count requests and orders, but refuse none.")]
Balance = Annotated[int, typer.Option("--balance", help="What every account begins with (USDT).", min=0)]
Life = Annotated[float, typer.Option("--connection-life", help="Close WebSocket connections after S seconds.", min=1.0)]
PingInterval = Annotated[
    float, typer.Option("--ping-interval", help="Ping WebSocket connections every S seconds.", min=1.0)
]
PingPatience = Annotated[
    float, typer.Option("--ping-patience", help="Close those that leave pings unanswered for S seconds.", min=1.0)
]
ParentFd = Annotated[int | None, typer.Option("--parent-fd", help="End when this file descriptor closes.", hidden=True)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("exchange")(exchange_command)


def exchange_command(
    port: Port = 0,
    speed: Speed = 1.0,
    seed: Seed = 1,
    symbols: options.Symbols = None,
    data: Data = None,
    latency_ms: Latency = 0,
    faults: Faults = None,
    host: Host = _LOOPBACK,
    no_limits: NoLimits = False,
    balance: Balance = 10_000,
    connection_life: Life = 86_400.0,
    ping_interval: PingInterval = 180.0,
    ping_patience: PingPatience = 600.0,
    parent_fd: ParentFd = None,
    as_json: options.Json = False,
) -> int:
    """Run the simulated exchange until Ctrl-C. The first line on standard output says where it is, as JSON.

    Example: run.py exchange --port 9000 --speed 60 --symbols 50
    """
    del as_json  # the output is JSON either way
    from infra.exchange.client import ConnectionRules
    from infra.exchange.faults import Faults as AllFaults
    from infra.exchange.faults import read_faults
    from infra.exchange.heap import keep_freed_memory
    from infra.exchange.market_clock import MarketClock
    from infra.exchange.server import ExchangeServer
    from infra.exchange.stage import Rules

    trouble = AllFaults() if faults is None else read_faults(faults)
    keep_freed_memory()
    rules = Rules(
        seed=seed,
        limits=not no_limits,
        latency_ms=latency_ms,
        balance=Decimal(balance),
        connections=ConnectionRules(life_s=connection_life, ping_every_s=ping_interval, pong_within_s=ping_patience),
        faults=trouble,
    )
    market, start_ms = _market(data, symbols, seed)
    server = ExchangeServer(market, MarketClock(start_ms, speed), rules)
    asyncio.run(_serve(server, host, port, parent_fd))
    return 0


def _market(data: Path | None, symbols: str | None, seed: int) -> tuple[WalkedMarket, int]:
    """Give the market and when it begins (UTC ms): now, or where the recording does."""
    from infra.exchange.synthetic_market import DEFAULT_SYMBOLS, synthetic_market

    chosen = _chosen(symbols)
    if data is not None:
        from infra.exchange.recorded_market import recorded_market

        return recorded_market(seed, data, chosen)
    start_ms = time.time_ns() // 1_000_000
    return synthetic_market(seed, DEFAULT_SYMBOLS if chosen is None else chosen, start_ms), start_ms


def _chosen(symbols: str | None) -> int | tuple[str, ...] | None:
    if symbols is None:
        return None
    if symbols.strip().isdecimal():
        return int(symbols)
    names = tuple(name.strip().upper() for name in symbols.split(",") if name.strip())
    if not names or not all(name.isalnum() for name in names):
        raise InvalidInput("--symbols", "a number, or names such as BTCUSDT,ETHUSDT", repr(symbols))
    return names


async def _serve(server: ExchangeServer, host: str, port: int, parent_fd: int | None) -> None:
    """Serve until a signal, or until whoever started us is gone."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if parent_fd is not None:
        _watch(loop, parent_fd, stop)
    print_json(await server.start(host, port))
    err.print(f"Simulated exchange: {len(server.stage.market.symbols)} contracts. Ctrl-C stops it.")
    ended = asyncio.ensure_future(server.wait())
    asked = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ended.result()
    finally:
        asked.cancel()
        await server.stop()
        await asyncio.gather(ended, return_exceptions=True)


def _watch(loop: asyncio.AbstractEventLoop, descriptor: int, stop: asyncio.Event) -> None:
    """Set `stop` when the other end of a pipe is closed: the parent ended, however it did."""

    def readable() -> None:
        if not os.read(descriptor, 4_096):
            loop.remove_reader(descriptor)
            stop.set()

    try:
        os.set_blocking(descriptor, False)
        loop.add_reader(descriptor, readable)
    except OSError as error:
        raise InvalidInput("--parent-fd", "an open pipe", f"{descriptor} ({error})") from error
