"""The follower of a run in PostgreSQL, wired: its reader, its views, and the news of commits."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from typing import Any

from infra.followers.follower import Follower
from infra.postgres.listener import Listener
from infra.postgres.reader import PostgresReader
from infra.postgres.tables import Tables
from infra.postgres.views import PostgresViews
from projections import PROJECTIONS
from projections.base import Projection


@contextmanager
def follower_of(
    url: str, schema: str, projections: Iterable[Projection[Any]] = PROJECTIONS.values()
) -> Generator[Follower]:
    """Give a follower of the run in `schema`; its connections are closed at the end."""
    tables = Tables(schema)
    with (
        closing(PostgresReader(url, tables)) as reader,
        closing(PostgresViews(url, tables)) as views,
        closing(Listener(url, tables)) as listener,
    ):
        yield Follower(reader, views, projections, news=listener.wait)
