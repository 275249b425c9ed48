"""What holds for every projection: rows are all the state there is, however a history is cut."""

from __future__ import annotations

import inspect
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trading_history import busy_history

from domain.base import Recorded
from domain.catalog import EVENTS
from projections import PROJECTIONS
from projections.base import Projection, fold

HISTORY = busy_history().events
EACH = pytest.mark.parametrize("projection", PROJECTIONS.values(), ids=list(PROJECTIONS))


def stored(projection: Projection[Any], rows: dict[Any, Any]) -> dict[Any, Any]:
    """Give rows as they come back from a store: those that are finished are left out."""
    decode = msgspec.json.Decoder(projection.row).decode
    back = {key: decode(msgspec.json.encode(row)) for key, row in rows.items()}
    return {key: row for key, row in back.items() if not projection.forgets or row.live}


def followed(projection: Projection[Any], events: list[Recorded], cuts: list[int]) -> dict[Any, Any]:
    """Fold in batches as a follower does that is restarted after each of them."""
    table: dict[Any, Any] = {}
    for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        late = [projection.late(one) for one in events[start:end]] if projection.late else []
        before = stored(projection, table) | {key: table[key] for key in late if key in table}
        after = fold(projection, events[start:end], before)
        table.update(after)
    return table


@EACH
@given(cuts=st.lists(st.integers(0, len(HISTORY)), max_size=12).map(sorted))
def test_folding_in_one_go_equals_folding_in_any_batches_from_stored_rows(
    projection: Projection[Any], cuts: list[int]
) -> None:
    assert followed(projection, HISTORY, cuts) == fold(projection, HISTORY)


@EACH
def test_it_forgets_finished_rows_at_once_without_consequence(projection: Projection[Any]) -> None:
    assert followed(projection, HISTORY, list(range(len(HISTORY)))) == fold(projection, HISTORY)


@EACH
def test_a_row_carries_its_own_key(projection: Projection[Any]) -> None:
    rows = fold(projection, HISTORY)
    assert rows, "the history of these tests must leave rows in every read model"
    assert all(projection.key_of(row) == key for key, row in rows.items())


@EACH
def test_it_asks_about_every_kind_of_event_that_it_uses_and_uses_every_kind(projection: Projection[Any]) -> None:
    rows: dict[Any, Any] = {}
    used: set[type] = set()
    for recorded in HISTORY:
        changes = projection.apply(MappingProxyType(rows), recorded)
        if changes:
            used.add(type(recorded.event))
        rows.update(changes)
    assert used == set(projection.topics)


@EACH
def test_its_topics_are_events_of_the_catalog(projection: Projection[Any]) -> None:
    assert set(projection.topics) <= set(EVENTS)
    assert len(projection.topic_names) == len(projection.topics)


@EACH
def test_its_keys_indices_and_order_are_fields_of_its_rows(projection: Projection[Any]) -> None:
    named = {*projection.key, *projection.order, *(field for index in projection.indices for field in index)}
    assert named <= set(projection.row.__struct_fields__)


@EACH
def test_money_in_rows_is_decimal_and_never_float(projection: Projection[Any]) -> None:
    money = {
        "balance",
        "equity",
        "gross",
        "net",
        "fees",
        "funding",
        "fee",
        "margin",
        "reserved",
        "realised",
        "quantity",
    }
    annotations = inspect.get_annotations(projection.row, eval_str=True)
    for name in money & set(annotations):
        assert annotations[name] in {Decimal, Decimal | None}, name


def test_a_registered_name_is_the_projections_own() -> None:
    assert all(name == projection.name for name, projection in PROJECTIONS.items())
