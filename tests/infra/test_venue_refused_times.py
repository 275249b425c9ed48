"""Orders while the exchange refuses every request for its time, or knows the contract no more."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from domain.errors import HindsightError
from domain.values import OrderSide
from domain.venue import VenueAccepted, VenueCanceled, VenueFilled, VenueRejected
from infra.binance import venue
from infra.binance.faults import Answer
from infra.binance.wire.market_bodies import MarkPrice
from infra.exchange.faults import Faults, Once, RestFault
from tests.venue_worlds import WireWorld, order, stop

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
OWNER = "account-1"
TIME = b'{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}'
NO_SYMBOL = b'{"code":-1121,"msg":"Invalid symbol."}'


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireWorld]:
    monkeypatch.setattr(venue, "BACK_OFF_S", (0.05,))
    made = WireWorld()
    yield made
    made.close()


class Refusing:
    """Refuses the next `count` requests of a kind, and passes everything else on."""

    def __init__(self, world: WireWorld, method: str, path: str, count: int, body: bytes = TIME) -> None:
        self.left = count
        transport = world.rest.calls._transport
        send = transport.send

        async def refused(verb: str, where: str, query: str, content: str, headers: dict[str, str]) -> Answer:
            if (verb, where) == (method, path) and self.left:
                self.left -= 1
                return Answer(400, {}, body)
            return await send(verb, where, query, content, headers)

        transport.send = refused  # type: ignore[method-assign]


def test_a_close_is_sent_until_its_time_is_taken(world: WireWorld) -> None:
    world.hears(VenueFilled, world.place(order(2, leverage=5)))
    storm = Refusing(world, "POST", ORDER, 7)
    closing = world.place(order(4, OrderSide.SELL, reduce_only=True))
    assert world.hears(VenueFilled, closing).complete
    assert storm.left == 0
    assert not [each for each in world.about(closing) if isinstance(each, VenueRejected)]


def test_an_entry_is_given_up_when_its_price_is_an_old_one(world: WireWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venue, "ENTRY_PATIENCE_S", 0.3)
    Refusing(world, "POST", ORDER, 1_000)
    refused = world.hears(VenueRejected, world.place(order(2, leverage=5)))
    assert (refused.code, "clock" in refused.text) == ("WRONGCLOCK", True)


def test_an_order_in_doubt_is_asked_for_until_the_question_s_time_is_taken(world: WireWorld) -> None:
    world.misbehave(Faults(next=(Once(RestFault.LOST_ANSWER, ORDER, "POST", 1),)))
    storm = Refusing(world, "GET", ORDER, 7)
    wish = world.place(order(2, leverage=5))
    assert world.hears(VenueFilled, wish).complete
    world.until(lambda: storm.left == 0 and not world.desk.venue.busy(wish))
    assert len(world.stage.exchange.account(OWNER).orders) == 1
    assert world.desk.venue.error is None


def test_a_cancellation_is_repeated_until_its_time_is_taken(world: WireWorld) -> None:
    world.hears(VenueFilled, world.place(order(2, leverage=5)))
    stop_wish = stop(3, world.near(-500))
    resting = world.place(stop_wish)
    world.hears(VenueAccepted, resting)
    storm = Refusing(world, "DELETE", ALGO, 7)
    world.cancel(stop_wish)
    assert world.hears(VenueCanceled, resting).reason == "CANCELED"
    assert storm.left == 0


def test_what_a_coin_is_worth_is_known_before_the_first_fee_in_it(world: WireWorld) -> None:
    world.end_session()

    async def mark_price(_symbol: str) -> MarkPrice:
        return MarkPrice(symbol="BNBUSDT", mark=600.0, index=600.0, time_ms=1)

    world.rest.mark_price = mark_price  # type: ignore[method-assign]
    world.run(world.open_desk())
    assert world.desk._in_usdt(Decimal("0.01"), "BNB") == Decimal("6.00")
    assert world.desk._in_usdt(Decimal("0.01"), "USDT") == Decimal("0.01")
    with pytest.raises(HindsightError, match="no price of XYZUSDT"):
        world.desk._in_usdt(Decimal(1), "XYZ")


def test_an_order_of_a_contract_that_is_gone_is_gone_too(world: WireWorld) -> None:
    world.hears(VenueFilled, world.place(order(2, leverage=5)))
    resting = world.place(stop(3, world.near(-500)))
    world.hears(VenueAccepted, resting)
    Refusing(world, "GET", ALGO, 1_000, NO_SYMBOL)
    world.run(world.desk.venue.settle(resting))
    assert world.hears(VenueCanceled, resting).reason == "UNKNOWN"
    assert world.desk.venue.error is None


def expire_key(world: WireWorld) -> None:
    stage = world.stage
    stage.listen_keys.expire(OWNER)
    stage.users.expire(stage.clock.now_ms())


def test_fills_arrive_although_the_listen_key_is_lost_as_the_order_fills(world: WireWorld) -> None:
    world.hears(VenueFilled, world.place(order(2, quantity="0.1", leverage=5)))
    for number, keys in ((4, 2), (6, 3), (8, 4)):
        world.on_loop(lambda: expire_key(world))
        exit_ = world.place(order(number, OrderSide.SELL, "0.001", reduce_only=True))
        assert world.hears(VenueFilled, exit_).complete
        world.until(lambda keys=keys: world.desk.stream.keys_created >= keys)
    assert world.desk.venue.error is None
