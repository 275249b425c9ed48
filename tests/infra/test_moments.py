"""A moment as a user types it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidInput
from infra import moments
from infra.memory import MemoryJournal
from tests.worlds import START_MS, World, open_ms

PATIENT = settings(deadline=None)  # the machine may be busy


@pytest.fixture(scope="module")
def journal() -> MemoryJournal:
    """Nine events: two by the start, three of one contract, and a candle and its analysis at the end of two minutes."""
    world = World()
    world.quote(START_MS + 500, BTCUSDT=100.0)
    for minute in (0, 1):
        world.close(minute, BTCUSDT=100.0)
    world.journal.commit()
    assert [r.input_seq for r in world.journal.events(0)] == [1, 1, 2, 2, 2, 4, 4, 5, 5]
    return world.journal


@pytest.mark.parametrize(
    ("text", "seq"),
    [
        ("seq:0", 0), ("seq:1", 1), ("seq:9", 9),
        ("input:0", 0), ("input:1", 2), ("input:2", 5), ("input:3", 5), ("input:4", 7), ("input:5", 9),
        (f"{START_MS - 1}", 0), (f"{START_MS}", 5), (f"{open_ms(1) - 1}", 5), (f"{open_ms(1)}", 7), (f"{10**15}", 9),
        ("2023-11-14T22:15:00Z", 5), ("2023-11-14T22:15:59.999Z", 5), ("2023-11-14T22:16:00Z", 7),
        ("2023-11-14 22:16:00", 7), ("2023-11-14T23:16:00+01:00", 7), ("2023-11-14", 0), ("2023-11-15", 9),
        (" 2023-11-15 ", 9),
    ],
)  # fmt: skip
def test_a_moment_is_the_last_event_at_or_before_it(journal: MemoryJournal, text: str, seq: int) -> None:
    assert moments.seq_at(journal, text, "--at") == seq


@pytest.mark.parametrize(
    ("text", "input_seq"),
    [("input:0", 0), ("input:3", 3), ("seq:0", 0), ("seq:5", 2), ("seq:6", 4), (f"{open_ms(1)}", 4), ("2023-11-14", 0)],
)
def test_a_moment_is_an_input_too(journal: MemoryJournal, text: str, input_seq: int) -> None:
    assert moments.input_at(journal, text, "--from") == input_seq


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "seq:", "seq:-1", "seq:x", "seq: 1", "input:1.5", "SEQ:1", "12", "20231114", "1700000100", "²",
        "99999999999", "2023-13-01", "2023-11-14T25:00:00Z", "seq:" + "9" * 5_000, "9" * 5_000, "input:" + "9" * 5_000,
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused_with_what_was_expected(journal: MemoryJournal, text: str) -> None:
    for read in (moments.seq_at, moments.input_at):
        with pytest.raises(InvalidInput) as refused:
            read(journal, text, "--at")
        assert refused.value.where == "--at"
        assert refused.value.expected == moments.EXPECTED
        assert refused.value.found == repr(text[:36])


@pytest.mark.parametrize(("text", "end"), [("seq:10", 9), ("input:6", 5)])
def test_a_moment_after_the_end_is_refused_with_the_end(journal: MemoryJournal, text: str, end: int) -> None:
    with pytest.raises(InvalidInput, match=f"a moment in this run, which ends at {end}, found '{text}'"):
        moments.seq_at(journal, text, "--at")


def test_an_empty_history_has_moments_but_no_events() -> None:
    assert moments.seq_at(MemoryJournal(), "2023-11-14", "--at") == 0
    assert moments.seq_at(MemoryJournal(), "seq:0", "--at") == 0


@PATIENT
@given(st.integers(0, 253_402_300_799_999))
def test_a_time_that_is_written_is_read_back_to_the_millisecond(ms: int) -> None:
    assert moments.time_ms(moments.iso(ms), "--at") == ms


@PATIENT
@given(st.datetimes(timezones=st.just(UTC)))
def test_any_time_is_read_to_the_millisecond_before_it(moment: datetime) -> None:
    ms = moments.time_ms(moment.isoformat(), "--at")
    assert (
        timedelta(0)
        <= moment - (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
        < timedelta(milliseconds=1)
    )


@pytest.mark.parametrize("ms", [10**11, START_MS, 4_102_444_800_000])
def test_a_bare_integer_is_epoch_ms(ms: int) -> None:
    assert moments.time_ms(f"{ms}", "--at") == ms
