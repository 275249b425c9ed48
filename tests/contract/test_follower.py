"""What every follower owes, whatever store its views are in."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from stored_runs import MemoryRun, PostgresRun, StoredRun
from trading_history import TradingHistory, busy_history, closed, plan_of

from domain.base import Recorded
from domain.errors import InvalidInput, Unavailable
from infra.followers import folding
from infra.followers.follower import Follower
from infra.followers.views import Moved, plain
from projections import PROJECTIONS
from projections.base import Changes, Projection, Rows, fold
from projections.pnl import PNL, DayPnl
from projections.positions import POSITIONS

HISTORY = busy_history().events


@pytest.fixture(params=["memory", "postgres"])
def run(request: pytest.FixtureRequest) -> Iterator[StoredRun]:
    if request.param == "memory":
        yield MemoryRun()
        return
    stored = PostgresRun(request.getfixturevalue("database_url"), request.getfixturevalue("schema"))
    yield stored
    stored.close()


def follower_of(run: StoredRun, *projections: Projection[Any]) -> Follower:
    return Follower(run.reader, run.views(), projections or tuple(PROJECTIONS.values()))


def expected(projection: Projection[Any], events: Sequence[Recorded] = HISTORY) -> list[dict[str, Any]]:
    rows = [plain(row) for row in fold(projection, events).values()]
    return sorted(rows, key=lambda row: [row[field] for field in projection.order or projection.key])


def closings(count: int) -> TradingHistory:
    history = TradingHistory()
    for number in range(count):
        history.record((f"position:main/BTCUSDT-{number}", closed(plan_of(), f"{number}")))
    return history


def other_pnl(version: int) -> Projection[DayPnl]:
    """Give `pnl` as another version of the code has it: every trade counts twice."""

    def apply(rows: Rows[DayPnl], recorded: Recorded) -> Changes[DayPnl]:
        changes = PNL.apply(rows, recorded)
        return {key: msgspec.structs.replace(row, trades=row.trades + 1) for key, row in changes.items()}

    return msgspec.structs.replace(PNL, version=version, apply=apply)


def refusing(seq: int) -> Projection[DayPnl]:
    """Give `pnl` with a bug: it can't take one event."""

    def apply(rows: Rows[DayPnl], recorded: Recorded) -> Changes[DayPnl]:
        if recorded.seq == seq:
            raise ZeroDivisionError("a bug")
        return PNL.apply(rows, recorded)

    return msgspec.structs.replace(PNL, apply=apply)


# ── following ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", PROJECTIONS)
def test_a_report_equals_the_fold_of_the_whole_history(run: StoredRun, name: str) -> None:
    run.add(HISTORY)
    assert follower_of(run).report(name) == expected(PROJECTIONS[name])


def test_it_goes_on_where_the_follower_before_it_was(run: StoredRun) -> None:
    run.add(HISTORY[:30])
    first = follower_of(run).catch_up()
    run.add(HISTORY[30:])
    second = follower_of(run)
    asked = sum(isinstance(one.event, projection.topics) for one in HISTORY for projection in PROJECTIONS.values())
    assert first + second.catch_up() == asked
    assert second.report("orders") == expected(PROJECTIONS["orders"])


@pytest.mark.parametrize("size", [1, 3])
def test_the_size_of_batches_makes_no_difference(run: StoredRun, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "EVENTS_A_BATCH", size)
    run.add(HISTORY)
    follower = follower_of(run)
    assert [follower.report(name) for name in PROJECTIONS] == [expected(one) for one in PROJECTIONS.values()]


