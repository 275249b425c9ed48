"""One event, one name: repeats are told from news."""

from __future__ import annotations

from infra.binance.seen_events import SeenEvents
from infra.binance.wire import decode
from infra.binance.wire.user_frames import UserFrame
from tests.infra.binance.test_user_stream import ACCOUNT, LITE, order_update


def read(text: str) -> UserFrame:
    event = decode(text.encode())
    assert isinstance(event, UserFrame)
    return event


def test_the_same_event_is_new_once() -> None:
    seen = SeenEvents()
    for text in (ACCOUNT, LITE, order_update(1)):
        assert seen.is_new(read(text))
        assert not seen.is_new(read(text))


def test_an_order_has_many_events() -> None:
    seen = SeenEvents()
    assert seen.is_new(read(order_update(1)))
    assert seen.is_new(read(order_update(2)))
    assert seen.is_new(read(order_update(2, status="PARTIALLY_FILLED")))
    assert seen.is_new(read(order_update(2).replace('"T":4,"E"', '"T":5,"E"')))
    assert seen.is_new(read(order_update(2).replace('"p":"0"', '"p":"1"')))


def test_an_order_s_event_that_is_sent_again_later_is_the_same() -> None:
    seen = SeenEvents()
    assert seen.is_new(read(order_update(2)))
    assert not seen.is_new(read(order_update(2, event_ms=6)))


def test_an_account_update_with_other_content_is_another() -> None:
    seen = SeenEvents()
    assert seen.is_new(read(ACCOUNT))
    assert seen.is_new(read(ACCOUNT.replace('"wb":"1"', '"wb":"2"')))


def test_only_the_newest_are_remembered() -> None:
    seen = SeenEvents(kept=2)
    for number in (1, 2, 3):
        assert seen.is_new(read(order_update(number)))
    assert not seen.is_new(read(order_update(3)))
    assert not seen.is_new(read(order_update(2)))
    assert seen.is_new(read(order_update(1)))
