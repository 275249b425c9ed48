"""The tables of a bundle: one a kind of event, the orders and the operator's actions; Parquet, and CSV if asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from infra.export import lifecycle, operator
from infra.export.columns import Columns, EventColumns
from infra.export.redaction import Redaction
from infra.export.source import Source
from infra.export.tables import ROWS_A_GROUP, batches_in, batches_of, write_csv, write_parquet
from infra.export.unfinished import State, Unfinished

_ipc = cast("Any", pa).ipc


class Tabling:
    """Writes the tables of a range whose events are all recorded. A large one that is finished is not written again."""

    def __init__(self, source: Source, redaction: Redaction, place: Unfinished, state: State) -> None:
        self._source = source
        self._redaction = redaction
        self._place = place
        self._state = state

    def run(self, progress: Callable[[int], None]) -> None:
        """Write the tables. `progress` gets the number of events whose tables are done."""
        done = 0
        for name, places in sorted(self._state.batches.items()):
            columns = EventColumns(self._redaction.group(name))
            self._table(f"events/{name}", columns, self._scratched(columns, places))
            done += self._state.tables[f"events/{name}.parquet"]
            progress(done)
        span = self._state.range
        reader, first, last = self._source.reader, span.first_seq, span.last_seq
        lives = lifecycle.order_lives(reader.events(0, last, lifecycle.TOPICS), first)
        columns = Columns(lifecycle.order_columns(self._redaction))
        self._table("orders", columns, batches_of(columns, lives))
        actions = operator.operator_actions(reader, reader.events(first - 1, last, operator.TOPICS), last)
        columns = Columns(operator.action_columns(self._redaction))
        self._table("operator_actions", columns, batches_of(columns, actions))

    def _table(self, name: str, columns: Columns, batches: Iterable[Any]) -> None:
        parquet = f"{name}.parquet"
        self._once(parquet, lambda path: write_parquet(path, columns.schema, batches))
        if self._state.wish.csv:
            made = self._place.bundle / parquet
            self._once(f"csv/{name}.csv", lambda path: write_csv(path, columns.schema, batches_in(made)))

    def _once(self, name: str, write: Callable[[Path], int]) -> None:
        if name in self._state.tables:
            return
        path = self._place.bundle / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = self._state.tables[name] = write(path)
        if rows >= ROWS_A_GROUP:  # a small table is sooner made again than noted
            self._place.save(self._state)

    def _scratched(self, columns: Columns, places: Iterable[tuple[int, int]]) -> Iterator[Any]:
        with self._place.scratch.open("rb") as file:
            for offset, length in places:
                file.seek(offset)
                yield _ipc.read_record_batch(cast("Any", pa).py_buffer(file.read(length)), columns.schema)
