"""`exchange`: what the simulated exchange serves with one core, beside what bare servers do with it.

    exchange          frames pushed, of the product's streams of 140 symbols, to one system and to four
    exchange:orders   orders taken over 25 keys, signed, matched and answered; every second one is filled

Counted in seconds of the server's own processor time, the market's movement included; its clients cost little
(`cheap_clients.py`) and work on the other core. Baselines: a `websockets` server that sends the same frames, one
`send` each, and an aiohttp server that answers every post with the same body.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, TypeVar
from urllib.request import urlopen

import msgspec

from infra.bench.cheap_clients import FrameSink, posted
from infra.bench.context import BenchContext
from infra.bench.exchange_side import Bare, Served, Simulator
from infra.bench.measure import Measure, beside, take_turns
from infra.bench.neighbour import Neighbour
from infra.binance.routes import StreamHost, by_route
from infra.exchange.stage import Rules

SYMBOLS: Final = 140
ACCOUNTS: Final = 25
SPEED: Final = 60.0
"""Market seconds a second: at 1 the synthetic market is so calm that there is not enough to push."""
FRAMES_UNIT: Final = "frames a second of processor time"
ORDERS_UNIT: Final = "orders a second of processor time"
SENDING: Final = "a bare websockets server that sends the same frames"
ANSWERING: Final = "a bare aiohttp echo"
_FREE: Final = Rules(limits=False, accounts=ACCOUNTS)
_KEPT: Final = 4_000

T = TypeVar("T")


def bench_exchange(context: BenchContext) -> list[Measure]:
    """Measure both halves."""
    symbols = context.size(SYMBOLS, 20)
    with Neighbour(Simulator, symbols, _FREE, SPEED) as simulator, Neighbour(Bare) as bare:
        return [
            _pushed("exchange", simulator, bare, 1, context),
            _pushed("exchange:four systems", simulator, bare, 4, context),
            _ordered(simulator, bare, context),
        ]


# ── frames out ────────────────────────────────────────────────────────────────────────────────────────────────────


def _pushed(name: str, simulator: Neighbour, bare: Neighbour, systems: int, context: BenchContext) -> Measure:
    """Let so many systems listen for a while; then send frames like those from the baseline."""
    frames = context.size(30_000, 500) * systems
    urls = _addresses(simulator.said) * systems
    texts = [raw.decode() for raw in asyncio.run(_listened(simulator, urls, frames))[1]]

    def sent() -> float:
        bare.ask((texts, systems))
        return asyncio.run(_listened(bare, [bare.said.ws] * systems, systems * len(texts)))[0]

    ours, baseline = take_turns(context.size(3, 1), lambda: asyncio.run(_listened(simulator, urls, frames))[0], sent)
    return beside(name, ours, FRAMES_UNIT, SENDING, baseline)


async def _listened(server: Neighbour, urls: Sequence[str], frames: int) -> tuple[float, list[bytes]]:
    """Listen until so many frames came; give how many the server pushed for a second of its time, and some of them."""
    before = server.spent()
    sinks = [await FrameSink(url, keep=_KEPT // len(urls)).connect() for url in urls]
    try:
        while (came := sum(sink.frames for sink in sinks)) < frames:
            await asyncio.sleep(0.02)
        spent = await asyncio.to_thread(server.spent) - before
        return came / spent, [payload for sink in sinks for payload in sink.kept]
    finally:
        for sink in sinks:
            sink.close()


def _addresses(served: Served) -> list[str]:
    """Give the URLs of the product's streams, as a feed would ask for them."""
    priced: list[_Priced] = _asked(served, "/fapi/v1/ticker/bookTicker", list[_Priced])
    names = [one.symbol.lower() for one in priced]
    streams = [f"{name}@{kind}" for kind in ("kline_1m", "aggTrade", "bookTicker") for name in names]
    routed = by_route([*streams, "!markPrice@arr@1s", "!miniTicker@arr", "!forceOrder@arr"])
    return [StreamHost(served.ws).combined(route, part) for route, names in routed.items() for part in _parts(names)]


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(names), 200):
        yield names[at : at + 200]


