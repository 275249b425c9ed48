"""Writes what trading leaves behind, event by event as the actors record it, for the tests of whoever reads it."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from domain import account, operations
from domain.base import Event, Recorded
from domain.config import AccountConfig, Config
from domain.deal import VIRTUAL, ExitReason, Plan
from domain.market import Candle
from domain.orders import (
    OrderAccepted,
    OrderCanceled,
    OrderCancelRequested,
    OrderFilled,
    OrderRejected,
    OrderRequested,
    Role,
)
from domain.position_events import (
    Aftermath,
    ExitRequested,
    FundingSettled,
    PositionAbandoned,
    PositionClosed,
    PositionOpened,
    PositionRequested,
    PriceExtremeReached,
)
from domain.strategies import Proposal
from domain.symbol.events import CandleClosed, SignalDeclined, SignalRaised, VirtualPositionPlanned
from domain.values import ZERO, Side, money
from domain.venue import OrderType
from projections.base import account_of

START_MS = 1_699_999_200_000  # 2023-11-14 22:00 UTC
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
D = Decimal


def plan_of(account_name: str = "main", symbol: str = "BTCUSDT", side: Side = Side.LONG, **changes: object) -> Plan:
    """Give a plan: 2 units at 100 USDT, stop at 90, target at 120 (for a long)."""
    stop, target = (D(90), D(120)) if side is Side.LONG else (D(110), D(80))
    plan = Plan(
        account=account_name, symbol=symbol, side=side, quantity=D(2), reference_price=D(100), stop=stop, target=target,
        leverage=5, margin=D(40), time_stop_ms=2 * HOUR_MS, signal_id=f"symbol:{symbol}@1", strategy="trend",
        confidence=0.61, win=0.55,
    )  # fmt: skip
    return replace(plan, **changes)


def closed(plan: Plan, net: str = "10", **changes: object) -> PositionClosed:
    """Give the end of a position that brought `net`, after 1 of fees and 0.5 of funding received."""
    event = PositionClosed(
        reason=ExitReason.TARGET, time_ms=START_MS, held_ms=HOUR_MS, quantity=plan.quantity, entry_price=D(100),
        exit_price=D(110), gross=D(net) + D("0.5"), fees=D(1), funding=D("0.5"), net=D(net),
        favourable_excursion=D("0.11"), adverse_excursion=D("0.02"), plan=plan,
    )  # fmt: skip
    return replace(event, **changes)


class _Life(Struct):
    """What a position has come to."""

    plan: Plan
    entered: Decimal = ZERO
    value: Decimal = ZERO
    fees: Decimal = ZERO
    stop: str = ""
    target: str = ""


class TradingHistory:
    """A history that grows. Every call is one input, one minute after the one before unless told otherwise."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []
        self.at_ms = START_MS
        self.balances: dict[str, Decimal] = {}
        self._versions: dict[str, int] = {}
        self._input_seq = 0
        self._signals = 0
        self._lives: dict[str, _Life] = {}

    def record(self, *events: tuple[str, Event], after_ms: int = MINUTE_MS) -> list[Recorded]:
        """Record (stream, event) pairs as what followed from one input."""
        self._input_seq += 1
        self.at_ms += after_ms
        fresh: list[Recorded] = []
        for seq, (stream, event) in enumerate(events, len(self.events) + 1):
            version = self._versions[stream] = self._versions.get(stream, 0) + 1
            fresh.append(Recorded(seq, stream, version, self._input_seq, self.at_ms, event))
        self.events += fresh
        return fresh

    def version(self, stream: str) -> int:
        return self._versions.get(stream, 0)

    def start(self, balance: str = "1000", name: str = "main") -> TradingHistory:
        config = Config(account=AccountConfig(name=name, initial_balance=D(balance)))
        self.balances[name] = D(balance)
        started = operations.RunStarted(config, "1.0", "00", "paper", "recorded")
        self.record(("operations:main", started), (f"account:{name}", account.AccountOpened(D(balance))))
        return self

    def candle(self, symbol: str, close: float, after_ms: int = MINUTE_MS) -> TradingHistory:
        candle = Candle(self.at_ms, close, close, close, close, 1.0)
        self.record((f"symbol:{symbol}", CandleClosed(candle)), after_ms=after_ms)
        return self

    # signals

    def signal(self, symbol: str = "BTCUSDT", side: Side = Side.LONG) -> str:
        """Raise a signal and give its id."""
        self._signals += 1
        proposal = Proposal(side, 100.0, 90.0, 120.0, 0.61, 0.55, ("EMA_CROSS",))
        raised = SignalRaised(self._signals, self.at_ms, "trend", proposal)
        return self.record((f"symbol:{symbol}", raised))[0].event_id

    def decline(self, *reasons: str, symbol: str = "BTCUSDT", side: Side = Side.LONG) -> str:
        return self.record((f"symbol:{symbol}", SignalDeclined(self.at_ms, side, reasons)))[0].event_id

    def deny(self, signal_id: str, code: str, symbol: str = "BTCUSDT", name: str = "main") -> None:
        proposal = Proposal(Side.LONG, 100.0, 90.0, 120.0, 0.61, 0.55)
        self.record((f"account:{name}", account.EntryDenied(symbol, self._signals, signal_id, proposal, code)))

    # a position's life

    def request(self, plan: Plan, number: int = 1, why: str = "HALTED", replaces: str = "") -> str:
        """Approve a plan (or plan it virtually), request its entry, and give the position."""
        position = f"position:{plan.account}/{plan.symbol}-{number}"
        entry = OrderRequested(f"{position}@2", Role.ENTRY, plan.side.entry, OrderType.MARKET, plan.quantity)
        if plan.account == VIRTUAL:
            origin = (f"symbol:{plan.symbol}", VirtualPositionPlanned(position, plan, why, replaces))
        else:
            origin = (f"account:{plan.account}", account.EntryApproved(position, plan, self.balances[plan.account]))
        self.record(origin, (position, PositionRequested(plan)), (position, entry))
        self._lives[position] = _Life(plan)
        return position

    def enter(self, position: str, price: str = "100", fee: str = "0.1", quantity: str | None = None) -> None:
        """Fill (part of) the entry. The first fill opens the position and protects it."""
        life = self._lives[position]
        plan, filled = life.plan, D(quantity) if quantity else life.plan.quantity
        first, complete = not life.entered, life.entered + filled == plan.quantity
        fill = OrderFilled(
            f"{position}@2", Role.ENTRY, f"entry-{life.entered}", self.at_ms, D(price), filled, D(fee), ZERO, complete
        )
        events: list[Event] = [fill]
        if first:
            slippage = money(plan.side.sign * (D(price) - plan.reference_price) / plan.reference_price)
            life.stop = f"{position}@{self.version(position) + 3}"
            events.append(PositionOpened(self.at_ms, D(price), slippage))
            events.append(_protection(life.stop, Role.STOP, plan))
        if complete:
            life.target = f"{position}@{self.version(position) + len(events) + 1}"
            events.append(_protection(life.target, Role.TARGET, plan))
        self.record(*((position, event) for event in events), *self._booking(position, fill))
        life.entered, life.value, life.fees = life.entered + filled, life.value + D(price) * filled, life.fees + D(fee)

    def fund(self, position: str, amount: str) -> None:
        plan = self._lives[position].plan
        events: list[tuple[str, Event]] = [(position, FundingSettled(self.at_ms, D("0.0001"), D(100), D(amount)))]
        if plan.account != VIRTUAL:
            self.balances[plan.account] += D(amount)
            booked = account.FundingBooked(position, D(amount), self.balances[plan.account])
            events.append((f"account:{plan.account}", booked))
        self.record(*events)

    def fund_late(self, end: PositionClosed, position: str, amount: str, before: str = "0") -> None:
        """Tell funding of a position that is over; `before` is what it got so since its end."""
        over = Aftermath(end.time_ms, end.net + D(before), end.plan)
        told = FundingSettled(end.time_ms, D("0.0001"), D(100), D(amount), over)
        events: list[tuple[str, Event]] = [(position, told)]
        name = end.plan.account
        if name != VIRTUAL:
            self.balances[name] += D(amount)
            events.append((f"account:{name}", account.FundingBooked(position, D(amount), self.balances[name])))
        self.record(*events)

    def close(self, position: str, price: str = "120", fee: str = "0.1", funding: str = "0") -> PositionClosed:
        """Fill the target; the stop is canceled a minute later."""
        life = self._lives.pop(position)
        plan, quantity = life.plan, life.entered
        self.record((position, OrderAccepted(life.target)))
        gross = money(plan.side.sign * (D(price) * quantity - life.value))
        fill = OrderFilled(life.target, Role.TARGET, "exit", self.at_ms, D(price), quantity, D(fee), gross)
        fees = life.fees + D(fee)
        end = closed(
            plan, time_ms=self.at_ms, quantity=quantity, entry_price=money(life.value / quantity), exit_price=D(price),
            gross=gross, fees=fees, funding=D(funding), net=str(gross - fees + D(funding)),
        )  # fmt: skip
        ending = [(position, event) for event in (fill, end, OrderCancelRequested(life.stop))]
        released = [] if plan.account == VIRTUAL else [(f"account:{plan.account}", account.PositionReleased(position))]
        self.record(*ending, *self._booking(position, fill), *released)
        self.record((position, OrderCanceled(life.stop, "asked for")))
        return end

    def trade(self, plan: Plan, number: int, price: str = "120") -> PositionClosed:
        """Live through a whole position."""
        position = self.request(plan, number)
        self.enter(position)
        return self.close(position, price)

    def _booking(self, position: str, fill: OrderFilled) -> list[tuple[str, Event]]:
        name = account_of(position)
        if name == VIRTUAL:
            return []
        self.balances[name] += fill.realised - fill.fee
        booked = account.FillBooked(position, fill.order_id, fill.fee, fill.realised, self.balances[name])
        return [(f"account:{name}", booked)]


