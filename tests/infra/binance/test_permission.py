"""A session with real orders begins only with a key that may place them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from domain.errors import InvalidInput
from infra.exchange.auth import READ
from infra.exchange.faults import Faults, Once, RestFault
from tests.venue_worlds import WireWorld


@pytest.fixture
def world() -> Iterator[WireWorld]:
    made = WireWorld()
    made.end_session()
    yield made
    made.close()


def limit_the_key(world: WireWorld) -> None:
    keys = world.stage.keys
    first = next(iter(keys))
    keys.add(replace(first, permissions=(READ,)))


def test_a_key_that_may_only_read_begins_no_session(world: WireWorld) -> None:
    world.on_loop(lambda: limit_the_key(world))
    with pytest.raises(InvalidInput, match="permission for futures"):
        world.run(world.open_desk())


def test_what_the_exchange_checks_is_placed_nowhere_and_asked_for_again_if_nobody_answers(world: WireWorld) -> None:
    world.misbehave(Faults(next=(Once(RestFault.UNKNOWN_STATE, "/fapi/v1/order/test", "POST"),)))
    world.run(world.open_desk())
    assert world.stage.exchange.account("account-1").orders == {}
    assert world.stage.faults.counts == {RestFault.UNKNOWN_STATE: 1}
