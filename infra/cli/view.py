"""What a newcomer watches: health, symbols, signals, positions and PnL, drawn from the steps as they happen."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from actors.population import Population
from actors.ports import Step
from domain.account import Active, EntryApproved, EntryDenied
from domain.base import Recorded
from domain.deal import VIRTUAL, Plan
from domain.operations import Health, HealthChanged
from domain.position import Entering, Exiting, Open
from domain.position_events import PositionClosed, PositionOpened, PositionRequested
from domain.scan.decider import ScanSummarized
from domain.scan.summary import ScanSummary
from domain.symbol.events import CandleClosed, SignalDeclined, SignalRaised, SymbolAnalyzed
from domain.symbol.state import SymbolState
from domain.values import Side
from infra.moments import iso
from projections.totals import Totals

SIGNALS_SHOWN: Final = 9
HEALTH_STYLE: Final = {
    Health.HEALTHY: "bold green",
    Health.DEGRADED: "bold yellow",
    Health.UNHEALTHY: "bold dark_orange",
    Health.CRITICAL: "bold red",
}
SIDE_STYLE: Final = {Side.LONG: "green", Side.SHORT: "red"}


class Footing(msgspec.Struct, frozen=True):
    """The shell's own figures beside the run's."""

    market_time_ms: int
    events_per_second: float
    commits: int
    held: int
    conflated: int


class _Held(msgspec.Struct):
    symbol: str
    side: Side
    quantity: float
    entry: float
    stop: float
    target: float
    virtual: bool


class LiveView:
    """Takes steps on the kernel's thread and draws on the main one."""

    def __init__(self, name: str) -> None:
        self.totals = Totals()
        self._name = name
        self._lock = threading.Lock()
        self._health = Health.HEALTHY
        self._closes: dict[str, float] = {}
        self._verdicts: dict[str, tuple[str, str]] = {}
        self._held: dict[str, _Held] = {}
        self._news: deque[Text] = deque(maxlen=SIGNALS_SHOWN)
        self._takes: dict[type, Callable[[Any, Recorded], None]] = {
            CandleClosed: self._candle,
            SymbolAnalyzed: self._analyzed,
            SignalRaised: self._signal,
            SignalDeclined: self._declined,
            EntryApproved: self._approved,
            EntryDenied: self._denied,
            PositionRequested: self._requested,
            PositionOpened: self._opened,
            PositionClosed: self._closed,
            HealthChanged: self._health_changed,
            ScanSummarized: self._summarized,
        }

    def adopt(self, population: Population) -> None:
        """Take over what a restored run already holds: before the first step of a session."""
        for actor in population.actors():
            match actor.state:
                case Active(balance=balance):
                    self.totals.balance = balance
                case Entering(deal) | Open(deal) | Exiting(deal):
                    self._hold(actor.stream, deal.plan)
                    self._held[actor.stream].entry = float(deal.entry_price if deal.entered else 0)
                case SymbolState() as symbol if symbol.frames.last is not None:
                    self._closes[symbol.facts.symbol] = symbol.frames.last.close
                case _:
                    pass

    def take(self, step: Step) -> None:
        """Follow a step."""
        if not step.events:
            return
        with self._lock:
            self.totals.take(step.events)
            for recorded in step.events:
                take = self._takes.get(type(recorded.event))
                if take is not None:
                    take(recorded.event, recorded)

    # ── what happened ─────────────────────────────────────────────────────────────────────────────────────────────

    def _candle(self, event: CandleClosed, recorded: Recorded) -> None:
        self._closes[_symbol(recorded)] = event.candle.close

    def _analyzed(self, event: SymbolAnalyzed, recorded: Recorded) -> None:
        self._verdicts[_symbol(recorded)] = (event.verdict, ", ".join(event.reasons).lower().replace("_", " "))

    def _signal(self, event: SignalRaised, recorded: Recorded) -> None:
        side = event.proposal.side
        self._tell(recorded, f"signal {side} {_symbol(recorded)} at {event.proposal.entry:g}", SIDE_STYLE[side])

    def _declined(self, event: SignalDeclined, recorded: Recorded) -> None:
        self._tell(recorded, f"declined {event.side} {_symbol(recorded)}: {', '.join(event.reasons)}", "dim")

    def _approved(self, event: EntryApproved, recorded: Recorded) -> None:
        self._tell(recorded, f"entering {event.plan.side} {event.plan.symbol}, margin {event.plan.margin:.2f}", "cyan")

    def _denied(self, event: EntryDenied, recorded: Recorded) -> None:
        self._tell(recorded, f"not traded {event.symbol}: {event.code}, followed virtually", "dim")

    def _requested(self, event: PositionRequested, recorded: Recorded) -> None:
        self._hold(recorded.stream, event.plan)

    def _hold(self, position: str, plan: Plan) -> None:
        self._held[position] = _Held(
            plan.symbol,
            plan.side,
            float(plan.quantity),
            float(plan.reference_price),
            float(plan.stop),
            float(plan.target),
            plan.account == VIRTUAL,
        )

    def _opened(self, event: PositionOpened, recorded: Recorded) -> None:
        held = self._held.get(recorded.stream)
        if held is not None:
            held.entry = float(event.price)

    def _closed(self, event: PositionClosed, recorded: Recorded) -> None:
        held = self._held.pop(recorded.stream, None)
        if held is None or not held.virtual:
            style = "bold green" if event.net > 0 else "bold red"
            self._tell(recorded, f"closed {event.plan.symbol} by {event.reason}: {event.net:+.2f} USDT", style)

    def _health_changed(self, event: HealthChanged, recorded: Recorded) -> None:
        self._health = event.health
        self._tell(recorded, f"health {event.health} {', '.join(event.reasons)}", HEALTH_STYLE[event.health])

    def _summarized(self, event: ScanSummarized, recorded: Recorded) -> None:
        self._tell(recorded, scan_line(event.summary), "bold")

    def _tell(self, recorded: Recorded, what: str, style: str) -> None:
        self._news.appendleft(Text.assemble((iso(recorded.at_ms)[11:19], "dim"), " ", (what, style)))

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────────

    def render(self, footing: Footing) -> RenderableType:
        """Draw everything."""
        with self._lock:
            parts = (self._header(footing), self._positions(), self._symbols(), self._latest())
        return Group(*parts)

    def _header(self, footing: Footing) -> Panel:
        totals = self.totals
        net = f"{totals.realized_pnl:+.2f}"
        held = sum(not held.virtual for held in self._held.values())
        line = Text.assemble(
            (f" {self._health} ", HEALTH_STYLE[self._health]),
            f"  market time {iso(footing.market_time_ms)[:19]}   balance {totals.balance:.2f} USDT   realised ",
            (net, "green" if totals.realized_pnl >= 0 else "red"),
            f"   open {held}   closed {totals.closed}   won {totals.wins}",
        )
        second = Text(
            f" candles {totals.candles:,}  analyses {totals.analyses:,}  signals {totals.signals:,}  orders"
            f" {totals.orders:,}  events/s {footing.events_per_second:,.0f}  commits {footing.commits:,}"
            f"  held {footing.held:,}  merged ticks {footing.conflated:,}",
            style="dim",
        )
        return Panel(Group(line, second), title=f"Hindsight · {self._name}", subtitle="Ctrl-C stops cleanly")

    def _positions(self) -> Table:
        table = _table("Positions", "symbol", "side", "quantity", "entry", "price", "stop", "target", "unrealised")
        real_first = sorted(self._held.values(), key=lambda held: (held.virtual, held.symbol))
        for held in real_first[:12]:
            price = self._closes.get(held.symbol, held.entry)
            unrealised = (price - held.entry) * held.quantity * held.side.sign
            table.add_row(
                held.symbol + (" (virtual)" if held.virtual else ""),
                Text(held.side.value, SIDE_STYLE[held.side]),
                f"{held.quantity:g}",
                f"{held.entry:g}",
                f"{price:g}",
                f"{held.stop:g}",
                f"{held.target:g}",
                Text(f"{unrealised:+.2f}", "green" if unrealised >= 0 else "red"),
            )
        return table

    def _symbols(self) -> Table:
        table = _table("Symbols", *("symbol", "price", "verdict", "because") * 2)
        names = sorted(self._closes)
        half = (len(names) + 1) // 2
        for left, right in zip(names[:half], [*names[half:], *[None] * (2 * half - len(names))], strict=True):
            table.add_row(*self._symbol_cells(left), *(self._symbol_cells(right) if right else ("",) * 4))
        return table

    def _symbol_cells(self, symbol: str) -> tuple[str, str, str, str]:
        verdict, because = self._verdicts.get(symbol, ("", ""))
        return symbol, f"{self._closes[symbol]:g}", verdict, because

    def _latest(self) -> Panel:
        return Panel(Group(*self._news), title="Latest", title_align="left", height=SIGNALS_SHOWN + 2)


def _symbol(recorded: Recorded) -> str:
    return recorded.stream.partition(":")[2]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="dim", padding=(0, 2, 0, 0), expand=True)
    for column in columns:
        # What is long gets what the others leave; without a ratio it would push them off the screen.
        table.add_column(column, no_wrap=True, overflow="ellipsis", ratio=1 if column == "because" else None)
    return table


def scan_line(summary: ScanSummary) -> str:
    """Tell a scan in one line."""
    parts = [
        f"{summary.analysed} of {summary.total_symbols} analysed, {summary.skipped} skipped, {summary.errors} failed",
        f"{summary.signals_found} Prime, {summary.watched} watched",
    ]
    parts += [f"nearest {miss.symbol} lacks {miss.lacking:.1f}" for miss in summary.near_misses[:1]]
    parts += [f"{code} {count}" for code, count in summary.top_rejections[:2]]
    return "scan: " + "; ".join(parts)
