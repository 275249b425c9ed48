"""Are the checkpoints what a fold gives? A start and a replay trust them, and no hash of the chain covers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import zip_longest

from actors.kernel import Kernel
from actors.ports import Checkpoint, FrozenActor, Head, Reader
from domain.strategies import Strategy
from infra.replay import PastOf

Progress = Callable[[int], None]
"""Called after each checkpoint with the last event that was folded."""


def wrong_checkpoints(
    reader: Reader, strategies: Callable[[str], Strategy], progress: Progress | None = None
) -> Iterator[tuple[str, str]]:
    """Fold the run from its beginning, and give each checkpoint that says otherwise: where it stands, what is wrong.

    The ephemeral part is not looked at: no fold gives it, and only a decision replay uses it, which would diverge.
    Raises `CorruptHistory` if the events themselves can't be folded.
    """
    past = PastOf(reader)
    with closing(Kernel(past, strategies)) as kernel:
        past.kernel = kernel
        for checkpoint in _oldest_first(reader):
            head = checkpoint.head
            what = _misplaced(reader, head)
            if not what:
                kernel.restore(None, reader.events(kernel.head.seq, head.seq), head)
                what = _differing(kernel.population.freeze(), checkpoint.actors)
            if what:
                yield f"checkpoint at input {head.input_seq}", what
            if progress is not None:
                progress(head.seq)


def _oldest_first(reader: Reader) -> Iterator[Checkpoint]:
    """Give all checkpoints that a start or a replay could use, one in memory at a time."""
    places: list[int] = []
    found = reader.checkpoint(reader.head().input_seq)
    while found is not None:
        places.append(found.head.input_seq)
        found = reader.checkpoint(found.head.input_seq - 1)
    for place in reversed(places):
        found = reader.checkpoint(place)
        if found is not None:
            yield found


def _misplaced(reader: Reader, head: Head) -> str:
    """Say what is wrong if event `head.seq` is not the last one up to input `head.input_seq`."""
    around = {recorded.seq: recorded.input_seq for recorded in reader.events(head.seq - 1, head.seq + 1)}
    before, after = around.get(head.seq), around.get(head.seq + 1)
    if head.seq and (before is None or before > head.input_seq):
        return f"it says that seq {head.seq} came before it, which the record does not"
    if after is not None and after <= head.input_seq:
        return f"it ends at seq {head.seq}, but seq {head.seq + 1} came before it, too"
    return ""


def _differing(folded: tuple[FrozenActor, ...], kept: tuple[FrozenActor, ...]) -> str:
    """Name the first stream that a fold of the events leaves in another state."""
    for ours, theirs in zip_longest(folded, kept):
        if ours is None or theirs is None or (ours.stream, ours.version, ours.state) != (
            theirs.stream, theirs.version, theirs.state
        ):  # fmt: skip
            names = sorted(actor.stream for actor in (ours, theirs) if actor is not None)
            return f"{names[0]} has another state there than a fold of its events gives"
    return ""
