"""`virtual_positions`: every position that followed a signal without money, and why the signal was not traded."""

from __future__ import annotations

from msgspec.structs import replace

from domain.base import Recorded
from domain.symbol.events import VirtualPositionPlanned
from projections.base import Changes, Projection, Rows
from projections.positions import FOLLOWED, PositionRow, after_close, changed, requested


class VirtualPositionRow(PositionRow, frozen=True):
    """A position of the account `virtual`. `why` is the code of the refusal, `replaces` the opposite one or ""."""

    why: str = ""
    replaces: str = ""


def apply(rows: Rows[VirtualPositionRow], recorded: Recorded) -> Changes[VirtualPositionRow]:
    """Give the virtual position of this event as it is afterwards."""
    match recorded.event:
        case VirtualPositionPlanned(position, plan, why, replaces):
            row = requested(VirtualPositionRow, position, plan, recorded.at_ms)
            return {(position,): replace(row, why=why, replaces=replaces)}
        case _:
            return changed(rows, (recorded.stream,), recorded)


VIRTUAL_POSITIONS = Projection(
    name="virtual_positions",
    version=2,
    topics=(VirtualPositionPlanned, *FOLLOWED),
    row=VirtualPositionRow,
    key=("position",),
    apply=apply,
    indices=(("requested_ms",), ("closed_ms",), ("symbol", "requested_ms"), ("signal_id",)),
    order=("requested_ms", "position"),
    late=after_close,
)
