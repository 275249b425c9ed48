"""One position, real or virtual: the same rules, only the venue differs.

    Flat ──OpenPosition──▶ Entering ──first fill──▶ Open ──stop or target filled──▶ Closed
                              │                      │                                ▲
                              │ entry refused        └─ClosePosition, time stop──▶ Exiting
                              ▼                          protection refused
                            Closed (its signal is followed virtually)

At the first fill a close-position stop goes to the venue, when the entry is complete a target too; if either can't be
placed, the position is closed (product.md §5). Entries and exits may fill in parts: it is over only when nothing is
held and nothing of the entry can come any more. An order's id is the id of the event that requested it.

Here stand the rules. The states and their fold are in `position_state.py`, the facts in `position_events.py`, and the
arithmetic in `deal.py`.
"""

from __future__ import annotations

from typing import TypeAlias

from domain import commands, orders, venue
from domain.base import Command, Issued, Reaction, Tell, Timer, event_id, plain_decider
from domain.commands import ClosePosition, ObservePrice, OpenPosition, RetryExit
from domain.deal import VIRTUAL, Deal, ExitReason
from domain.orders import Role, Stage
from domain.position_events import (
    Aftermath,
    ExitRequested,
    FundingSettled,
    PositionAbandoned,
    PositionClosed,
    PositionEvent,
    PositionOpened,
    PositionRequested,
    PriceExtremeReached,
)
from domain.position_state import Closed, Entering, Exiting, Flat, Open, Position, evolve
from domain.strategies import Proposal
from domain.values import ZERO, money
from domain.venue import (
    ENTRY_OUTDATED,
    CancelOrder,
    OrderType,
    VenueAccepted,
    VenueCanceled,
    VenueFilled,
    VenueRejected,
)

EXIT_RETRY_MS = 5_000

Answer: TypeAlias = VenueAccepted | VenueRejected | VenueFilled | VenueCanceled
PositionCommand: TypeAlias = (
    OpenPosition | ClosePosition | RetryExit | ObservePrice | Answer | venue.VenueLiquidated | venue.VenueFunded
)

# ── decide ────────────────────────────────────────────────────────────────────────────────────────────────────────


def decide(state: Position, command: PositionCommand) -> tuple[PositionEvent, ...]:
    """Say what follows from a command. Repeated answers of the venue follow nothing."""
    match state:
        case Open(deal) | Exiting(deal):
            return _when_held(state, deal, command)
        case Flat():
            return _when_flat(state, command)
        case Entering(deal):
            return _when_entering(state, deal, command)
        case Closed(deal):
            return _when_closed(state, deal, command)


def _when_flat(state: Flat, command: PositionCommand) -> tuple[PositionEvent, ...]:
    if not isinstance(command, OpenPosition):
        return ()
    plan = command.plan
    entry = orders.OrderRequested(event_id(state.id, 2), Role.ENTRY, plan.side.entry, OrderType.MARKET, plan.quantity)
    return PositionRequested(plan), entry


def _when_entering(state: Entering, deal: Deal, command: PositionCommand) -> tuple[PositionEvent, ...]:
    match command:
        case VenueFilled():
            return _entry_filled(state, deal, command)
        case VenueAccepted():
            return _accepted(deal, command)
        case VenueRejected():
            refused = _rejected(deal, command)
            return (*refused, PositionAbandoned(command.code)) if refused else ()
        case VenueCanceled():
            gone = _canceled(deal, command)
            return (*gone, PositionAbandoned(command.reason)) if gone else ()
        case ClosePosition():
            return _cancel_all(deal)
        case OpenPosition() | RetryExit() | ObservePrice() | venue.VenueLiquidated() | venue.VenueFunded():
            return ()


def _when_held(state: Open | Exiting, deal: Deal, command: PositionCommand) -> tuple[PositionEvent, ...]:
    match command:
        case ObservePrice():  # first, because it is what comes at every price
            return _observed(deal, command)
        case VenueFilled() if deal.role_of(command.order_id) is Role.ENTRY:
            return _entry_filled(state, deal, command)
        case VenueFilled():
            return _exit_filled(state, deal, command)
        case VenueAccepted():
            return _accepted(deal, command)
        case VenueRejected():
            return _held_rejected(state, deal, command)
        case VenueCanceled():
            return _held_canceled(state, deal, command)
        case venue.VenueFunded():
            return _funded(deal, command)
        case venue.VenueLiquidated():
            return _liquidated(state, deal, command)
        case ClosePosition(reason):
            return _exit(deal, reason, deal.version) if isinstance(state, Open) else ()
        case RetryExit():
            return (_exit_order(deal, deal.version + 1),) if isinstance(state, Exiting) and state.lacks_order else ()
        case OpenPosition():
            return ()


