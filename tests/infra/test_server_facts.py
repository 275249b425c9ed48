"""What `doctor` says about a server."""

from __future__ import annotations

from pathlib import Path

import msgspec
import psycopg
import pytest

from domain.errors import Unavailable
from infra.postgres import embedded
from infra.postgres.server_facts import ServerFacts, concerns, server_facts

SAFE = ServerFacts(
    version_num=160004,
    fsync=True,
    synchronous_commit="on",
    full_page_writes=True,
    wal_level="replica",
    data_checksums=True,
    database_bytes=1,
)


def test_a_safe_server_raises_no_concern() -> None:
    assert concerns(SAFE) == ()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("fsync", False), ("synchronous_commit", "off"), ("full_page_writes", False), ("data_checksums", False)],
)
def test_each_unsafe_setting_is_named_with_a_remedy(setting: str, value: object) -> None:
    (sentence,) = concerns(msgspec.structs.replace(SAFE, **{setting: value}))
    assert setting.replace("data_checksums", "data checksums") in sentence


def test_a_server_older_than_14_is_refused() -> None:
    assert concerns(msgspec.structs.replace(SAFE, version_num=140000)) == ()
    with pytest.raises(Unavailable, match="PostgreSQL 14 or newer is needed, and this is version 13"):
        concerns(msgspec.structs.replace(SAFE, version_num=130023))


def test_the_embedded_server_is_safe_until_somebody_makes_it_unsafe(tmp_path: Path) -> None:
    with embedded.running(tmp_path) as url:
        found = server_facts(url)
        assert concerns(found) == ()
        assert found.major >= 14
        assert found.database_bytes > 1_000_000
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER DATABASE hindsight SET synchronous_commit = off")
        assert len(concerns(server_facts(url))) == 1


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="The database is not available"):
        server_facts(f"postgresql:///nowhere?host={tmp_path}")
