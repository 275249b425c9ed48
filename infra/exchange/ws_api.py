"""The WebSocket API, /ws-fapi/v1: the same endpoints as REST, asked as messages (specs/binance.md §1, §3).

A request is `{"id", "method", "params"}`; what is signed is its parameters without `signature`, sorted by name, joined
as in a query. After `session.logon` (Ed25519 keys only) requests of that key need neither key nor signature, but still
a timestamp. `returnRateLimits` (false in the address, or in a request) leaves the limits out of the answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, unquote

import msgspec
from aiohttp import WSMessage, WSMsgType, web

from infra.exchange.client import Client
from infra.exchange.connection import TEXTS, Address, converse
from infra.exchange.door import Answer, Wish
from infra.exchange.limiter import ORDERS_A_MINUTE, ORDERS_IN_10S, WEIGHT_A_MINUTE
from infra.exchange.requests import NO_JSON
from infra.exchange.stream_names import StreamRoute

if TYPE_CHECKING:
    from infra.exchange.stage import Stage

PATH = "/ws-fapi/v1"
HANDSHAKE_WEIGHT = 5
PINGS_A_SECOND = 5
"""Pings and pongs of a client; more closes the connection (specs/binance.md §3)."""
_V1, _V2, _V3 = "/fapi/v1/", "/fapi/v2/", "/fapi/v3/"
METHODS: dict[str, tuple[str, str]] = {
    "ping": ("GET", _V1 + "ping"),
    "time": ("GET", _V1 + "time"),
    "exchangeInfo": ("GET", _V1 + "exchangeInfo"),
    "depth": ("GET", _V1 + "depth"),
    "ticker.price": ("GET", _V1 + "ticker/price"),
    "ticker.book": ("GET", _V1 + "ticker/bookTicker"),
    "order.place": ("POST", _V1 + "order"),
    "order.modify": ("PUT", _V1 + "order"),
    "order.cancel": ("DELETE", _V1 + "order"),
    "order.status": ("GET", _V1 + "order"),
    "order.test": ("POST", _V1 + "order/test"),
    "algoOrder.place": ("POST", _V1 + "algoOrder"),
    "algoOrder.cancel": ("DELETE", _V1 + "algoOrder"),
    "account.status": ("GET", _V2 + "account"),
    "v2/account.status": ("GET", _V3 + "account"),
    "account.balance": ("GET", _V2 + "balance"),
    "v2/account.balance": ("GET", _V3 + "balance"),
    "account.position": ("GET", _V2 + "positionRisk"),
    "v2/account.position": ("GET", _V3 + "positionRisk"),
    "userDataStream.start": ("POST", _V1 + "listenKey"),
    "userDataStream.ping": ("PUT", _V1 + "listenKey"),
    "userDataStream.stop": ("DELETE", _V1 + "listenKey"),
}
_ENCODER = msgspec.json.Encoder(decimal_format="string")


class Session:
    """One connection: who logged on, and when (in the time that clients are told)."""

    def __init__(self, ip: str, connected_ms: int, *, limits: bool) -> None:
        self.ip = ip
        self.key = ""
        self.connected_ms = connected_ms
        self.authorized_ms: int | None = None
        self.limits = limits


async def serve(request: web.Request, stage: Stage) -> web.StreamResponse:
    """Serve a connection: it lives, is pinged and is dropped as those of streams are."""
    limits = dict(parse_qsl(request.query_string)).get("returnRateLimits", "true").lower() != "false"
    session = Session(request.remote or "127.0.0.1", stage.clock.told_ms(), limits=limits)
    stage.limiter.count_weight(session.ip, HANDSHAKE_WEIGHT)

    def heard(client: Client, message: WSMessage) -> None:
        if message.type in TEXTS:
            client.say(answer(stage, session, cast("str | bytes", message.data)))
        elif not client.may_say(stage.clock.wall_s(), PINGS_A_SECOND):
            client.close(1008, "Too many pings")
        elif message.type is WSMsgType.PING:
            client.pong(cast("bytes", message.data))

    address = Address(StreamRoute.PRIVATE, combined=False, streams=())
    return await converse(request, address, stage.hub, stage.clock.wall_s, lambda _client: None, heard)


def answer(stage: Stage, session: Session, text: str | bytes) -> bytes:
    """Answer a message."""
    try:
        asked = _ASKED.decode(text)
        sent = _sent(asked.params)
    except msgspec.ValidationError:  # JSON, but no request
        asked, sent = _Asked(), {}
    except NO_JSON:
        reply = Answer(400, {"code": -1000, "msg": "Invalid JSON request."}, {})
        return _written(None, reply, stage, session, limits=False)
    limits = sent.get("returnRateLimits", "true" if session.limits else "false") == "true"
    reply = _carried_out(stage, session, str(asked.method), sent)
    return _written(asked.id, reply, stage, session, limits=limits)


def _carried_out(stage: Stage, session: Session, method: str, sent: dict[str, str]) -> Answer:
    if method.startswith("session."):
        return _session(stage, session, method, sent)
    known = METHODS.get(method)
    if known is None:
        return Answer(400, {"code": -1103, "msg": f"Unknown method '{method}'."}, {})
    return stage.door.fulfil(_wish(session, *known, sent))


def _wish(session: Session, http_method: str, path: str, sent: dict[str, str]) -> Wish:
    signature = unquote(sent.pop("signature", ""))  # python-binance escapes it as if it stood in a query
    payload = "&".join(f"{name}={value}" for name, value in sorted(sent.items())).encode()
    key = sent.pop("apiKey", "") or session.key
    trusted = bool(key) and key == session.key and not signature
    return Wish(http_method, path, sent, key or None, payload, signature, session.ip, trusted)


def _session(stage: Stage, session: Session, method: str, sent: dict[str, str]) -> Answer:
    if method == "session.logon":
        key = sent.get("apiKey", "")
        if stage.keys.signs_with_ed25519(key) is False:
            return Answer(400, {"code": -4056, "msg": "Invalid api key type."}, {})
        reply = stage.door.fulfil(_wish(session, "GET", _V1 + "rateLimit/order", dict(sent)))
        if reply.status != 200:
            return reply
        session.key, session.authorized_ms = key, stage.clock.told_ms()
    elif method == "session.logout":
        session.key, session.authorized_ms = "", None
    elif method != "session.status":
        return Answer(400, {"code": -1103, "msg": f"Unknown method '{method}'."}, {})
    told = {
        "apiKey": session.key or None,
        "authorizedSince": session.authorized_ms,
        "connectedSince": session.connected_ms,
        "returnRateLimits": session.limits,
        "serverTime": stage.clock.told_ms(),
    }
    return Answer(200, told, {})


def _written(request_id: object, reply: Answer, stage: Stage, session: Session, *, limits: bool) -> bytes:
    name = "result" if reply.status == 200 else "error"
    written: dict[str, object] = {"id": request_id, "status": reply.status, name: reply.body}
    if limits:
        counts = [_limit("MINUTE", 1, WEIGHT_A_MINUTE, stage.limiter.used_weight(session.ip))]
        if "x-mbx-order-count-10s" in reply.headers:
            in_10s, in_1m = (int(reply.headers[f"x-mbx-order-count-{span}"]) for span in ("10s", "1m"))
            counts += [
                _limit("SECOND", 10, ORDERS_IN_10S, in_10s, "ORDERS"),
                _limit("MINUTE", 1, ORDERS_A_MINUTE, in_1m, "ORDERS"),
            ]
        written["rateLimits"] = counts
    return _ENCODER.encode(written)


def _limit(interval: str, number: int, most: int, count: int, kind: str = "REQUEST_WEIGHT") -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": most, "count": count}


class _Asked(msgspec.Struct):
    """A request; what it says under `params` is kept as it was written."""

    id: object = None
    method: object = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")


def _sent(params: msgspec.Raw) -> dict[str, str]:
    """Give the parameters as they were written, which is how they were signed: 1e-05 and 0.10 stay what they are."""
    if not bytes(params).lstrip().startswith(b"{"):
        return {}
    named = msgspec.json.decode(params, type=dict[str, msgspec.Raw])
    return {name: _text(bytes(value)) for name, value in named.items()}


def _text(value: bytes) -> str:
    return msgspec.json.decode(value, type=str) if value.startswith(b'"') else value.decode()


_ASKED = msgspec.json.Decoder(_Asked)
