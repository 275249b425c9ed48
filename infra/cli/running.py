"""A live system while it runs: whether it is well, how it is drawn, how it is stopped, and what it brought."""

from __future__ import annotations

import time
from decimal import Decimal

import msgspec
from rich.console import ConsoleDimensions, RenderableType

from actors.ingress import Ingress
from actors.ports import Head
from actors.runner import Runner
from infra.cli.view import Footing, LiveView
from infra.durability import DurableJournal
from infra.live import LiveSystem
from infra.outside import Outside


class RunSummary(msgspec.Struct, frozen=True):
    """What a session brought. Counts are of this session, money in USDT, `chain_head` the content hash in hex.

    `api_calls` were sent to the exchange over REST, `candle_calls` of them for candles.
    """

    run_id: str
    inputs: int
    events: int
    commits: int
    signals: int
    positions_opened: int
    positions_closed: int
    orders: int
    realized_pnl: Decimal
    balance: Decimal
    chain_head: str
    elapsed_seconds: float
    api_calls: int = 0
    candle_calls: int = 0


class Beginning(msgspec.Struct, frozen=True):
    """Where the history ended when the session began."""

    head: Head
    commits: int


class System:
    """A live system and its picture. All methods are for the main thread."""

    def __init__(
        self,
        live: LiveSystem,
        runner: Runner,
        journal: DurableJournal,
        view: LiveView,
        ingress: Ingress,
        before: Beginning,
        title: str,
        outside: Outside | None = None,
        warm_up: WarmUp | None = None,
    ) -> None:
        self.title = title
        self._outside = outside
        self._warm_up = warm_up or WarmUp()
        self._live = live
        self._runner = runner
        self._journal = journal
        self._view = view
        self._ingress = ingress
        self._before = before
        self._rate = (time.monotonic(), runner.kernel.head.seq, 0.0)

    @property
    def ended(self) -> bool:
        """Whether the system stopped by itself, or stands still."""
        return self._live.error is not None or self.stalled

    @property
    def stalled(self) -> bool:
        """Whether the kernel makes no progress although it could."""
        return self._live.stalled()

    def warm(self, within_s: float = 0.0) -> bool:
        """Whether every history that could be had is there, or will be in so many seconds: those are waited for."""
        return self._outside is None or self._outside.live is None or self._outside.live.ready.wait(within_s)

    @property
    def warming(self) -> tuple[int, int | None]:
        """How many requests for histories are done, and of how many; None while nobody knows."""
        return self._warm_up.done, self._warm_up.calls

    @property
    def not_loaded(self) -> tuple[str, ...]:
        """What of the histories and the fundings could not be had, a sentence each."""
        live = self._outside.live if self._outside is not None else None
        histories = live.loaded.failed if live is not None and live.loaded is not None else ()
        return (*self._warm_up.failed, *histories)

    def look_after(self) -> bool:
        """Start the simulator again if it died; true if that was needed."""
        return self._outside is not None and self._outside.look_after()

    def draw(self, size: ConsoleDimensions) -> RenderableType:
        """Draw the live view for a terminal of this size."""
        head = self._runner.kernel.head
        then, seq, rate = self._rate
        now = time.monotonic()
        if now - then >= 1.0:
            rate = (head.seq - seq) / (now - then)
            self._rate = (now, head.seq, rate)
        held = head.input_seq - self._journal.durable_input()
        return self._view.render(
            Footing(head.at_ms, rate, self._journal.commits(), held, self._ingress.conflated), size
        )

    def note(self, what: str) -> None:
        """Tell something in the live view."""
        self._view.note(self._runner.kernel.head.at_ms, what)

    def stop(self, reason: str) -> None:
        """Stop cleanly, or raise what ended the system."""
        self._live.stop(reason)
        if self._outside is not None:
            self._outside.close()
        if self._live.error is not None:
            raise self._live.error

    def summary(self, seconds: float) -> RunSummary:
        """Sum the session up."""
        api_calls, candle_calls = self._outside.calls() if self._outside is not None else (0, 0)
        head, totals, before = self._runner.kernel.head, self._view.totals, self._before
        return RunSummary(
            run_id="live",
            inputs=head.input_seq - before.head.input_seq,
            events=head.seq - before.head.seq,
            commits=self._journal.commits() - before.commits,
            signals=totals.signals,
            positions_opened=totals.opened,
            positions_closed=totals.closed,
            orders=totals.orders,
            realized_pnl=totals.realized_pnl,
            balance=totals.balance,
            chain_head=head.content_hash.hex(),
            elapsed_seconds=round(seconds, 3),
            api_calls=api_calls,
            candle_calls=candle_calls,
        )


class WarmUp:
    """How far the histories are. Written by the exchange's thread, read by the main one."""

    def __init__(self) -> None:
        self.done = 0
        self.calls: int | None = None
        self.failed: tuple[str, ...] = ()

    def told(self, done: int, calls: int) -> None:
        """Note how many of so many requests are done."""
        self.done, self.calls = done, calls
