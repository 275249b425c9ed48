"""What a bundle says about the settings, the code and the gaps of its range."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bundles import Desk, lines, manifest
from trading_history import MINUTE_MS, START_MS, TradingHistory

from domain import operations
from domain.base import Event, Recorded
from domain.config import Config
from domain.operations import STREAM, Condition
from domain.symbol.events import CandleGapFound
from infra.export import statement
from infra.export.redaction import Redaction
from infra.export.statement import MODEL_FIELD, Statement

STOPPED = operations.RunStopped("asked to")
STARTED = operations.RunStarted(Config(), "2.0", "ab", "paper", "recorded")


def told_by(*events: tuple[str, Event] | int) -> TradingHistory:
    """Tell a history a minute an event; a number waits so many minutes."""
    told, wait = TradingHistory(), 1
    for event in events:
        if isinstance(event, int):
            wait = event
        else:
            told.record(event, after_ms=wait * MINUTE_MS)
            wait = 1
    return told


@pytest.fixture
def stated(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Export a history and give its manifest."""

    def state(told: TradingHistory, **wish: Any) -> dict[str, Any]:
        return manifest(Desk(tmp_path).make(events=told.events, **wish))

    return state


def minute(number: int) -> int:
    return START_MS + number * MINUTE_MS


def test_a_session_names_code_strategy_and_settings(stated: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    (session,) = stated(told_by((STREAM, STARTED)))["sessions"]
    config = lines(tmp_path / "bundle")[0]["event"]["config"]
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    assert session == {
        "seq": 1, "at_ms": minute(1), "code_version": "2.0", "strategy_sha256": "ab", "venue": "paper",
        "market": "recorded", "settings_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }  # fmt: skip


def test_the_session_in_which_a_range_begins_is_named_though_it_began_before(stated: Any) -> None:
    older = msgspec.structs.replace(STARTED, code_version="1.0")
    restored = operations.StateRestored(1, "00", unclean=True)
    told = told_by((STREAM, older), (STREAM, restored), (STREAM, STARTED), ("symbol:A", CandleGapFound(1, 2)))
    assert [session["code_version"] for session in stated(told, since="seq:4")["sessions"]] == ["2.0"]


def test_downtime_after_a_clean_end_runs_from_the_end_to_the_restore(stated: Any) -> None:
    restored = operations.StateRestored(2, "00", unclean=False)
    told = told_by((STREAM, STARTED), (STREAM, STOPPED), 30, (STREAM, restored), (STREAM, STARTED))
    assert stated(told)["gap_statement"]["downtime"] == [
        {"from_ms": minute(2), "to_ms": minute(32), "clean": True, "restored_seq": 3}
    ]


def test_downtime_after_a_crash_runs_from_the_last_thing_that_was_recorded(stated: Any) -> None:
    restored = operations.StateRestored(2, "00", unclean=True)
    told = told_by((STREAM, STARTED), ("symbol:A", CandleGapFound(1, 2)), 10, (STREAM, restored))
    (downtime,) = stated(told)["gap_statement"]["downtime"]
    assert (downtime["from_ms"], downtime["to_ms"], downtime["clean"]) == (minute(2), minute(12), False)


def test_a_range_that_begins_with_a_restore_knows_since_when_nothing_was_recorded(stated: Any) -> None:
    restored = operations.StateRestored(2, "00", unclean=True)
    told = told_by((STREAM, STARTED), ("symbol:A", CandleGapFound(1, 2)), 10, (STREAM, restored))
    (downtime,) = stated(told, since="seq:3")["gap_statement"]["downtime"]
    assert downtime["from_ms"] == minute(2)


def test_downtime_before_the_range_is_not_of_the_range(stated: Any) -> None:
    restored = operations.StateRestored(2, "00", unclean=True)
    told = told_by((STREAM, STARTED), (STREAM, restored), (STREAM, STARTED))
    assert stated(told, since="seq:3")["gap_statement"]["downtime"] == []


def test_a_stale_feed_lasts_from_its_report_to_its_end(stated: Any) -> None:
    told = told_by(
        (STREAM, operations.ConditionRaised(Condition.FEED_STALE, "60 s", 1)),
        (STREAM, operations.ConditionRaised(Condition.CONFLATED, "", 9)),
        5,
        (STREAM, operations.ConditionCleared(Condition.FEED_STALE)),
    )
    gaps = stated(told)["gap_statement"]
    spell = {"condition": "FEED_STALE", "raised_seq": 1, "from_ms": minute(1), "cleared_seq": 3, "to_ms": minute(7)}
    assert gaps["stale_feeds"] == [spell]
    assert [one["condition"] for one in gaps["conditions"]] == ["FEED_STALE", "CONFLATED"]
    assert gaps["conditions"][1]["to_ms"] is None


def test_a_condition_that_was_in_force_when_the_range_began_is_stated(stated: Any) -> None:
    told = told_by(
        (STREAM, operations.ConditionRaised(Condition.CONFLATED, "", 9)),
        (STREAM, operations.ConditionCleared(Condition.CONFLATED)),
        (STREAM, operations.ConditionRaised(Condition.FEED_STALE, "60 s", 1)),
        (STREAM, operations.ConditionCleared(Condition.FEED_STALE)),
    )
    conditions = stated(told, since="seq:4")["gap_statement"]["conditions"]
    assert [(one["condition"], one["from_ms"]) for one in conditions] == [("FEED_STALE", minute(3))]


def test_a_restore_ends_every_condition(stated: Any) -> None:
    told = told_by(
        (STREAM, operations.ConditionRaised(Condition.FEED_STALE, "60 s", 1)),
        (STREAM, operations.StateRestored(1, "00", unclean=True)),
    )
    assert stated(told)["gap_statement"]["stale_feeds"][0]["to_ms"] == minute(2)


def test_missing_candles_are_counted_a_symbol(stated: Any) -> None:
    told = told_by(
        ("symbol:A", CandleGapFound(60_000, 120_000)),
        ("symbol:B", CandleGapFound(0, 0)),
        ("symbol:A", CandleGapFound(240_000, 300_000)),
    )
    assert stated(told)["gap_statement"]["missing_candles"] == [
        {"stream": "symbol:A", "gaps": 2, "first_ms": 60_000, "last_ms": 300_000},
        {"stream": "symbol:B", "gaps": 1, "first_ms": 0, "last_ms": 0},
    ]


def test_an_actor_that_stayed_down_is_named(stated: Any) -> None:
    gaps = stated(told_by((STREAM, operations.ActorStayedDown("symbol:A"))))["gap_statement"]
    assert gaps["actors_that_stayed_down"] == ["symbol:A"]


def test_a_clock_of_which_nothing_is_recorded_is_not_called_right(stated: Any) -> None:
    assert "not recorded" in stated(told_by((STREAM, STARTED)))["gap_statement"]["clock_offset"]


class Promoted(Event, frozen=True, gc=False):
    """A model, as its event will name it."""

    artifact_sha256: str


def test_models_are_named_by_their_hashes() -> None:
    fold = Statement()
    for seq, model in enumerate(("aa", "bb", "aa"), 1):
        fold.take(Recorded(seq, "model:win", seq, seq, seq, Promoted(model)), {MODEL_FIELD: model}, 0)
    assert fold.models == ["aa", "bb"]
    assert fold.gaps(Redaction())["downtime"] == []


def test_the_statement_asks_about_every_event_that_names_a_model() -> None:
    assert set(statement.MODELS) <= statement.STATED


def test_a_statement_may_be_put_down_between_any_two_events(tmp_path: Path) -> None:
    restored = operations.StateRestored(2, "00", unclean=True)
    told = told_by(
        (STREAM, STARTED), (STREAM, operations.ConditionRaised(Condition.FEED_STALE, "", 1)), (STREAM, restored)
    )
    whole, pieces = Statement(), Statement()
    for recorded in told.events:
        for fold in (whole, pieces):
            fold.take(recorded, {}, recorded.at_ms - 1)
        pieces = msgspec.msgpack.decode(msgspec.msgpack.encode(pieces), type=Statement)
    assert whole == pieces
