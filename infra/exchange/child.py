"""The simulator as a process of its own that lives and dies with the one that started it.

    python -m infra.exchange.child < one line of JSON (`Order`), then nothing until the parent ends

Standard output's first line says where it is, as `run.py exchange` does. The end of standard input ends it, however the
parent ended: a killed process closes its pipes, too.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from decimal import Decimal

import msgspec

from domain.errors import HindsightError
from infra.exchange.heap import keep_freed_memory
from infra.exchange.market_clock import MarketClock
from infra.exchange.ports import Call, Security
from infra.exchange.reopened import Reopened, reopen
from infra.exchange.server import ExchangeServer, Rules
from infra.exchange.synthetic_market import synthetic_market


class Order(msgspec.Struct, frozen=True):
    """How the exchange is wanted. `start_ms` is where market time begins (UTC ms)."""

    seed: int
    speed: float
    symbols: int | tuple[str, ...]
    start_ms: int
    balance: Decimal
    port: int = 0
    reopened: Reopened | None = None


def built(order: Order) -> ExchangeServer:
    """Build the exchange, with the first account as it was."""
    market = synthetic_market(order.seed, order.symbols, order.start_ms)
    strangers = [symbol for symbol in _held(order.reopened) if symbol not in market.row]
    if strangers:  # what is open must stay tradable, whatever is asked for today
        market = synthetic_market(order.seed, (*market.symbols, *strangers), order.start_ms)
    rules = Rules(seed=order.seed, balance=order.balance)
    server = ExchangeServer(market, MarketClock(order.start_ms, order.speed), rules)
    if order.reopened is not None:
        stage = server.stage
        owner = next(iter(stage.keys)).account
        for symbol in reopen(stage.exchange, owner, order.reopened, order.start_ms):
            # A contract wakes when a request names it; here somebody has something in it before the first request.
            stage.floor.prepare(Security.SIGNED, Call("GET", "/", {"symbol": symbol}, owner, order.start_ms))
        stage.exchange.drain()
    return server


def _held(reopened: Reopened | None) -> tuple[str, ...]:
    if reopened is None:
        return ()
    return tuple(dict.fromkeys(each.symbol for each in (*reopened.positions, *reopened.orders)))


async def serve(order: Order) -> None:
    """Serve until standard input ends, or a signal comes."""
    server = built(order)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches the whole group; the parent says when

    def readable() -> None:
        if not os.read(sys.stdin.fileno(), 4_096):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    loop.add_reader(sys.stdin.fileno(), readable)
    announced = await server.start(port=order.port)
    sys.stdout.write(msgspec.json.encode(announced).decode() + "\n")
    sys.stdout.flush()
    waiting = (asyncio.ensure_future(stop.wait()), asyncio.ensure_future(server.wait()))
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for ended in done:
        ended.result()
    waiting[0].cancel()
    await server.stop()
    await asyncio.gather(*waiting, return_exceptions=True)


def main() -> int:
    """Read the order, then serve."""
    keep_freed_memory()
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as given:
        line = given.readline()
    try:
        asyncio.run(serve(msgspec.json.decode(line, type=Order)))
    except (HindsightError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
