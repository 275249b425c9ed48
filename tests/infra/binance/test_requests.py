"""A request is one string: built, signed with any kind of key, and sent byte for byte, whatever stands in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st
from toy_exchange import API_KEY, ORDER, PLACED, WISH, Toy, rest_of, says, with_toy

from domain.errors import InvalidInput
from infra.binance.endpoints import OPEN_ORDERS, PLACE
from infra.binance.requests import build, text_of
from infra.binance.signing import Ed25519Signer, Key, RsaSigner, Secret

ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEYS = {
    "Ed25519": (Ed25519Signer(ED25519), lambda signature, payload: ED25519.public_key().verify(signature, payload)),
    "RSA": (
        RsaSigner(RSA),
        lambda signature, payload: RSA.public_key().verify(signature, payload, padding.PKCS1v15(), hashes.SHA256()),
    ),
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys_of_one_s_own_sign_what_arrives(kind: str) -> None:
    """Base64 has + / and =, which a careless query string turns into something else."""
    sign, verify = KEYS[kind]
    check: Callable[[bytes, bytes], Any] = verify

    async def test(toy: Toy) -> None:
        toy.on(f"POST {ORDER}", says(PLACED))
        toy.on(f"GET {ORDER}", says(PLACED))
        async with rest_of(toy, key=Key(Secret(API_KEY), sign)) as rest:
            for _ in range(6):
                await rest.place(WISH)
                await rest.query("币安USDT", "a b+c/d=&%?#")
        sent = [seen for seen in toy.seen if seen.path == ORDER]
        assert len(sent) == 12
        for seen in sent:
            payload, _, signature = (seen.query + seen.body).rpartition("&signature=")
            assert not set(signature) & set("+/= ")
            check(base64.b64decode(unquote(signature)), payload.encode())
        assert dict(parse_qsl(sent[1].query))["origClientOrderId"] == "a b+c/d=&%?#"

    with_toy(test)


@given(st.dictionaries(st.text("abcXYZ", min_size=1, max_size=5), st.text(st.characters(codec="utf-8"), max_size=8)))
def test_whatever_stands_in_it_a_parameter_arrives_as_it_was(params: dict[str, str]) -> None:
    request = build(OPEN_ORDERS, params, Key(Secret("k"), Ed25519Signer(ED25519)), 1_700_000_000_000, 5_000)
    assert request.query.isascii()
    assert not set(request.query) & set(" +#\n")
    arrived = dict(parse_qsl(request.query, keep_blank_values=True))
    assert {name: arrived[name] for name in params} == params
    assert list(arrived)[-3:] == ["recvWindow", "timestamp", "signature"]


@pytest.mark.parametrize(("value", "text"), [
    (True, "true"), (False, "false"), (0.1, "0.1"), (1e-7, "0.0000001"), (1e22, "1" + "0" * 22), (7, "7"),
    (Decimal("1E+5"), "100000"), (Decimal("1E-10"), "0.0000000001"), (Decimal("0.010"), "0.010"),
    (["a", "b"], '["a","b"]'), ((1, 2), "[1,2]"), ([{"symbol": "X"}], '[{"symbol":"X"}]'), ("", ""),
])  # fmt: skip
def test_values_are_written_as_the_exchange_reads_them(value: object, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")])
def test_a_number_that_is_none_never_leaves(value: object) -> None:
    with pytest.raises(InvalidInput, match="finite number"):
        build(PLACE, {"price": value}, Key(Secret("k"), Ed25519Signer(ED25519)), 1, 1)


def test_a_batch_is_one_list_of_texts() -> None:
    async def test(toy: Toy) -> None:
        toy.on("POST /fapi/v1/batchOrders", toy.signed([PLACED, {"code": -2019, "msg": "Margin is insufficient."}]))
        toy.on("DELETE /fapi/v1/batchOrders", toy.signed([PLACED]))
        async with rest_of(toy) as rest:
            await rest.place_batch([WISH, WISH])
            await rest.cancel_batch("BTCUSDT", ["a/b", "c"])
        placed, cancelled = toy.calls("POST /fapi/v1/batchOrders")[0], toy.calls("DELETE /fapi/v1/batchOrders")[0]
        orders = json.loads(dict(parse_qsl(placed.body))["batchOrders"])
        assert [order["quantity"] for order in orders] == ["0.010", "0.010"]
        assert json.loads(dict(parse_qsl(cancelled.query))["origClientOrderIdList"]) == ["a/b", "c"]

    with_toy(test)


def test_neither_cookies_nor_proxies_change_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")

    async def test(toy: Toy) -> None:
        toy.url = toy.url.replace("127.0.0.1", "localhost")
        toy.on("GET /fapi/v1/ping", says({}, Set_Cookie="a=b; Path=/"))
        async with rest_of(toy) as rest:
            await rest.ping()
            await rest.ping()
        assert [seen.headers.get("cookie") for seen in toy.seen] == [None, None]

    with_toy(test)


def test_a_request_does_not_show_what_it_carries() -> None:
    request = build(PLACE, {}, Key(Secret(API_KEY), Ed25519Signer(ED25519)), 1, 1)
    assert "signature=" in request.body
    assert repr(request) == "Request(***)"
