"""REST bodies: whatever is broken is a `WireError` and nothing else; what is merely new or blank is no error."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_bodies import OF_ALL_SYMBOLS, READERS, recordings

from domain.errors import WireError
from infra.binance.wire.bodies import read_server_time
from infra.binance.wire.contract_bodies import read_exchange_info
from infra.binance.wire.market_bodies import (
    read_klines,
    read_mark_prices,
)
from infra.binance.wire.order_bodies import read_algo_order, read_order

ORDER = {"symbol": "BTCUSDT", "orderId": 1, "status": "NEW", "side": "BUY", "price": "1.5"}


@pytest.mark.parametrize(
    "change",
    [
        {"price": "NaN"}, {"price": "-Infinity"}, {"price": "sNaN"}, {"price": "1e999999"}, {"price": ""},
        {"price": "1,5"}, {"price": None}, {"price": [1]}, {"orderId": 10**30}, {"orderId": "x"}, {"side": "HOLD"},
        {"symbol": 5}, {"stopPrice": "x"}, {"stopPrice": [1]}, {"stopPrice": "inf"}, {"reduceOnly": "perhaps"},
    ],
    ids=repr,
)  # fmt: skip
def test_a_value_that_can_not_be_is_a_wire_error(change: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        read_order(json.dumps({**ORDER, **change}).encode(), "GET /fapi/v1/order")


def test_a_wire_error_says_what_and_where() -> None:
    with pytest.raises(WireError, match=r"symbol.* - at GET /fapi/v1/order: \{\}") as broken:
        read_order(b"{}", "GET /fapi/v1/order")
    assert broken.value.where.startswith("GET /fapi/v1/order")
    with pytest.raises(WireError, match="serverTime"):
        read_server_time(b'{"serverTime":"soon"}', "GET /fapi/v1/time")


def test_a_name_that_looks_like_no_number_is_still_a_name() -> None:
    order = read_order(json.dumps({**ORDER, "symbol": "NANUSDT", "clientOrderId": "inf-e999"}).encode(), "")
    assert (order.symbol, order.client_order_id) == ("NANUSDT", "inf-e999")


def test_a_candle_of_no_numbers_is_a_wire_error() -> None:
    with pytest.raises(WireError):
        read_klines(b'[[1,"nan","1","1","1","1",2,"1",1,"1","1","0"]]', "")


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b"[" * 100_000, b'{"x":' * 100_000, b"\xff\xfe", b"null", b'"', b"[[["]
)
def test_what_is_no_body_is_a_wire_error(raw: bytes) -> None:
    for read in (*READERS.values(), *OF_ALL_SYMBOLS.values()):
        with pytest.raises(WireError):
            read(raw, "x")


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["NaN", "1.5"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def broken(read: Any, raw: bytes) -> None:
    """Any other exception than `WireError` fails the test."""
    with suppress(WireError):
        read(raw, "fuzz")


@given(st.sampled_from(sorted(READERS)), st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_give_a_body_or_a_wire_error(endpoint: str, raw: bytes) -> None:
    broken(READERS[endpoint], raw)


@given(st.data())
def test_a_recorded_body_with_a_changed_value_gives_a_body_or_a_wire_error(data: st.DataObject) -> None:
    small = [found for _, found in recordings("rest") if len(found.payload) < 3_000 and found.name in READERS]
    recorded = data.draw(st.sampled_from(small))
    body = json.loads(bytes(recorded.payload))
    row = body[0] if isinstance(body, list) and body else body
    if isinstance(row, dict | list) and row:
        place = data.draw(st.sampled_from(list(row) if isinstance(row, dict) else list(range(len(row)))))
        row[place] = data.draw(JSON)
    broken(READERS[recorded.name], json.dumps(body).encode())


@given(st.data())
def test_a_cut_body_gives_a_wire_error(data: st.DataObject) -> None:
    raw = json.dumps([{**ORDER, "x": i} for i in range(3)]).encode()
    with pytest.raises(WireError):
        READERS["GET /fapi/v1/openOrders"](raw[: data.draw(st.integers(0, len(raw) - 1))], "cut")


def test_exchange_info_with_a_filter_of_tomorrow_still_decodes() -> None:
    raw = msgspec.json.encode(
        {
            "symbols": [
                {
                    "symbol": "AUSDT",
                    "baseAsset": "A",
                    "quoteAsset": "USDT",
                    "status": "NEW_STATUS",
                    "filters": [{"filterType": "NEW_FILTER", "x": {"y": 1}}],
                }
            ]
        }
    )
    (contract,) = read_exchange_info(raw, "").contracts
    assert contract.instrument() is None
    assert not contract.tradable


def test_an_algo_order_with_nulls_decodes() -> None:
    raw = b'{"algoId":1,"symbol":"A","side":"BUY","algoStatus":"NEW","icebergQuantity":null,"quantity":"","price":null}'
    order = read_algo_order(raw, "")
    assert (order.quantity, order.price) == (0, 0)


def test_a_contract_without_funding_has_a_rate_of_zero() -> None:
    raw = b'[{"symbol":"BTCUSDT_260925","markPrice":"1","indexPrice":"1","lastFundingRate":"","time":1}]'
    (mark,) = read_mark_prices(raw, "")
    assert (mark.funding_rate, mark.next_funding_ms) == (0.0, 0)
    for wrong in (b'"nan"', b'"1e999"', b"[]", b'"x"'):
        with pytest.raises(WireError):
            read_mark_prices(raw.replace(b'""', wrong), "")


def test_what_may_be_blank_is_a_plain_number_that_can_be_stored() -> None:
    order = read_algo_order(b'{"algoId":1,"symbol":"A","side":"BUY","algoStatus":"NEW","triggerPrice":"1.50"}', "")
    (mark,) = read_mark_prices(
        b'[{"symbol":"A","markPrice":"1","indexPrice":"1","lastFundingRate":"0.1","time":1}]', ""
    )
    assert (type(order.trigger_price), type(mark.funding_rate)) == (Decimal, float)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode([order.trigger_price, mark.funding_rate])) == ["1.50", 0.1]
