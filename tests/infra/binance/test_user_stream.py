"""The events of an account: the listen key lives as long as the stream, and no event comes twice."""

from __future__ import annotations

import asyncio
from typing import Any

from domain.errors import ExchangeRejected, Unavailable
from infra.binance.feed_values import Connected, Disconnected, FeedSettings
from infra.binance.routes import StreamHost
from infra.binance.user_stream import UserStream, UserStreamSettings
from infra.binance.wire.user_frames import AccountUpdate, OrderTradeUpdate, TradeLite
from tests.infra.binance.stream_server import (
    Caller,
    HandTiming,
    Inbox,
    StreamServer,
    run,
    running,
    stream_server,
    until,
)


class Keys:
    """The REST side of listen keys: what was asked, and what fails next."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.valid = "key1"
        self.failures: list[Exception] = []

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    async def create(self) -> str:
        self.calls.append(f"POST {self.valid}")
        self._fail()
        return self.valid

    async def renew(self, key: str) -> None:
        self.calls.append(f"PUT {key}")
        self._fail()
        if key != self.valid:
            raise ExchangeRejected(-1125, "This listenKey does not exist.")

    async def delete(self, key: str) -> None:
        self.calls.append(f"DELETE {key}")
        self._fail()


class Scene:
    """A user stream against a host on loopback."""

    def __init__(self, host: StreamServer) -> None:
        self.host = host
        self.keys = Keys()
        self.inbox = Inbox()
        self.timing = HandTiming()
        self.stream = UserStream(
            StreamHost(host.base), self.keys, self.inbox, UserStreamSettings(),
            FeedSettings(close_timeout_s=0.2, silent_s=60.0, life_s=1e9), self.timing, dice=lambda: 0.5,
        )  # fmt: skip

    async def caller(self, number: int = 1) -> Caller:
        await until(lambda: len(self.host.all) == number)
        return self.host.all[number - 1]


def order_update(trade_id: int, *, status: str = "FILLED", event_ms: int = 5) -> str:
    return (
        f'{{"e":"ORDER_TRADE_UPDATE","T":4,"E":{event_ms},"o":{{"s":"BTCUSDT","c":"x","S":"BUY","o":"MARKET","f":"GTC",'
        f'"q":"1","p":"0","ap":"2","sp":"0","x":"TRADE","X":"{status}","i":77,"l":"1","z":"1","L":"2","n":"0.1","N":"USDT",'
        f'"T":4,"t":{trade_id},"b":"0","a":"0","m":false,"R":false,"wt":"CONTRACT_PRICE","ot":"MARKET","ps":"BOTH",'
        f'"cp":false,"rp":"0","pP":false,"si":0,"ss":0}}}}'
    )


ACCOUNT = '{"e":"ACCOUNT_UPDATE","T":4,"E":5,"a":{"m":"ORDER","B":[{"a":"USDT","wb":"1","cw":"1","bc":"0"}],"P":[]}}'
LITE = (
    '{"e":"TRADE_LITE","E":4,"T":4,"s":"BTCUSDT","q":"1","p":"0","m":false,"c":"x","S":"BUY","L":"2","l":"1",'
    '"t":3,"i":77}'
)
EXPIRED = '{"e":"listenKeyExpired","E":9,"listenKey":"key1"}'


def scene(test: Any) -> None:
    async def go() -> None:
        async with stream_server() as host:
            await test(Scene(host))

    run(go)


def test_events_are_delivered_in_order_and_each_once() -> None:
    async def test(at: Scene) -> None:
        async with running(at.stream.run()):
            caller = await at.caller()
            assert caller.url.path == "/private/ws/key1"
            for text in (LITE, order_update(3), ACCOUNT, order_update(3), ACCOUNT, LITE, order_update(4)):
                await caller.socket.send(text)
            await until(lambda: len(at.inbox.deliveries) == 5)
            kinds = [type(delivery.message) for delivery in at.inbox.deliveries]
            assert kinds == [Connected, TradeLite, OrderTradeUpdate, AccountUpdate, OrderTradeUpdate]
            assert [update.order.trade_id for update in at.inbox.kinds(OrderTradeUpdate)] == [3, 4]
            await until(lambda: at.stream.statistics.duplicates == 3)
        assert at.keys.calls == ["POST key1", "DELETE key1"]

    scene(test)


def test_the_key_is_renewed_every_quarter_of_an_hour_and_an_idle_account_is_not_dead() -> None:
    async def test(at: Scene) -> None:
        async with running(at.stream.run()):
            await at.caller()
            for _ in range(3):
                await at.timing.pass_(900.0)
            await until(lambda: len(at.keys.calls) == 4)
            assert at.keys.calls == ["POST key1", "PUT key1", "PUT key1", "PUT key1"]
            assert len(at.host.all) == 1

    scene(test)


def test_how_long_nothing_is_heard_is_counted_from_the_first_look_and_forgotten_when_it_is_back() -> None:
    async def test(at: Scene) -> None:
        at.keys.failures = [Unavailable("Binance")]
        assert at.stream.lost_s() == 0.0
        async with running(at.stream.run()):
            await until(lambda: at.timing.asleep(6.0))
            at.timing.seconds += 2.0
            assert at.stream.lost_s() == 2.0
            await at.timing.pass_(6.0)
            await at.caller()
            await until(lambda: at.stream.connected)
            assert at.stream.lost_s() == 0.0

    scene(test)


def test_a_renewal_is_tried_three_times() -> None:
    async def test(at: Scene) -> None:
        async with running(at.stream.run()):
            await at.caller()
            at.keys.failures = [Unavailable("Binance"), Unavailable("Binance")]
            await at.timing.pass_(900.0)
            await at.timing.pass_(5.0)
            await at.timing.pass_(5.0)
            await until(lambda: at.keys.calls.count("PUT key1") == 3)
            assert (at.stream.keys_created, len(at.host.all)) == (1, 1)

    scene(test)


def test_a_dead_key_means_a_new_key_and_a_new_address() -> None:
    async def test(at: Scene) -> None:
        async with running(at.stream.run()):
            await at.caller()
            at.keys.valid = "key2"
            await at.timing.pass_(900.0)
            assert (await at.caller(2)).url.path == "/private/ws/key2"
            await until(lambda: len(at.host.callers) == 1)
            await until(
                lambda: (
                    at.inbox.kinds(Connected)
                    == [Connected(("account",), again=False), Connected(("account",), again=True)]
                )
            )
        assert at.keys.calls == ["POST key1", "PUT key1", "POST key2", "DELETE key2"]

    scene(test)


def test_an_expired_key_is_replaced_at_once_and_the_consumer_is_told() -> None:
    async def test(at: Scene) -> None:
        async with running(at.stream.run()):
            caller = await at.caller()
            at.keys.valid = "key2"
            await caller.socket.send(EXPIRED)
            second = await at.caller(2)
            await until(lambda: at.host.callers == [second])
            await second.socket.send(EXPIRED)  # about the old key: nothing to do
            await second.socket.send(order_update(3))
            await until(lambda: at.inbox.kinds(OrderTradeUpdate))
            assert [news.again for news in at.inbox.kinds(Connected)] == [False, True]
            assert len(at.host.all) == 2

    scene(test)


def test_a_new_key_is_asked_for_until_there_is_one() -> None:
    async def test(at: Scene) -> None:
        async with running(at.stream.run()):
            caller = await at.caller()
            at.keys.valid = "key2"
            at.keys.failures = [Unavailable("Binance"), Unavailable("Binance")]
            await caller.socket.send(EXPIRED)
            await at.timing.pass_(5.0)
            await at.timing.pass_(7.5)
            assert (await at.caller(2)).url.path == "/private/ws/key2"

    scene(test)


def test_after_a_lost_connection_the_consumer_is_told_to_reconcile() -> None:
    async def test(at: Scene) -> None:
        async with running(at.stream.run()):
            await (await at.caller()).kill()
            await until(lambda: at.inbox.kinds(Disconnected))
            await at.timing.pass_(5.0)
            second = await at.caller(2)
            await second.socket.send(order_update(3))
            await until(lambda: at.inbox.kinds(OrderTradeUpdate))
            assert [type(delivery.message) for delivery in at.inbox.deliveries] == [
                Connected, Disconnected, Connected, OrderTradeUpdate,
            ]  # fmt: skip
            assert at.inbox.kinds(Connected)[1].again

    scene(test)


def test_when_one_connection_follows_another_both_are_listened_to_and_no_event_comes_twice() -> None:
    async def test(at: Scene) -> None:
        at.stream = UserStream(
            StreamHost(at.host.base), at.keys, at.inbox, UserStreamSettings(renew_s=1e9),
            FeedSettings(close_timeout_s=0.2, life_s=1_000.0), at.timing, dice=lambda: 0.0,
        )  # fmt: skip
        async with running(at.stream.run()):
            old = await at.caller()
            await at.timing.pass_(1_000.0)
            new = await at.caller(2)
            for text in (order_update(1), order_update(2)):
                await old.socket.send(text)
                await new.socket.send(text)
            await until(lambda: len(at.inbox.kinds(OrderTradeUpdate)) == 2)
            await at.timing.pass_(2.0)
            await until(lambda: at.host.callers == [new])
            await new.socket.send(order_update(3))
            await until(lambda: len(at.inbox.kinds(OrderTradeUpdate)) == 3)
            assert [type(delivery.message) for delivery in at.inbox.deliveries] == [Connected, *[OrderTradeUpdate] * 3]
            assert at.stream.statistics.duplicates == 2

    scene(test)


def test_if_the_old_connection_dies_while_another_follows_the_consumer_is_told_to_reconcile() -> None:
    async def test(at: Scene) -> None:
        at.stream = UserStream(
            StreamHost(at.host.base), at.keys, at.inbox, UserStreamSettings(renew_s=1e9),
            FeedSettings(close_timeout_s=0.2, life_s=1_000.0), at.timing, dice=lambda: 0.0,
        )  # fmt: skip
        async with running(at.stream.run()):
            old = await at.caller()
            await at.timing.pass_(1_000.0)
            await at.caller(2)
            await old.kill()
            await until(lambda: len(at.host.callers) == 1)
            await at.timing.pass_(2.0)
            await until(lambda: len(at.inbox.kinds(Connected)) == 2)
            assert at.inbox.kinds(Connected)[1].again

    scene(test)


def test_no_event_is_lost_on_a_slow_consumer() -> None:
    async def test(at: Scene) -> None:
        at.stream = UserStream(
            StreamHost(at.host.base),
            at.keys,
            at.inbox,
            feed=FeedSettings(queue=5, close_timeout_s=0.2),
            timing=at.timing,
        )
        async with running(at.stream.run()):
            caller = await at.caller()
            await until(lambda: at.inbox.deliveries)
            at.inbox.open.clear()
            for number in range(200):
                await caller.socket.send(order_update(number))
            at.inbox.open.set()
            await until(lambda: len(at.inbox.kinds(OrderTradeUpdate)) == 200)
            assert [update.order.trade_id for update in at.inbox.kinds(OrderTradeUpdate)] == list(range(200))

    scene(test)


def test_a_key_that_can_not_be_given_back_does_not_disturb_the_end() -> None:
    async def test(at: Scene) -> None:
        async with running(at.stream.run()):
            await at.caller()
            at.keys.failures = [Unavailable("Binance")]
        assert at.keys.calls[-1] == "DELETE key1"
        assert "Binance" in at.stream.statistics.last_error

    scene(test)


def test_an_exchange_that_hangs_does_not_hold_up_the_end() -> None:
    async def test(at: Scene) -> None:
        async def never(_: str) -> None:
            await asyncio.get_running_loop().create_future()

        at.keys.delete = never  # type: ignore[method-assign]
        at.stream = UserStream(
            StreamHost(at.host.base), at.keys, at.inbox, UserStreamSettings(give_back_s=0.02),
            FeedSettings(close_timeout_s=0.2), at.timing,
        )  # fmt: skip
        async with asyncio.timeout(5.0), running(at.stream.run()):
            await at.caller()
        assert "not be given back" in at.stream.statistics.last_error

    scene(test)


def test_a_key_that_dies_while_its_connection_is_made_is_replaced_too() -> None:
    async def test(at: Scene) -> None:
        keys = at.keys
        create = keys.create

        async def slow_create() -> str:
            key = await create()
            if len(keys.calls) == 1:
                at.stream._line.replace()  # what a renewal that fails at this moment does
            return key

        keys.create = slow_create  # type: ignore[method-assign]
        async with running(at.stream.run()):
            await at.caller(2)
            await until(lambda: len(at.host.callers) == 1)
            assert keys.calls == ["POST key1", "POST key1"]

    scene(test)
