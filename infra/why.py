"""Why it did that, or did not: the chain of causes of one thing, from stored facts only.

    input ─▶ analysis ─▶ signal ─▶ approved or denied ─▶ orders ─▶ fills ─▶ exit ─▶ result

Every link is a recorded event, told in a sentence with the numbers that it rested on. Nothing is computed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from actors.ports import Reader
from domain import account, operations, orders, position_events
from domain.base import Event, Recorded, kind_of, stream_of
from domain.catalog import decode_input, name_of
from domain.config import Config
from domain.deal import VIRTUAL
from domain.errors import InvalidInput
from domain.symbol import events
from infra import why_analysis
from infra.moments import iso
from infra.plain import plain

SEARCH_WINDOW: Final = 5_000
"""How many events are looked at at a time when a symbol's last analysis is searched backwards."""
EXPECTED: Final = (
    "an order (position:…@3), a position (position:main/BTCUSDT-7), a signal (symbol:BTCUSDT@42) or a symbol"
)


class Link(msgspec.Struct, frozen=True):
    """One link of the chain: which fact, when, and what it says in a sentence; `facts` is the whole event."""

    seq: int
    at: str
    stream: str
    event: str
    says: str
    facts: dict[str, Any]


def why(reader: Reader, asked: str, until_seq: int | None = None) -> list[Link]:
    """Give the chain of causes of an order, a position, a signal or a symbol's last verdict, as of an event.

    Raises `InvalidInput` if there is no such thing by then.
    """
    until = reader.head().seq if until_seq is None else until_seq
    stream = stream_of(asked) if "@" in asked else asked
    match kind_of(stream):
        case "position":
            return _of_position(reader, stream, until, asked)
        case "symbol":
            return _of_signal(reader, _event(reader, asked, until), until)
        case _ if ":" not in asked:
            return _of_symbol(reader, f"symbol:{asked.upper()}", until)
        case _:
            raise InvalidInput("why", EXPECTED, repr(asked))


# ── the three beginnings ──────────────────────────────────────────────────────────────────────────────────────────


def _of_position(reader: Reader, stream: str, until: int, asked: str) -> list[Link]:
    life = [recorded for recorded in reader.of_stream(stream) if recorded.seq <= until]
    if not life:
        raise InvalidInput("why", EXPECTED + " of this run", repr(asked))
    if "@" in asked:
        _event(reader, asked, until)
    requested = life[0].event
    links: list[Link] = []
    if isinstance(requested, position_events.PositionRequested):
        signal = _event(reader, requested.plan.signal_id, until)
        links += _roots(reader, signal)
        for verdict in _verdict_on(reader, signal, until):
            links.append(_link(verdict))
            if isinstance(verdict.event, account.EntryApproved) and verdict.event.position != stream:
                links += _life(reader, verdict.event.position, until)  # it came to nothing
    only = life if "@" not in asked else [recorded for recorded in life if _concerns(recorded, asked)]
    return links + [_link(recorded) for recorded in only]


def _of_signal(reader: Reader, signal: Recorded, until: int) -> list[Link]:
    links = _roots(reader, signal)
    for verdict in _verdict_on(reader, signal, until):
        links.append(_link(verdict))
        if isinstance(verdict.event, account.EntryApproved):
            links += _life(reader, verdict.event.position, until)
    if isinstance(signal.event, events.SignalRaised):  # it is followed where it is not traded
        links += _life(reader, f"position:{VIRTUAL}/{signal.stream.partition(':')[2]}-{signal.event.number}", until)
    return links


def _life(reader: Reader, position: str, until: int) -> list[Link]:
    return [_link(recorded) for recorded in reader.of_stream(position) if recorded.seq <= until]


def _of_symbol(reader: Reader, stream: str, until: int) -> list[Link]:
    """Give a symbol's newest analysis, and what followed from it."""
    analysed = _newest(reader, until, stream, events.SymbolAnalyzed)
    if analysed is None:
        if next(iter(reader.of_stream(stream)), None) is None:
            raise InvalidInput("why", "a symbol of this run", repr(stream.partition(":")[2]))
        raise InvalidInput("why", "a symbol that was analysed by then", f"none of {stream.partition(':')[2]}")
    links = [_input_link(reader, analysed), *_analysis_links(reader, analysed)]
    told = len(links)
    for recorded in reader.of_stream(stream, analysed.version):
        if recorded.input_seq != analysed.input_seq or recorded.seq > until:
            break
        links.append(_link(recorded))
        if isinstance(recorded.event, events.SignalRaised):
            return _of_signal(reader, recorded, until)
    if len(links) == told and isinstance(analysed.event, events.SymbolAnalyzed):
        links.append(_silence(reader, analysed, until))
    return links


