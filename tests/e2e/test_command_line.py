"""Whatever a user types, or has lying about: one sentence on standard error, an exit code, and clean data."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path

import psycopg
import pytest
from asking import Ask, assert_refused
from program import run, running
from psycopg.sql import SQL, Identifier

from actors.kernel import CHECKPOINT_SCHEMA
from actors.ports import Checkpoint, Head
from infra.cli.app import app
from infra.postgres.reader import save_checkpoint
from infra.postgres.runs import tables_of
from infra.postgres.session import connect

DEAD = "postgresql://somebody:geheim@127.0.0.1:1/nothing"
COMMANDS = sorted(command.name for command in app.registered_commands if command.name)
READING = (
    ("verify",), ("replay", "--verify"), ("replay", "--at", "seq:1"), ("report", "pnl"), ("rebuild",),
    ("why", "BTCUSDT"), ("halt",), ("close", "BTCUSDT"),
)  # fmt: skip


@pytest.fixture(scope="module")
def recorded(quarter_day: Path, module_store: str) -> str:
    """A store with one run in it."""
    assert run("backtest", "--data", quarter_day, "--store", module_store).code == 0
    return module_store


# ── arguments ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example(ask: Ask, command: str) -> None:
    answer = ask(command, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert "Example" in answer.out
    assert f"run.py {command}" in answer.out or command == "run"


@pytest.mark.parametrize(
    "typed",
    [
        "nonsense", "run --nonsense", "run --speed fast", "--duration -1", "backtest", "report", "close", "why",
        "export", "report pnl --limit -1", "replay --at", "settings --home",
    ],
)  # fmt: skip
def test_what_the_parser_does_not_understand_is_a_usage_error(ask: Ask, typed: str) -> None:
    answer = ask(*typed.split())
    assert (answer.code, answer.out) == (2, "")
    assert "Error: " in answer.err
    assert "bug" not in answer.err


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("--speed -1", ("market.speed", "-1")),
        ("run --symbols 0", ("market.symbols", "from 1 to 1000", "found 0")),
        ("run --symbols -3", ("market.symbols", "-3")),
        (
            "run --set strategy.cooldown=3",
            ("a known key", "strategy.cooldown", "Did you mean strategy.cooldown_minutes"),
        ),
        ("run --set strategy.cooldown_minutes", ("key=value",)),
        ("run --set account.leverage=NaN", ("account.leverage", "expected int", "'NaN'")),
        ("run --set account.initial_balance=NaN", ("account.initial_balance", "found NaN")),
        ("run --set market.speed=nan", ("market.speed", "found nan")),
        ("run --strategy nobody", ("strategy.name", "'nobody'")),
        ("run --strategy missing.py", ("strategy.name", "missing.py")),
        ("run --config missing.toml", ("missing.toml", "No such file")),
        ("settings --set nokey=1", ("a known key", "nokey")),
        ("backtest --data missing", ("missing", "a directory", "nothing there")),
        ("backtest --data . --symbols 3", ("klines/<interval>", "none")),
        ("close ''", ("close", "a symbol such as BTCUSDT", "flatten")),
        ("verify --head 12", ("--head", "64 hex digits")),
        ("report [/bold]", ("one of pnl", "[/bold]")),
        ("runs compare A", ("compare A B", "compare A")),
        ("runs delete", ("delete ID",)),
        ("replay", ("one of --at T", "found none")),
        ("replay --at seq:1 --verify", ("one of", "--at and --verify")),
    ],
)
def test_an_unusable_argument_is_refused_with_what_was_expected_and_found(
    ask: Ask, typed: str, words: tuple[str, ...]
) -> None:
    assert_refused(ask(*shlex.split(typed)), "expected ", "found ", *words)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("broken.toml", "[[", ("a TOML file", "settings --example")),
        ("unknown.toml", "[nowhere]\nx = 1\n", ("a known key", "nowhere.x")),
        ("range.toml", "[account]\nleverage = 1000\n", ("account.leverage", "from 1 to 125", "1000")),
        ("pair.toml", "[account]\nmax_open_positions = 2\n", ("account.max_same_side_positions", "at most")),
    ],
)
def test_an_unusable_settings_file_is_refused(ask: Ask, name: str, text: str, words: tuple[str, ...]) -> None:
    Path(name).write_text(text, "utf-8")
    assert_refused(ask("run", "--config", name), name if "account" not in words[0] else words[0], *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def propose(:", ("SyntaxError",)),
        ("1 / 0", ("ZeroDivisionError",)),
        ("raise SystemExit(0)", ("SystemExit",)),
        ("x = 1", ("a function propose(view)", "none")),
    ],
)
def test_an_unusable_strategy_file_is_refused(ask: Ask, text: str, words: tuple[str, ...]) -> None:
    Path("mine.py").write_text(text, "utf-8")
    assert_refused(ask("run", "--strategy", "mine.py", "--store", "memory"), "mine.py", *words)


# ── stores ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("replay --at nonsense", ("--at", "a moment", "'nonsense'")),
        ("replay --at 12", ("--at", "a moment", "'12'")),
        ("replay --at seq:-1", ("--at", "a moment")),
        ("replay --at seq:99999999", ("--at", "which ends at", "99999999")),
        ("replay --at input:99999999", ("--at", "which ends at")),
        ("replay --at seq:10 --stream nobody:x", ("--stream", "nobody:x")),
        ("replay --at seq:10 --diff x", ("--diff", "a moment")),
        ("replay --verify --from seq:100 --to seq:10", ("a start before the end",)),
        ("replay --verify --run nobody", ("--run", "a run of this store", "'nobody'")),
        ("verify --run nobody", ("--run", "'nobody'")),
        ("why NOBODY", ("a symbol of this run", "NOBODY")),
        ("why position:main/BTCUSDT-99999", ("BTCUSDT-99999",)),
        ("rebuild nobody", ("one of pnl", "'nobody'")),
        ("report pnl --run nobody", ("--run", "'nobody'")),
        ("runs compare nobody [/red]", ("--run", "'nobody'")),
        ("runs delete [/red]", ("runs", "[/red]")),
        ("halt", ("A running system is not available", "python run.py")),
        ("close NOBODY", ("A running system is not available",)),
    ],
)
def test_what_a_store_does_not_hold_is_refused(ask: Ask, recorded: str, typed: str, words: tuple[str, ...]) -> None:
    assert_refused(ask(*typed.split(), "--store", recorded), *words)


@pytest.mark.parametrize("typed", READING, ids=" ".join)
def test_an_empty_store_is_said_to_be_empty(ask: Ask, empty_store: str, typed: tuple[str, ...]) -> None:
    assert_refused(ask(*typed, "--store", empty_store))


def test_no_runs_are_no_error(ask: Ask, empty_store: str) -> None:
    assert ask("runs", "--json", "--store", empty_store) == (0, "[]\n", "")
    assert "none yet" in ask("runs", "--store", empty_store).out


@pytest.mark.parametrize("typed", [*READING, ("runs",), ("run",), ("backtest", "--data", "DATA")], ids=" ".join)
def test_without_a_database_every_command_says_so(ask: Ask, quarter_day: Path, typed: tuple[str, ...]) -> None:
    given = [str(quarter_day) if word == "DATA" else word for word in typed]
    answer = ask(*given, "--json", "--store", DEAD)
    assert_refused(answer, "PostgreSQL is not available", "127.0.0.1")
    assert "geheim" not in answer.err


@pytest.mark.parametrize("url", ["nonsense", "mysql://me:geheim@host/x", "postgresql://[", "postgresql://h/x?foo=bar"])
def test_what_is_no_database_url_is_refused_without_its_password(ask: Ask, url: str) -> None:
    answer = ask("runs", "--store", url)
    assert_refused(answer, "database.url (command line)", "a PostgreSQL URL")
    assert "geheim" not in answer.err


@pytest.mark.parametrize("typed", READING, ids=" ".join)
def test_a_run_in_memory_can_not_be_asked_later(ask: Ask, typed: tuple[str, ...]) -> None:
    assert_refused(ask(*typed, "--store", "memory"), "--store", "a PostgreSQL store")


def test_a_home_that_can_not_be_one_is_refused(ask: Ask) -> None:
    Path("file").write_text("x", "utf-8")
    assert_refused(ask("run", "--home", "file"), "--home", "a directory that can be written to")
    assert_refused(ask("runs", "--home", "file"), "database.home (command line)", "found none")


@pytest.mark.parametrize(
    "typed",
    [
        *READING, ("replay", "--parity"), ("replay", "--what-if", "account.leverage=3"), ("runs",),
        ("runs", "delete", "abc"), ("export", "--out", "bundle"), ("prune",), ("prune", "--apply"), ("calibrate",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_that_reads_makes_no_store_where_there_is_none(
    ask: Ask, tmp_path: Path, typed: tuple[str, ...]
) -> None:
    for found in ("none", "a directory without a store"):
        words = ("database.home (command line)", str(tmp_path / "mistyped"), f"found {found}.", "`python run.py`")
        assert_refused(ask(*typed, "--home", "mistyped"), *words)
        assert list(tmp_path.rglob("*")) == ([] if found == "none" else [tmp_path / "mistyped"])
        (tmp_path / "mistyped").mkdir(exist_ok=True)


def test_doctor_reports_a_dead_database_and_makes_nothing(ask: Ask, tmp_path: Path) -> None:
    answer = ask("doctor", "--json", "--store", DEAD)
    assert (answer.code, answer.err) == (1, "")
    failed = {check["name"]: check["detail"] for check in json.loads(answer.out)["checks"] if not check["ok"]}
    assert failed.keys() == {"database"}
    assert "geheim" not in answer.out
    assert ask("doctor", "--json", "--home", tmp_path / "home").code == 0
    assert list(tmp_path.iterdir()) == []


def test_doctor_says_what_a_store_in_memory_means(ask: Ask) -> None:
    answer = ask("doctor", "--json", "--store", "memory")
    assert answer.code == 0
    said = {check["name"]: check["detail"] for check in json.loads(answer.out)["checks"]}
    assert "real orders are refused" in said["database"]


def test_a_changed_store_is_a_finding(ask: Ask, quarter_day: Path, store: str) -> None:
    done = json.loads(ask("backtest", "--data", quarter_day, "--store", store, "--json").out)
    assert json.loads(ask("verify", "--json", "--store", store).out)["chain_head"] == done["chain_head"]
    table = Identifier(f"run_{done['run_id']}", "events")
    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute(SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(table))
        connection.execute(SQL("UPDATE {} SET topic = 'PositionOpened' WHERE notification_id = 3").format(table))
    answer = ask("verify", "--json", "--store", store)
    assert (answer.code, answer.err) == (1, "")
    assert json.loads(answer.out)["ok"] is False
    assert "Traceback" not in ask("replay", "--verify", "--store", store).err


def test_a_checkpoint_that_no_fold_gives_is_a_finding(ask: Ask, quarter_day: Path, store: str) -> None:
    done = json.loads(ask("backtest", "--data", quarter_day, "--store", store, "--json").out)
    assert ask("verify", "--json", "--store", store).code == 0
    head = Head(done["events"], done["inputs"])
    with connect(store, "test") as connection:
        save_checkpoint(connection, tables_of(done["run_id"]), Checkpoint(CHECKPOINT_SCHEMA, head, ()))
    answer = ask("verify", "--json", "--store", store)
    assert answer.code == 1
    (problem,) = json.loads(answer.out)["problems"]
    assert problem["where"] == f"checkpoint at input {done['inputs']}"


# ── whole processes ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_process_keeps_data_and_words_apart(quarter_day: Path) -> None:
    ended = run("backtest", "--data", quarter_day, "--store", "memory", "--json")
    assert ended.code == 0
    assert ended.json["candles"] == 3 * 360
    assert "no warm-up" in ended.err
    assert_refused(run("verify", "--json", DATABASE_URL=DEAD), "PostgreSQL is not available")
    assert_refused(run("runs", "--json", "--store", "nonsense"), "a PostgreSQL URL")


@pytest.mark.slow
def test_a_second_system_on_a_store_names_the_first_and_operators_reach_the_first(store: str) -> None:
    small = ("--symbols", "2", "--no-dashboard", "--json", "--store", store)
    with running(*small) as first:
        first.until(first.started)
        assert_refused(run(*small), "This store is owned by process", str(first.process.pid))
        for typed in (["halt"], ["resume"], ["flatten"], ["close", "BTCUSDT"]):
            done = run(*typed, "--json", "--store", store)
            assert (done.code, done.json["command"], done.err) == (0, typed[0], "")
            assert (done.json["event"], done.json["seq"] > 0) == ("OperatorCommandAccepted", True)
        assert_refused(run("runs", "delete", "live", "--store", store), "owned by")
        assert first.signal(signal.SIGTERM).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.15, 0.3])
def test_an_early_ctrl_c_leaves_no_traceback(quarter_day: Path, after_s: float) -> None:
    with running("backtest", "--data", quarter_day, "--store", "memory") as process:
        if process.lives_for(after_s):
            ended = process.signal(signal.SIGINT)
            assert ended.code in {0, 130, -signal.SIGINT}
            assert ("Interrupted" in ended.err) == (ended.code == 130)
        assert "Traceback" not in process.said()


@pytest.mark.slow
def test_ctrl_c_at_work_is_answered_with_a_sentence() -> None:
    with running("bench", "kernel") as process:
        process.until(process.said)
        ended = process.signal(signal.SIGINT)
    assert (ended.code, "Interrupted." in ended.err) == (130, True), ended
