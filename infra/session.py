"""One process's turn at a run: restored from history if there is one, then started under today's settings."""

from __future__ import annotations

from collections.abc import Callable

from actors.kernel import Kernel
from actors.outbox import Outbox
from actors.ports import History, Journal, Reader, Step
from actors.runner import Runner
from domain.config import Config
from domain.deal import VIRTUAL
from domain.errors import InvalidInput
from domain.operations import Restored, SessionStarted
from domain.strategies import Strategy
from infra.paper import PaperVenue
from infra.paper_restore import restore_paper


def paper_venue(config: Config, outside: tuple[str, ...] = ()) -> PaperVenue:
    """Give the in-process exchange for these settings: the virtual account, which has no wallet, and the paper one
    with its wallet unless that is at a venue `outside`.
    """
    real = {config.account.name: config.account.initial_balance}
    return PaperVenue(config.venue, {**{name: real[name] for name in real if name not in outside}, VIRTUAL: None})


def begin(
    journal: Journal,
    reader: Reader,
    strategies: Callable[[str], Strategy],
    started: SessionStarted,
    at_ms: int,
    *,
    outbox: Outbox | None = None,
    on_step: Callable[[Step], None] | None = None,
    history: History | None = None,
    in_process: bool = True,
    outside: tuple[str, ...] = (),
) -> Runner:
    """Start a session, or go on where the last one ended, however it ended.

    With history, the actors are rebuilt (newest checkpoint, then the events after it), the in-process exchange from
    them, and the first input is `Restored`. The session's settings follow as `SessionStarted`.

    `outside` names accounts whose orders leave through the outbox; without `in_process` all do.
    `history` is where an actor's past is read later on, if not simply in the journal.

    Raises `InvalidInput` for settings that this run can't go on under.
    """
    kernel = Kernel(history or journal, strategies)
    venue = paper_venue(started.config, outside) if in_process else None
    head = reader.head()
    if head.input_seq:
        checkpoint = reader.checkpoint(head.input_seq)
        kernel.restore(checkpoint, reader.events(checkpoint.head.seq if checkpoint else 0, head.seq), head)
        _require_same_frames(kernel.config, started.config)
        if venue is not None:
            restore_paper(venue, kernel.population, outside)
    runner = Runner(kernel, journal, venue, outbox, outside=outside, on_step=on_step)
    if head.input_seq:
        runner.feed(at_ms, Restored(head.seq, kernel.population.state_hash()))
    runner.feed(at_ms, started)
    return runner


def _require_same_frames(before: Config, now: Config) -> None:
    """Refuse what would give a symbol other candle frames than its past was folded into."""
    hint = "Start another run for that: choose another --home or --store."
    if now.base_interval != before.base_interval:
        raise InvalidInput("base_interval", f"{before.base_interval}, as in this run so far", now.base_interval, hint)
    was, wanted = before.strategy.analysis_interval, now.strategy.analysis_interval
    if was != wanted and "1m" in {was, wanted}:
        raise InvalidInput("strategy.analysis_interval", f"{was}, as in this run so far", wanted, hint)