def _when_closed(state: Closed, deal: Deal, command: PositionCommand) -> tuple[PositionEvent, ...]:
    match command:
        case VenueCanceled():
            return _canceled(deal, command)
        case VenueRejected() if deal.order(command.order_id):
            return (orders.OrderCanceled(command.order_id, command.code),)
        case VenueAccepted():
            return _accepted(deal, command)
        case venue.VenueFunded(time_ms=time_ms) if deal.opened_ms <= time_ms <= state.closed_ms:
            return _funded(deal, command, Aftermath(state.closed_ms, deal.net, deal.plan))
        case (
            VenueRejected() | VenueFilled() | venue.VenueFunded() | venue.VenueLiquidated()
            | ObservePrice() | ClosePosition() | RetryExit() | OpenPosition()
        ):  # fmt: skip
            return ()


def _accepted(deal: Deal, answer: VenueAccepted) -> tuple[PositionEvent, ...]:
    order = deal.order(answer.order_id)
    return (orders.OrderAccepted(answer.order_id),) if order and order.stage is Stage.REQUESTED else ()


def _rejected(deal: Deal, answer: VenueRejected) -> tuple[PositionEvent, ...]:
    order = deal.order(answer.order_id)
    if order is None or order.stage is Stage.CANCELING:  # then the cancellation was refused: the fill is on its way
        return ()
    return (orders.OrderRejected(answer.order_id, order.role, answer.code, answer.text, answer.time_ms),)


def _canceled(deal: Deal, answer: VenueCanceled) -> tuple[PositionEvent, ...]:
    return (orders.OrderCanceled(answer.order_id, answer.reason),) if deal.order(answer.order_id) else ()


def _fill(deal: Deal, answer: VenueFilled) -> orders.OrderFilled | None:
    role = deal.role_of(answer.order_id)
    if role is None or answer.trade_id in deal.trade_ids:
        return None
    realised = ZERO if role is Role.ENTRY else money(deal.realised(answer.price, answer.quantity))
    return orders.OrderFilled(
        answer.order_id, role, answer.trade_id, answer.time_ms, answer.price, answer.quantity, answer.fee, realised,
        answer.complete,
    )  # fmt: skip


def _entry_filled(state: Entering | Open | Exiting, deal: Deal, answer: VenueFilled) -> tuple[PositionEvent, ...]:
    fill, order = _fill(deal, answer), deal.order(answer.order_id)
    if fill is None or order is None:
        return ()
    plan = deal.plan
    after = deal.filled(fill.role, fill.trade_id, fill.price, fill.quantity, fill.fee)
    events: list[PositionEvent] = [fill]
    if not deal.entered:
        slippage = plan.side.sign * (fill.price - plan.reference_price) / plan.reference_price
        events.append(PositionOpened(fill.time_ms, fill.price, money(slippage)))
        events.append(_protection(deal, Role.STOP, deal.version + 3))
    at = deal.version + len(events)
    if isinstance(state, Exiting):  # what comes in now is to go out again
        return (*events, _exit_order(after, at + 1)) if deal.live(Role.EXIT) is None else tuple(events)
    if order.stage is Stage.CANCELING:  # somebody wanted to leave before there was anything to leave
        reason = ExitReason.REPLACED if plan.account == VIRTUAL else ExitReason.OPERATOR
        return *events, *_exit(after, reason, at)
    return (*events, _protection(deal, Role.TARGET, at + 1)) if fill.complete else tuple(events)


def _protection(deal: Deal, role: Role, version: int) -> orders.OrderRequested:
    plan, kind = deal.plan, OrderType.STOP_MARKET if role is Role.STOP else OrderType.TAKE_PROFIT_MARKET
    trigger = plan.stop if role is Role.STOP else plan.target
    return orders.OrderRequested(event_id(deal.id, version), role, plan.side.exit, kind, plan.quantity, trigger)


def _exit_filled(state: Open | Exiting, deal: Deal, answer: VenueFilled) -> tuple[PositionEvent, ...]:
    fill = _fill(deal, answer)
    if fill is None:
        return ()
    after = deal.filled(fill.role, fill.trade_id, fill.price, fill.quantity, fill.fee)
    if fill.complete:
        after = after.without_order(fill.order_id)
    if isinstance(state, Exiting) and fill.role is Role.EXIT:
        reason = state.reason
    else:
        reason = ExitReason.TARGET if fill.role is Role.TARGET else ExitReason.STOP
    return fill, *_after_exit(state, after, reason, fill.time_ms, complete=fill.complete)


