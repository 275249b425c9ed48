"""The wishes that actors send to each other: the whole map of who asks what of whom.

symbol ──Consider──▶ account ──OpenPosition──▶ position ──AttachPosition, DetachPosition──▶ symbol
   ▲                    │                         ▲  └──BookFill, BookFunding, ReleasePosition──▶ account
   └──FollowVirtually───┴─────────────────────────┘  └──ObservePrice, ClosePosition── symbol, account
   └──JoinMarket, ReportHours──▶ market ──SeeHours──▶ symbol        (see `market_view.py`)
   └──EnlistSymbol, ReportAnalysis──▶ scan ◀──ReportCrash── operations  (see `scan/`)
operations ──HaltEntries, ResumeEntries, CloseSymbol, CloseAll──▶ account
"""

from __future__ import annotations

from decimal import Decimal

from domain.base import Command
from domain.deal import ExitReason, Plan
from domain.instrument import Instrument
from domain.strategies import Proposal

# ── to a position ─────────────────────────────────────────────────────────────────────────────────────────────────


class OpenPosition(Command, frozen=True, gc=False):
    """Enter as planned."""

    plan: Plan


class ClosePosition(Command, frozen=True, gc=False):
    """Leave at the market, now."""

    reason: ExitReason


class RetryExit(Command, frozen=True, gc=False):
    """The venue refused the exit a while ago: ask again."""


class ObservePrice(Command, frozen=True, gc=False):
    """The mark price moved within [low, high] since the last observation."""

    high: float
    low: float


# ── to a symbol ───────────────────────────────────────────────────────────────────────────────────────────────────


class Analyze(Command, frozen=True, gc=False):
    """The symbol to itself: a candle of the analysis interval closed at `time_ms`. `late`: it was told long after;
    `stale`: the price is not known now. Nothing is entered on either.
    """

    time_ms: int
    late: bool = False
    stale: bool = False


class FollowVirtually(Command, frozen=True, gc=False):
    """The account did not trade the signal, or the venue refused its entry: follow it as a virtual position.

    `why` is the refusal's code.
    """

    signal_id: str
    number: int
    proposal: Proposal
    why: str


class AttachPosition(Command, frozen=True, gc=False):
    """This position wants to see prices."""

    position: str
    plan: Plan


class DetachPosition(Command, frozen=True, gc=False):
    """This position is over."""

    position: str


# ── to an account ─────────────────────────────────────────────────────────────────────────────────────────────────


class OpenAccount(Command, frozen=True, gc=False):
    """Start with this balance (USDT), unless the account exists."""

    balance: Decimal


class Consider(Command, frozen=True, gc=False):
    """A signal was raised: trade it if the limits allow. `number` counts the symbol's signals."""

    symbol: str
    number: int
    signal_id: str
    proposal: Proposal
    instrument: Instrument
    strategy: str


class BookFill(Command, frozen=True, gc=False):
    """A fill's fee and realised gross PnL, in USDT."""

    position: str
    order_id: str
    fee: Decimal
    realised: Decimal


class BookFunding(Command, frozen=True, gc=False):
    """Funding paid (negative) or received, in USDT."""

    position: str
    amount: Decimal


class ReleasePosition(Command, frozen=True, gc=False):
    """The margin of this position is free again."""

    position: str


class HaltEntries(Command, frozen=True, gc=False):
    """Take no new positions until `cause` is lifted. What is open stays protected."""

    cause: str


class ResumeEntries(Command, frozen=True, gc=False):
    """Lift one cause of a halt."""

    cause: str


class CloseSymbol(Command, frozen=True, gc=False):
    """Close what is open in one symbol, or in all (`symbol=""`), at the market."""

    symbol: str
