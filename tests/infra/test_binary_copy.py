from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from domain.proof.chain import row_bytes
from infra.postgres.binary_copy import loading, rows_of

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
ROWS = [row_bytes(seq, b"symbol:BTCUSDT", seq, "Bougie fermée".encode(), bytes([0, 255, seq])) for seq in range(1, 8)]


@pytest.fixture
def table(connection: Connection[Any], schema: str) -> str:
    connection.execute(f"CREATE SCHEMA {schema}")
    connection.execute(f"CREATE TABLE {schema}.t (a text, b bigint, c text, d bytea, e bigint)")
    return f"{schema}.t"


@given(st.lists(st.sampled_from(ROWS)))
def test_the_header_before_the_first_row_and_the_trailer_are_no_rows(rows: list[bytes]) -> None:
    messages = [*rows, TRAILER]
    messages[0] = HEADER + messages[0]

    assert list(rows_of(messages)) == rows


def test_nothing_at_all_is_no_rows() -> None:
    assert list(rows_of([])) == []


def test_what_is_no_binary_copy_is_not_taken_for_rows() -> None:
    with pytest.raises(AssertionError, match="signature"):
        list(rows_of([b"1\tsymbol:BTCUSDT\n"]))


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_rows_come_back_byte_for_byte_in_whatever_parts_they_went(
    connection: Connection[Any], table: str, size: int
) -> None:
    with connection.cursor() as cursor:
        with loading(cursor, f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()) as send:
            for start in range(0, len(ROWS), size):
                send(ROWS[start : start + size])
        with cursor.copy(f"COPY (SELECT * FROM {table} ORDER BY e) TO STDOUT (FORMAT BINARY)") as copy:
            found = list(rows_of(copy))

    assert found == ROWS


def test_an_empty_table_gives_no_rows(connection: Connection[Any], table: str) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT (FORMAT BINARY)") as copy:
        assert list(rows_of(copy)) == []


def test_what_the_server_refuses_is_raised_at_the_end(connection: Connection[Any], table: str) -> None:
    with (
        connection.cursor() as cursor,
        pytest.raises(psycopg.errors.CharacterNotInRepertoire),
        loading(cursor, f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()) as send,
    ):
        send([row_bytes(1, b"\0", 1, b"T", b"")])


def test_a_failure_of_the_caller_loads_nothing(connection: Connection[Any], table: str) -> None:
    def load_and_fail() -> None:
        with (
            connection.cursor() as cursor,
            loading(cursor, f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()) as send,
        ):
            send(ROWS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        load_and_fail()

    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