def _after_exit(
    state: Open | Exiting, after: Deal, reason: ExitReason, time_ms: int, *, complete: bool
) -> tuple[PositionEvent, ...]:
    """Say what follows from a fill that closed something; `after` it, the fill itself is the next event."""
    version = after.version + 1
    if after.quantity > 0:  # more of the entry came in than the order could close
        if not complete:
            return ()
        if isinstance(state, Open):
            return _exit(after, reason, version)
        return (_exit_order(after, version + 1),) if after.live(Role.EXIT) is None else ()
    entry = after.live(Role.ENTRY)
    if entry is None:
        return PositionClosed.of(after, reason, time_ms), *_cancel_all(after)
    leaving = () if isinstance(state, Exiting) else (ExitRequested(reason),)
    return *leaving, *(() if entry.stage is Stage.CANCELING else (orders.OrderCancelRequested(entry.order_id),))


def _held_rejected(state: Open | Exiting, deal: Deal, answer: VenueRejected) -> tuple[PositionEvent, ...]:
    refused = _rejected(deal, answer)
    if not refused:
        return ()
    if deal.role_of(answer.order_id) is Role.ENTRY:
        return *refused, *_after_entry(state, deal.without_order(answer.order_id), answer.time_ms)
    return refused if isinstance(state, Exiting) else (*refused, *_unprotected(deal))


def _held_canceled(state: Open | Exiting, deal: Deal, answer: VenueCanceled) -> tuple[PositionEvent, ...]:
    """A stop or target that somebody else took away leaves the position unprotected: it is closed."""
    order = deal.order(answer.order_id)
    if order is None:
        return ()
    if order.role is Role.EXIT and order.stage is not Stage.CANCELING:
        return (orders.OrderCanceled(answer.order_id, answer.reason, answer.time_ms),)
    gone = orders.OrderCanceled(answer.order_id, answer.reason)
    if order.role is Role.ENTRY:
        return gone, *_after_entry(state, deal.without_order(answer.order_id), answer.time_ms)
    if order.stage is Stage.CANCELING or isinstance(state, Exiting):
        return (gone,)
    return gone, *_unprotected(deal)


def _after_entry(state: Open | Exiting, after: Deal, time_ms: int) -> tuple[PositionEvent, ...]:
    """Say what follows from the end of an entry that was filled in part; that end itself is the next event."""
    if isinstance(state, Open):
        return (_protection(after, Role.TARGET, after.version + 2),)
    return () if after.quantity > 0 else (PositionClosed.of(after, state.reason, time_ms), *_cancel_all(after))


def _unprotected(deal: Deal) -> tuple[PositionEvent, ...]:
    return _exit(deal, ExitReason.UNPROTECTED, deal.version + 1)


def _exit(deal: Deal, reason: ExitReason, version: int) -> tuple[PositionEvent, ...]:
    return ExitRequested(reason), _exit_order(deal, version + 2)


def _exit_order(deal: Deal, version: int) -> orders.OrderRequested:
    return orders.OrderRequested(
        event_id(deal.id, version), Role.EXIT, deal.plan.side.exit, OrderType.MARKET, deal.quantity
    )


def _liquidated(state: Open | Exiting, deal: Deal, answer: venue.VenueLiquidated) -> tuple[PositionEvent, ...]:
    price, quantity = answer.price, min(answer.quantity, deal.quantity)
    trade_id = answer.trade_id or f"liquidation-{answer.time_ms}"
    if trade_id in deal.trade_ids:
        return ()
    realised = money(deal.realised(price, quantity))
    fill = orders.OrderFilled("", Role.EXIT, trade_id, answer.time_ms, price, quantity, answer.fee, realised)
    after = deal.filled(Role.EXIT, trade_id, price, quantity, answer.fee)
    return fill, *_after_exit(state, after, ExitReason(answer.cause), answer.time_ms, complete=False)


def _funded(deal: Deal, told: venue.VenueFunded, after_close: Aftermath | None = None) -> tuple[PositionEvent, ...]:
    """Settle funding once: it is told by a stream and by a list, and may be told long after its time."""
    if told.time_ms <= deal.funded_ms:
        return ()
    return (FundingSettled(told.time_ms, told.rate, told.mark, told.amount, after_close),)


def _observed(deal: Deal, seen: ObservePrice) -> tuple[PositionEvent, ...]:
    reach = deal.stretched(seen.high, seen.low)
    return () if reach is None else (PriceExtremeReached(*reach),)


