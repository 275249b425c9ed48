"""The names of one history in PostgreSQL: the library's event table and the companions that make it a chain.

A run of Hindsight has a schema of its own and readable names: `live.events`, `live.commits`, `live.tapes` … An
application of the `eventsourcing` library keeps its own table name, and the companions carry it as a prefix
(`bank_events`, `bank_events_commits`), so that several applications may share a schema.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from psycopg.sql import Identifier

from domain.errors import InvalidInput

RUN_EVENTS: Final = "events"
"""The event table of a run: its companions need no prefix."""

COMPANIONS: Final = ("commits", "tapes", "checkpoints", "artifacts", "commands", "lease", "migrations")
"""Every companion; `migrations/*.sql` says what each holds."""

_IDENTIFIER_BYTES_MAX: Final = 63
_EVENTS_BYTES_MAX: Final = _IDENTIFIER_BYTES_MAX - 1 - max(map(len, COMPANIONS))
_PLAIN_NAME: Final = re.compile(r"[\w .-]+")


class Tables(msgspec.Struct, frozen=True):
    """The tables of one history, as quoted and schema-qualified SQL identifiers.

    Raises `InvalidInput` for a name with characters that only an attack or a typing error would hold, and for one that
    PostgreSQL would cut short: two histories could then share a table.
    """

    schema: str
    events: str = RUN_EVENTS

    def __post_init__(self) -> None:
        """Refuse names that PostgreSQL would misread or cut short."""
        for name, longest in ((self.schema, _IDENTIFIER_BYTES_MAX), (self.events, _EVENTS_BYTES_MAX)):
            if not _PLAIN_NAME.fullmatch(name):
                raise InvalidInput(
                    f"table name {name!r}", "letters, digits, '_', '-', '.' and blanks", "something else"
                )
            if len(name.encode()) > longest:
                raise InvalidInput(f"table name {name!r}", f"at most {longest} bytes", f"{len(name.encode())}")

    @property
    def is_run(self) -> bool:
        """Whether this is a run of Hindsight, not an application of the library."""
        return self.events == RUN_EVENTS

    @property
    def channel(self) -> str:
        """The channel that a commit notifies: the one on which the library's subscriptions listen."""
        return self.events.replace(".", "_")

    def plain(self, companion: str) -> str:
        """Give the bare name of a companion, for a message or a catalog query."""
        assert companion in COMPANIONS, companion
        return companion if self.is_run else f"{self.events}_{companion}"

    def named(self, companion: str) -> Identifier:
        """Give the identifier of a companion."""
        return Identifier(self.schema, self.plain(companion))

    def identifiers(self) -> dict[str, Identifier]:
        """Give every identifier by the name under which SQL templates ask for it."""
        return {
            "schema": Identifier(self.schema),
            "events": Identifier(self.schema, self.events),
            **{companion: self.named(companion) for companion in COMPANIONS},
        }