# ── links ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _roots(reader: Reader, signal: Recorded) -> list[Link]:
    """Give the input and the analysis that a signal came from, and the signal."""
    before = [r for r in reader.of_stream(signal.stream, max(0, signal.version - 2)) if r.version <= signal.version]
    links = [_input_link(reader, signal)]
    for recorded in before:
        if recorded.input_seq == signal.input_seq:
            links += _analysis_links(reader, recorded)
    return links


def _analysis_links(reader: Reader, recorded: Recorded) -> list[Link]:
    """Give a fact; a full analysis with the steps that led to its verdict before it."""
    event = recorded.event
    if not isinstance(event, events.SymbolAnalyzed) or event.assessment is None:
        return [_link(recorded)]
    at, stream = iso(recorded.at_ms), recorded.stream
    steps = why_analysis.told(event, _settings(reader, recorded.seq))
    return [*(Link(recorded.seq, at, stream, what, says, {}) for what, says in steps), _link(recorded)]


def _settings(reader: Reader, until: int) -> Config:
    """Give the settings that were in force at an event."""
    started = _newest(reader, until, operations.STREAM, operations.RunStarted)
    assert started is not None, "a run begins with its settings"
    assert isinstance(started.event, operations.RunStarted), "looked for by its kind"
    return started.event.config


def _verdict_on(reader: Reader, signal: Recorded, until: int) -> Iterator[Recorded]:
    """Give what the account said about a signal; it says so while the same input is handled."""
    topics = (name_of(account.EntryApproved), name_of(account.EntryDenied))
    for recorded in reader.events(signal.seq, min(until, signal.seq + SEARCH_WINDOW), topics):
        if recorded.input_seq != signal.input_seq:
            return
        event = recorded.event
        named = event.plan.signal_id if isinstance(event, account.EntryApproved) else getattr(event, "signal_id", "")
        if named == signal.event_id:
            yield recorded


def _silence(reader: Reader, analysed: Recorded, until: int) -> Link:
    """Say why an analysis with a side raised nothing: the side was known already."""
    raised = _newest(reader, until, analysed.stream, events.SignalRaised)
    event = analysed.event
    assert isinstance(event, events.SymbolAnalyzed)
    published = event.assessment is None or event.assessment.publication.published
    if event.verdict == "NONE" or raised is None or not published:
        says = f"no signal: {', '.join(event.reasons)}"
    else:
        says = f"no new signal: {event.verdict} was published as {raised.event_id} and has not changed since"
    return Link(analysed.seq, iso(analysed.at_ms), analysed.stream, "", says, {})


def _event(reader: Reader, event_id: str, until: int) -> Recorded:
    stream, _, version = event_id.rpartition("@")
    if version.isdecimal():
        found = next(reader.of_stream(stream, int(version) - 1), None)
        if found is not None and found.version == int(version) and found.seq <= until:
            return found
    raise InvalidInput("why", EXPECTED + " of this run", repr(event_id))


def _newest(reader: Reader, until: int, stream: str, kind: type[Event]) -> Recorded | None:
    """Find a stream's newest event of a kind, searching backwards in growing windows."""
    window, end = SEARCH_WINDOW, until
    while end > 0:
        start = max(0, end - window)
        found = [recorded for recorded in reader.events(start, end, (name_of(kind),)) if recorded.stream == stream]
        if found:
            return found[-1]
        end, window = start, window * 2
    return None


def _input_link(reader: Reader, recorded: Recorded) -> Link:
    frame = next(reader.frames(recorded.input_seq - 1, recorded.input_seq))
    input_ = decode_input(frame.input)
    kind = name_of(type(input_))
    says = f"input {frame.input_seq} came in"
    return Link(recorded.seq, iso(frame.at_ms), "", kind, says, plain(input_))


