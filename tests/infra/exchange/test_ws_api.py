"""The WebSocket API: requests, sessions that logged on, and the limits that answers carry."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from infra.exchange.auth import ApiKey, hmac_sha256
from infra.exchange.ws_api import Session, answer
from tests.infra.exchange.staging import Rig

ED_KEY = "e" * 64
DEEP = "[" * 2_000 + "]" * 2_000
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}


class Line:
    """One connection of a client that has an HMAC key and an Ed25519 key of the same account."""

    def __init__(self, *, limits: bool = True) -> None:
        self.rig = Rig()
        self.private = ed25519.Ed25519PrivateKey.generate()
        pem = self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.rig.stage.keys.add(ApiKey(ED_KEY, self.rig.key.account, public_key=pem.decode()))
        self.session = Session("127.0.0.1", self.now_ms, limits=limits)

    @property
    def now_ms(self) -> int:
        return self.rig.stage.clock.now_ms()

    def ask(self, method: str, **params: Any) -> Any:
        text = json.dumps({"id": "7", "method": method, "params": params})
        return json.loads(answer(self.rig.stage, self.session, text))

    def hmac(self, method: str, **params: Any) -> Any:
        sent = {"apiKey": self.rig.key.key, "timestamp": self.now_ms} | params
        return self.ask(method, **sent, signature=hmac_sha256(self.rig.key.secret, _payload(sent).encode()))

    def log_on(self) -> Any:
        sent = {"apiKey": ED_KEY, "timestamp": self.now_ms}
        signature = base64.b64encode(self.private.sign(_payload(sent).encode())).decode()
        return self.ask("session.logon", **sent, signature=signature)


def _payload(sent: dict[str, Any]) -> str:
    return "&".join(f"{name}={value}" for name, value in sorted(sent.items()))


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_session_that_logged_on_needs_a_timestamp_only(line: Line) -> None:
    connected = line.now_ms
    line.rig.wall.s += 1.5
    assert line.log_on()["result"] == {
        "apiKey": ED_KEY, "authorizedSince": connected + 1_500, "connectedSince": connected, "returnRateLimits": True,
        "serverTime": connected + 1_500,
    }  # fmt: skip
    assert line.ask("v2/account.balance", timestamp=line.now_ms)["result"][0]["asset"] == "USDT"
    assert line.ask("order.place", **MARKET, timestamp=line.now_ms)["result"]["status"] == "NEW"
    assert line.ask("v2/account.balance")["error"]["code"] == -1102
    assert line.ask("v2/account.balance", timestamp=1)["error"]["code"] == -1021


def test_a_signature_may_be_escaped(line: Line) -> None:
    sent = {"apiKey": ED_KEY, "timestamp": line.now_ms}
    signature = base64.b64encode(line.private.sign(_payload(sent).encode())).decode()
    assert line.ask("v2/account.balance", **sent, signature=quote(signature, safe=""))["status"] == 200


def test_numbers_are_signed_as_they_were_written(line: Line) -> None:
    order = MARKET | {"type": "LIMIT", "timeInForce": "GTC", "quantity": 0.010, "price": 8.85e4}
    assert line.hmac("order.place", **order)["result"]["price"] == "88500.0"
    refused = line.hmac("order.place", **order | {"quantity": 1e-05})
    assert (refused["status"], refused["error"]["code"]) == (400, -1100)


def test_a_session_speaks_for_its_own_key_only(line: Line) -> None:
    line.log_on()
    refused = line.ask("v2/account.balance", apiKey=line.rig.key.key, timestamp=line.now_ms)
    assert (refused["status"], refused["error"]["code"]) == (400, -1102)
    assert line.hmac("v2/account.balance")["status"] == 200


def test_logging_out_ends_it(line: Line) -> None:
    line.log_on()
    told = line.ask("session.logout")["result"]
    assert (told["apiKey"], told["authorizedSince"]) == (None, None)
    assert line.ask("session.status")["result"]["authorizedSince"] is None
    assert line.ask("v2/account.balance", timestamp=line.now_ms)["status"] == 401


def test_only_ed25519_keys_log_on(line: Line) -> None:
    assert line.hmac("session.logon")["error"] == {"code": -4056, "msg": "Invalid api key type."}
    assert line.ask("session.logon", apiKey="f" * 64, timestamp=line.now_ms)["error"]["code"] == -2015
    wrong = line.ask("session.logon", apiKey=ED_KEY, timestamp=line.now_ms, signature="AAAA")
    assert wrong["error"]["code"] == -1022
    assert line.ask("session.status")["result"]["apiKey"] is None


def test_orders_carry_the_order_limits_too(line: Line) -> None:
    limits = line.hmac("order.place", **MARKET)["rateLimits"]
    assert [(row["rateLimitType"], row["interval"], row["intervalNum"], row["limit"]) for row in limits] == [
        ("REQUEST_WEIGHT", "MINUTE", 1, 2_400), ("ORDERS", "SECOND", 10, 300), ("ORDERS", "MINUTE", 1, 1_200),
    ]  # fmt: skip
    assert [row["count"] for row in limits[1:]] == [1, 1]
    assert len(line.ask("time")["rateLimits"]) == 1


def test_limits_can_be_left_out() -> None:
    line = Line(limits=False)
    assert "rateLimits" not in line.ask("time")
    assert "rateLimits" in line.ask("time", returnRateLimits=True)
    assert "rateLimits" not in Line().ask("time", returnRateLimits=False)


@pytest.mark.parametrize(
    ("text", "code", "request_id"),
    [
        ("{", -1000, None),
        (f'{{"id":{DEEP}}}', -1000, None),
        (f'{{"id":7,"params":{DEEP}}}', -1000, None),
        ("[]", -1103, None),
        ('{"id":5}', -1103, 5),
        ('{"id":null,"method":"no"}', -1103, None),
    ],
)
def test_what_cannot_be_read_is_answered_with_an_error(line: Line, text: str, code: int, request_id: object) -> None:
    said = json.loads(answer(line.rig.stage, line.session, text))
    assert (said["id"], said["status"], said["error"]["code"]) == (request_id, 400, code)
