"""What followed from an operator's command, read from history: which positions are being closed, what still halts."""

from __future__ import annotations

from typing import Final

import msgspec

from actors.ports import Reader
from domain.account import CloseOrdered, EntriesHalted, EntriesResumed
from domain.catalog import name_of
from domain.errors import InvalidInput
from domain.operations import OperatorKind

_HALTS: Final = (name_of(EntriesHalted), name_of(EntriesResumed))


class Followed(msgspec.Struct, frozen=True):
    """What a command led to: the positions that it closes, and, after `resume`, what else keeps new ones out."""

    closing: tuple[str, ...] = ()
    halts: tuple[str, ...] = ()


def followed(reader: Reader, kind: OperatorKind, seq: int) -> Followed:
    """Give what followed from the command that the event `seq` accepted. All of it stands in one commit."""
    (accepted,) = reader.events(seq - 1, seq)
    if kind is OperatorKind.RESUME:
        return Followed(halts=_halts(reader, accepted.input_seq))
    if kind is OperatorKind.HALT:
        return Followed()
    recorded = next(iter(reader.events(seq, topics=(name_of(CloseOrdered),))), None)
    if recorded is None or recorded.input_seq != accepted.input_seq or not isinstance(recorded.event, CloseOrdered):
        return Followed()
    return Followed(recorded.event.positions)


def _halts(reader: Reader, until_input: int) -> tuple[str, ...]:
    """Give the causes that keep new positions out after an input."""
    causes: dict[str, None] = {}
    for recorded in reader.events(0, topics=_HALTS):
        if recorded.input_seq > until_input:
            break
        match recorded.event:
            case EntriesHalted(cause):
                causes[cause] = None
            case EntriesResumed(cause):
                causes.pop(cause, None)
            case _:
                pass
    return tuple(causes)


def require_symbol(reader: Reader, symbol: str) -> None:
    """Raise `InvalidInput` if the run has never heard of a symbol: nothing would happen."""
    if next(iter(reader.of_stream(f"symbol:{symbol}")), None) is None:
        raise InvalidInput("close", "a symbol of this run, such as BTCUSDT", repr(symbol), "Nothing was asked for.")


def sentence(kind: OperatorKind, argument: str, what: Followed) -> str:
    """Say what a command led to."""
    closing = f"closing {', '.join(what.closing)} at the market" if what.closing else "nothing was open"
    match kind:
        case OperatorKind.HALT:
            return "no new positions until `resume`; what is open stays protected"
        case OperatorKind.FLATTEN:
            return f"{closing}; no new positions until `resume`"
        case OperatorKind.CLOSE:
            return closing if what.closing else f"nothing was open in {argument}"
        case OperatorKind.RESUME:
            if what.halts:
                return f"lifted; still no new positions because of {', '.join(what.halts)}"
            return "new positions may be taken again"
