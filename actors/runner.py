"""Drives the kernel: inputs in, steps to the journal, effects to the venue, and the venue's answers back in.

An effect for the in-process exchange leaves nothing, so it is carried out at once, and its answers are inputs at a
logical latency. An effect for a venue outside waits in the outbox until its input is durable. Which of the two it is
depends on its account: the virtual one is always in process, the real ones may be outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from actors.kernel import Kernel
from actors.outbox import Outbox
from actors.ports import Journal, Step
from domain.base import Effect, Input
from domain.instrument import Instrument
from domain.market import Candle, CandleArrived, FundingArrived, InstrumentArrived, MarketTick
from domain.venue import CancelOrder, PlaceOrder


class InProcessVenue(Protocol):
    """The exchange of paper trading and backtest, see `infra/paper.py`. All times are logical ms."""

    def set_instrument(self, instrument: Instrument) -> None:
        """Say what a contract allows."""
        ...

    def observe(self, symbol: str, price: float, at_ms: int) -> None:
        """Say what the price is; nothing fills."""
        ...

    def active(self, symbol: str) -> bool:
        """Say if somebody has a position or an order in the symbol."""
        ...

    def execute(self, effect: PlaceOrder | CancelOrder, at_ms: int) -> None:
        """Carry an effect of the kernel out."""
        ...

    def on_tick(self, tick: MarketTick, at_ms: int) -> None:
        """Let prices jump to new quotes."""
        ...

    def on_funding(self, funding: FundingArrived, at_ms: int) -> None:
        """Settle funding with everybody who holds the symbol."""
        ...

    def begin(self, symbol: str, candle: Candle, interval_ms: int) -> None:
        """Start to walk a candle of an active symbol."""
        ...

    def advance(self, until_ms: int | None = None) -> int | None:
        """Walk to the next moment at which something happens, and give it; None when all walks are over."""
        ...

    def next_due_ms(self) -> int | None:
        """Say when the next answer falls due."""
        ...

    def pop_due(self, until_ms: int) -> tuple[int, Input] | None:
        """Take the next answer that falls due by then, with its time."""
        ...


class Runner:
    """One run: a kernel, its journal, an in-process venue, an outbox to a venue outside, or both.

    `outside` names the accounts that are at the venue outside; without an in-process venue all of them are.
    """

    def __init__(
        self,
        kernel: Kernel,
        journal: Journal,
        venue: InProcessVenue | None = None,
        outbox: Outbox | None = None,
        *,
        outside: tuple[str, ...] = (),
        checkpoint_events: int = 100_000,
        on_step: Callable[[Step], None] | None = None,
    ) -> None:
        self.kernel = kernel
        self.journal = journal
        self.venue = venue
        self.outbox = outbox
        self._outside = outside
        self._checkpoint_events = checkpoint_events
        self._checkpointed_seq = kernel.head.seq
        self._on_step = on_step

    def feed(self, at_ms: int, input_: Input) -> None:
        """Take one input, after all that was due before it."""
        self.settle(at_ms)
        venue = self.venue
        if venue is not None:
            if type(input_) is MarketTick:
                venue.on_tick(input_, at_ms)
            elif type(input_) is InstrumentArrived:
                venue.set_instrument(input_.instrument)
            elif type(input_) is FundingArrived:
                venue.on_funding(input_, at_ms)
        self._process(at_ms, input_)

    def feed_candles(self, at_ms: int, interval_ms: int, candles: Sequence[CandleArrived]) -> None:
        """Take the candles of one moment of a candle-only history, in which prices are walked inside each candle.

        Only symbols with a position or an order are walked, see `domain/path.py` for the way.
        """
        venue = self.venue
        if venue is not None:
            walked = False
            for arrived in candles:
                if venue.active(arrived.symbol):
                    venue.begin(arrived.symbol, arrived.candle, interval_ms)
                    walked = True
            if walked:
                while (now_ms := venue.advance()) is not None:
                    self.settle(now_ms)
        self.settle(at_ms)
        for arrived in candles:
            if venue is not None:
                venue.observe(arrived.symbol, arrived.candle.close, at_ms)
            self._process(at_ms, arrived)

    def settle(self, until_ms: int) -> None:
        """Take the in-process venue's answers that are due, each at its own time."""
        venue = self.venue
        if venue is None:
            return
        while (due := venue.pop_due(until_ms)) is not None:
            self._process(*due)

    def _process(self, at_ms: int, input_: Input) -> None:
        step = self.kernel.process(at_ms, input_)
        waiting = bool(step.issued) and self._issue(step)
        self.journal.append(step)
        if waiting:
            self.journal.commit_soon()
        if self._on_step is not None:
            self._on_step(step)
        if self.kernel.head.seq - self._checkpointed_seq >= self._checkpoint_events:
            self.checkpoint()

    def _issue(self, step: Step) -> bool:
        """Carry effects out or hold them; true if one is held.

        This comes before the step is appended: a commit may follow at once, and looks for what it releases only then.
        """
        waiting = False
        for issued in step.issued:
            effect: Effect = issued.effect
            venue = self.venue
            if venue is not None and isinstance(effect, PlaceOrder | CancelOrder) and self._is_inside(effect.account):
                venue.execute(effect, step.frame.at_ms)
            elif self.outbox is not None:
                self.outbox.hold(step.frame.input_seq, issued)
                waiting = True
        return waiting

    def _is_inside(self, account: str) -> bool:
        return account not in self._outside

    def checkpoint(self) -> None:
        """Keep all states, so that the next start need not fold from the beginning of time.

        Where they don't tell everything just now, it is tried again after the next input.
        """
        checkpoint = self.kernel.checkpoint()
        if checkpoint is not None:
            self.journal.save(checkpoint)
            self._checkpointed_seq = checkpoint.head.seq
