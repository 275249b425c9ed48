"""Writes small histories, commit by commit, for the tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.sql import SQL

from actors.ports import Frame
from domain.proof.chain import roll, row_bytes
from infra.postgres import tape
from infra.postgres.commit import CommitDraft, CommitHead, SealedCommit, lock, read_head, seal, write
from infra.postgres.migrate import migrate
from infra.postgres.tables import Tables

MIDNIGHT = datetime(2025, 11, 21, tzinfo=UTC)


class StoredHistory:
    """A run in which every input says which streams get an event from it."""

    def __init__(self, connection: Connection[Any], tables: Tables) -> None:
        self.connection = connection
        self.tables = tables
        self.versions: dict[str, int] = {}
        self.remark = ""
        migrate(connection, tables)

    def commit(self, *inputs: Sequence[str], content_hash: bytes | None = None) -> SealedCommit:
        """Write one commit of these inputs. `content_hash`: the one to claim, instead of the true one."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            lock(cursor, self.tables)
            head = read_head(cursor, self.tables)
            draft = self._draft(head, inputs, content_hash)
            sealed = seal(head, draft)
            write(cursor, self.tables, sealed, draft.rows, draft.tape)
        return sealed

    def tamper(self, statement: str) -> None:
        """Change what is stored as an administrator can: with the triggers off."""
        names = self.tables.identifiers()
        with self.connection.transaction():
            for table in ("events", "commits", "tapes"):
                self.connection.execute(SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(names[table]))
            self.connection.execute(SQL(statement).format(**names))
            for table in ("events", "commits", "tapes"):
                self.connection.execute(SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(names[table]))

    def _draft(self, head: CommitHead, inputs: Sequence[Sequence[str]], claimed: bytes | None) -> CommitDraft:
        rows: list[bytes] = []
        frames: list[Frame] = []
        content_hash = head.content_hash
        for input_seq, streams in enumerate(inputs, head.last_input + 1):
            own = [
                self._row(head.last_seq + len(rows) + place, stream, input_seq)
                for place, stream in enumerate(streams, 1)
            ]
            frame = Frame(input_seq, 1_000 * input_seq, f"input {input_seq} {self.remark}".encode(), b"\x90")
            content_hash = roll(content_hash, frame.input_seq, frame.at_ms, frame.input, own, frame.effects)
            frames.append(frame)
            rows += own
        return CommitDraft(
            rows=rows,
            first_input=frames[0].input_seq if frames else 0,
            last_input=frames[-1].input_seq if frames else head.last_input,
            at_ms=frames[-1].at_ms if frames else head.at_ms,
            tape=tape.pack(frames),
            content_hash=claimed or content_hash,
            writer="process 7 on host",
            token=3,
            environment='{"python":"3.11"}',
            committed_at=MIDNIGHT + timedelta(hours=head.commit_id, microseconds=1),
        )

    def _row(self, seq: int, stream: str, input_seq: int) -> bytes:
        self.versions[stream] = self.versions.get(stream, 0) + 1
        state = msgspec.msgpack.encode((input_seq, 1_000 * input_seq, {"type": "Ticked", "remark": self.remark}))
        return row_bytes(seq, stream.encode(), self.versions[stream], b"Ticked", state)
