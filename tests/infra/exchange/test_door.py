"""The REST door: keys, signatures, times, weights, and what public endpoints refuse."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from infra.exchange.auth import READ, ApiKey, hmac_sha256
from infra.exchange.door import Asked
from infra.exchange.ports import ApiError
from infra.exchange.requests import parameters, require_time, signed_part
from infra.exchange.stage import Rules
from tests.infra.exchange.staging import START_MS, Rig

KLINES = "/fapi/v1/klines"
BALANCE = "/fapi/v3/balance"


def code(answer: tuple[int, Any]) -> tuple[int, int]:
    return answer[0], answer[1]["code"]


def sent_as(rig: Rig, method: str, path: str, query: str, body: str, key: str, kind: str = "") -> tuple[int, Any]:
    asked = Asked(method, path, query, body.encode(), kind, key, "127.0.0.1")
    answer = rig.stage.door.answer(asked)
    return answer.status, json.loads(answer.response().body)  # type: ignore[arg-type]


# ── signatures ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_documented_example_is_signed_as_documented() -> None:
    payload = (
        b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
        b"&timestamp=1591702613943"
    )
    secret = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
    expected = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
    assert hmac_sha256(secret, payload) == expected


def test_query_and_body_are_joined_without_anything_between() -> None:
    signed = signed_part("symbol=BTCUSDT&side=BUY", b"quantity=1&signature=abc")
    assert (signed.payload, signed.signature) == (b"symbol=BTCUSDT&side=BUYquantity=1", "abc")
    assert signed_part("a=1&signature=x%2By%3D", b"").signature == "x+y="


@pytest.mark.parametrize("upper", [False, True])
def test_a_signed_request_is_answered(upper: bool) -> None:
    rig = Rig()
    query = f"timestamp={rig.stage.clock.now_ms()}"
    signature = hmac_sha256(rig.key.secret, query.encode())
    text = f"{query}&signature={signature.upper() if upper else signature}"
    status, body = sent_as(rig, "GET", BALANCE, text, "", rig.key.key)
    assert status == 200
    assert body[0]["balance"] == "10000.00000000"


def test_parameters_may_stand_in_query_and_body_and_the_query_wins() -> None:
    rig = Rig()
    query = "symbol=BTCUSDT&leverage=7"
    body = f"leverage=9&timestamp={rig.stage.clock.now_ms()}"
    signature = hmac_sha256(rig.key.secret, (query + body).encode())
    status, answer = sent_as(
        rig, "POST", "/fapi/v1/leverage", query, f"{body}&signature={signature}", rig.key.key,
        "application/x-www-form-urlencoded",
    )  # fmt: skip
    assert status == 200
    assert answer["leverage"] == 7


def test_an_empty_body_that_says_json_is_fine_and_json_objects_are_read() -> None:
    assert parameters("a=1", b"", "application/json") == {"a": "1"}
    assert parameters("a=1", b"[" * 2_000, "application/json")["a"] == "1", "nested too deeply to be read"
    assert parameters("a=1", b'{"a":2,"b":true,"c":1.50}', "application/json") == {"a": "1", "b": "true", "c": "1.5"}
    with pytest.raises(ApiError):
        parameters("", b"[1]", "application/json")


@pytest.mark.parametrize(("query", "body"), [("a=1&b=2&a=1", b""), ("", b"a=1&a=2")])
def test_a_parameter_may_be_sent_once_in_the_query_and_once_in_the_body(query: str, body: bytes) -> None:
    with pytest.raises(ApiError, match=r"-1101 Duplicate values for a parameter detected\."):
        parameters(query, body, "")
    assert parameters("a=1", b"a=2", "") == {"a": "1"}


def test_ed25519_and_rsa_keys_sign_too() -> None:
    rig = Rig()
    made = ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    for number, private in enumerate(made):
        pem = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        name = str(number) * 64
        rig.stage.keys.add(ApiKey(name, "account-1", public_key=pem.decode()))
        query = f"timestamp={rig.stage.clock.now_ms()}"
        if isinstance(private, ed25519.Ed25519PrivateKey):
            raw = private.sign(query.encode())
        else:
            raw = private.sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())
        signature = quote(base64.b64encode(raw).decode(), safe="")
        assert sent_as(rig, "GET", BALANCE, f"{query}&signature={signature}", "", name)[0] == 200
        assert code(sent_as(rig, "GET", BALANCE, f"{query}&x=1&signature={signature}", "", name)) == (400, -1022)


def test_what_is_wrong_with_a_key_comes_before_what_is_wrong_with_a_signature() -> None:
    rig = Rig()
    assert code(rig.ask("GET", BALANCE)) == (401, -2014)
    assert code(rig.ask("GET", BALANCE, key="a" * 64)) == (401, -2015)
    assert code(rig.ask("GET", BALANCE, key="not a key")) == (401, -2014)
    assert code(rig.ask("GET", BALANCE, key=rig.key.key, timestamp=START_MS, signature="0" * 64)) == (400, -1022)
    assert code(rig.ask("GET", BALANCE, key=rig.key.key, timestamp=START_MS)) == (400, -1102)


def test_a_key_that_may_only_read_places_nothing() -> None:
    rig = Rig()
    rig.stage.keys.add(ApiKey("f" * 64, "account-1", "secret", permissions=(READ,)))
    query = f"symbol=BTCUSDT&timestamp={START_MS}"
    signed = f"{query}&signature={hmac_sha256('secret', query.encode())}"
    assert sent_as(rig, "GET", "/fapi/v1/openOrders", signed, "", "f" * 64)[0] == 200
    assert code(sent_as(rig, "DELETE", "/fapi/v1/allOpenOrders", signed, "", "f" * 64)) == (401, -2015)


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("timestamp", "window", "fine"),
    [(10_000, 5_000, True), (5_000, 5_000, True), (4_999, 5_000, False), (10_999, 5_000, True), (11_000, 5_000, False)],
)
def test_a_request_may_be_a_second_early_and_a_window_late(timestamp: int, window: int, fine: bool) -> None:
    sent = {"timestamp": str(timestamp), "recvWindow": str(window)}
    if fine:
        require_time(sent, 10_000, 1.0)
        return
    with pytest.raises(ApiError, match="-1021"):
        require_time(sent, 10_000, 1.0)


def test_windows_grow_with_the_speed_of_the_market() -> None:
    require_time({"timestamp": "1000000", "recvWindow": "5000"}, 1_000_000 + 60 * 5_000, 60.0)
    with pytest.raises(ApiError, match="outside of the recvWindow"):
        require_time({"timestamp": "1000000"}, 1_000_000 + 60 * 5_000 + 1, 60.0)
    with pytest.raises(ApiError, match="1000ms ahead"):
        require_time({"timestamp": "1060000"}, 1_000_000, 60.0)


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_weights_add_up_and_begin_again_with_the_minute() -> None:
    rig = Rig()
    rig.ask("GET", KLINES, symbol="BTCUSDT", interval="1m", limit=1_500)
    rig.ask("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=1_000)
    rig.ask("GET", "/fapi/v1/ticker/24hr", symbol="BTCUSDT")
    assert rig.stage.limiter.used_weight("127.0.0.1") == 10 + 20 + 1
    rig.wall.s += 60.0
    assert rig.stage.limiter.used_weight("127.0.0.1") == 0


def test_too_much_is_refused_then_banned_and_a_banned_ip_prolongs_its_ban() -> None:
    rig = Rig()
    answers = [rig.stage.door.answer(Asked("GET", "/fapi/v1/ticker/24hr", "", b"", "", None, "10.0.0.1"))
               for _ in range(2_400 // 40 + 51)]  # fmt: skip
    assert [a.status for a in answers] == [200] * 60 + [429] * 50 + [418]
    assert {a.body["code"] for a in answers[60:]} == {-1003}  # type: ignore[index]
    assert int(answers[60].headers["Retry-After"]) <= 60
    assert "IP banned until" in answers[-1].body["msg"]  # type: ignore[index]
    rig.wall.s += 119.0
    assert rig.stage.door.answer(Asked("GET", "/fapi/v1/ping", "", b"", "", None, "10.0.0.1")).status == 418
    rig.wall.s += 119.0
    assert rig.stage.door.answer(Asked("GET", "/fapi/v1/ping", "", b"", "", None, "10.0.0.1")).status == 418
    assert rig.stage.door.answer(Asked("GET", "/fapi/v1/ping", "", b"", "", None, "10.0.0.2")).status == 200
    rig.wall.s += 121.0
    assert rig.stage.door.answer(Asked("GET", "/fapi/v1/ping", "", b"", "", None, "10.0.0.1")).status == 200


def test_without_limits_everything_is_counted_and_nothing_refused() -> None:
    rig = Rig(Rules(limits=False))
    for _ in range(70):
        assert rig.ask("GET", "/fapi/v1/ticker/24hr")[0] == 200
    assert rig.stage.limiter.used_weight("127.0.0.1") == 2_800


def test_orders_are_counted_by_account_and_refused_over_the_limit() -> None:
    rig = Rig(Rules(balance=Decimal(10**7)))
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    query = urlencode(order | {"price": "0", "timestamp": START_MS})
    signed = f"{query}&signature={hmac_sha256(rig.key.secret, query.encode())}"
    asked = Asked("POST", "/fapi/v1/order", signed, b"", "", rig.key.key, "127.0.0.1")
    answers = [rig.stage.door.answer(asked) for _ in range(301)]
    assert answers[-2].headers["x-mbx-order-count-10s"] == "300"
    assert (answers[-1].status, answers[-1].body["code"]) == (429, -1015)  # type: ignore[index]


@pytest.mark.parametrize("count", [1, 5])
def test_a_batch_counts_five_orders_in_ten_seconds_and_one_in_a_minute(count: int) -> None:
    rig = Rig()
    orders = [{"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}] * count
    query = urlencode({"batchOrders": json.dumps(orders), "timestamp": START_MS})
    signed = f"{query}&signature={hmac_sha256(rig.key.secret, query.encode())}"
    asked = Asked("POST", "/fapi/v1/batchOrders", signed, b"", "", rig.key.key, "127.0.0.1")
    headers = rig.stage.door.answer(asked).headers
    assert (headers["x-mbx-order-count-10s"], headers["x-mbx-order-count-1m"]) == ("5", "1")


# ── public endpoints ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        (KLINES, {"interval": "1m"}, -1102),
        (KLINES, {"symbol": "NOPEUSDT", "interval": "1m"}, -1121),
        (KLINES, {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        (KLINES, {"symbol": "BTCUSDT", "interval": "1m", "limit": 1_501}, -1130),
        (KLINES, {"symbol": "BTCUSDT", "interval": "1m", "startTime": 5, "endTime": 4}, -1023),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 7}, -4021),
        ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "startTime": START_MS - 3 * 86_400_000}, -4166),
        ("/fapi/v1/continuousKlines", {"pair": "BTCUSDT", "contractType": "X", "interval": "1m"}, -1130),
        ("/futures/data/basis", {"pair": "BTCUSDT", "contractType": "X", "period": "5m"}, -1130),
        ("/futures/data/openInterestHist", {"symbol": "BTCUSDT", "period": "1m"}, -1130),
    ],
)
def test_public_endpoints_refuse_as_binance_does(path: str, sent: dict[str, object], expected: int) -> None:
    assert code(Rig().ask("GET", path, **sent)) == (400, expected)


def test_unknown_paths_and_methods_are_404() -> None:
    rig = Rig()
    assert code(rig.ask("GET", "/fapi/v1/nope")) == (404, -5000)
    assert code(rig.ask("GET", "/fapi/v1/listenKey", key=rig.key.key)) == (404, -5000)
    assert code(rig.ask("GET", "/fapi/v1/listenKey")) == (401, -2014)


def test_candles_are_the_last_ones_or_those_from_a_start() -> None:
    rig, minute = Rig(), 60_000
    newest = START_MS // minute * minute
    opens = [row[0] for row in rig.ask("GET", KLINES, symbol="BTCUSDT", interval="1m", limit=3)[1]]
    assert opens == [newest - 2 * minute, newest - minute, newest]
    start = newest - 100 * minute
    opens = [r[0] for r in rig.ask("GET", KLINES, symbol="BTCUSDT", interval="1m", startTime=start + 1, limit=2)[1]]
    assert opens == [start + minute, start + 2 * minute]
    rows = rig.ask("GET", KLINES, symbol="BTCUSDT", interval="1m", startTime=start, endTime=start + 4 * minute)[1]
    assert [row[0] for row in rows] == [start + i * minute for i in range(5)]
    assert all(len(row) == 12 and row[6] == row[0] + minute - 1 for row in rows)


def test_aggregate_trades_fold_to_their_candle() -> None:
    rig = Rig()
    opened = START_MS // 60_000 * 60_000 - 60_000
    sent = {"symbol": "ETHUSDT", "startTime": opened, "endTime": opened + 59_999, "limit": 1_000}
    trades = rig.ask("GET", "/fapi/v1/aggTrades", **sent)[1]
    candle = rig.ask("GET", KLINES, symbol="ETHUSDT", interval="1m", startTime=opened, limit=1)[1][0]
    prices = [float(t["p"]) for t in trades]
    found = [prices[0], max(prices), min(prices), prices[-1]]
    assert found == [float(text) for text in candle[1:5]]
    assert sum(float(t["q"]) for t in trades) == pytest.approx(float(candle[5]))
    assert sum(float(t["q"]) for t in trades if not t["m"]) == pytest.approx(float(candle[9]))
    assert sum(t["l"] - t["f"] + 1 for t in trades) == candle[8]


def test_paging_by_id_leaves_no_trade_out_and_gives_none_twice() -> None:
    rig = Rig()
    path = "/fapi/v1/aggTrades"
    last = rig.ask("GET", path, symbol="BTCUSDT", limit=600)[1]
    first = rig.ask("GET", path, symbol="BTCUSDT", fromId=last[0]["a"], limit=100)[1]
    rest = rig.ask("GET", path, symbol="BTCUSDT", fromId=first[-1]["a"] + 1, limit=1_000)[1]
    assert [*first, *rest] == last


def test_funding_history_ends_now_or_begins_at_a_start() -> None:
    rig, step = Rig(), 8 * 3_600_000
    rows = rig.ask("GET", "/fapi/v1/fundingRate", symbol="BTCUSDT", limit=3)[1]
    last = START_MS // step * step
    assert [row["fundingTime"] for row in rows] == [last - 2 * step, last - step, last]
    start = last - 10 * step
    rows = rig.ask("GET", "/fapi/v1/fundingRate", symbol="BTCUSDT", startTime=start, limit=2)[1]
    assert [row["fundingTime"] for row in rows] == [start, start + step]


def test_every_public_endpoint_answers() -> None:
    rig = Rig(Rules(limits=False))
    sent = {
        "symbol": "BTCUSDT", "pair": "BTCUSDT", "interval": "1h", "period": "1h", "contractType": "PERPETUAL",
        "limit": 5,
    }  # fmt: skip
    public = sorted(path for path in rig.stage.door.paths if path.startswith(("/fapi/v1/", "/futures/data/")))
    answered = {path: rig.ask("GET", path, key=rig.key.key, **sent)[0] for path in public}
    open_ = {path for path, status in answered.items() if status == 200}
    assert len(open_) >= 30
    assert {status for path, status in answered.items() if path not in open_} <= {400, 401, 404}