def _cancel_all(deal: Deal) -> tuple[orders.OrderCancelRequested, ...]:
    return tuple(orders.OrderCancelRequested(o.order_id) for o in deal.orders if o.stage is not Stage.CANCELING)


# ── react, resume ─────────────────────────────────────────────────────────────────────────────────────────────────


def react(state: Position, event: PositionEvent) -> tuple[Reaction, ...]:
    """Say what an event sets in motion: orders for the venue, bookings for the account, timers."""
    if isinstance(state, Flat):
        return ()
    deal = state.deal
    match event:
        case PositionRequested(plan):
            return (Tell(f"symbol:{plan.symbol}", commands.AttachPosition(deal.id, plan)),)
        case orders.OrderRequested():
            return (deal.place(deal.orders[-1]),)
        case orders.OrderCancelRequested(order_id):
            return (CancelOrder(deal.plan.account, order_id, deal.plan.symbol),)
        case orders.OrderRejected(role=Role.EXIT, time_ms=time_ms):
            return (Timer("retry-exit", time_ms + EXIT_RETRY_MS, RetryExit()),)
        case orders.OrderCanceled(time_ms=time_ms) if time_ms and isinstance(state, Exiting) and state.lacks_order:
            return (Timer("retry-exit", time_ms + EXIT_RETRY_MS, RetryExit()),)
        case orders.OrderFilled():
            return _to_account(deal, commands.BookFill(deal.id, event.order_id, event.fee, event.realised))
        case FundingSettled(amount=amount):
            return _to_account(deal, commands.BookFunding(deal.id, amount))
        case PositionOpened():
            return (_time_stop(deal),)
        case PositionClosed() | PositionAbandoned():
            return _over(deal, event)
        case (
            orders.OrderAccepted() | orders.OrderRejected() | orders.OrderCanceled() | PriceExtremeReached()
            | ExitRequested()
        ):  # fmt: skip
            return ()


def _over(deal: Deal, event: PositionClosed | PositionAbandoned) -> tuple[Reaction, ...]:
    over = Tell(f"symbol:{deal.plan.symbol}", commands.DetachPosition(deal.id))
    timers = (Timer("time-stop", 0, None), Timer("retry-exit", 0, None))
    ended = over, *_to_account(deal, commands.ReleasePosition(deal.id)), *timers
    if isinstance(event, PositionAbandoned) and deal.plan.account != VIRTUAL and event.reason != ENTRY_OUTDATED:
        return (*ended, _followed(deal, event.reason))
    return ended


def _followed(deal: Deal, why: str) -> Tell:
    """Let a signal be followed virtually whose entry came to nothing: it is not traded either (product.md §6).

    One that is outdated is not: nobody could have entered at its price any more.
    """
    plan = deal.plan
    entry, stop, target = float(plan.reference_price), float(plan.stop), float(plan.target)
    proposal = Proposal(plan.side, entry, stop, target, plan.confidence, plan.win)
    number = int(deal.id.rpartition("-")[2])
    return Tell(f"symbol:{plan.symbol}", commands.FollowVirtually(plan.signal_id, number, proposal, why))


def resume(state: Position) -> tuple[Issued | Timer, ...]:
    """Ask again for what the venue has not answered, and arm the time stop."""
    if isinstance(state, Flat):
        return ()
    deal = state.deal
    again: list[Issued | Timer] = []
    for order in deal.orders:
        if order.stage is Stage.REQUESTED:
            again.append(Issued(order.order_id, deal.place(order)))
        elif order.stage is Stage.CANCELING:
            again.append(Issued(order.cancel_id, CancelOrder(deal.plan.account, order.order_id, deal.plan.symbol)))
    if isinstance(state, Open):
        again.append(_time_stop(deal))
    if isinstance(state, Exiting) and state.lacks_order:
        again.append(Timer("retry-exit", 0, RetryExit()))
    return tuple(again)


def _time_stop(deal: Deal) -> Timer:
    return Timer("time-stop", deal.opened_ms + deal.plan.time_stop_ms, ClosePosition(ExitReason.TIME_STOP))


def _to_account(deal: Deal, command: Command) -> tuple[Tell, ...]:
    """Book with the account; a virtual position has none."""
    return (Tell(f"account:{deal.plan.account}", command),) if deal.plan.account != VIRTUAL else ()


DECIDER = plain_decider(
    state_type=Position,
    initial=Flat,
    decide=decide,
    evolve=evolve,
    react=react,
    resume=resume,
    finished=lambda state: isinstance(state, Closed) and not state.deal.orders,
    births=(OpenPosition,),
)
