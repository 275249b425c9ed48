"""`stats`: how well each account trades, and how well the signals do that were not traded (account `virtual`).

Per trade, not annualised, risk-free rate 0, on the net return on margin r = net / margin:

    Sharpe   mean(r) / s(r), s the sample deviation (n - 1)           Sharpe, "The Sharpe Ratio", 1994
    Sortino  mean(r) / √(Σ min(r, 0)² / n), the target being 0        Sortino & Price, 1994
    profit factor  Σ gains / Σ losses, None while nothing was lost
    expectancy     mean net PnL of a trade, USDT
    drawdown       (peak - equity) / peak, equity being taken whenever the balance changes or a candle closes in
                   something held (`holdings.py`; the curve itself is `equity`). Of `virtual`, which has no account:
                   the first session's initial balance plus the net of every close.

Mean and deviation are updated by Welford's method (Technometrics 4, 1962), so that the row alone suffices to go on.
Funding that is told after a close changes that trade's net result as if it had been told before; only the streaks stay
as they were counted at the close.
"""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from domain.account import AccountOpened, BalanceCorrected, FillBooked, FundingBooked
from domain.base import Recorded
from domain.deal import VIRTUAL
from domain.operations import RunStarted
from domain.orders import OrderFilled
from domain.position_events import (
    Aftermath,
    FundingSettled,
    PositionAbandoned,
    PositionClosed,
    PositionOpened,
    PositionRequested,
)
from domain.symbol.events import CandleClosed
from domain.values import ZERO, money
from projections.base import NOTHING, Changes, Key, Projection, Rows, account_of
from projections.holdings import Holdings, ended, filled, holds, priced, requested, unrealised_of

BUCKETS = 10


class Bucket(msgspec.Struct, frozen=True):
    """Trades whose confidence was at least `confidence` and below the next tenth."""

    confidence: float
    trades: int
    wins: int


class StatsRow(msgspec.Struct, frozen=True):
    """One account. Money in USDT, rates as fractions, None where nothing can be said yet.

    A trade is a closed position; `wins` brought a net gain, `losses` a net loss. `streak` is the current run of wins
    (positive) or losses (negative). `peak` is the highest equity so far, `holdings` what is open now.
    `average_slippage` is the first fill against the price of the decision, as a fraction, positive against us, over
    `entries` opened positions. `return_m2` and `downside` are Σ (r - mean)² and Σ min(r, 0)².
    """

    account: str
    trades: int = 0
    wins: int = 0
    losses: int = 0
    win_rate: float | None = None
    gains: Decimal = ZERO
    lost: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    net: Decimal = ZERO
    expectancy: Decimal | None = None
    profit_factor: float | None = None
    return_mean: float = 0.0
    return_m2: float = 0.0
    downside: float = 0.0
    sharpe: float | None = None
    sortino: float | None = None
    balance: Decimal = ZERO
    peak: Decimal = ZERO
    max_drawdown: float = 0.0
    streak: int = 0
    longest_wins: int = 0
    longest_losses: int = 0
    held_ms: int = 0
    average_held_ms: int | None = None
    entries: int = 0
    slippage: Decimal = ZERO
    average_slippage: float | None = None
    by_confidence: tuple[Bucket, ...] = ()
    holdings: Holdings = ()


def apply(rows: Rows[StatsRow], recorded: Recorded) -> Changes[StatsRow]:
    """Give the account of this event with its new figures."""
    if isinstance(recorded.event, CandleClosed):  # the most frequent by far, and nearly always nothing
        return _priced(rows, recorded.stream.partition(":")[2], recorded.event.candle.close)
    match recorded.event:
        case PositionClosed() as closed:
            account = closed.plan.account
            row = _traded(_row(rows, account), closed)
            row = replace(row, holdings=ended(row.holdings, recorded.stream))
            after = _at_balance(row, row.balance + closed.net) if account == VIRTUAL else row
        case PositionRequested() | OrderFilled() | PositionAbandoned():
            return _held(rows, recorded.stream, recorded.event)
        case FundingSettled(amount=amount, after_close=Aftermath() as trade):
            account = trade.plan.account
            row = _funded_late(_row(rows, account), trade, amount)
            after = _at_balance(row, row.balance + amount) if account == VIRTUAL else row
        case PositionOpened(slippage=slippage):
            after = _entered(_row(rows, account_of(recorded.stream)), slippage)
        case AccountOpened(balance) | FillBooked(balance=balance) | FundingBooked(balance=balance):
            after = _at_balance(_row(rows, recorded.stream.partition(":")[2]), balance)
        case BalanceCorrected(balance, was):
            row = _row(rows, recorded.stream.partition(":")[2])
            after = replace(row, balance=balance, peak=row.peak + balance - was)  # a transfer is no loss
        case RunStarted(config) if (VIRTUAL,) not in rows:
            after = _at_balance(StatsRow(VIRTUAL), config.account.initial_balance)
        case _:
            return NOTHING
    return {(after.account,): after}


def _row(rows: Rows[StatsRow], account: str) -> StatsRow:
    return rows.get((account,)) or StatsRow(account)


