"""Verify a store: every commit in order, its events, its tape, and the chain that holds them together.

Found are changed bytes, swapped, inserted and removed rows, edited columns of a commit, removed commits, rows without a
commit, tapes that were changed or dropped out of turn, and, given a head remembered elsewhere, a tail that was cut and
a history that was written anew. What was rewritten as a whole, with a chain of its own, is found only that last way.

All reads see one moment (one snapshot), so a running writer does not disturb.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec
from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composed, Literal

from infra.postgres.commit import CommitHead, read_head
from infra.postgres.commit_check import Problem, StoredCommit, check
from infra.postgres.migrate import require_current
from infra.postgres.read_commits import read_commits
from infra.postgres.session import connect, reaching
from infra.postgres.tables import Tables

PROBLEMS_MAX: Final = 1_000
"""What goes wrong after so many problems is counted, not listed."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called after each commit as `progress(last seq that was checked, last seq of the store)`."""


class StoreVerification(msgspec.Struct, frozen=True):
    """The outcome. `head` is the end of the chain as it stands: remember it elsewhere, and give it next time.

    `pruned_tapes` were dropped after their retention: the content hashes of their commits could not be checked.
    """

    ok: bool
    checked_commits: int
    checked_events: int
    pruned_tapes: int
    head: CommitHead
    problems: tuple[Problem, ...]


def verify_store(
    url: str,
    tables: Tables,
    *,
    remembered_head: CommitHead | bytes | None = None,
    progress: Progress | None = None,
) -> StoreVerification:
    """Check everything that is stored of a history.

    `remembered_head` is the end of the chain at an earlier time: a whole head, or only the chain head that a run prints
    (the content hash). Raises `Unavailable` if PostgreSQL is away, and `InvalidInput` if the tables are not those of
    this version.
    """
    with reaching(), connect(url, "verify") as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        require_current(connection, tables)
        audit = _Audit(connection, tables)
        audit.commits(progress)
        audit.leftovers()
        audit.streams()
        if isinstance(remembered_head, CommitHead):
            audit.remembered(remembered_head)
        elif remembered_head is not None:
            audit.remembered_chain_head(remembered_head)
        return audit.outcome()


class _Audit:
    """A verification under way."""

    def __init__(self, connection: Connection[Any], tables: Tables) -> None:
        self._connection = connection
        self._tables = tables
        self._names = tables.identifiers()
        self._problems: list[Problem] = []
        self._unlisted = 0
        self._head = CommitHead()
        self._trusted = True
        self._commits = self._events = self._pruned = 0
        self._tapes_kept_since = 0

    def commits(self, progress: Progress | None) -> None:
        """Check every commit, in order."""
        last_seq = read_head(self._connection.cursor(), self._tables).last_seq
        for stored in read_commits(self._connection, self._tables):
            self._check(stored)
            if progress is not None:
                progress(self._head.last_seq, last_seq)

    def leftovers(self) -> None:
        """Look for events after the last commit, and for tapes without a commit."""
        rows = SQL("SELECT count(*), min(notification_id) FROM {events} WHERE notification_id > %s")
        count, first = self._one(rows.format(**self._names), self._head.last_seq)
        if count:
            self._report(f"seq {first} and after", f"{count} events are in the store without a commit")
        tapes = SQL(
            "SELECT count(*), min(t.commit_id) FROM {tapes} t"
            " WHERE NOT EXISTS (SELECT FROM {commits} c WHERE c.commit_id = t.commit_id)"
        )
        count, first = self._one(tapes.format(**self._names))
        if count:
            self._report(f"tape {first} and after", f"{count} tapes are in the store without their commit")

    def streams(self) -> None:
        """Look for streams with a gap in their versions. A run's streams begin with version 1."""
        begins = SQL("OR min(originator_version) <> 1" if self._tables.is_run else "")
        broken = SQL(
            "SELECT originator_id::text, min(originator_version), max(originator_version), count(*) FROM {events}"
            " GROUP BY originator_id"
            " HAVING max(originator_version)::numeric - min(originator_version) + 1 <> count(*) {begins}"
            " ORDER BY originator_id LIMIT {limit}"
        ).format(begins=begins, limit=Literal(PROBLEMS_MAX), **self._names)
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            for stream, first, last, count in cursor.execute(broken).fetchall():
                self._report(f"stream {stream}", f"it has {count} events, but its versions run from {first} to {last}")

    def remembered(self, head: CommitHead) -> None:
        """Look for a head that was remembered elsewhere."""
        if head.commit_id > self._head.commit_id:
            what = f"the tail was cut: commit {head.commit_id}, up to seq {head.last_seq}, is remembered"
            self._report(f"after commit {self._head.commit_id}", what)
        elif head.commit_id:
            commit = SQL("SELECT count(*) FROM {commits} WHERE commit_id = %s AND row_hash = %s")
            if self._one(commit.format(**self._names), head.commit_id, head.row_hash) == (0,):
                what = "the history was written anew: its row hash is not the remembered one"
                self._report(f"commit {head.commit_id} or before", what)

    def remembered_chain_head(self, content_hash: bytes) -> None:
        """Look for a chain head that was remembered elsewhere."""
        commit = SQL("SELECT count(*) FROM {commits} WHERE content_hash = %s")
        if content_hash != CommitHead().content_hash and self._one(commit.format(**self._names), content_hash) == (0,):
            self._report("the whole store", f"no commit ends with the remembered chain head {content_hash.hex()}")

    def outcome(self) -> StoreVerification:
        """Give the result."""
        if self._unlisted:
            self._problems.append(Problem("the whole store", f"{self._unlisted} more problems are not listed"))
        return StoreVerification(
            ok=not self._problems,
            checked_commits=self._commits,
            checked_events=self._events,
            pruned_tapes=self._pruned,
            head=self._head,
            problems=tuple(self._problems),
        )

    def _check(self, stored: StoredCommit) -> None:
        found = check(self._head, stored, trusted=self._trusted)
        for problem in found:
            self._report(problem.where, problem.what)
        if stored.is_pruned:
            self._pruned += 1
            if self._tapes_kept_since:
                what = f"its tape is gone, though that of commit {self._tapes_kept_since} is kept"
                self._report(stored.where, what)
        elif stored.blob is not None and not self._tapes_kept_since:
            self._tapes_kept_since = stored.commit.commit_id
        self._trusted = not found
        self._head = stored.commit.head
        self._commits += 1
        self._events += len(stored.rows)

    def _report(self, where: str, what: str) -> None:
        if len(self._problems) < PROBLEMS_MAX:
            self._problems.append(Problem(where, what))
        else:
            self._unlisted += 1

    def _one(self, statement: Composed, *parameters: object) -> tuple[Any, ...]:
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            found = cursor.execute(statement, parameters).fetchone()
        assert found is not None, "an aggregate gives one row"
        return found