# ── orders in ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _ordered(simulator: Neighbour, bare: Neighbour, context: BenchContext) -> Measure:
    """Place orders from all accounts at once."""
    each, served = context.size(80, 4), simulator.said

    def taken(server: Neighbour) -> float:
        return asyncio.run(_taken(server, _orders(served, each)))

    ours, baseline = take_turns(context.size(3, 1), lambda: taken(simulator), lambda: taken(bare))
    return beside("exchange:orders", ours, ORDERS_UNIT, ANSWERING, baseline)


async def _taken(server: Neighbour, orders: Sequence[Sequence[bytes]]) -> float:
    """Send each account's orders over its own connection; give the orders taken for a second of the server's time."""
    before = server.spent()
    answers = await asyncio.gather(*(posted(server.said.rest, of_one) for of_one in orders))
    spent = await asyncio.to_thread(server.spent) - before
    taken = sum(seen.get(200, 0) for seen in answers)
    if taken < sum(map(len, orders)):
        raise AssertionError(f"Not every order was taken: {answers}")
    return taken / spent


def _orders(served: Served, each: int) -> list[list[bytes]]:
    """Write and sign the orders of every account."""
    prices: list[_Priced] = _asked(served, "/fapi/v1/ticker/bookTicker", list[_Priced])
    rules = {row.symbol: row for row in _asked(served, "/fapi/v1/exchangeInfo", _Listed).symbols}
    now_ms = _asked(served, "/fapi/v1/time", _Told).server_time
    wishes = [wish for price in prices for wish in _wishes(price, rules[price.symbol])]
    return [
        [_signed(wishes[(number + at) % len(wishes)], key, secret, now_ms) for at in range(each)]
        for number, (key, secret) in enumerate(served.keys)
    ]


class _Told(msgspec.Struct):
    server_time: int = msgspec.field(name="serverTime")


class _Priced(msgspec.Struct):
    symbol: str
    bid: Decimal = msgspec.field(name="bidPrice")


class _Filter(msgspec.Struct):
    kind: str = msgspec.field(name="filterType")
    tick: Decimal = msgspec.field(name="tickSize", default=Decimal(0))
    step: Decimal = msgspec.field(name="stepSize", default=Decimal(0))
    notional: Decimal = Decimal(0)


class _Contract(msgspec.Struct):
    symbol: str
    filters: list[_Filter]

    def rule(self, kind: str) -> _Filter:
        """Find a filter."""
        return next(found for found in self.filters if found.kind == kind)


class _Listed(msgspec.Struct):
    symbols: list[_Contract]


def _wishes(price: _Priced, contract: _Contract) -> Iterator[str]:
    """Give a resting order, one that fills, another that rests, and one that closes what filled."""
    tick, step = contract.rule("PRICE_FILTER").tick, contract.rule("LOT_SIZE").step
    below = price.bid * Decimal("0.98") // tick * tick
    quantity = (2 * contract.rule("MIN_NOTIONAL").notional / below // step + 1) * step
    rests = f"symbol={price.symbol}&side=BUY&type=LIMIT&timeInForce=GTC&price={below}&quantity={quantity}"
    for side in ("BUY", "SELL"):
        yield rests
        yield f"symbol={price.symbol}&side={side}&type=MARKET&quantity={quantity}&newOrderRespType=RESULT"


def _signed(wish: str, key: str, secret: str, now_ms: int) -> bytes:
    """Write a POST whose body is signed."""
    payload = f"{wish}&recvWindow=60000&timestamp={now_ms}"
    signature = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    body = f"{payload}&signature={signature}"
    return (
        f"POST /fapi/v1/order HTTP/1.1\r\nHost: 127.0.0.1\r\nX-MBX-APIKEY: {key}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _asked(served: Served, path: str, answer: type[T]) -> T:
    """Ask the simulator something public."""
    with urlopen(served.rest + path) as found:  # noqa: S310 - our own server on loopback
        return msgspec.json.decode(found.read(), type=answer, strict=False)
