"""What is believed of an account, and to which position a funding belongs, however late it is told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from worlds import World, buys, traded

from domain.deal import Deal, Plan
from domain.position_events import PositionClosed
from domain.values import Side
from infra.beliefs import HOUR_MS, Beliefs, Believed, Over

HOUR = 500 * HOUR_MS
"""A full hour."""


def held(opened_ms: int, number: int = 9, symbol: str = "BTCUSDT", quantity: int = 1) -> Deal:
    one = Decimal(1)
    plan = Plan("main", symbol, Side.LONG, one, one, one, one, 5, one, 1, "", "", 0.5, 0.5)
    return Deal(f"position:main/{symbol}-{number}", 1, plan, quantity=Decimal(quantity), opened_ms=opened_ms)


def over(opened_ms: int, closed_ms: int, number: int = 1, symbol: str = "BTCUSDT") -> Over:
    return Over(f"position:main/{symbol}-{number}", symbol, Side.LONG, opened_ms, closed_ms)


BEFORE, AT, AFTER = over(HOUR - 99, HOUR - 1), over(HOUR - 99, HOUR, 2), over(HOUR - 99, HOUR + 2_000, 3)


@pytest.mark.parametrize(
    ("deals", "ended", "time_ms", "expected"),
    [
        ((held(HOUR - 9),), (), HOUR + 3, ("position:main/BTCUSDT-9", HOUR)),
        ((held(HOUR - 9), held(HOUR - 99, 8, "ETHUSDT")), (), HOUR, ("position:main/BTCUSDT-9", HOUR)),
        ((held(HOUR + 4),), (), HOUR + 3, None),
        ((held(HOUR + 4),), (), HOUR + 7_000, ("position:main/BTCUSDT-9", HOUR + 4)),
        ((held(HOUR - 9, quantity=0),), (), HOUR + 3, None),
        ((), (BEFORE,), HOUR + 3, None),
        ((), (AT,), HOUR + 3, ("position:main/BTCUSDT-2", HOUR)),
        ((held(HOUR + 2_500),), (BEFORE, AFTER), HOUR + 3, ("position:main/BTCUSDT-3", HOUR)),
        ((held(HOUR + 2_500),), (AFTER,), HOUR + 7_000, ("position:main/BTCUSDT-3", HOUR)),
        ((held(HOUR + 2_500),), (BEFORE,), HOUR + 7_000, ("position:main/BTCUSDT-9", HOUR + 2_500)),
        ((), (over(HOUR - 9, HOUR + 9, 1, "ETHUSDT"),), HOUR + 3, None),
        ((), (), HOUR, None),
    ],
)
def test_a_funding_belongs_to_who_held_at_the_hour_or_came_before_the_charge(
    deals: tuple[Deal, ...], ended: tuple[Over, ...], time_ms: int, expected: tuple[str, int] | None
) -> None:
    assert Believed(None, deals, 0, ended).funded("BTCUSDT", time_ms) == expected


def test_a_funding_of_the_other_leg_is_nobody_s_here() -> None:
    believed = Believed(None, (held(HOUR - 9),), 0, (AFTER,))
    assert believed.funded("BTCUSDT", HOUR + 3, Side.SHORT) is None
    assert believed.funded("BTCUSDT", HOUR + 3, Side.LONG) == believed.funded("BTCUSDT", HOUR + 3)


def test_what_ended_is_remembered_in_a_session_and_recalled_by_the_next() -> None:
    world = traded()
    (closed,) = world.events(PositionClosed)
    end = Over(closed.stream, "BTCUSDT", Side.LONG, closed.event.time_ms - closed.event.held_ms, closed.event.time_ms)
    lived = Beliefs("main")
    lived.adopt(world.kernel.population)
    for step in world.steps:
        lived.take(step)
    assert lived.look().over == (end,)
    assert lived.look().deals == ()
    world.journal.commit()
    again = Beliefs("main")
    again.recall(world.journal)
    assert again.look().over == (end,)
    assert Beliefs("main").look().over == ()


def test_what_ended_long_ago_and_what_is_another_account_s_is_not_recalled() -> None:
    world = traded()
    world.journal.commit()
    other = Beliefs("other")
    other.recall(world.journal)
    assert other.look().over == ()
    world.quote(world.kernel.head.at_ms + 25 * HOUR_MS, BTCUSDT=97.0)
    world.close(1_600, BTCUSDT=97.0)
    world.journal.commit()
    late = Beliefs("main")
    late.recall(world.journal)
    assert late.look().over == ()


def test_an_empty_history_has_nothing_to_recall() -> None:
    world = World(buys())
    world.journal.commit()
    beliefs = Beliefs("main")
    beliefs.recall(world.journal)
    assert beliefs.look().over == ()
