"""Bundles of a run in PostgreSQL, and the commands `export`, `verify DIR` and `prune`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bundles import RUN, Desk, contents, findings, history, lines, manifest, retold, source_of
from stored_runs import PostgresRun

from domain.errors import CorruptHistory
from domain.proof.chain import row_bytes
from infra.cli.app import main
from infra.export.bundle import export
from infra.export.plan import wish_for
from infra.export.source import ROWS_A_READ, PostgresSource, ReaderSource
from infra.postgres import runs
from infra.postgres.verify import verify_store

Command = Callable[..., Any]


@pytest.fixture
def run(database_url: str, schema: str) -> Iterator[PostgresRun]:
    """A run whose history lies in two commits."""
    run = PostgresRun(database_url, schema)
    run.add(history()[:100])
    run.add(history()[100:])
    yield run
    run.close()


def bundle_of(run: PostgresRun, desk: Desk, name: str = "stored", **wish: Any) -> Path:
    with PostgresSource(run.url, run.tables, run.reader) as source:
        export(source, wish_for(RUN, **wish), desk.place / name, desk.key)
    return desk.place / name


# ── the stored bytes ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_in_postgresql_gives_the_bundle_of_the_same_run_in_memory(run: PostgresRun, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    stored, kept = contents(bundle_of(run, desk)), contents(desk.make("kept"))
    assert stored["events.jsonl"] == kept["events.jsonl"]
    for files in (stored, kept):  # this history's chain was never rolled in memory
        del files["manifest.json"], files["tree_head.json"], files["tree_head.sig"]
    assert stored == kept


def test_histories_longer_than_a_read_are_whole(database_url: str, schema: str, tmp_path: Path) -> None:
    run = PostgresRun(database_url, schema)
    run.add(history(ROWS_A_READ + 10))
    assert lines(bundle_of(run, Desk(tmp_path)))[-1]["seq"] == len(history(ROWS_A_READ + 10))
    run.close()


def test_what_an_older_version_stored_stands_in_its_line_as_it_was_stored(
    database_url: str, schema: str, tmp_path: Path
) -> None:
    run = PostgresRun(database_url, schema)
    fields = {"type": "CandleClosed", "candle": [60_000, 1.0, 2.0, 0.5, 1.5, 7.0], "source_of_then": "ticker"}
    state = msgspec.msgpack.encode((1, 5, fields))
    run.add_rows([row_bytes(1, b"symbol:A", 1, b"CandleClosed", state)])
    bundle = bundle_of(run, Desk(tmp_path))
    assert lines(bundle)[0]["event"] == {"candle": [60_000, 1.0, 2.0, 0.5, 1.5, 7.0], "source_of_then": "ticker"}
    assert not findings(bundle)
    run.close()


def test_topics_are_chosen_in_the_database(run: PostgresRun) -> None:
    with PostgresSource(run.url, run.tables, run.reader) as source:
        found = list(source.stored(0, 10_000, ("RunStarted",)))
    assert {topic for _, _, _, topic, _ in found} == {"RunStarted"}
    assert found == list(ReaderSource(run.reader).stored(0, 10_000, ("RunStarted",)))


def test_an_event_of_a_newer_version_is_no_bundle(database_url: str, schema: str, tmp_path: Path) -> None:
    run = PostgresRun(database_url, schema)
    run.add_rows([row_bytes(1, b"s:x", 1, b"FromTheFuture", msgspec.msgpack.encode((1, 5, {"type": "FromTheFuture"})))])
    with pytest.raises(CorruptHistory, match="a newer version wrote it"):
        bundle_of(run, Desk(tmp_path))
    run.close()


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def named(database_url: str) -> Iterator[str]:
    """The id of a run that commands find in the store."""
    run_id = f"audit-{secrets.token_hex(4)}"
    run = PostgresRun(database_url, runs.tables_of(run_id).schema)
    info = runs.new_run(run_id, "backtest", "paper", "recorded", "{}")
    runs.continue_or_create(run.connection, run.tables, info)
    run.add(history()[:100])
    run.add(history()[100:])
    run.close()
    yield run_id
    runs.delete(database_url, run_id)


@pytest.fixture
def command(database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command with --json and give its exit code and what it printed."""

    def run_command(*arguments: object, stored: bool = True) -> tuple[int, Any]:
        place = ["--store", database_url, "--home", str(tmp_path / "home")] if stored else []
        capsys.readouterr()
        code = main([*map(str, arguments), *place, "--json"])
        text = capsys.readouterr().out
        return code, json.loads(text) if text else None

    return run_command