def _protection(order_id: str, role: Role, plan: Plan) -> OrderRequested:
    if role is Role.STOP:
        return OrderRequested(order_id, role, plan.side.exit, OrderType.STOP_MARKET, plan.quantity, plan.stop)
    return OrderRequested(order_id, role, plan.side.exit, OrderType.TAKE_PROFIT_MARKET, plan.quantity, plan.target)


def busy_history() -> TradingHistory:
    """Give a history in which every kind of event that a read model asks about happens at least once."""
    history = TradingHistory().start()
    _trade_both_ways(history)
    _refuse_and_follow(history)
    _operate(history)
    return history


def _trade_both_ways(history: TradingHistory) -> None:
    won = history.request(plan_of(signal_id=history.signal()), 1)
    history.enter(won, quantity="1.5")
    history.enter(won, "102", quantity="0.5")
    history.candle("BTCUSDT", 105.0, after_ms=HOUR_MS)
    history.record((won, PriceExtremeReached(D("105.5"), D(99))))
    history.fund(won, "-0.25")
    lost = history.request(plan_of(symbol="ETHUSDT", side=Side.SHORT, signal_id=history.signal("ETHUSDT")), 2)
    history.enter(lost)
    history.candle("BTCUSDT", 111.0).candle("ETHUSDT", 103.5).candle("XRPUSDT", 0.5)
    history.close(won, "120", funding="-0.25")
    history.record((lost, ExitRequested(ExitReason.OPERATOR)))
    history.fund_late(history.close(lost, "104"), lost, "0.75")


