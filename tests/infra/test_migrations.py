from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import Connection
from stored_history import StoredHistory

from domain.errors import InvalidInput
from infra.postgres.migrate import migrate, migrations, require_current
from infra.postgres.tables import COMPANIONS, Tables


def names_in(connection: Connection[Any], schema: str) -> set[str]:
    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
    return {name for (name,) in connection.execute(query, (schema,))}


def test_the_files_are_numbered_from_one_without_a_gap() -> None:
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_run_gets_its_schema_and_readable_names(connection: Connection[Any], schema: str) -> None:
    migrate(connection, Tables(schema))

    assert names_in(connection, schema) == {"events", *COMPANIONS}


def test_two_applications_share_a_schema_without_meeting(connection: Connection[Any], schema: str) -> None:
    for events in ("bank_events", "shop_events"):
        migrate(connection, Tables(schema, events))

    assert names_in(connection, schema) == {
        name + suffix for name in ("bank_events", "shop_events") for suffix in ("", "_commits", "_tapes", "_migrations")
    }


def test_each_migration_is_applied_once(connection: Connection[Any], schema: str) -> None:
    assert migrate(connection, Tables(schema)) == migrations()
    assert migrate(connection, Tables(schema)) == ()


def test_processes_that_start_together_create_the_tables_once(database_url: str, schema: str) -> None:
    together = Barrier(6)

    def start(_: int) -> int:
        with psycopg.connect(database_url, autocommit=True) as connection:
            together.wait(timeout=30)
            return len(migrate(connection, Tables(schema)))

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(start, range(6))) == [0, 0, 0, 0, 0, len(migrations())]


def test_a_migration_that_fails_leaves_nothing_behind(connection: Connection[Any], schema: str) -> None:
    connection.execute(f"CREATE SCHEMA {schema}")
    connection.execute(f"CREATE TABLE {schema}.checkpoints ()")

    with pytest.raises(psycopg.errors.DuplicateTable):
        migrate(connection, Tables(schema))

    assert names_in(connection, schema) == {"checkpoints"}


def test_tables_of_a_newer_version_are_refused(connection: Connection[Any], schema: str) -> None:
    tables = Tables(schema)
    migrate(connection, tables)
    connection.execute(f"INSERT INTO {schema}.migrations (number, name) VALUES (99, 'the_future')")

    for opening in (migrate, require_current):
        with pytest.raises(
            InvalidInput, match=r"up to migration \d+, found migration 99 \(the_future\), made by a newer"
        ):
            opening(connection, tables)


def test_a_reader_refuses_tables_that_are_not_there(connection: Connection[Any], schema: str) -> None:
    with pytest.raises(InvalidInput, match=r"found migration 1 \(history\) not applied"):
        require_current(connection, Tables(schema))


def test_a_reader_accepts_current_tables(connection: Connection[Any], schema: str) -> None:
    migrate(connection, Tables(schema))

    require_current(connection, Tables(schema))


def test_a_database_that_does_not_keep_texts_in_utf8_is_refused(
    connection: Connection[Any], database_url: str, schema: str
) -> None:
    connection.execute(f"CREATE DATABASE {schema} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        with (
            psycopg.connect(database_url, dbname=schema) as latin,
            pytest.raises(InvalidInput, match="expected encoding UTF8, found LATIN1"),
        ):
            migrate(latin, Tables(schema))
    finally:
        connection.execute(f"DROP DATABASE {schema} WITH (FORCE)")


def test_events_that_were_written_without_commits_are_not_adopted(
    connection: Connection[Any], library_env: dict[str, str], schema: str
) -> None:
    with datastore(library_env) as store:
        PostgresApplicationRecorder(store).create_table()
    connection.execute(f"INSERT INTO {schema}.stored_events VALUES ('s', 1, 'T', '')")

    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="written without commits"):
        migrate(connection, Tables(schema, "stored_events"))


