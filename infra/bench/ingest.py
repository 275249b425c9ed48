"""`ingest`: frames a second over a loopback WebSocket into the kernel, beside a bare receive loop on the same frames.

Ours is the product's way: `Feed` (decode, once, mailbox) → `Board` → inputs → `Kernel.process` under the product's
rules. The baseline opens the same connections with `websockets`, receives bytes, and does nothing with them. Both are
counted in seconds of this process's own processor time: the host is a process of its own, and whoever else works on the
machine does not count.

    ingest          the product's streams of 140 symbols, with 20,000 bookTicker frames a second among them
    ingest:klines   560 kline streams
    ingest:load …   the share of one core that real-time rates take; lower is better
    ingest:burst    frames that must not drop and arrived, of a burst at its own pace
"""

from __future__ import annotations

import asyncio
from typing import Final

from infra.bench.context import BenchContext
from infra.bench.frame_host import FrameHost
from infra.bench.measure import Measure, beside, take_turns
from infra.bench.receiving import Received, addresses, bare, received
from infra.bench.traffic import Traffic

SYMBOLS: Final = 140
UNIT: Final = "frames a second of processor time"
LOAD: Final = "% of one core, lower is better"
BARE: Final = "a bare websockets receive loop"


def bench_ingest(context: BenchContext) -> list[Measure]:
    """Measure throughput, load at real-time rates, and a burst."""
    symbols, seconds, burst = context.size(SYMBOLS, 20), context.size(5, 1), context.size(20_000, 2_000)
    with FrameHost() as host:
        return [
            _throughput("ingest", host, Traffic(symbols, context.size(2, 1), burst).in_proportion(), context),
            _throughput("ingest:klines", host, Traffic(symbols, context.size(15, 1), None).in_proportion(), context),
            _load("ingest:load", host, Traffic(symbols, seconds, context.size(4_000, 400)).in_proportion(), context),
            _load("ingest:load of klines", host, Traffic(symbols, seconds, None).in_proportion(), context),
            _burst(host, Traffic(symbols, seconds, burst)),
        ]


def _throughput(name: str, host: FrameHost, traffic: Traffic, context: BenchContext) -> Measure:
    """Send as fast as it is read."""
    host.prepare(traffic, len(addresses(traffic, host.url)))
    ours, baseline = take_turns(
        context.rounds, lambda: host.frames / _ours(host, 0.0)[0], lambda: host.frames / _bare(host, 0.0)
    )
    return beside(name, ours, UNIT, BARE, baseline)


def _load(name: str, host: FrameHost, traffic: Traffic, context: BenchContext) -> Measure:
    """Send at the traffic's own pace."""
    host.prepare(traffic, len(addresses(traffic, host.url)))
    share, pace = 100.0 / traffic.seconds, context.size(1, 5)
    ours, baseline = take_turns(
        context.size(3, 1), lambda: share * _ours(host, pace)[0], lambda: share * _bare(host, pace)
    )
    return beside(name, ours, LOAD, BARE, baseline)


def _burst(host: FrameHost, traffic: Traffic) -> Measure:
    """Send at the traffic's own pace, and count what must not drop."""
    host.prepare(traffic, len(addresses(traffic, host.url)))
    came = _ours(host, 1.0)[1]
    sent = sum(traffic.undroppable().values())
    return beside("ingest:burst", came.closed + came.trades, "closed candles and trades delivered", "sent", sent)


def _ours(host: FrameHost, pace: float) -> tuple[float, Received]:
    return asyncio.run(received(host, pace))


def _bare(host: FrameHost, pace: float) -> float:
    return asyncio.run(bare(host, pace))
