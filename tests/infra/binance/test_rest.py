"""The REST client against a tiny exchange: what goes out, what comes back, and what is repeated."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from aiohttp import web
from toy_exchange import (
    ORDER,
    PLACED,
    WISH,
    Seen,
    Toy,
    drops,
    refuses,
    rest_of,
    right_key,
    says,
    with_toy,
)

from domain.errors import InvalidInput, Unavailable
from domain.market import Candle
from domain.values import OrderSide
from infra.binance import calls
from infra.binance.endpoints import ORDERS_1M, WEIGHT, account_pool
from infra.binance.new_order import NewOrder
from infra.binance.rest import Rest
from infra.binance.settings import BinanceSettings

# ── what goes out ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_signed_string_is_the_sent_string() -> None:
    """The toy verifies the signature over exactly the bytes that arrived, in query and body."""

    async def test(toy: Toy) -> None:
        toy.on(f"POST {ORDER}", toy.signed(PLACED))
        toy.on(f"GET {ORDER}", toy.signed(PLACED))
        toy.on("GET /fapi/v1/userTrades", toy.signed([]))
        async with rest_of(toy) as rest:
            placed = await rest.place(WISH)
            assert await rest.query("BTCUSDT", "a:/b._-1") == placed
            assert await rest.user_trades("币安人生USDT") == []
        (sent,) = toy.calls(f"POST {ORDER}")
        assert sent.query == ""
        assert sent.body.startswith(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=65000.10"
            "&newClientOrderId=hs-1&newOrderRespType=RESULT&recvWindow=5000&timestamp="
        )
        assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
        assert "%E5%B8%81" in toy.calls("GET /fapi/v1/userTrades")[0].query

    with_toy(test)


def test_a_public_question_carries_neither_key_nor_signature() -> None:
    async def test(toy: Toy) -> None:
        rows = [[1, "1", "3", "1", "2", "9", 59_999, "18", 4, "5", "10", "0"]] * 1
        open_row = [60_000, "1", "3", "1", "2", "9", 10**14, "18", 4, "5", "10", "0"]
        toy.on("GET /fapi/v1/klines", says([*rows, open_row]))
        async with rest_of(toy) as rest:
            candles = await rest.candles("BTCUSDT", "1m", start_ms=0, limit=2)
        assert candles == (Candle(1, 1.0, 3.0, 1.0, 2.0, 9.0, 18.0, 4, 5.0, 10.0),)
        (sent,) = toy.calls("GET /fapi/v1/klines")
        assert sent.query == "symbol=BTCUSDT&interval=1m&startTime=0&limit=2"
        assert "x-mbx-apikey" not in sent.headers

    with_toy(test)


def test_a_candle_is_closed_by_the_exchange_s_clock_when_the_question_left_not_by_ours() -> None:
    async def test(toy: Toy) -> None:
        toy.skew_ms = -3_600_000
        asked: list[int] = []

        async def late(seen: Seen) -> web.StreamResponse:
            closes_ms = toy.now_ms() + 30  # the bar is still open, and closes while the answer is under way
            asked.append(closes_ms)
            body = [[closes_ms - 59_999, "1", "3", "1", "2", "9", closes_ms, "18", 4, "5", "10", "0"]]
            while toy.now_ms() <= closes_ms:
                await toy.tick()
            return await says(body)(seen)

        toy.on("GET /fapi/v1/klines", late)
        async with rest_of(toy) as rest:
            assert await rest.candles("BTCUSDT", "1m") == ()
            assert rest.server_ms() > asked[0]

    with_toy(test)


def test_connections_are_used_again() -> None:
    async def test(toy: Toy) -> None:
        async with rest_of(toy) as rest:
            for _ in range(5):
                await rest.server_time_ms()
        assert len(toy.connections) == 1
        toy.connections.clear()
        async with rest_of(toy, connections=3) as rest:
            await asyncio.gather(*(rest.server_time_ms() for _ in range(20)))
            assert (rest.api_calls, rest.api_calls_by_endpoint) == (20, {"GET /fapi/v1/time": 20})
        assert len(toy.connections) <= 3

    with_toy(test)


def test_without_a_key_a_signed_question_is_not_even_sent() -> None:
    async def test(toy: Toy) -> None:
        rest = Rest(BinanceSettings(rest_url=toy.url))
        with pytest.raises(InvalidInput, match="expected an API key, found none"):
            await rest.balances()
        await rest.close()
        assert {seen.path for seen in toy.seen} <= {"/fapi/v1/time"}

    with_toy(test)


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_clock_that_is_hours_off_is_corrected_before_the_first_signature() -> None:
    async def test(toy: Toy) -> None:
        toy.skew_ms = -3 * 3_600_000
        toy.on("GET /fapi/v3/balance", toy.signed([]))
        async with rest_of(toy) as rest:
            assert await rest.balances() == []
            assert abs(rest.calls.clock.offset_ms - toy.skew_ms) < 1_000
        assert len(toy.calls("GET /fapi/v3/balance")) == 1

    with_toy(test)


def test_after_1021_the_clock_is_set_and_the_request_repeated_once_also_for_an_order() -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"POST {ORDER}", toy.signed(PLACED))
        async with rest_of(toy) as rest:
            await rest.synchronise()
            toy.skew_ms = 60_000
            assert (await rest.place(WISH)).order_id == 7
            assert abs(rest.calls.clock.offset_ms - 60_000) < 1_000
        assert len(toy.calls(f"POST {ORDER}")) == 2

    with_toy(test)


def test_many_who_are_refused_for_their_time_set_the_clock_once() -> None:
    async def test(toy: Toy) -> None:
        toy.on("GET /fapi/v3/balance", toy.signed([]))
        async with rest_of(toy) as rest:
            await rest.synchronise()
            toy.skew_ms = -60_000
            answers = await asyncio.gather(*(rest.balances() for _ in range(20)))
        assert answers == [[]] * 20
        assert len(toy.calls("GET /fapi/v1/time")) == 2 * calls.SAMPLES
        assert len(toy.calls("GET /fapi/v3/balance")) == 40

    with_toy(test)


def test_a_clock_that_stays_wrong_is_our_fault() -> None:
    async def test(toy: Toy) -> None:
        toy.on("GET /fapi/v3/balance", refuses(-1021, "Timestamp for this request is outside of the recvWindow."))
        async with rest_of(toy) as rest:
            with pytest.raises(InvalidInput, match=r"a clock that agrees.*\(-1021\).*Synchronise"):
                await rest.balances()
        assert len(toy.calls("GET /fapi/v3/balance")) == 2

    with_toy(test)


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_429_is_waited_out_and_the_question_asked_again() -> None:
    async def test(toy: Toy) -> None:
        busy = refuses(-1003, "Too many requests", 429, Retry_After="1")
        toy.on("GET /fapi/v1/ping", busy, says({}))
        async with rest_of(toy) as rest:
            before = rest.calls.gate.now_ms()
            await rest.ping()
            assert rest.calls.gate.now_ms() - before >= 1_000
        assert len(toy.calls("GET /fapi/v1/ping")) == 2

    with_toy(test)


def test_a_429_that_wants_long_is_an_answer_with_how_long() -> None:
    async def test(toy: Toy) -> None:
        toy.on("GET /fapi/v1/ping", refuses(-1003, "Too many requests", 429, Retry_After="300"))
        async with rest_of(toy) as rest:
            with pytest.raises(Unavailable, match="Too many requests") as busy:
                await rest.ping()
        assert busy.value.retry_after_ms == 300_000
        assert len(toy.seen) == 1

    with_toy(test)


def test_after_a_418_nothing_is_sent_any_more_and_those_who_wait_are_told() -> None:
    async def test(toy: Toy) -> None:
        toy.on("GET /fapi/v1/ping", refuses(-1003, "Way too many requests; IP banned", 418, Retry_After="120"))
        async with rest_of(toy, weight_per_minute=10, retries=0) as rest:
            waiting = [asyncio.create_task(rest.ping()) for _ in range(12)]
            results = await asyncio.gather(*waiting, return_exceptions=True)
            sent = len(toy.seen)
            assert sent < 12
            assert all(isinstance(result, Unavailable) for result in results)
            with pytest.raises(Unavailable, match="banned for another 1") as banned:
                await rest.cancel("BTCUSDT", "hs-1")
            assert 100_000 < (banned.value.retry_after_ms or 0) <= 120_000
        assert len(toy.seen) == sent

    with_toy(test)


def test_a_ban_that_only_its_text_dates_lasts_until_then() -> None:
    async def test(toy: Toy) -> None:
        text = f"Way too many requests; IP(127.0.0.1) banned until {toy.now_ms() + 600_000}"
        toy.on("GET /fapi/v1/ping", refuses(-1003, text, 418))
        async with rest_of(toy) as rest:
            with pytest.raises(Unavailable):
                await rest.ping()
            assert 590_000 < rest.calls.gate.governor.banned_ms(rest.calls.gate.now_ms()) <= 600_000

    with_toy(test)


def test_the_governor_learns_from_headers_and_from_the_exchange() -> None:
    async def test(toy: Toy) -> None:
        limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6_000}
        toy.on("GET /fapi/v1/exchangeInfo", says({"symbols": [], "rateLimits": [limit]}, X_MBX_USED_WEIGHT_1M="2159"))
        toy.on("GET /fapi/v1/ping", says({}))
        async with rest_of(toy) as rest:
            await rest.exchange_info()
            assert rest.calls.gate.governor.used(WEIGHT, rest.calls.gate.now_ms()) == 2_159
            await rest.ping()

    with_toy(test)


def test_too_many_orders_pauses_the_orders_of_this_account_only() -> None:
    async def test(toy: Toy) -> None:
        text = "Too many new orders; current limit is 300 orders per 10 SECOND."
        toy.on(f"POST {ORDER}", refuses(-1015, text, 429))
        toy.on("GET /fapi/v1/ping", says({}))
        async with rest_of(toy) as rest:
            with pytest.raises(Unavailable, match="Too many new orders"):
                await rest.place(WISH)
            await rest.ping()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(rest.place(WISH), 0.05)
        assert len(toy.calls(f"POST {ORDER}")) == 1

    with_toy(test)


# ── several accounts ──────────────────────────────────────────────────────────────────────────────────────────────


def test_two_accounts_behind_one_address_share_its_weight_but_not_their_orders() -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"POST {ORDER}", toy.signed(PLACED))
        toy.on("GET /fapi/v3/balance", toy.signed([]))
        async with rest_of(toy) as first:
            settings, gate = first.calls.settings, first.calls.gate
            async with Rest(settings, right_key(), account="second", gate=gate) as second:
                await first.place(WISH)
                await second.balances()
            governor, now_ms = gate.governor, gate.now_ms()
            assert governor.used(account_pool(ORDERS_1M, "main"), now_ms) == 1
            assert governor.used(account_pool(ORDERS_1M, "second"), now_ms) == 0
            assert governor.used(WEIGHT, now_ms) == 5 + 2 * calls.SAMPLES

    with_toy(test)


# ── repeating what is harmless ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("failure", [says(b"Service Unavailable.", 503), says(b"", 500), drops])
def test_questions_and_cancellations_are_repeated(failure: object) -> None:
    async def test(toy: Toy) -> None:
        toy.on("GET /fapi/v1/ping", failure, failure, says({}))  # type: ignore[arg-type]
        toy.on(f"DELETE {ORDER}", failure, says({**PLACED, "status": "CANCELED"}))  # type: ignore[arg-type]
        async with rest_of(toy) as rest:
            await rest.ping()
            assert (await rest.cancel("BTCUSDT", "hs-1")).status == "CANCELED"
            assert rest.calls.repeats >= 1

    with_toy(test)


def test_repeating_ends() -> None:
    async def test(toy: Toy) -> None:
        toy.on("GET /fapi/v1/ping", says(b"Service Unavailable.", 503))
        async with rest_of(toy, retries=2) as rest:
            with pytest.raises(Unavailable, match="HTTP 503"):
                await rest.ping()
        assert len(toy.seen) == 3

    with_toy(test)


def test_five_failures_open_the_breaker_and_a_close_still_passes() -> None:
    async def test(toy: Toy) -> None:
        toy.on("GET /fapi/v1/ping", says(b"Service Unavailable.", 503))
        toy.on(f"POST {ORDER}", toy.signed(PLACED))
        async with rest_of(toy, retries=5) as rest:
            await rest.synchronise()
            with pytest.raises(Unavailable):
                await rest.ping()
            sent = len(toy.seen)
            with pytest.raises(Unavailable, match="breaker is open") as blocked:
                await rest.place(WISH)
            with pytest.raises(Unavailable, match="breaker is open"):
                await rest.ping()
            assert 0 < (blocked.value.retry_after_ms or 0) <= 60_000
            assert len(toy.seen) == sent
            closing = NewOrder(
                symbol="BTCUSDT",
                side=OrderSide.SELL,
                order_type="MARKET",
                client_order_id="hs-2",
                quantity=Decimal(1),
                reduce_only=True,
            )
            assert (await rest.place(closing)).order_id == 7
            assert rest.calls.breaker.audit[-1].operation == "close_position"

    with_toy(test)
