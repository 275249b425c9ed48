"""What a bundle holds, that it is the same bytes whenever it is made, and that an interruption leaves no trace."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bundles import RUN, Desk, contents, findings, history, lines, manifest, retold, source_of
from stored_runs import MemoryRun

from domain.catalog import TOPICS, encode_event, name_of
from domain.errors import CorruptHistory, InvalidInput, Unavailable
from domain.proof.chain import leaf_hash, merkle_root
from infra.export.bundle import export
from infra.export.lines import line_of
from infra.export.plan import wish_for
from infra.export.recording import EVENTS_A_BATCH
from infra.export.source import ReaderSource
from infra.export.unfinished import Unfinished
from infra.moments import iso
from infra.postgres.server import locks


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


class Died(Exception):
    """The process was killed here."""


def dying_at(event: int) -> Any:
    def progress(done: int, _total: int) -> None:
        if done >= event:
            raise Died

    return progress


# ── content ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_line_says_what_is_stored_and_nothing_else(desk: Desk) -> None:
    for recorded, line in zip(history(), lines(desk.make()), strict=True):
        fields = json.loads(line_of(_stored(recorded)).encode())["event"]
        assert line == {
            "seq": recorded.seq, "type": name_of(type(recorded.event)), "stream": recorded.stream,
            "version": recorded.version, "input_seq": recorded.input_seq, "at_ms": recorded.at_ms, "event": fields,
        }  # fmt: skip


def test_an_older_shape_of_an_event_gives_the_line_that_it_gave_then() -> None:
    state = msgspec.msgpack.encode((7, 8, {"type": "LongGone", "amount": "1.50", "list": [1.0, None]}))
    expected = (
        b'{"seq":5,"type":"LongGone","stream":"s:x","version":2,"input_seq":7,"at_ms":8,'
        b'"event":{"amount":"1.50","list":[1.0,null]}}\n'
    )
    assert line_of((5, "s:x", 2, "LongGone", state)).encode() == expected


def test_the_merkle_root_is_over_the_exact_lines(desk: Desk) -> None:
    made = desk.export()
    text = (desk.place / "bundle" / "events.jsonl").read_bytes()
    assert made.merkle_root == merkle_root([leaf_hash(line) for line in text.splitlines(keepends=True)]).hex()


def test_the_manifest_says_what_is_in_the_bundle(desk: Desk) -> None:
    bundle, events = desk.make(), history()
    said = manifest(bundle)
    assert said["events"] == len(events)
    assert said["counts"] == Counter(name_of(type(recorded.event)) for recorded in events)
    assert said["range"] == {
        "first_seq": 1, "last_seq": len(events), "first_input": 1, "last_input": events[-1].input_seq,
        "from_ms": events[0].at_ms, "to_ms": events[-1].at_ms,
    }  # fmt: skip
    assert said["schema_versions"]["events"]["CandleClosed"] == 1
    assert sum(rows for name, rows in said["rows"].items() if name.startswith("events/")) == len(events)


def test_the_manifest_names_every_file_with_its_hash_but_for_the_seals(desk: Desk) -> None:
    bundle = desk.make(csv=True)
    files = contents(bundle)
    named = {one["name"]: (one["bytes"], one["sha256"]) for one in manifest(bundle)["files"]}
    for seal in ("manifest.json", "tree_head.json", "tree_head.sig"):
        del files[seal]
    assert named == {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}


def test_the_outcome_names_all_files_and_the_heads(desk: Desk) -> None:
    made = desk.export()
    assert set(made.files) == set(contents(desk.place / "bundle"))
    assert (made.events, made.first_seq, made.last_seq) == (len(history()), 1, len(history()))
    assert made.key_fingerprint == desk.key.fingerprint
    assert made.chain_head == source_of(history()).reader.head().content_hash.hex()


def test_nothing_in_a_bundle_says_where_it_was_made(desk: Desk) -> None:
    for data in contents(desk.make()).values():
        assert str(desk.place).encode() not in data
        assert b"PRIVATE" not in data


# ── the same bytes ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_range_exported_twice_is_the_same_to_the_byte(desk: Desk) -> None:
    first, second = desk.make("first", csv=True), desk.make("second", csv=True)
    assert contents(first) == contents(second)


def test_a_range_is_the_same_to_the_byte_after_the_history_has_grown(desk: Desk) -> None:
    asked = {"since": "seq:10", "until": "seq:60"}
    before, after = history()[:80], history()
    first, second = contents(desk.make("first", before, **asked)), contents(desk.make("second", after, **asked))
    for files in (first, second):  # a history in memory keeps no commits, so its chain head moves on
        del files["manifest.json"], files["tree_head.json"], files["tree_head.sig"]
    assert first == second


@pytest.mark.parametrize("part", [1, 7, 10_000])
def test_how_often_progress_is_saved_does_not_matter(desk: Desk, part: int) -> None:
    assert contents(desk.make("often", part=part)) == contents(desk.make("seldom", part=64))


# ── ranges ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [("", "", 1, None), ("seq:5", "seq:9", 5, 9), ("seq:0", "", 1, None), ("", "seq:1", 1, 1)],
)
def test_a_range_of_seqs_holds_both_ends(desk: Desk, since: str, until: str, first: int, last: int | None) -> None:
    made = desk.export(since=since, until=until)
    assert (made.first_seq, made.last_seq) == (first, last or len(history()))
    assert [line["seq"] for line in lines(desk.place / "bundle")] == list(range(first, made.last_seq + 1))


def test_a_range_of_inputs_holds_all_events_of_both(desk: Desk) -> None:
    desk.make(since="input:3", until="input:5")
    wanted = [recorded.seq for recorded in history() if 3 <= recorded.input_seq <= 5]
    assert [line["seq"] for line in lines(desk.place / "bundle")] == wanted


def test_a_range_of_times_holds_what_was_recorded_at_both_ends(desk: Desk) -> None:
    begin, end = history()[20].at_ms, history()[40].at_ms
    desk.make(since=iso(begin), until=str(end))
    wanted = [recorded.seq for recorded in history() if begin <= recorded.at_ms <= end]
    assert [line["seq"] for line in lines(desk.place / "bundle")] == wanted


def test_a_range_without_events_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="a range with at least one event"):
        desk.make(since="seq:9", until="seq:8")
    with pytest.raises(InvalidInput, match="a range with at least one event"):
        desk.make("empty", [])


# ── since an older bundle ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_bundle_proves_that_an_older_one_is_its_beginning(desk: Desk) -> None:
    older = desk.make("older", until="seq:50")
    newer = desk.make("newer", older=older)
    proof = json.loads((newer / "consistency.json").read_bytes())
    assert (proof["old_tree_size"], proof["tree_size"]) == (50, len(history()))
    assert not findings(newer, older=older)


def test_the_events_of_both_start_with_the_first_one_of_the_older(desk: Desk) -> None:
    older = desk.make("older", since="seq:7", until="seq:50")
    assert manifest(desk.make("newer", older=older))["range"]["first_seq"] == 7
    with pytest.raises(InvalidInput, match="seq 7, where the older bundle starts, found seq 8"):
        desk.make("later", older=older, since="seq:8")


def test_a_range_that_ends_before_the_older_bundle_is_refused(desk: Desk) -> None:
    older = desk.make("older", until="seq:50")
    with pytest.raises(InvalidInput, match="at least seq 50"):
        desk.make("newer", older=older, until="seq:49")


def test_a_store_that_was_rolled_back_behind_an_older_bundle_is_a_damaged_history(desk: Desk) -> None:
    older = desk.make("older")
    with pytest.raises(CorruptHistory, match="rolled back"):
        desk.make("newer", history()[:50], older=older)


def test_a_history_that_was_written_anew_is_noticed_and_leaves_no_bundle(desk: Desk) -> None:
    older = desk.make("older", until="seq:50")
    with pytest.raises(CorruptHistory, match="history was rewritten"):
        desk.make("newer", retold(lambda told: told.start("999")), older=older)
    assert not (desk.place / "newer").exists()


def test_an_older_bundle_must_be_whole_signed_and_of_the_same_history(desk: Desk) -> None:
    older = desk.make("older", until="seq:50")
    with pytest.raises(InvalidInput, match="who redacted"):
        desk.make("redacted", older=older, redact=["who"])
    (older / "tree_head.sig").write_bytes(bytes(64))
    with pytest.raises(InvalidInput, match="a bundle whose signature holds"):
        desk.make("newer", older=older)
    (older / "tree_head.sig").unlink()
    with pytest.raises(InvalidInput, match="an earlier bundle"):
        desk.make("newer", older=older)


# ── interruptions ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, desk: Desk) -> dict[str, bytes]:
    return contents(Desk(tmp_path_factory.mktemp("quiet")).make(key=desk.key, csv=True, events=many()))


def many() -> list[Any]:
    """Enough events for several batches, so that there is a middle to be interrupted in."""
    return list(history(2 * EVENTS_A_BATCH))


@pytest.mark.parametrize("at", [1, EVENTS_A_BATCH + 1, 2 * EVENTS_A_BATCH + 200, 3 * EVENTS_A_BATCH])
def test_an_interrupted_export_goes_on_and_ends_with_the_same_bytes(
    desk: Desk, uninterrupted: dict[str, bytes], at: int
) -> None:
    with pytest.raises(Died):
        desk.make(events=many(), csv=True, part=1, progress=dying_at(at))
    assert not (desk.place / "bundle").exists()
    made = desk.export(events=many(), csv=True)
    assert made.resumed_at > 0
    assert contents(desk.place / "bundle") == uninterrupted
    assert not (desk.place / "bundle.partial").exists()


def test_what_was_half_written_when_the_power_went_is_cut_off(desk: Desk, uninterrupted: dict[str, bytes]) -> None:
    with pytest.raises(Died):
        desk.make(events=many(), csv=True, part=1, progress=dying_at(EVENTS_A_BATCH + 1))
    partial = desk.place / "bundle.partial"
    for torn in (partial / "bundle" / "events.jsonl", partial / "scratch"):
        with torn.open("ab") as file:
            file.write(b'{"seq":')
    (partial / "state.new").write_bytes(b"half")
    desk.make(events=many(), csv=True)
    assert contents(desk.place / "bundle") == uninterrupted


def test_a_death_between_the_last_event_and_the_signature_leaves_nothing_that_looks_whole(desk: Desk) -> None:
    total = len(history())
    with pytest.raises(Died):
        desk.make(progress=dying_at(total + 1))
    assert not (desk.place / "bundle").exists()
    assert not (desk.place / "bundle.partial" / "bundle" / "tree_head.json").exists()
    assert desk.export().resumed_at == total


def test_the_range_of_an_interrupted_export_stays_what_it_was_when_it_began(desk: Desk) -> None:
    with pytest.raises(Died):
        desk.make(events=history()[:90], part=1, progress=dying_at(1))
    assert desk.export(events=history()).last_seq == 90


def test_another_wish_at_the_same_place_starts_anew(desk: Desk) -> None:
    with pytest.raises(Died):
        desk.make(part=1, progress=dying_at(1))
    assert desk.export(until="seq:20").resumed_at == 0
    assert contents(desk.place / "bundle") == contents(desk.make("other", until="seq:20"))


# ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_place_that_is_taken_is_refused(desk: Desk) -> None:
    (desk.place / "bundle").mkdir()
    with pytest.raises(InvalidInput, match="a directory that does not exist yet"):
        desk.make()


def test_somebody_elses_files_beside_the_place_are_left_alone(desk: Desk) -> None:
    foreign = desk.place / "bundle.partial" / "thesis.tex"
    foreign.parent.mkdir()
    foreign.write_text("years of work")
    with pytest.raises(InvalidInput, match=r"found thesis\.tex"):
        desk.make()
    assert foreign.read_text() == "years of work"


def test_two_exports_to_one_place_do_not_meet(desk: Desk) -> None:
    with Unfinished(desk.place / "bundle"), pytest.raises(Unavailable, match="another process is exporting to it"):
        desk.make()
    assert locks.is_free(desk.place / "bundle.partial" / "lock")
    desk.make()


# ── damaged histories ─────────────────────────────────────────────────────────────────────────────────────────────


class Gap(ReaderSource):
    """A history in which an event is missing."""

    def stored(self, after_seq: int, until_seq: int, topics: Any = ()) -> Any:
        return (one for one in super().stored(after_seq, until_seq, topics) if one[0] != self.missing)

    missing = 0


@pytest.mark.parametrize("missing", [1, 30, -1])
def test_a_gap_in_the_history_is_no_bundle(desk: Desk, missing: int) -> None:
    run = MemoryRun()
    run.add(history())
    source = Gap(run.reader)
    source.missing = missing if missing > 0 else len(history())
    with pytest.raises(CorruptHistory, match="missing"):
        export(source, wish_for(RUN), desk.place / "bundle", desk.key)
    assert not (desk.place / "bundle").exists()


def test_an_event_that_can_not_be_read_is_named_by_its_place() -> None:
    with pytest.raises(CorruptHistory, match="seq 5"):
        line_of((5, "s:x", 2, "CandleClosed", b"\xc1"))


def _stored(recorded: Any) -> Any:
    state = encode_event(recorded.input_seq, recorded.at_ms, recorded.event)
    return recorded.seq, recorded.stream, recorded.version, TOPICS[type(recorded.event)].decode(), state
