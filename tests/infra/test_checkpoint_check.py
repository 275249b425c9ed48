"""Checkpoints against a fold from the beginning: what was edited, or taken elsewhere, is found."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from actors.ports import Checkpoint, FrozenActor
from infra.checkpoint_check import wrong_checkpoints
from tests.worlds import World, buys, open_ms


def lived() -> tuple[World, list[Checkpoint]]:
    """Give a run with a position opened and stopped out, and all checkpoints that could be taken in it."""
    world = World(buys())
    taken: list[Checkpoint] = []

    def look(_step: object) -> None:
        checkpoint = world.kernel.checkpoint()
        if checkpoint is not None:
            taken.append(checkpoint)

    world.runner._on_step = look
    world.enter()
    for second in (10, 12, 13):
        world.quote(open_ms(1) + second * 1_000, BTCUSDT=97.0)
    world.journal.commit()
    return world, taken


def found(world: World, *checkpoints: Checkpoint) -> list[tuple[str, str]]:
    world.journal._checkpoints = list(checkpoints)
    return list(wrong_checkpoints(world.journal, world.found))


def richer(actor: FrozenActor) -> FrozenActor:
    """Give an account that says that it has a million more."""
    state = msgspec.msgpack.decode(actor.state)
    return replace(actor, state=msgspec.msgpack.encode(state | {"balance": str(Decimal(state["balance"]) + 1_000_000)}))


def test_the_checkpoints_of_a_run_are_what_a_fold_gives() -> None:
    world, taken = lived()
    assert len(taken) > 5
    assert found(world, *taken) == []
    assert found(world) == []


def test_an_edited_state_is_found_and_those_before_and_after_it_are_right() -> None:
    world, taken = lived()
    *before, last = taken
    actors = tuple(richer(a) if a.stream == "account:main" else a for a in before[-1].actors)
    assert actors != before[-1].actors
    ((where, what),) = found(world, *before[:-1], replace(before[-1], actors=actors), last)
    assert where == f"checkpoint at input {before[-1].head.input_seq}"
    assert "account:main" in what


def test_a_stream_that_is_missing_from_a_checkpoint_is_named() -> None:
    world, taken = lived()
    *others, dropped = taken[-1].actors
    ((_, what),) = found(world, replace(taken[-1], actors=tuple(others)))
    assert dropped.stream in what


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_checkpoint_that_stands_at_another_event_is_found(shift: int) -> None:
    world, taken = lived()
    head = taken[len(taken) // 2].head
    moved = replace(taken[len(taken) // 2], head=replace(head, seq=head.seq + shift))
    ((where, what),) = found(world, moved)
    assert where == f"checkpoint at input {head.input_seq}"
    assert "seq" in what
