"""What was ever written can be read, and means what it meant: see `conftest.py` for how to add to the golden files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors.kernel import Kernel
from actors.ports import Head
from domain.catalog import EFFECTS, EVENTS, INPUTS, UPCASTERS, name_of
from domain.scan.summary import ScanRow
from infra.memory import MemoryJournal
from tests.golden.sample import lived
from tests.golden.stored import HISTORIES, NAMES, SEALS, Stored, all_stored, seals, shapes_of, write
from tests.worlds import Told

ADD = "run `pytest tests/golden --update-golden` and read what it changes"
KINDS = (*INPUTS, *EVENTS, *EFFECTS)
CATALOG = {name_of(kind) for kind in KINDS}
NEVER_STORED = {ScanRow}
"""A summary that becomes an event leaves its rows out; only the command `scan` shows them."""
SHAPES = shapes_of(KINDS) - NEVER_STORED

histories = pytest.mark.parametrize("stored", all_stored(), ids=lambda stored: stored.path.stem)


def folded(stored: Stored) -> dict[str, Any]:
    """Fold a history with today's code: every stream's state, finished ones included, and the hash of the live ones."""
    recorded = list(stored.recorded())
    journal = MemoryJournal()
    journal._streams = {r.stream: [one for one in recorded if one.stream == r.stream] for r in recorded}
    kernel = Kernel(journal, lambda _: Told())
    last = recorded[-1]
    kernel.restore(None, iter(recorded), Head(last.seq, last.input_seq, last.at_ms))
    state_hash = kernel.population.state_hash()
    streams: dict[str, object] = {}
    for stream in sorted(journal._streams):
        actor = kernel.population.rebuild(stream, ())
        streams[stream] = actor.decider.describe(actor.state)
    kernel.close()
    return json.loads(json.dumps({"state_hash": state_hash, "streams": streams}, default=str))


def unchanged(stored: Stored) -> bool:
    """Say whether today's code writes the same facts in the same bytes."""
    events, frames = stored.rewritten()
    return [state.hex() for state in events] == [line["state"] for line in stored.events] and [
        frame.hex() for frame in frames
    ] == [line["input"] + line["effects"] for line in stored.frames]


@pytest.fixture(scope="module", autouse=True)
def updated(updating: bool) -> None:
    """With `--update-golden`, add what is new."""
    if not updating:
        return
    known = NAMES.read_text().split() if NAMES.exists() else []
    NAMES.write_text("".join(f"{name}\n" for name in sorted({*known, *CATALOG})))
    found = all_stored()
    if not found or not (found[-1].names() >= CATALOG and found[-1].shapes() >= SHAPES and unchanged(found[-1])):
        path = HISTORIES / f"{len(found) + 1:04}.jsonl"
        write(lived(), path)
        with SEALS.open("a") as file:
            file.write(f"{Stored(path).digest()}  {path.name}\n")
    for stored in all_stored():
        stored.expected_path.write_text(json.dumps(folded(stored), indent=1, sort_keys=True) + "\n")


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_name_of_the_catalog_is_listed() -> None:
    missing = CATALOG - set(NAMES.read_text().split())
    assert not missing, f"a new name: {ADD}"


def test_no_name_that_was_ever_written_is_forgotten() -> None:
    gone = set(NAMES.read_text().split()) - CATALOG - set(UPCASTERS)
    assert not gone, f"stored under {sorted(gone)} there may be facts: keep the name by tag=, or add an upcaster"


def test_the_list_of_names_is_in_order() -> None:
    names = NAMES.read_text().splitlines()
    assert names == sorted(set(names))


# ── histories ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_there_is_a_history_of_every_kind_of_input_event_and_effect() -> None:
    missing = CATALOG - all_stored()[-1].names()
    assert not missing, f"{ADD} (and let tests/golden/sample.py do it: {sorted(missing)})"


def test_there_is_a_history_of_every_struct_inside_them() -> None:
    """Most of them are arrays: a field that moves would be read as another one."""
    missing = SHAPES - all_stored()[-1].shapes()
    assert not missing, f"{ADD} (and let tests/golden/sample.py do it: {sorted(kind.__name__ for kind in missing)})"


@histories
def test_a_golden_history_is_never_edited(stored: Stored) -> None:
    assert stored.digest() == seals()[stored.path.name]


def test_no_golden_history_is_lost() -> None:
    assert {stored.path.name for stored in all_stored()} == set(seals())


@histories
def test_a_golden_history_folds_to_the_state_that_was_expected(stored: Stored) -> None:
    expected = json.loads(stored.expected_path.read_text())
    found = folded(stored)
    assert found["streams"] == expected["streams"]
    assert found["state_hash"] == expected["state_hash"], (
        f"the shape of a state changed: {ADD}, raise CHECKPOINT_SCHEMA"
    )


@histories
def test_a_golden_tape_can_be_read(stored: Stored) -> None:
    _, frames = stored.rewritten()
    assert len(frames) == stored.frames[-1]["input_seq"]


def test_what_is_written_today_has_the_bytes_of_the_newest_history() -> None:
    """A field that is renamed, reordered or no longer left out would make other bytes of the same facts."""
    assert unchanged(all_stored()[-1]), ADD