def test_a_row_that_was_finished_and_forgotten_changes_once_more_in_a_later_session(run: StoredRun) -> None:
    history = TradingHistory().start()
    position = history.request(plan_of(signal_id=history.signal()), 1)
    history.enter(position)
    end = history.close(position)
    run.add(history.events)
    known = len(history.events)
    first = follower_of(run)
    first.catch_up()
    history.fund_late(end, position, "-0.5")
    history.fund_late(end, position, "-0.25", before="-0.5")
    run.add(history.events[known:])
    for follower in (follower_of(run), first):
        for name in ("positions", "signals", "pnl", "stats"):
            (row,) = (row for row in follower.report(name) if row.get("account", "main") == "main")
            assert row["net"] == end.net - Decimal("0.75")
        assert [follower.report(name) for name in PROJECTIONS] == [
            expected(each, history.events) for each in PROJECTIONS.values()
        ]


def test_a_view_that_is_moved_while_a_finished_row_is_looked_for_is_loaded_again(
    run: StoredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = TradingHistory().start()
    end = closed(plan_of(signal_id=history.signal()))
    position = history.request(end.plan)
    history.record((position, end))
    run.add(history.events)
    known = len(history.events)
    views = run.views()
    follower = Follower(run.reader, views, (POSITIONS,))
    follower.catch_up()
    history.fund_late(end, position, "-0.5")
    run.add(history.events[known:])
    find, moved = views.find, [Moved(POSITIONS.name)]

    def moving(*asked: Any) -> Any:
        if moved:
            raise moved.pop()
        return find(*asked)

    monkeypatch.setattr(views, "find", moving)
    assert follower.report(POSITIONS.name) == expected(POSITIONS, history.events)
    assert not moved


def test_it_can_be_brought_to_an_earlier_event(run: StoredRun) -> None:
    run.add(HISTORY)
    views = run.views()
    Follower(run.reader, views).catch_up(until_seq=40)
    assert views.rows(POSITIONS) == expected(POSITIONS, HISTORY[:40])


def test_progress_is_told_up_to_the_end(run: StoredRun) -> None:
    run.add(HISTORY)
    told: list[tuple[str, int, int]] = []
    follower_of(run, PNL).catch_up(progress=lambda *what: told.append(what))
    assert told[-1] == ("pnl", len(HISTORY), len(HISTORY))


def test_an_unknown_name_is_refused_with_those_that_there_are(run: StoredRun) -> None:
    with pytest.raises(InvalidInput, match="one of pnl, positions, found 'pln'"):
        follower_of(run, PNL, POSITIONS).report("pln")


def test_a_running_follower_takes_what_is_new_until_it_is_stopped(run: StoredRun) -> None:
    stop, seen = threading.Event(), threading.Event()
    follower = Follower(run.reader, run.views(), [PNL], news=lambda _: seen.set())
    thread = threading.Thread(target=follower.run, args=(stop,))
    run.add(HISTORY)
    thread.start()
    assert seen.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert run.views().rows(PNL) == expected(PNL)


def test_two_followers_share_the_views_and_fold_every_event_once(run: StoredRun) -> None:
    history = closings(9)
    first, second = follower_of(run, PNL), follower_of(run, PNL)
    folded = 0
    for number, recorded in enumerate(history.events):
        run.add([recorded])
        folded += (first, second)[number % 2].catch_up()
    assert folded == 9
    assert first.report("pnl") == second.report("pnl") == expected(PNL, history.events)


# ── an event that can't be taken ──────────────────────────────────────────────────────────────────────────────────────


def test_a_poisonous_event_stops_its_projection_only(run: StoredRun) -> None:
    history = closings(5)
    run.add(history.events)
    views = run.views()
    follower = Follower(run.reader, views, [refusing(4), POSITIONS])
    follower.catch_up()
    assert follower.stopped["pnl"].seq == 4
    place = views.place(PNL)
    assert place is not None
    assert (place.seq, place.failed_seq, place.error) == (3, 4, "ZeroDivisionError: a bug")
    assert views.rows(PNL) == expected(PNL, history.events[:3])
    other = views.place(POSITIONS)
    assert other is not None
    assert other.seq == 5


def test_a_report_of_a_stopped_projection_says_so(run: StoredRun) -> None:
    run.add(closings(5).events)
    with pytest.raises(Unavailable, match="The projection pnl can't take the event at seq 4: ZeroDivisionError: a bug"):
        follower_of(run, refusing(4)).report("pnl")


def test_a_repaired_projection_goes_on_at_the_event_that_it_could_not_take(run: StoredRun) -> None:
    history = closings(5)
    run.add(history.events)
    follower_of(run, refusing(4)).catch_up()
    views = run.views()
    repaired = Follower(run.reader, views, [PNL])
    assert repaired.catch_up() == 2
    assert repaired.report("pnl") == expected(PNL, history.events)
    place = views.place(PNL)
    assert place is not None
    assert (place.failed_seq, place.error) == (0, "")


# ── rebuilding ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rebuilding_gives_the_same_rows_and_says_so(run: StoredRun) -> None:
    run.add(HISTORY)
    follower = follower_of(run)
    results = follower.rebuild()
    assert [result.name for result in results] == list(PROJECTIONS)
    assert all(result.equal_to_previous is True for result in results)
    assert results[0].rows == len(expected(PNL))
    assert results[0].events == sum(isinstance(recorded.event, PNL.topics) for recorded in HISTORY)
    assert follower.report("orders") == expected(PROJECTIONS["orders"])


def test_rebuilding_after_a_silent_change_of_the_code_says_that_the_rows_differ(run: StoredRun) -> None:
    run.add(closings(3).events)
    follower_of(run, PNL).catch_up()
    changed = follower_of(run, other_pnl(PNL.version))
    (result,) = changed.rebuild(["pnl"])
    assert result.equal_to_previous is False
    assert [row["trades"] for row in changed.report("pnl")] == [6]


def test_a_follower_notices_that_its_view_was_swapped(run: StoredRun) -> None:
    history = closings(4)
    run.add(history.events[:3])
    running = follower_of(run, PNL)
    running.catch_up()
    follower_of(run, other_pnl(PNL.version)).rebuild()
    run.add(history.events[3:])
    assert [row["trades"] for row in running.report("pnl")] == [7]


def test_another_version_builds_its_view_anew_when_it_starts(run: StoredRun) -> None:
    run.add(closings(3).events)
    follower_of(run, PNL).catch_up()
    assert [row["trades"] for row in follower_of(run, other_pnl(PNL.version + 1)).report("pnl")] == [6]


def test_another_shape_of_rows_is_another_version(run: StoredRun) -> None:
    class Wider(DayPnl, frozen=True):
        note: str = "new"

    def apply(rows: Rows[Wider], recorded: Recorded) -> Changes[Wider]:
        changes = PNL.apply(rows, recorded)
        return {key: Wider(*msgspec.structs.astuple(row)) for key, row in changes.items()}

    run.add(closings(3).events)
    follower_of(run, PNL).catch_up()
    wider: Projection[Any] = msgspec.structs.replace(PNL, row=Wider, apply=apply)
    assert [row["note"] for row in follower_of(run, wider).report("pnl")] == ["new"]


def test_a_follower_whose_view_another_version_took_stops_and_leaves_it_alone(run: StoredRun) -> None:
    history = closings(4)
    run.add(history.events[:3])
    older = follower_of(run, PNL)
    older.catch_up()
    newer = follower_of(run, other_pnl(PNL.version + 1))
    newer.catch_up()
    run.add(history.events[3:])
    older.catch_up()
    assert f"kept by version {PNL.version + 1}" in older.stopped["pnl"].why
    assert [row["trades"] for row in newer.report("pnl")] == [8]


def test_a_rebuild_that_fails_leaves_the_view_as_it_was(run: StoredRun) -> None:
    history = closings(5)
    run.add(history.events)
    follower_of(run, PNL).catch_up()
    with pytest.raises(folding.Poisoned):
        follower_of(run, refusing(4)).rebuild()
    assert run.views().rows(PNL) == expected(PNL, history.events)