@pytest.mark.parametrize("originator_id_type", ["text", "uuid"])
def test_the_event_table_is_the_librarys_own(
    connection: Connection[Any], library_env: dict[str, str], schema: str, originator_id_type: str
) -> None:
    with datastore(library_env | {"ORIGINATOR_ID_TYPE": originator_id_type}) as store:
        PostgresApplicationRecorder(store, events_table_name="stock_events").create_table()
    migrate(connection, Tables(schema, "our_events"), originator_id_type)

    assert shape_of(connection, schema, "our") == shape_of(connection, schema, "stock")


def datastore(env: dict[str, str]) -> PostgresDatastore:
    return PostgresDatastore(
        dbname=env["POSTGRES_DBNAME"],
        host=env["POSTGRES_HOST"],
        port=env["POSTGRES_PORT"],
        user=env["POSTGRES_USER"],
        password=env["POSTGRES_PASSWORD"],
        schema=env["POSTGRES_SCHEMA"],
        originator_id_type=env["ORIGINATOR_ID_TYPE"],
    )


def shape_of(connection: Connection[Any], schema: str, name: str) -> list[tuple[object, ...]]:
    """Everything PostgreSQL knows of an event table, the table's own name taken out."""
    columns = (
        "SELECT column_name, ordinal_position, data_type, is_nullable, replace(column_default, %(name)s, '')"
        " FROM information_schema.columns WHERE table_schema = %(schema)s AND table_name = %(name)s || '_events'"
        " ORDER BY ordinal_position"
    )
    indexes = (
        "SELECT replace(indexname, %(name)s, ''), replace(indexdef, %(name)s, '') FROM pg_indexes"
        " WHERE schemaname = %(schema)s AND tablename = %(name)s || '_events' ORDER BY 1"
    )
    options = "SELECT reloptions FROM pg_class WHERE oid = (%(schema)s || '.' || %(name)s || '_events')::regclass"
    found: list[tuple[object, ...]] = []
    for query in (columns, indexes, options):
        found += connection.execute(query, {"schema": schema, "name": name}).fetchall()
    return found


@pytest.mark.parametrize("table", ["events", "commits", "tapes"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_history_refuses_every_change(connection: Connection[Any], schema: str, table: str, statement: str) -> None:
    StoredHistory(connection, Tables(schema)).commit(["symbol:BTCUSDT"])
    column = {"events": "state", "commits": "writer", "tapes": "frames"}[table]
    verb = statement.partition(" ")[0]

    with pytest.raises(psycopg.errors.RestrictViolation, match=f"append-only: {verb} of {schema}.{table} is refused"):
        connection.execute(statement.format(f"{schema}.{table}", column, column))

    assert connection.execute(f"SELECT count(*) FROM {schema}.{table}").fetchone() == (1,)


def test_history_refuses_a_change_that_matches_no_row(connection: Connection[Any], schema: str) -> None:
    migrate(connection, Tables(schema))

    with pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(f"DELETE FROM {schema}.events WHERE notification_id = 77")


def test_the_lease_has_exactly_one_row(connection: Connection[Any], schema: str) -> None:
    migrate(connection, Tables(schema))

    assert connection.execute(f"SELECT token, owner, lease_ms FROM {schema}.lease").fetchall() == [(0, "", 0)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(f"INSERT INTO {schema}.lease (token, owner, lease_ms) VALUES (1, '', 0)")


def test_an_artifact_is_stored_under_its_own_hash_only(connection: Connection[Any], schema: str) -> None:
    migrate(connection, Tables(schema))

    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(f"INSERT INTO {schema}.artifacts (sha256, body, kind) VALUES ('x', 'y', 'model')")


@pytest.mark.parametrize("name", ["", 'a"b', "a;b", "a'b", "x$y", "a%b"])
def test_a_name_that_no_honest_caller_would_choose_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="expected letters"):
        Tables("live", name)
    with pytest.raises(InvalidInput, match="expected letters"):
        Tables(name)


def test_a_name_that_would_be_cut_short_is_refused() -> None:
    longest = "x" * 51

    assert len(Tables("live", longest).plain("checkpoints")) == 63
    with pytest.raises(InvalidInput, match="at most 51 bytes"):
        Tables("live", longest + "x")
