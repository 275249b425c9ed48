"""`decode`: kline frames a second, from bytes to the input that a closed candle becomes.

Both baselines read the same frames. One is `json.loads` with the same conversions by hand; the other is msgspec into
structs of the same fields without the checks that keep nonsense out, and without the input.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, cast

import msgspec

from domain.market import Candle, CandleArrived
from infra.bench.context import BenchContext
from infra.bench.frames import klines
from infra.bench.measure import Measure, beside, processor_rate, take_turns
from infra.binance.ticks import bare_candle
from infra.binance.wire import decode

if TYPE_CHECKING:
    from infra.binance.wire.frames import Kline

UNIT: Final = "kline frames a second of processor time"
JSON: Final = "json.loads and the same conversions"
BARE: Final = "a bare msgspec decode to structs"


class _Bar(msgspec.Struct, gc=False):
    t: int
    T: int
    i: str
    f: int
    L: int
    o: float
    c: float
    h: float
    l: float  # noqa: E741 - the wire's own name
    v: float
    n: int
    x: bool
    q: float
    V: float
    Q: float


class _Data(msgspec.Struct, gc=False):
    e: str
    E: int
    s: str
    k: _Bar


class _Envelope(msgspec.Struct, gc=False):
    stream: str
    data: _Data


_bare = msgspec.json.Decoder(_Envelope, strict=False).decode


def bench_decode(context: BenchContext) -> list[Measure]:
    """Measure our way against both baselines."""
    frames = list(klines(140, context.size(180, 1)))
    ours, loads, bare = take_turns(
        context.rounds,
        lambda: processor_rate(len(frames), lambda: _ours(frames)),
        lambda: processor_rate(len(frames), lambda: _loads(frames)),
        lambda: processor_rate(len(frames), lambda: _decoded(frames)),
    )
    return [beside("decode", ours, UNIT, JSON, loads), beside("decode", ours, UNIT, BARE, bare)]


def _ours(frames: Sequence[bytes]) -> None:
    read = cast("Callable[[bytes], Kline]", decode)  # these are klines, every one
    for frame in frames:
        bare_candle(read(frame))


def _loads(frames: Sequence[bytes]) -> None:
    for frame in frames:
        data = json.loads(frame)["data"]
        bar = data["k"]
        CandleArrived(
            data["s"],
            Candle(
                bar["t"], float(bar["o"]), float(bar["h"]), float(bar["l"]), float(bar["c"]), float(bar["v"]),
                float(bar["q"]), bar["n"], float(bar["V"]), float(bar["Q"]),
            ),
        )  # fmt: skip


def _decoded(frames: Sequence[bytes]) -> None:
    for frame in frames:
        _bare(frame)