def _link(recorded: Recorded) -> Link:
    event = recorded.event
    return Link(
        seq=recorded.seq,
        at=iso(recorded.at_ms),
        stream=recorded.stream,
        event=name_of(type(event)),
        says=_sentence(event),
        facts=plain(event),
    )


def _concerns(recorded: Recorded, order_id: str) -> bool:
    """Whether a fact of a position is about one order, or about the position as a whole."""
    named = getattr(recorded.event, "order_id", None)
    return named in {None, order_id}


def _sentence(event: Event) -> str:
    """Tell one fact."""
    match event:
        case events.SymbolAnalyzed(assessment=found) if found is not None:
            sure = (
                "" if event.confidence is None else f", confidence {event.confidence:.2f}, win {event.win or 0.0:.2f}"
            )
            against = f" ({', '.join(event.reasons)})" if event.reasons else ""
            return f"{event.strategy} says {event.verdict} on {event.interval}: {found.tier}{against}{sure}"
        case events.SymbolAnalyzed():
            facts = ", ".join(f"{name} {value:.6g}" for name, value in event.facts)
            return f"{event.strategy} says {event.verdict} on {event.interval} ({', '.join(event.reasons)}): {facts}"
        case events.SignalRaised(number=number, proposal=p):
            levels = f"entry {p.entry:g}, stop {p.stop:.6g}, target {p.target:.6g}"
            return f"signal {number}: {p.side}, {levels}, confidence {p.confidence:.2f}, win {p.win:.2f}"
        case events.SignalDeclined(side=side, reasons=reasons):
            return f"{side} is not followed: {', '.join(reasons)}"
        case events.VirtualPositionPlanned(position=position, why=because, replaces=replaces):
            told = f"followed virtually as {position} because of {because}"
            return f"{told}, replaces {replaces}" if replaces else told
        case account.EntryApproved(position=position, plan=plan, equity=equity):
            size = f"{plan.quantity:f} at about {plan.reference_price:f}, margin {plan.margin:f} at {plan.leverage}x"
            return f"traded as {position}: {size}, balance {equity:f}"
        case account.EntryDenied(code=code, facts=facts):
            return f"not traded: {code}" + "".join(f", {name} {value}" for name, value in facts)
        case _:
            return _sentence_of_position(event)


def _sentence_of_position(event: Event) -> str:
    match event:
        case position_events.PositionRequested(plan=plan):
            return f"{plan.side} {plan.quantity:f} {plan.symbol}, stop {plan.stop:f}, target {plan.target:f}"
        case orders.OrderRequested():
            trigger = f" at {event.trigger:f}" if event.trigger is not None else ""
            return f"{event.role} asked for: {event.side} {event.quantity:f} {event.order_type}{trigger}"
        case orders.OrderFilled():
            cost = f"fee {event.fee:f}, realised {event.realised:f}"
            return f"{event.role} filled: {event.quantity:f} at {event.price:f}, {cost}"
        case orders.OrderAccepted(order_id=order_id):
            return f"the venue took order {order_id}"
        case orders.OrderRejected(role=role, code=code, text=text):
            return f"the venue refused the {role}: {text} ({code})"
        case position_events.PositionOpened(price=price, slippage=slippage):
            against = "worse" if slippage >= 0 else "better"
            return f"open at {price:f}, {abs(slippage) * 10_000:.1f} bps {against} than decided"
        case position_events.PriceExtremeReached(highest=highest, lowest=lowest):
            return f"the price has been between {lowest:f} and {highest:f} since the entry"
        case position_events.FundingSettled(amount=amount, mark=mark, after_close=over):
            late = "" if over is None else f", told after the close: net is now {over.net + amount:f}"
            return f"funding {amount:f} at mark {mark:f}{late}"
        case position_events.ExitRequested(reason=reason):
            return f"is to be left at the market: {reason}"
        case position_events.PositionClosed():
            result = f"gross {event.gross:f}, fees {event.fees:f}, funding {event.funding:f}, net {event.net:f}"
            return f"closed by {event.reason} at {event.exit_price:f}: {result}"
        case operations.DeadLetter(stream=stream, error=error):
            return f"{stream} crashed: {error}"
        case _:
            return name_of(type(event))
