"""What the journal in memory can do beyond the contract: it lets a test decide when the disk is done."""

from __future__ import annotations

from histories import OPERATIONS, Author, all_events

from infra.memory import MemoryJournal


def test_a_manual_journal_commits_only_when_told() -> None:
    author, told = Author(), list[int]()
    journal = MemoryJournal(told.append, manual=True, commit_events=1)
    for step in author.ticks(3):
        journal.append(step)
        journal.commit_soon()
    assert journal.wanted == 3
    assert (told, journal.durable_input()) == ([], 0)
    journal.commit(2)
    assert (told, journal.durable_input()) == ([2], 2)
    assert len(list(journal.events(0))) == 2
    journal.commit()
    journal.commit()
    assert told == [2, 3]


def test_what_is_only_asked_for_once_in_a_while_is_committed_in_groups() -> None:
    author, told = Author(), list[int]()
    journal = MemoryJournal(told.append, commit_events=4)
    for step in author.ticks(9):
        journal.append(step)
    assert told == [4, 8]


def test_a_crash_leaves_the_durable_part_and_nothing_else() -> None:
    author = Author()
    steps = author.ticks(5)
    journal = MemoryJournal(manual=True, checkpoint_schema="shape-1")
    for step in steps:
        journal.append(step)
    journal.save(author.checkpoint())
    journal.commit(3)
    left = journal.after_crash()
    assert list(left.events(0)) == all_events(steps[:3])
    assert left.head().input_seq == 3
    assert left.checkpoint(99) is None
    assert [event.seq for event in left.of_stream("symbol:A")] == [1]
    for step in steps[3:]:
        left.append(step)
    left.close()
    assert list(left.events(0)) == all_events(steps)
    assert journal.durable_input() == 3, "what crashed does not see what its successor does"


def test_it_goes_on_behind_a_history_that_is_kept_elsewhere() -> None:
    author = Author()
    past = MemoryJournal()
    for step in [author.stop(), *author.ticks(3)]:
        past.append(step)
    past.commit()
    start = past.head()
    past_only = author.versions.copy()
    recorded = Author(start, past_only).stop()
    past.append(recorded)
    past.commit()
    replay = MemoryJournal(after=start, past=past)
    again = Author(start, past_only)
    steps = [again.stop(), *again.ticks(2)]
    for step in steps:
        replay.append(step)
    assert [event.seq for event in replay.of_stream(OPERATIONS)] == [1, 2, 6, 7]
    assert [event.seq for event in replay.of_stream(OPERATIONS, 1)] == [2, 6, 7]
    assert [event.seq for event in replay.of_stream(OPERATIONS, 3)] == [7]
    replay.commit()
    assert list(replay.events(0)) == all_events(steps)
    assert [frame.input_seq for frame in replay.frames(0)] == [5, 6, 7]
    assert [frame.input_seq for frame in replay.frames(5, 6)] == [6]
    assert [event.seq for event in replay.events(6, 8)] == [7, 8]
    assert [event.seq for event in replay.of_stream(OPERATIONS)] == [1, 2, 6, 7]
    assert replay.head() == again.head
