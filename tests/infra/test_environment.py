"""What a commit says about its surroundings."""

from __future__ import annotations

import msgspec

from infra.postgres.environment import describe
from infra.postgres.process import Process
from infra.postgres.session import connect


def test_the_facts_are_those_that_a_difference_may_come_from(database_url: str) -> None:
    with connect(database_url, "test") as connection:
        text = describe(connection, Process("box", 42), "wall")
        assert text == describe(connection, Process("box", 42), "wall")
    facts = msgspec.json.decode(text, type=dict[str, str | int])
    assert (facts["host"], facts["pid"], facts["clock"]) == ("box", 42, "wall")
    assert str(facts["store"]).startswith("postgresql ")
    assert {"cpu", "python", "msgspec", "numpy", "psycopg"} <= set(facts)
    assert list(facts) == sorted(facts)
