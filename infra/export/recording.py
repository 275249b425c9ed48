"""The one pass over the events: each becomes a line, a leaf of the tree, and a row of its table.

Memory holds one batch at a time. After each part everything is on the disk and `state` says so: that is where the same
export goes on after an interruption. Batches are cut by what they hold, never by how they were read, so the files are
the same with and without one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from domain.base import Event, Recorded
from domain.catalog import decode_event, name_of
from domain.errors import CorruptHistory
from domain.proof.chain import leaf_hash
from domain.proof.merkle import GrownTree
from infra.export.columns import EventColumns
from infra.export.lines import line_of
from infra.export.plan import Range
from infra.export.redaction import Redaction
from infra.export.source import Source, Stored
from infra.export.statement import STATED, Statement
from infra.export.unfinished import Growing, State, Unfinished

EVENTS_A_PART: Final = 262_144
EVENTS_A_BATCH: Final = 8_192
BYTES_A_BATCH: Final = 2 * 1024 * 1024
LINES: Final = "events.jsonl"


class Recording:
    """The pass. `state` is advanced in place; `tree` and `full_tree` are over the lines with and without redaction."""

    def __init__(self, source: Source, redaction: Redaction, place: Unfinished, state: State) -> None:
        self.state = state
        older = state.wish.older
        events = state.range.events
        self.tree = GrownTree(events, older.tree_size if older else 0, state.tree)
        self.full_tree = GrownTree(events, 0, state.full_tree) if redaction else self.tree
        self._source = source
        self._redaction = redaction
        self._place = place
        self._columns: dict[type[Event], EventColumns] = {}

    def run(self, progress: Callable[[int], None], part: int = EVENTS_A_PART) -> None:
        """Record what is not recorded yet. `progress` gets the number of events so far.

        Raises `CorruptHistory` if there is a gap, or if the older bundle's events are not those of this store.
        """
        state = self.state
        self._place.bundle.mkdir(exist_ok=True)
        lines = Growing(self._place.bundle / LINES, state.lines_bytes)
        scratch = Growing(self._place.scratch, state.scratch_bytes)
        try:
            saved = state.events
            after = state.range.first_seq - 1 + state.events
            for batch in _batches(self._source.stored(after, state.range.last_seq)):
                self._take(batch, lines, scratch)
                if state.events - saved >= part or state.events == state.range.events:
                    self._save(lines, scratch)
                    saved = state.events
                progress(state.events)
        finally:
            lines.close()
            scratch.close()
        if state.events < state.range.events:
            raise CorruptHistory(state.range.first_seq + state.events, "the events after it are missing")

    def _take(self, batch: list[Stored], lines: Growing, scratch: Growing) -> None:
        state = self.state
        expected = state.range.first_seq + state.events
        texts: list[bytes] = []
        full: list[bytes] = []
        rows: dict[type[Event], list[Recorded]] = {}
        for seq, stored in enumerate(batch, expected):
            if stored[0] != seq:
                raise CorruptHistory(seq, f"it is missing, seq {stored[0]} comes instead")
            line = line_of(stored)
            if self._redaction:
                full.append(leaf_hash(line.encode()))
                self._redaction.apply(line.type, line.event)
            texts.append(line.encode())
            recorded = _recorded(stored)
            rows.setdefault(kind := type(recorded.event), []).append(recorded)
            if kind in STATED:
                state.statement.take(recorded, line.event, state.last_ms)
            state.last_ms = recorded.at_ms
        lines.add(b"".join(texts))
        self.tree.extend(list(map(leaf_hash, texts)))
        if self._redaction:
            self.full_tree.extend(full)
        for kind, events in rows.items():
            place = scratch.add(self._columns_of(kind).of_events(events).serialize().to_pybytes())
            state.batches.setdefault(name_of(kind), []).append(place)
        state.counts = dict(Counter(state.counts) + Counter(stored[3] for stored in batch))
        state.events += len(batch)
        self._require_consistency()

    def _columns_of(self, kind: type[Event]) -> EventColumns:
        if kind not in self._columns:
            self._columns[kind] = EventColumns(self._redaction.group(name_of(kind)))
        return self._columns[kind]

    def _require_consistency(self) -> None:
        older, root = self.state.wish.older, self.tree.old_root()
        if older is not None and root is not None and root.hex() != older.merkle_root:
            seq = older.first_seq + older.tree_size - 1
            raise CorruptHistory(seq, "up to here the events are not those of the older bundle: history was rewritten")

    def _save(self, lines: Growing, scratch: Growing) -> None:
        lines.sync()
        scratch.sync()
        state = self.state
        state.lines_bytes, state.scratch_bytes = lines.size, scratch.size
        state.tree, state.full_tree = self.tree.growth, self.full_tree.growth
        self._place.save(state)


def opening(source: Source, range_: Range, redaction: Redaction) -> tuple[Statement, int]:
    """Give the statement as it stands before the range, and the time of the event before it (or of its first)."""
    statement, before = Statement(), range_.first_seq - 1
    if before == 0:
        return statement, range_.from_ms
    for stored in source.stored(0, before, sorted(map(name_of, STATED))):
        line = line_of(stored)
        redaction.apply(line.type, line.event)
        statement.take(_recorded(stored), line.event, line.at_ms)
    statement.begin()
    return statement, next(iter(source.reader.events(before - 1, before))).at_ms


def _batches(rows: Iterable[Stored]) -> Iterator[list[Stored]]:
    batch: list[Stored] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row[4])
        if len(batch) == EVENTS_A_BATCH or size >= BYTES_A_BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _recorded(stored: Stored) -> Recorded:
    seq, stream, version, topic, state = stored
    try:
        input_seq, at_ms, event = decode_event(topic, state)
    except CorruptHistory as error:
        raise CorruptHistory(seq, error.why) from error
    return Recorded(seq, stream, version, input_seq, at_ms, event)
