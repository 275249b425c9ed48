"""What a test asks of the run `live` that a program left in a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from actors.ports import Head
from domain.base import Event, Recorded
from domain.errors import InvalidInput
from domain.strategies import Strategy
from infra import replay, store
from infra.code_version import strategy_named
from infra.postgres.reader import PostgresReader
from infra.postgres.runs import LIVE
from infra.postgres.tables import Tables
from infra.postgres.verify import verify_store

TABLES = Tables(LIVE)


@contextmanager
def live(url: str) -> Iterator[PostgresReader]:
    """Read the run, checkpoints included."""
    with store.reading(url, LIVE) as (_, _, reader):
        yield reader


def head(url: str) -> Head:
    """Give the end of what is durable; of a run that was not made yet, nothing."""
    try:
        with live(url) as reader:
            return reader.head()
    except InvalidInput:
        return Head()


def events(url: str, *kinds: type[Event]) -> list[Recorded]:
    """Give what was recorded, of some kinds or all."""
    with live(url) as reader:
        return list(reader.events(0, topics=tuple(kind.__name__ for kind in kinds)))


def assert_whole(url: str, remembered: Head = Head()) -> Head:  # noqa: B008 - immutable
    """See that the store is as it was written, `remembered` included, and give its end."""
    found = verify_store(url, TABLES, remembered_head=remembered.content_hash)
    assert found.ok, found.problems
    now = head(url)
    assert now.input_seq >= remembered.input_seq, "what was durable is gone"
    return now


def assert_replays(
    url: str, from_input: int = 1, strategies: Callable[[str], Strategy] = strategy_named
) -> replay.ReplayReport:
    """See that today's code decides as recorded, from an input on."""
    with live(url) as reader:
        found = replay.verify(reader, strategies, from_input=from_input)
    assert found.divergences == 0, found.first_divergence
    assert found.chain_equal
    return found


def folded_hash(url: str, seq: int, strategies: Callable[[str], Strategy] = strategy_named) -> str:
    """Give the hash of all states as of an event, folded from the first one: no checkpoint is looked at."""
    with PostgresReader(url, TABLES) as reader:
        return replay.as_of(reader, seq, strategies).state_hash


def checkpointed_hash(url: str, seq: int) -> str:
    """Give the same hash, folded from the nearest checkpoint."""
    with live(url) as reader:
        return replay.as_of(reader, seq, strategy_named).state_hash
