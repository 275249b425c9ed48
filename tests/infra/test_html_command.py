"""`report --html`: the page beside what the command prints."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from html_reading import Reading
from psycopg.sql import SQL, Identifier
from stored_runs import PostgresRun
from trading_history import busy_history

from infra.cli import ledger
from infra.postgres import runs
from infra.postgres.session import connect


@pytest.fixture
def run_id(database_url: str) -> Iterator[str]:
    """A complete run in which everything happened once."""
    drawn = f"t-{uuid.uuid4().hex[:12]}"
    with connect(database_url, "test") as connection:
        info = runs.new_run(drawn, "backtest", "paper", "recorded", "{}")
        runs.begin(connection, info)
        run = PostgresRun(database_url, runs.building_tables_of(drawn).schema)
        run.add(busy_history().events)
        run.close()
        runs.replace_when_complete(connection, info)
        yield drawn
        connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(runs.tables_of(drawn).schema)))


def test_a_report_writes_its_page_and_prints_what_it_printed_without(
    database_url: str, run_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.report_command("positions", run=run_id, store=database_url, as_json=True)
    without = capsys.readouterr()
    path = tmp_path / "a [page].html"
    ledger.report_command("positions", run=run_id, store=database_url, as_json=True, html=path)
    printed = capsys.readouterr()
    assert json.loads(printed.out) == json.loads(without.out)
    assert f"Written: {path}" in printed.err
    text = Reading(path.read_text("utf-8")).text
    assert run_id in text
    assert "Trades on candles" in text


def test_a_page_does_not_depend_on_how_many_rows_are_printed(
    database_url: str, run_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [tmp_path / "all.html", tmp_path / "one.html"]
    for limit, path in enumerate(pages):
        ledger.report_command("orders", limit=limit, run=run_id, store=database_url, html=path)
    assert "rows; --limit 0 prints all." in capsys.readouterr().err
    assert pages[0].read_bytes() == pages[1].read_bytes()
