"""Orders whose answer is in doubt: never sent twice, always looked up; and those that certainly failed."""

from __future__ import annotations

import pytest
from toy_exchange import (
    ORDER,
    PLACED,
    WISH,
    Toy,
    drops,
    refuses,
    rest_of,
    right_key,
    says,
    with_toy,
)

from domain.errors import Unavailable
from infra.binance.breaker import Level
from infra.binance.faults import OutcomeUnknown
from infra.binance.rest import Rest
from infra.binance.settings import BinanceSettings
from infra.binance.wire.order_bodies import Order

MISSING = refuses(-2013, "Order does not exist.")


DOUBTS = {
    "503 unknown": says({"code": -1000, "msg": "Unknown error, please check your request or try again later."}, 503),
    "503 without code": says(b"Unknown error, please check your request or try again later.", 503),
    "-1006": refuses(-1006, "Execution status unknown.", 400),
    "-1007": refuses(-1007, "Timeout waiting for response from backend server.", 408),
    "502": says(b"<html>bad gateway</html>", 502),
    "cut": drops,
    "no JSON": says(b'{"orderId":'),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_an_order_of_doubtful_outcome_is_never_sent_twice(doubt: str) -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"POST {ORDER}", DOUBTS[doubt])
        async with rest_of(toy) as rest:
            with pytest.raises(OutcomeUnknown, match=r"Nobody knows whether POST /fapi/v1/order was carried out"):
                await rest.place(WISH)
        assert len(toy.calls(f"POST {ORDER}")) == 1

    with_toy(test)


def test_an_order_on_a_kept_connection_that_the_exchange_closes_is_not_sent_again_either() -> None:
    """The session repeats what HTTP calls idempotent by itself; an order is a POST, so that it does not."""

    async def test(toy: Toy) -> None:
        toy.on(f"POST {ORDER}", drops)
        async with rest_of(toy) as rest:
            await rest.synchronise()
            with pytest.raises(OutcomeUnknown):
                await rest.place(WISH)
        assert len(toy.calls(f"POST {ORDER}")) == 1

    with_toy(test)


@pytest.mark.parametrize("accepted", [True, False])
def test_after_a_time_out_the_order_is_looked_up(*, accepted: bool) -> None:
    """Not found is believed only when the exchange would not accept the request any more."""

    async def test(toy: Toy) -> Order | None:
        toy.on(f"POST {ORDER}", toy.hangs)
        toy.on(f"GET {ORDER}", *((MISSING, says(PLACED)) if accepted else (MISSING, MISSING)))
        async with rest_of(toy, timeout_ms=150, recv_window_ms=400) as rest:
            with pytest.raises(OutcomeUnknown, match="no answer") as doubt:
                await rest.place(WISH)
            found = await rest.look_up(WISH.symbol, WISH.client_order_id, doubt.value.expires_ms)
            assert rest.server_ms() > doubt.value.expires_ms
        assert len(toy.calls(f"POST {ORDER}")) == 1
        assert len(toy.calls(f"GET {ORDER}")) == 2
        return found

    found = with_toy(test)
    assert (found is not None and found.order_id == 7) if accepted else found is None


@pytest.mark.parametrize(
    "failed",
    [
        says(b"Service Unavailable.", 503),
        refuses(-1008, "Request throttled by system-level protection.", 503),
    ],
    ids=["service unavailable", "-1008"],
)
def test_an_order_that_certainly_failed_is_unavailable_and_left_to_the_caller(failed: object) -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"POST {ORDER}", failed)  # type: ignore[arg-type]
        async with rest_of(toy) as rest:
            with pytest.raises(Unavailable):
                await rest.place(WISH)
        assert len(toy.calls(f"POST {ORDER}")) == 1

    with_toy(test)


def test_a_refused_connection_certainly_carried_nothing() -> None:
    async def test(toy: Toy) -> None:
        gone = Rest(BinanceSettings(rest_url="http://127.0.0.1:1", retries=1), right_key())
        gone.calls.clock.observe(0, 0, 0)
        with pytest.raises(Unavailable, match=r"no connection to 127\.0\.0\.1:1"):
            await gone.place(WISH)
        assert gone.calls.breaker.level(gone.calls.gate.now_ms()) is Level.WARNING
        await gone.close()

    with_toy(test)
