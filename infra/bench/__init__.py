"""Benchmarks: what Hindsight does a second, beside what a good hand would do without it, in the same run.

    append      events made durable, 1,000 a commit               the stock recorder; a bare COPY
    fold        events read, decoded and evolved                  the stock reader; a bare SELECT and msgspec
    kernel      inputs through 140 actors, no I/O                 pykka's threads
    decode      frames of the exchange to inputs                  json.loads; bare msgspec
    ingest      frames over a WebSocket into the kernel           a bare receive loop
    exchange    what the simulator pushes and takes               bare websockets and aiohttp servers
    cold_start  seconds to the first full analysis                the weight limit's own bound
    warm_start  the same when nothing is missing                  the bound of a cold start
    memory      resident MB of the running system                 the same process before it begins
    replay      candles of a decision replay                      the backtest that it replays
    rebuild     events of a projection that is built anew         a bare read of the same rows
    as_of       seconds to the state of a late moment             folding from zero
    export      events into an audit bundle                       a bare read of the same rows
    verify      events through a bundle's own verifier            bare SHA-256
    backtest    candles of a backtest, everything on              the same without a database
    latency     candle received → order released                  one bare INSERT and commit
    indicators  closes through the six indicators                 TA-Lib over a window
    analysis    full analyses of one symbol                       the same from the whole windows

`measure.py` says how figures are taken, `context.py` where; `histories.py`, `storing.py`, `frames.py` and `traffic.py`
make what is measured; `neighbour.py` is a process of its own for whoever serves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from infra.bench.analysis import bench_analysis
from infra.bench.append import bench_append
from infra.bench.as_of import bench_as_of
from infra.bench.audit import bench_export, bench_verify
from infra.bench.backtest import bench_backtest, bench_replay
from infra.bench.context import BenchContext
from infra.bench.decode import bench_decode
from infra.bench.exchange import bench_exchange
from infra.bench.fold import bench_fold
from infra.bench.indicators import bench_indicators
from infra.bench.ingest import bench_ingest
from infra.bench.kernel import bench_kernel
from infra.bench.latency import bench_latency
from infra.bench.measure import Measure, Skipped
from infra.bench.memory import bench_memory
from infra.bench.rebuild import bench_rebuild
from infra.bench.starts import bench_cold_start, bench_warm_start

BENCHMARKS: Final[dict[str, Callable[[BenchContext], list[Measure]]]] = {
    "append": bench_append,
    "fold": bench_fold,
    "kernel": bench_kernel,
    "decode": bench_decode,
    "ingest": bench_ingest,
    "exchange": bench_exchange,
    "cold_start": bench_cold_start,
    "warm_start": bench_warm_start,
    "memory": bench_memory,
    "replay": bench_replay,
    "rebuild": bench_rebuild,
    "as_of": bench_as_of,
    "export": bench_export,
    "verify": bench_verify,
    "backtest": bench_backtest,
    "latency": bench_latency,
    "indicators": bench_indicators,
    "analysis": bench_analysis,
}
"""Every benchmark by its name."""

__all__ = ["BENCHMARKS", "BenchContext", "Measure", "Skipped"]