def _refuse_and_follow(history: TradingHistory) -> None:
    history.decline("COOLDOWN", "RECENT_GAP")
    denied = history.signal()
    history.deny(denied, "HALTED")
    virtual = history.request(plan_of(VIRTUAL, signal_id=denied), 3)
    history.enter(virtual)
    history.fund(virtual, "-0.25")
    history.record((virtual, PriceExtremeReached(D(101), D(97))))
    ignored = history.signal()
    history.deny(ignored, "HALTED")
    history.decline("HALTED", "VIRTUAL_SAME_SIDE_ACTIVE")
    history.record((virtual, ExitRequested(ExitReason.REPLACED)))
    history.fund_late(history.close(virtual, "97", funding="-0.25"), virtual, "-0.5")
    opposite = history.signal(side=Side.SHORT)
    unfilled = history.request(plan_of(VIRTUAL, side=Side.SHORT, signal_id=opposite), 5, replaces=virtual)
    history.record((unfilled, PositionAbandoned("EXPIRED")))
    nothing = history.request(plan_of(signal_id=history.signal()), 6)
    rejected = OrderRejected(f"{nothing}@2", Role.ENTRY, "-2019", "Margin is insufficient.", history.at_ms)
    released = account.PositionReleased(nothing)
    history.record((nothing, rejected), (nothing, PositionAbandoned("-2019")), ("account:main", released))
    history.request(plan_of(signal_id=history.signal()), 7)


def _operate(history: TradingHistory) -> None:
    stale, halt = operations.Condition.FEED_STALE, operations.OperatorKind.HALT
    main = operations.STREAM
    unhealthy = operations.HealthChanged(operations.Health.UNHEALTHY, ("FEED_STALE",))
    history.record((main, operations.ConditionRaised(stale, "60 s", 1)), (main, unhealthy))
    history.record(("account:main", account.EntriesHalted(stale)))
    history.record((main, operations.ConditionCleared(stale)))
    history.record(("account:main", account.EntriesResumed(stale)))
    was = history.balances["main"]
    history.balances["main"] = was + 50
    history.record(("account:main", account.BalanceCorrected(was + 50, was)))
    history.record((main, operations.DeadLetter("symbol:BTCUSDT", "{}", "ZeroDivisionError", 9, 1)))
    history.record((main, operations.ActorStayedDown("symbol:BTCUSDT")))
    history.record((main, operations.OperatorCommandAccepted(1, halt, "", "me")))
    history.record((main, operations.RunStopped("asked to")))
    history.record((main, operations.StateRestored(9, "00", unclean=False)))
    history.record((main, operations.RunStarted(Config(), "1.1", "00", "paper", "recorded")))
