"""What a run amounts to so far, in one small accumulator: the live view's header, and the summary at the end.

Unlike the other projections it has no table: it is folded as steps happen, or from a reader, and thrown away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from domain.account import AccountOpened, BalanceCorrected, FillBooked, FundingBooked
from domain.base import Event, Recorded
from domain.catalog import name_of
from domain.deal import VIRTUAL
from domain.orders import OrderFilled, OrderRequested
from domain.position_events import FundingSettled, PositionAbandoned, PositionClosed, PositionOpened, PositionRequested
from domain.symbol.events import CandleClosed, SignalDeclined, SignalRaised, SymbolAnalyzed, VirtualPositionPlanned
from domain.values import ZERO
from projections.holdings import Holdings, ended, filled, holds, priced, requested, unrealised_of


class Totals:
    """Counts and sums over a run. Money in USDT; positions of the account `virtual` are counted apart.

    `max_drawdown` is that of equity (`holdings.py`), as a fraction of its peak.
    """

    def __init__(self) -> None:
        self.candles = self.analyses = self.signals = self.declined = self.orders = 0
        self.opened = self.closed = self.wins = self.virtual_planned = self.virtual_closed = 0
        self.realized_pnl = self.fees = self.funding = self.balance = ZERO
        self.max_drawdown = 0.0
        self._peak = self._low = ZERO
        self._holdings: Holdings = ()
        self._returns: dict[str, float] = {}
        self._takes: dict[type[Event], Callable[[Any, str], None]] = {
            CandleClosed: self._candle,
            SymbolAnalyzed: self._analysis,
            SignalRaised: self._signal,
            SignalDeclined: self._declined,
            VirtualPositionPlanned: self._virtual,
            OrderRequested: self._order,
            PositionRequested: self._requested,
            OrderFilled: self._filled,
            PositionAbandoned: self._abandoned,
            PositionOpened: self._opened,
            PositionClosed: self._closed,
            FundingSettled: self._funded,
            AccountOpened: self._balance,
            FillBooked: self._balance,
            FundingBooked: self._balance,
            BalanceCorrected: self._corrected,
        }

    @property
    def topics(self) -> tuple[str, ...]:
        """The stored names of the events that it counts, but for analyses: they are many."""
        return tuple(name_of(kind) for kind in self._takes if kind is not SymbolAnalyzed)

    def take(self, events: Iterable[Recorded]) -> None:
        """Count these events."""
        takes = self._takes
        for recorded in events:
            take = takes.get(type(recorded.event))
            if take is not None:
                take(recorded.event, recorded.stream)

    @property
    def win_rate(self) -> float | None:
        """Closed positions with a net gain, as a fraction of all closed."""
        return self.wins / self.closed if self.closed else None

    @property
    def sharpe(self) -> float | None:
        """Mean over standard deviation of the net return on margin of each trade; not annualised, risk-free rate 0."""
        count = len(self._returns)
        if count < 2:
            return None
        mean = math.fsum(self._returns.values()) / count
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in self._returns.values()) / (count - 1))
        return mean / deviation if deviation else None

    def _candle(self, event: CandleClosed, stream: str) -> None:
        self.candles += 1
        if self._holdings and holds(self._holdings, symbol := stream.partition(":")[2]):
            self._holdings = priced(self._holdings, symbol, event.candle.close)
            self._value()

    def _analysis(self, _event: SymbolAnalyzed, _stream: str) -> None:
        self.analyses += 1

    def _signal(self, _event: SignalRaised, _stream: str) -> None:
        self.signals += 1

    def _declined(self, _event: SignalDeclined, _stream: str) -> None:
        self.declined += 1

    def _virtual(self, _event: VirtualPositionPlanned, _stream: str) -> None:
        self.virtual_planned += 1

    def _requested(self, event: PositionRequested, stream: str) -> None:
        if event.plan.account != VIRTUAL:
            self._holdings = requested(self._holdings, stream, event.plan)

    def _filled(self, event: OrderFilled, stream: str) -> None:
        self._holdings = filled(self._holdings, stream, event)

    def _abandoned(self, _event: PositionAbandoned, stream: str) -> None:
        self._holdings = ended(self._holdings, stream)

    def _order(self, _event: OrderRequested, stream: str) -> None:
        self.orders += not _is_virtual(stream)

    def _opened(self, _event: PositionOpened, stream: str) -> None:
        self.opened += not _is_virtual(stream)

    def _closed(self, event: PositionClosed, stream: str) -> None:
        if event.plan.account == VIRTUAL:
            self.virtual_closed += 1
            return
        self.closed += 1
        self.wins += event.net > 0
        self.realized_pnl += event.net
        self.fees += event.fees
        self.funding += event.funding
        self._returns[stream] = float(event.net / event.plan.margin)
        self._holdings = ended(self._holdings, stream)

    def _funded(self, event: FundingSettled, stream: str) -> None:
        """Correct the result of a position that was over when its funding was told; else its close has it all."""
        over = event.after_close
        if over is None or over.plan.account == VIRTUAL:
            return
        self.realized_pnl += event.amount
        self.funding += event.amount
        if stream in self._returns:  # not where the close came before all that is counted here
            net = over.net + event.amount
            self.wins += (net > 0) - (over.net > 0)
            self._returns[stream] = float(net / over.plan.margin)

    def _corrected(self, event: BalanceCorrected, _stream: str) -> None:
        self.balance = event.balance
        self._peak += event.balance - event.was  # a transfer is no loss
        self._low = self._peak - self._peak * Decimal(self.max_drawdown)

    def _balance(self, event: AccountOpened | FillBooked | FundingBooked, _stream: str) -> None:
        self.balance = event.balance
        self._value()

    def _value(self) -> None:
        equity = self.balance + unrealised_of(self._holdings)
        if self._low < equity <= self._peak:  # so it is nearly always: neither a peak, nor deeper than ever
            return
        self._peak = max(self._peak, equity)
        if self._peak > 0:
            self.max_drawdown = max(self.max_drawdown, float((self._peak - equity) / self._peak))
        self._low = self._peak - self._peak * Decimal(self.max_drawdown)


def _is_virtual(stream: str) -> bool:
    return stream.startswith(f"position:{VIRTUAL}/")
