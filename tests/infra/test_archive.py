"""Archiving: what the tapes cover becomes a bundle that verifies, before the tapes go."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bundles import findings, history, manifest
from psycopg.sql import SQL
from stored_runs import PostgresRun

from infra.cli.app import main
from infra.postgres import runs


@pytest.fixture
def aged(database_url: str) -> Iterator[str]:
    """A run of two commits with tapes, the first of which is nine days old."""
    run_id = f"archive-{secrets.token_hex(4)}"
    run = PostgresRun(database_url, runs.tables_of(run_id).schema)
    info = runs.new_run(run_id, "backtest", "paper", "recorded", "{}")
    runs.continue_or_create(run.connection, run.tables, info)
    run.add(history()[:100])
    run.add(history()[100:])
    names = run.tables.identifiers()
    for statement in (
        "ALTER TABLE {commits} DISABLE TRIGGER USER",
        "UPDATE {commits} SET committed_at = committed_at - interval '9 days' WHERE commit_id = 1",
        "ALTER TABLE {commits} ENABLE TRIGGER USER",
        "INSERT INTO {tapes} SELECT commit_id, 'tape' FROM {commits} ON CONFLICT DO NOTHING",
    ):
        run.connection.execute(SQL(statement).format(**names))
    run.close()
    yield run_id
    runs.delete(database_url, run_id)


class Desk:
    """Prunes with an archive directory, and looks at what is left."""

    def __init__(self, url: str, run_id: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.url, self.run_id, self.archive = url, run_id, place / "archive"
        self._place, self._capsys = place, capsys

    def prune(self, *more: str) -> tuple[int, Any]:
        return self.call("prune", "--archive", str(self.archive), *more)

    def call(self, *arguments: str) -> tuple[int, Any]:
        self._capsys.readouterr()
        store = ["--store", self.url, "--home", str(self._place / "home"), "--run", self.run_id, "--json"]
        code = main([*arguments, *store])
        text = self._capsys.readouterr().out
        return code, json.loads(text) if text else None

    def tapes(self) -> int:
        count = SQL("SELECT count(*) FROM {tapes}").format(**runs.tables_of(self.run_id).identifiers())
        with psycopg.connect(self.url) as connection:
            found = connection.execute(count).fetchone()
        assert found is not None
        return int(found[0])


@pytest.fixture
def desk(
    database_url: str,
    aged: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    monkeypatch.setenv("HINDSIGHT_DATABASE__TAPE_RETENTION_DAYS", "1")
    return Desk(database_url, aged, tmp_path, capsys)


def test_a_sealed_range_is_archived_before_its_tapes_go(desk: Desk) -> None:
    code, said = desk.prune("--apply")
    assert (code, said["tapes"], desk.tapes()) == (0, 1, 1)
    (bundle,) = map(Path, said["archived"])
    assert manifest(bundle)["range"]["last_seq"] == 100
    assert not findings(bundle)


def test_an_archive_that_an_interrupted_prune_left_is_checked_and_kept(desk: Desk) -> None:
    place = desk.archive / f"{desk.run_id}-to-seq-100"
    desk.archive.mkdir()
    assert desk.call("export", "--out", str(place), "--to", "seq:100")[0] == 0
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert desk.prune("--apply")[1]["archived"] == [str(place)]
    assert {path: path.read_bytes() for path in desk.archive.rglob("*") if path.is_file()} == before
    assert desk.tapes() == 1


def test_what_is_past_its_time_only_once_is_archived_only_once(desk: Desk) -> None:
    desk.prune("--apply")
    assert desk.prune("--apply")[1] == {
        "tapes": 0, "bytes": 0, "checkpoints": 0, "checkpoint_bytes": 0, "applied": True, "archived": [],
    }  # fmt: skip


def test_no_tape_goes_while_its_archive_does_not_verify(desk: Desk) -> None:
    place = desk.archive / f"{desk.run_id}-to-seq-100"
    place.mkdir(parents=True)
    (place / "events.jsonl").write_text("what is this?")
    assert desk.prune("--apply")[0] == 2
    assert desk.tapes() == 2


def test_a_dry_run_makes_no_archive(desk: Desk) -> None:
    assert desk.prune()[0] == 2
    assert not desk.archive.exists()
