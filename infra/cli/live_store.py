"""The live run's store as its process needs it: a journal to write, the past, the operator's door, the followers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from actors.ports import Reader
from infra.door import DoorKeeper
from infra.durability import DurableJournal
from infra.memory import MemoryJournal
from infra.places import Place
from infra.settings import Settings


class Stored(NamedTuple):
    """An open store; `door` and `follow` only where there is a database."""

    journal: DurableJournal
    reader: Reader
    epoch: str = ""
    door: DoorKeeper | None = None
    follow: Callable[[threading.Event], None] | None = None


def open_store(
    url: str | None, settings: Settings, place: Place, release: Callable[[int], object], stack: ExitStack
) -> Stored:
    """Open the live run, in memory if there is no URL; `release` is told which input is durable.

    `stack` closes it. Raises `Fenced` if another process has it.
    """

    def on_durable(input_seq: int) -> None:
        release(input_seq)

    if url is None:
        journal = MemoryJournal(on_durable)
        return Stored(journal, journal)
    from infra import store
    from infra.postgres import runs
    from infra.postgres.following import follower_of

    journal = store.open_live(url, settings, place.venue, place.clock, on_durable)
    stack.callback(journal.close)
    info, tables, reader = stack.enter_context(store.reading(url, runs.LIVE))
    door = DoorKeeper(url, tables, stack.enter_context(store.reading(url, runs.LIVE))[2], journal.durable_input)
    follower = stack.enter_context(follower_of(url, tables.schema))
    return Stored(journal, reader, info.epoch, door, follower.run)
