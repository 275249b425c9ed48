"""The same backtest gives the same events, byte for byte: in any process, under any hash seed, in any store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from candle_data import write_days
from program import Ended, run
from psycopg.sql import SQL, Identifier

pytestmark = pytest.mark.slow

MEASURED = ("elapsed_seconds", "candles_per_second")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_days(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def in_memory(data: Path) -> Ended:
    return backtest(data, "memory", 99)


def backtest(data: Path, store: str, hash_seed: int, *more: str) -> Ended:
    settings = ("--set", "strategy.cooldown_minutes=0", "--set", "strategy.time_stop_minutes=45")
    given = ("--data", data, "--store", store, "--strategy", "trend", *settings, *more, "--json")
    ended = run("backtest", *given, PYTHONHASHSEED=str(hash_seed))
    assert ended.code == 0, ended.err
    return ended


def facts(ended: Ended) -> dict[str, Any]:
    """Give what a backtest found, without what the clock says."""
    return {name: value for name, value in ended.json.items() if name not in MEASURED}


def rows(store: str, run_id: str, table: str) -> list[tuple[Any, ...]]:
    """Give a table of a run as it is stored, in order."""
    columns = {
        "events": "notification_id, originator_id, originator_version, topic, state",
        "commits": "commit_id, last_seq",
    }[table]
    statement = SQL("SELECT " + columns + " FROM {} ORDER BY 1").format(Identifier(f"run_{run_id}", table))
    with psycopg.connect(store) as connection:
        return connection.execute(statement).fetchall()


def test_the_same_backtest_in_another_process_and_store_gives_the_same_bytes(
    data: Path, in_memory: Ended, store: str, other_store: str
) -> None:
    first = backtest(data, store, 0)
    second = backtest(data, other_store, 4_242, "--set", "database.commit_events=7")
    assert first.json["trades"] >= 10, "a history with nothing in it proves nothing"
    assert facts(first) == facts(second) == facts(in_memory)

    run_id = first.json["run_id"]
    assert rows(store, run_id, "events") == rows(other_store, run_id, "events")
    assert rows(store, run_id, "commits") != rows(other_store, run_id, "commits"), "they were cut at the same places"


def test_a_recorded_backtest_replays_and_verifies_and_is_replaced_by_the_same_one(
    data: Path, in_memory: Ended, store: str
) -> None:
    done = backtest(data, store, 1).json
    chosen = ("--run", done["run_id"], "--store", store, "--json")

    replayed = run("replay", "--verify", *chosen, PYTHONHASHSEED="2")
    assert (replayed.code, replayed.json["divergences"], replayed.json["chain_equal"]) == (0, 0, True), replayed
    assert (replayed.json["inputs"], replayed.json["events"]) == (done["inputs"], done["events"])

    assert facts(backtest(data, store, 3)) == facts(in_memory)
    verified = run("verify", "--head", done["chain_head"], *chosen, PYTHONHASHSEED="4")
    assert (verified.code, verified.json["ok"], verified.json["problems"]) == (0, True, []), verified
    assert verified.json["checked_events"] == done["events"]
    listed = run("runs", "--store", store, "--json").json
    assert [row["run_id"] for row in listed] == [done["run_id"]]


@pytest.mark.parametrize("more", [("--set", "venue.slippage_bps=3"), ("--symbols", "BTCUSDT,ETHUSDT")])
def test_a_backtest_of_something_else_is_another_run_with_another_chain_head(
    data: Path, in_memory: Ended, more: tuple[str, ...]
) -> None:
    other = backtest(data, "memory", 99, *more)
    assert other.json["run_id"] != in_memory.json["run_id"]
    assert other.json["chain_head"] != in_memory.json["chain_head"]