def test_export_prints_what_the_contract_says(named: str, command: Command, tmp_path: Path) -> None:
    code, said = command("export", "--out", tmp_path / "bundle", "--run", named)
    assert code == 0
    assert (said["events"], said["first_seq"], said["last_seq"]) == (len(history()), 1, len(history()))
    assert set(said["files"]) == set(contents(tmp_path / "bundle"))
    assert said["merkle_root"] == manifest(tmp_path / "bundle")["merkle"]["root"]
    assert manifest(tmp_path / "bundle")["run"] == {"run_id": named, "kind": "backtest", "clock": "recorded"}


def test_the_chain_head_of_a_bundle_is_found_in_the_store(
    named: str, command: Command, tmp_path: Path, database_url: str
) -> None:
    for until in ("", "seq:40"):
        out = tmp_path / f"bundle{until}"
        _, said = command("export", "--out", out, "--run", named, *(["--to", until] if until else []))
        found = verify_store(database_url, runs.tables_of(named), remembered_head=bytes.fromhex(said["chain_head"]))
        assert not [problem for problem in found.problems if "remembered" in problem.what]
        assert manifest(out)["chain"]["seq"] == (100 if until else len(history()))


def test_a_bundle_with_all_options_verifies(named: str, command: Command, tmp_path: Path) -> None:
    older, newer = tmp_path / "older", tmp_path / "newer"
    shared = ("--run", named, "--redact", "who", "--redact", "plan.margin", "--csv")
    assert command("export", "--out", older, "--to", "seq:50", *shared)[0] == 0
    code, said = command("export", "--out", newer, "--since", older, *shared)
    assert code == 0
    code, found = command("verify", newer, "--since", older, "--key", said["key_fingerprint"])
    assert (code, found) == (
        0, {"ok": True, "checked_commits": 0, "checked_events": len(history()), "problems": []},
    )  # fmt: skip


def test_verify_finds_a_changed_bundle_and_exits_with_1(named: str, command: Command, tmp_path: Path) -> None:
    command("export", "--out", tmp_path / "bundle", "--run", named)
    (tmp_path / "bundle" / "orders.parquet").write_bytes(b"")
    code, found = command("verify", tmp_path / "bundle")
    assert (code, found["ok"]) == (1, False)
    assert [problem["where"] for problem in found["problems"]] == ["orders.parquet"]


def test_verify_never_runs_the_verifier_that_lies_in_the_bundle(named: str, command: Command, tmp_path: Path) -> None:
    command("export", "--out", tmp_path / "bundle", "--run", named)
    (tmp_path / "bundle" / "verify.py").write_text(f"open({str(tmp_path / 'was_here')!r}, 'w')")
    assert command("verify", tmp_path / "bundle")[1]["problems"][0]["where"] == "verify.py"
    assert not (tmp_path / "was_here").exists()


@pytest.mark.parametrize(
    "arguments",
    [("verify", "/nowhere"), ("verify", "--key", "00"), ("export", "--out", "/proc/bundle"), ("export",)],
    ids=" ".join,
)
def test_what_can_not_run_exits_with_2(named: str, command: Command, arguments: tuple[str, ...]) -> None:
    more = () if arguments[0] == "verify" else ("--run", named)
    assert command(*arguments, *more)[0] == 2


def test_an_export_of_rewritten_history_exits_with_1(named: str, command: Command, tmp_path: Path) -> None:
    rewritten = source_of(retold(lambda told: told.start("999"))[:100])
    facts = msgspec.structs.replace(RUN, run_id=named)
    export(rewritten, wish_for(facts), tmp_path / "older", Desk(tmp_path).key)
    assert command("export", "--out", tmp_path / "newer", "--run", named, "--since", tmp_path / "older")[0] == 1
    assert not (tmp_path / "newer").exists()
