"""What a newcomer watches: health, symbols, signals, positions and PnL, drawn from the steps as they happen."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec
from rich.console import ConsoleDimensions, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from actors.population import Population
from actors.ports import Step
from domain.account import Active, EntriesHalted, EntriesResumed, EntryApproved, EntryDenied
from domain.base import Recorded
from domain.deal import VIRTUAL, Plan
from domain.operations import Health, HealthChanged
from domain.position import Entering, Exiting, Open
from domain.position_events import PositionAbandoned, PositionClosed, PositionOpened, PositionRequested
from domain.scan.decider import ScanSummarized
from domain.scan.summary import NearMiss, ScanSummary
from domain.symbol.events import CandleClosed, SignalDeclined, SignalRaised, SymbolAnalyzed
from domain.symbol.state import SymbolState
from domain.values import Side
from infra.moments import iso
from projections.totals import Totals

NEWS_SHOWN: Final = 9
NEWS_SHOWN_MIN: Final = 3
POSITIONS_SHOWN: Final = 12
"""How many positions stand there if some are virtual; those with money are all shown while there is room."""
SYMBOLS_SHOWN_MIN: Final = 2
OPERATOR: Final = "OPERATOR"
"""The one cause of a halt that a command lifts."""
WIDE: Final = 100
"""From so many columns on there is room for air between the cells."""
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


class _Room(msgspec.Struct, frozen=True):
    """How many lines each part may have, so that all of them fit the screen."""

    positions: int
    symbols: int
    news: int


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
        self._news: deque[Text] = deque(maxlen=NEWS_SHOWN)
        self._halts: tuple[str, ...] = ()
        self._takes: dict[type, Callable[[Any, Recorded], None]] = {
            CandleClosed: self._candle,
            SymbolAnalyzed: self._analyzed,
            SignalRaised: self._signal,
            SignalDeclined: self._declined,
            EntryApproved: self._approved,
            EntryDenied: self._denied,
            EntriesHalted: self._halted,
            EntriesResumed: self._resumed,
            PositionRequested: self._requested,
            PositionOpened: self._opened,
            PositionAbandoned: self._abandoned,
            PositionClosed: self._closed,
            HealthChanged: self._health_changed,
            ScanSummarized: self._summarized,
        }

    def adopt(self, population: Population) -> None:
        """Take over what a restored run already holds: before the first step of a session."""
        for actor in population.actors():
            match actor.state:
                case Active(balance=balance, halts=halts):
                    self.totals.balance = balance
                    self._halts = halts
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

    def _halted(self, event: EntriesHalted, recorded: Recorded) -> None:
        self._halts = (*self._halts, event.cause)
        self._tell(recorded, f"no new positions: {event.cause}", "bold red")

    def _resumed(self, event: EntriesResumed, recorded: Recorded) -> None:
        self._halts = tuple(cause for cause in self._halts if cause != event.cause)
        self._tell(recorded, f"no longer halted by {event.cause}", "bold green")

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

    def _abandoned(self, event: PositionAbandoned, recorded: Recorded) -> None:
        held = self._held.pop(recorded.stream, None)
        if held is not None and not held.virtual:
            self._tell(recorded, f"not entered {held.symbol}: {event.reason}", "dim")

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

    def note(self, at_ms: int, what: str) -> None:
        """Tell what the shell has to say: while the view has the screen, it is the only place where it is seen."""
        with self._lock:
            self._news.appendleft(_line(at_ms, what, "bold yellow"))

    def _tell(self, recorded: Recorded, what: str, style: str) -> None:
        self._news.appendleft(_line(recorded.at_ms, what, style))

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────────

    def render(self, footing: Footing, size: ConsoleDimensions) -> RenderableType:
        """Draw everything, so that it fits a terminal of this size."""
        with self._lock:
            header = self._header(footing)
            room = self._room(size.height - (header.height or 0))
            wide = size.width >= WIDE
            parts = (
                header,
                self._positions(room, wide=wide),
                self._symbols(room, wide=wide),
                self._latest(room, wide=wide),
            )
        return Group(*parts)

    def _room(self, height: int) -> _Room:
        """Share the lines below the header: each table has a title and a head, the news have a frame."""
        news = max(NEWS_SHOWN_MIN, min(NEWS_SHOWN, height // 5))
        left = max(0, height - (news + 2) - 2 * 2)
        real = sum(not held.virtual for held in self._held.values())
        positions = min(len(self._held), max(real, POSITIONS_SHOWN))
        symbols = (len(self._closes) + 1) // 2
        positions = min(positions, left - min(symbols, max(SYMBOLS_SHOWN_MIN, left // 3)))
        return _Room(max(0, positions), max(0, min(symbols, left - positions)), news)

    def _header(self, footing: Footing) -> Panel:
        totals = self.totals
        held = sum(not held.virtual for held in self._held.values())
        now = Text.assemble(
            (f" {self._health} ", HEALTH_STYLE[self._health]),
            f" market {iso(footing.market_time_ms)[:19]}   balance {totals.balance:.2f} USDT   open {held}",
        )
        session = Text.assemble(
            " this session: realised ",
            (f"{totals.realized_pnl:+.2f}", "green" if totals.realized_pnl >= 0 else "red"),
            f"   closed {totals.closed:,}   won {totals.wins:,}",
            f"   signals {totals.signals:,}   orders {totals.orders:,}",
        )
        machine = Text(
            f" candles {totals.candles:,}  analyses {totals.analyses:,}  events/s {footing.events_per_second:,.0f}"
            f"  commits {footing.commits:,}  held {footing.held:,}  merged ticks {footing.conflated:,}",
            style="dim",
        )
        lines = [now, *self._halt_line(), session, machine]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        title = f"Hindsight · {self._name}"
        return Panel(Group(*lines), title=title, subtitle="Ctrl-C stops cleanly", height=len(lines) + 2)

    def _halt_line(self) -> list[Text]:
        if not self._halts:
            return []
        hint = "; `python run.py resume` lifts it" if OPERATOR in self._halts else ""
        return [Text(f" NO NEW POSITIONS: halted by {', '.join(self._halts)}{hint}", "bold red")]

    def _positions(self, room: _Room, *, wide: bool) -> Table:
        real_first = sorted(self._held.values(), key=lambda held: (held.virtual, held.symbol))
        real = sum(not held.virtual for held in real_first)
        title = f"Positions: {real} open, {len(real_first) - real} followed without money (virtual)"
        names = ("symbol", "side", "quantity", "entry", "price", "stop", "target", "unrealised")
        table = _table(title + _cut(room.positions, len(real_first)), *names, wide=wide)
        mark = " (virtual)" if wide else " (v)"
        for held in real_first[: room.positions]:
            price = self._closes.get(held.symbol, held.entry)
            unrealised = (price - held.entry) * held.quantity * held.side.sign
            table.add_row(
                held.symbol + (mark if held.virtual else ""),
                Text(held.side.value, SIDE_STYLE[held.side]),
                f"{held.quantity:g}",
                f"{held.entry:g}",
                f"{price:g}",
                f"{held.stop:g}",
                f"{held.target:g}",
                Text(f"{unrealised:+.2f}", "green" if unrealised >= 0 else "red"),
            )
        return table

    def _symbols(self, room: _Room, *, wide: bool) -> Table:
        names = sorted(self._closes)
        shown = names[: 2 * room.symbols]
        title = f"Symbols: {len(names)}" + _cut(len(shown), len(names))
        table = _table(title, *("symbol", "price", "verdict", "because") * 2, wide=wide)
        half = (len(shown) + 1) // 2
        for left, right in zip(shown[:half], [*shown[half:], *[None] * (2 * half - len(shown))], strict=True):
            table.add_row(*self._symbol_cells(left), *(self._symbol_cells(right) if right else ("",) * 4))
        return table

    def _symbol_cells(self, symbol: str) -> tuple[str, str, str, str]:
        verdict, because = self._verdicts.get(symbol, ("", ""))
        return symbol, f"{self._closes[symbol]:g}", verdict, because

    def _latest(self, room: _Room, *, wide: bool) -> Panel:
        for line in self._news:
            line.no_wrap = not wide
        return Panel(Group(*self._news), title="Latest", title_align="left", height=room.news + 2)


def _line(at_ms: int, what: str, style: str) -> Text:
    return Text.assemble((iso(at_ms)[11:19], "dim"), " ", (what, style), overflow="ellipsis")


def _cut(shown: int, whole: int) -> str:
    return f"; {shown} fit here" if shown < whole else ""


def _symbol(recorded: Recorded) -> str:
    return recorded.stream.partition(":")[2]


def _table(title: str, *columns: str, wide: bool) -> Table:
    air = (0, 2 if wide else 1, 0, 0)
    table = Table(title=title, title_justify="left", box=None, header_style="dim", padding=air, expand=True)
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
    parts += [_nearest(miss) for miss in summary.near_misses[:1]]
    if summary.top_rejections:
        parts.append("most kept back by " + ", ".join(f"{code} {count}" for code, count in summary.top_rejections[:2]))
    return "scan: " + "; ".join(parts)


def _nearest(miss: NearMiss) -> str:
    """Say what a near miss lacked: strength, or, where it had that, what else stood against it."""
    if miss.lacking > 0:
        return f"nearest {miss.symbol} lacks {miss.lacking:.1f}"
    return f"nearest {miss.symbol} is strong enough, kept back by {', '.join(miss.reasons)}"