def _traded(row: StatsRow, closed: PositionClosed) -> StatsRow:
    net, trades = closed.net, row.trades + 1
    won, lost = net > 0, net < 0
    wins, gains = row.wins + won, row.gains + max(net, ZERO)
    losses = row.lost + max(-net, ZERO)
    streak = max(row.streak, 0) + 1 if won else min(row.streak, 0) - 1 if lost else 0
    total, held_ms = row.net + net, row.held_ms + closed.held_ms
    counted = replace(
        row,
        trades=trades,
        wins=wins,
        losses=row.losses + lost,
        win_rate=wins / trades,
        gains=gains,
        lost=losses,
        fees=row.fees + closed.fees,
        funding=row.funding + closed.funding,
        net=total,
        expectancy=money(total / trades),
        profit_factor=float(gains / losses) if losses else None,
        streak=streak,
        longest_wins=max(row.longest_wins, streak),
        longest_losses=max(row.longest_losses, -streak),
        held_ms=held_ms,
        average_held_ms=held_ms // trades,
        by_confidence=_counted(row.by_confidence, closed.plan.confidence, trades=1, wins=won),
    )
    return _with_return(counted, float(net / closed.plan.margin))


def _with_return(row: StatsRow, value: float) -> StatsRow:
    delta = value - row.return_mean
    mean = row.return_mean + delta / row.trades
    m2 = row.return_m2 + delta * (value - mean)
    return _with_spread(row, mean, m2, row.downside + min(value, 0.0) ** 2)


def _with_spread(row: StatsRow, mean: float, m2: float, downside: float) -> StatsRow:
    return replace(
        row,
        return_mean=mean,
        return_m2=m2,
        downside=downside,
        sharpe=mean / math.sqrt(m2 / (row.trades - 1)) if m2 > 0 and row.trades > 1 else None,
        sortino=mean / math.sqrt(downside / row.trades) if downside > 0 else None,
    )


def _funded_late(row: StatsRow, trade: Aftermath, amount: Decimal) -> StatsRow:
    """Let a trade that was counted with `trade.net` have brought `amount` more."""
    was, net = trade.net, trade.net + amount
    won = (net > 0) - (was > 0)
    wins, gains = row.wins + won, row.gains + max(net, ZERO) - max(was, ZERO)
    lost, total = row.lost + max(-net, ZERO) - max(-was, ZERO), row.net + amount
    counted = replace(
        row,
        wins=wins,
        losses=row.losses + (net < 0) - (was < 0),
        win_rate=wins / row.trades,
        gains=gains,
        lost=lost,
        funding=row.funding + amount,
        net=total,
        expectancy=money(total / row.trades),
        profit_factor=float(gains / lost) if lost else None,
        by_confidence=_counted(row.by_confidence, trade.plan.confidence, trades=0, wins=won),
    )
    before, value = float(was / trade.plan.margin), float(net / trade.plan.margin)
    mean = row.return_mean + (value - before) / row.trades
    m2 = row.return_m2 + (value - before) * (value - mean + before - row.return_mean)
    downside = row.downside + min(value, 0.0) ** 2 - min(before, 0.0) ** 2
    return _with_spread(counted, mean, max(0.0, m2), max(0.0, downside))


def _counted(buckets: tuple[Bucket, ...], confidence: float, *, trades: int, wins: int) -> tuple[Bucket, ...]:
    """Count trades in their bucket; buckets stand in rising order, empty ones are left out."""
    floor = min(int(confidence * BUCKETS), BUCKETS - 1) / BUCKETS
    by_floor = {bucket.confidence: bucket for bucket in buckets}
    bucket = by_floor.get(floor, Bucket(floor, 0, 0))
    by_floor[floor] = Bucket(floor, bucket.trades + trades, bucket.wins + wins)
    return tuple(by_floor[confidence] for confidence in sorted(by_floor))


def _entered(row: StatsRow, slippage: Decimal) -> StatsRow:
    entries, total = row.entries + 1, row.slippage + slippage
    return replace(row, entries=entries, slippage=total, average_slippage=float(total / entries))


def _priced(rows: Rows[StatsRow], symbol: str, close: float) -> Changes[StatsRow]:
    changes: dict[Key, StatsRow] = {}
    for key, row in rows.items():
        if holds(row.holdings, symbol):
            marked = replace(row, holdings=priced(row.holdings, symbol, close))
            changes[key] = _at_balance(marked, row.balance)
    return changes


def _held(
    rows: Rows[StatsRow], position: str, event: PositionRequested | OrderFilled | PositionAbandoned
) -> Changes[StatsRow]:
    """Follow what an account holds. The value follows with the booking; virtual positions are not followed here."""
    account = account_of(position)
    if account == VIRTUAL:
        return NOTHING
    row = _row(rows, account)
    match event:
        case PositionRequested(plan):
            held = requested(row.holdings, position, plan)
        case OrderFilled():
            held = filled(row.holdings, position, event)
        case PositionAbandoned():
            held = ended(row.holdings, position)
    return {(account,): replace(row, holdings=held)}


def _at_balance(row: StatsRow, balance: Decimal) -> StatsRow:
    equity = balance + unrealised_of(row.holdings)
    peak = max(row.peak, equity)
    drawdown = float((peak - equity) / peak) if peak else 0.0
    return replace(row, balance=balance, peak=peak, max_drawdown=max(row.max_drawdown, drawdown))


STATS = Projection(
    name="stats",
    version=2,
    topics=(
        RunStarted, AccountOpened, PositionOpened, PositionClosed, FillBooked, FundingBooked, BalanceCorrected,
        FundingSettled, CandleClosed, PositionRequested, OrderFilled, PositionAbandoned,
    ),
    row=StatsRow,
    key=("account",),
    apply=apply,
)  # fmt: skip
