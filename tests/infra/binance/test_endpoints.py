"""What calls cost (specs/binance.md §3) and how they are written."""

from __future__ import annotations

import enum
from decimal import Decimal

import pytest

from infra.binance import endpoints as at
from infra.binance.endpoints import Endpoint, Security
from infra.binance.requests import build, text_of
from infra.binance.signing import HmacSigner, Key, Secret

ALL = [value for value in vars(at).values() if isinstance(value, Endpoint)]
KEY = Key(Secret("k"), HmacSigner(Secret("s")))


@pytest.mark.parametrize(
    ("endpoint", "params", "weight"),
    [
        (at.KLINES, {"limit": 99}, 1), (at.KLINES, {"limit": 100}, 2), (at.KLINES, {"limit": 499}, 2),
        (at.KLINES, {"limit": 500}, 5), (at.KLINES, {"limit": 1_000}, 5), (at.KLINES, {"limit": 1_001}, 10),
        (at.KLINES, {}, 5), (at.DEPTH, {"limit": 5}, 2), (at.DEPTH, {"limit": 100}, 5), (at.DEPTH, {}, 10),
        (at.DEPTH, {"limit": 1_000}, 20), (at.DAY_TICKER, {"symbol": "X"}, 1), (at.DAY_TICKER, {}, 40),
        (at.DAY_TICKER, {"symbol": None}, 40), (at.PRICE, {}, 2), (at.BOOK_TICKER, {}, 5),
        (at.BOOK_TICKER, {"symbol": "X"}, 2), (at.PREMIUM_INDEX, {}, 10), (at.OPEN_ORDERS, {}, 40),
        (at.OPEN_ORDERS, {"symbol": "X"}, 1), (at.INCOME, {}, 30), (at.COMMISSION, {}, 20), (at.CANCEL, {}, 1),
        (at.AGGREGATE_TRADES, {}, 20), (at.POSITIONS, {}, 5), (at.EXCHANGE_INFO, {}, 1),
    ],
)  # fmt: skip
def test_the_weight_of_a_call(endpoint: Endpoint, params: dict[str, object], weight: int) -> None:
    assert endpoint.cost(params, "main")[at.WEIGHT] == weight


def test_an_order_costs_no_weight_but_counts_as_an_order() -> None:
    assert at.PLACE.cost({}, "a") == {"connections:a": 1, "orders_10s:a": 1, "orders_1m:a": 1}
    assert at.PLACE_BATCH.cost({}, "a") == {"connections:a": 1, "weight": 5, "orders_10s:a": 5, "orders_1m:a": 1}


def test_funding_and_futures_data_have_their_own_pools() -> None:
    for endpoint in (at.FUNDING_RATE, at.FUNDING_INFO):
        assert endpoint.cost({}, "a") == {"connections:a": 1, "funding": 1}
    assert at.OPEN_INTEREST_HISTORY.cost({}, "a") == {"connections:a": 1, "futures_data": 1}


@pytest.mark.parametrize("endpoint", ALL, ids=lambda endpoint: endpoint.name)
def test_only_what_is_harmless_is_repeatable(endpoint: Endpoint) -> None:
    assert endpoint.changes is (endpoint.orders_10s > 0)
    assert endpoint.repeatable is not endpoint.changes
    assert endpoint.method in {"GET", "POST", "PUT", "DELETE"}


def test_names_are_unique() -> None:
    assert len(ALL) == len({endpoint.name for endpoint in ALL})


class _Kind(enum.StrEnum):
    ONE = "ONE"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"), (False, "false"), (Decimal("1E-7"), "0.0000001"), (Decimal("1E+3"), "1000"), (5, "5"),
        (0.1, "0.1"), (1e22, "10000000000000000000000"), (_Kind.ONE, "ONE"), (1e-7, "0.0000001"),
        (Decimal("0.010"), "0.010"),
    ],
)  # fmt: skip
def test_parameters_are_written_without_exponents(value: object, text: str) -> None:
    assert text_of(value) == text


def test_a_request_in_query_or_body_is_signed_over_itself() -> None:
    asked = build(at.QUERY, {"symbol": "BTCUSDT", "none": None}, KEY, 1_000, 5_000)
    payload = "symbol=BTCUSDT&recvWindow=5000&timestamp=1000"
    assert asked.query == f"{payload}&signature={KEY.signer.sign(payload)}"
    assert (asked.body, asked.headers) == ("", {"X-MBX-APIKEY": "k"})
    wished = build(at.SET_LEVERAGE, {"symbol": "BTCUSDT"}, KEY, 1_000, 5_000)
    assert (wished.query, wished.body) == ("", asked.query)


def test_a_signature_in_base64_is_escaped() -> None:
    class Awkward:
        def sign(self, payload: str) -> str:
            return "a+/=" if payload else ""

    request = build(at.QUERY, {}, Key(Secret("k"), Awkward()), 1, 1)
    assert request.query.endswith("&signature=a%2B%2F%3D")


def test_what_needs_no_signature_gets_none() -> None:
    assert build(at.TIME, {}, KEY, 1, 1).headers == {}
    assert build(at.OPEN_LISTEN_KEY, {}, KEY, 1, 1).body == ""
    assert {endpoint.security for endpoint in ALL if "listenKey" in endpoint.path} == {Security.KEY}
