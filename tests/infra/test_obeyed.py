"""What an operator is told about a command: what it closes, what it did not find, and what still halts."""

from __future__ import annotations

import pytest
from stored_runs import MemoryRun
from trading_history import TradingHistory

from domain.account import CloseOrdered, EntriesHalted, EntriesResumed
from domain.base import Event
from domain.errors import InvalidInput
from domain.operations import STREAM, OperatorCommandAccepted, OperatorKind
from infra.memory import MemoryJournal
from infra.obeyed import followed, require_symbol, sentence

HALT, RESUME, FLATTEN, CLOSE = OperatorKind.HALT, OperatorKind.RESUME, OperatorKind.FLATTEN, OperatorKind.CLOSE


def asked(history: TradingHistory, kind: OperatorKind, *events: Event, argument: str = "") -> int:
    """Record a command with what it led to, and give the answering event's place."""
    accepted = OperatorCommandAccepted(len(history.events), kind, argument, "ann")
    return history.record((STREAM, accepted), *(("account:main", event) for event in events))[0].seq


def reader_of(history: TradingHistory) -> MemoryJournal:
    run = MemoryRun()
    run.add(history.events)
    return run.reader


def test_a_close_names_what_it_closes_and_says_when_there_was_nothing() -> None:
    history = TradingHistory().start()
    nothing = asked(history, CLOSE, argument="ETHUSDT")
    closing = asked(history, CLOSE, CloseOrdered(("position:main/BTCUSDT-7",)), argument="BTCUSDT")
    reader = reader_of(history)
    assert sentence(CLOSE, "ETHUSDT", followed(reader, CLOSE, nothing)) == "nothing was open in ETHUSDT"
    told = sentence(CLOSE, "BTCUSDT", followed(reader, CLOSE, closing))
    assert told == "closing position:main/BTCUSDT-7 at the market"


def test_flatten_and_halt_say_that_no_new_positions_are_taken() -> None:
    history = TradingHistory().start()
    halt = asked(history, HALT, EntriesHalted("OPERATOR"))
    flatten = asked(history, FLATTEN, CloseOrdered(("position:main/A-1", "position:main/B-2")))
    reader = reader_of(history)
    told = sentence(FLATTEN, "", followed(reader, FLATTEN, flatten))
    assert told == "closing position:main/A-1, position:main/B-2 at the market; no new positions until `resume`"
    assert "no new positions until `resume`" in sentence(HALT, "", followed(reader, HALT, halt))


def test_resume_does_not_promise_what_another_halt_forbids() -> None:
    history = TradingHistory().start()
    asked(history, HALT, EntriesHalted("OPERATOR"))
    history.record(("account:main", EntriesHalted("FEED_STALE")))
    first = asked(history, RESUME, EntriesResumed("OPERATOR"))
    history.record(("account:main", EntriesResumed("FEED_STALE")))
    second = asked(history, RESUME)
    reader = reader_of(history)
    assert "still no new positions because of FEED_STALE" in sentence(RESUME, "", followed(reader, RESUME, first))
    assert sentence(RESUME, "", followed(reader, RESUME, second)) == "new positions may be taken again"


def test_a_symbol_that_the_run_never_heard_of_is_a_slip_of_the_pen() -> None:
    reader = reader_of(TradingHistory().start().candle("BTCUSDT", 100.0))
    require_symbol(reader, "BTCUSDT")
    with pytest.raises(InvalidInput, match="a symbol of this run"):
        require_symbol(reader, "BTCUSD")
