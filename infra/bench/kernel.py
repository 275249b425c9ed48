"""`kernel`: inputs a second through the actors of 140 symbols, without I/O.

Each input is a bare candle for one symbol, whose actor answers it with one small event (`echo.py`). Ours is the whole
of `Kernel.process`: numbering, dating, timers, dispatch, decide, evolve, react, encoding, and the hash chain.

Baselines are 140 `pykka.ThreadingActor`s that get the same messages. In one they decide, evolve and react, and that is
all; in the other they hand their events to one more actor, which numbers, encodes and chains them as the kernel does.
The order of their events is another one in every run.

Threads are switched as often as in the product (`infra/interpreter.py`). At Python's default of 5 ms
the first baseline is four times as fast, because whoever has the interpreter keeps it for so long that hardly
anything is ever switched; but then nobody else is heard for 5 ms either.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final, NamedTuple

import pykka

from actors.kernel import Kernel
from actors.ports import Frame, Head, Step
from domain.base import Event, Recorded
from domain.catalog import NO_EFFECTS, TOPICS, encode_event, encode_input
from domain.market import Candle, CandleArrived
from domain.proof.chain import roll, row_bytes
from infra.bench.context import BenchContext
from infra.bench.echo import echo
from infra.bench.histories import START_MS, symbol_names
from infra.bench.measure import Measure, beside, rate, take_turns
from infra.code_version import strategy_named
from infra.memory import MemoryJournal

UNIT: Final = "inputs/s"
ACTORS: Final = 140
PLAIN: Final = "pykka ThreadingActors that decide and evolve, and record nothing"
RECORDING: Final = "pykka ThreadingActors, and one that numbers, encodes and chains their events"

_RULES: Final = echo()
_DONE: Final = "everything that was told before"


def bench_kernel(context: BenchContext) -> list[Measure]:
    """Measure `Kernel.process` against both baselines."""
    candle = Candle(START_MS, 1.0, 1.0, 1.0, 1.0, 1.0)
    inputs = [CandleArrived(symbol, candle) for symbol in symbol_names(ACTORS)] * context.size(150, 3)
    ours, plain, recording = take_turns(
        3 * context.rounds,
        lambda: _kernel(inputs),
        lambda: _threads(inputs, recorded=False),
        lambda: _threads(inputs, recorded=True),
    )
    return [beside("kernel", ours, UNIT, PLAIN, plain), beside("kernel", ours, UNIT, RECORDING, recording)]


def _kernel(inputs: Sequence[CandleArrived]) -> float:
    with closing(Kernel(MemoryJournal(), strategy_named)) as subject:
        subject.population.configure({"symbol": _RULES})
        process = subject.process
        for arrived in inputs[:ACTORS]:
            process(START_MS, arrived)  # starts the actors; threads are not started on the clock either

        def work() -> None:
            for arrived in inputs:
                process(START_MS, arrived)

        return rate(len(inputs), work)


def _threads(inputs: Sequence[CandleArrived], *, recorded: bool) -> float:
    recorder = _Recorder.start() if recorded else None
    names = dict.fromkeys(arrived.symbol for arrived in inputs)
    actors = {name: _Symbol.start(f"symbol:{name}", recorder) for name in names}

    def work() -> None:
        for arrived in inputs:
            actors[arrived.symbol].tell(arrived)
        for answer in [actor.ask(_DONE, block=False) for actor in actors.values()]:
            answer.get()
        if recorder is not None:
            recorder.ask(_DONE)

    try:
        return rate(len(inputs), work)
    finally:
        for actor in (*actors.values(), *([recorder] if recorder else ())):
            actor.stop()


class _Decided(NamedTuple):
    """What one actor hands to the recording one."""

    arrived: CandleArrived
    stream: str
    version: int
    events: tuple[Event, ...]


class _Symbol(pykka.ThreadingActor):
    """Does what the kernel's actor of a symbol does with a message."""

    use_daemon_thread = True

    def __init__(self, stream: str, recorder: pykka.ActorRef[_Recorder] | None) -> None:
        super().__init__()
        self._stream = stream
        self._state = _RULES.initial(stream)
        self._version = 0
        self._recorder = recorder

    def on_receive(self, message: Any) -> Any:
        if message is _DONE:
            return
        events, version = _RULES.decide(self._state, message), self._version
        for event in events:
            self._state = _RULES.evolve(self._state, event)
            self._version += 1
            _RULES.react(self._state, event)
        if self._recorder is not None:
            self._recorder.tell(_Decided(message, self._stream, version + 1, events))


class _Recorder(pykka.ThreadingActor):
    """Does what the kernel does with the events of an input."""

    use_daemon_thread = True

    def __init__(self) -> None:
        super().__init__()
        self._head = Head()

    def on_receive(self, message: Any) -> Any:
        if message is not _DONE:
            self._record(message)

    def _record(self, decided: _Decided) -> Step:
        seq, input_seq = self._head.seq, self._head.input_seq + 1
        rows: list[bytes] = []
        events: list[Recorded] = []
        for version, event in enumerate(decided.events, decided.version):
            seq += 1
            state = encode_event(input_seq, START_MS, event)
            rows.append(row_bytes(seq, decided.stream.encode(), version, TOPICS[type(event)], state))
            events.append(Recorded(seq, decided.stream, version, input_seq, START_MS, event))
        frame = Frame(input_seq, START_MS, encode_input(decided.arrived), NO_EFFECTS)
        content = roll(self._head.content_hash, input_seq, START_MS, frame.input, rows, frame.effects)
        self._head = Head(seq, input_seq, START_MS, content)
        return Step(frame, tuple(events), tuple(rows), (), content)
