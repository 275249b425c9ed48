"""The table of operator actions: who asked for what, when, and which events followed from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Final

import msgspec

from actors.ports import Reader
from domain.base import Recorded
from domain.catalog import name_of
from domain.operations import OperatorCommandAccepted, OperatorKind
from infra.export.fields import Group, group_of, without
from infra.export.redaction import Redaction

TOPICS: Final = (name_of(OperatorCommandAccepted),)


class OperatorAction(msgspec.Struct, frozen=True):
    """One command of an operator that was carried out. `led_to` are the events that the same input caused after it."""

    seq: int
    at_ms: int
    input_seq: int
    event_id: str
    command_id: int
    kind: OperatorKind
    argument: str
    who: str
    led_to: tuple[str, ...]


def action_columns(redaction: Redaction) -> Group:
    """Give the table's columns, without those that are redacted."""
    own = set(OperatorCommandAccepted.__struct_fields__)
    hidden = [(name,) for name in own if redaction.hides((f"{TOPICS[0]}.{name}",))]
    return without(group_of(OperatorAction), hidden)


def operator_actions(reader: Reader, events: Iterable[Recorded], last_seq: int) -> Iterator[OperatorAction]:
    """Give the actions behind events (of `TOPICS`); what followed is looked for up to `last_seq`."""
    for recorded in events:
        event = recorded.event
        if isinstance(event, OperatorCommandAccepted):
            after = reader.events(recorded.seq, last_seq)
            yield OperatorAction(
                seq=recorded.seq,
                at_ms=recorded.at_ms,
                input_seq=recorded.input_seq,
                event_id=recorded.event_id,
                command_id=event.command_id,
                kind=event.kind,
                argument=event.argument,
                who=event.who,
                led_to=tuple(
                    one.event_id
                    for one in takewhile(lambda one, cause=recorded.input_seq: one.input_seq == cause, after)
                ),
            )
