"""Serves one WebSocket connection: which streams its address names, and its control messages (specs/binance.md §7)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qsl, unquote

import msgspec
from aiohttp import WSMessage, WSMsgType, web

from infra.exchange.client import Client
from infra.exchange.hub import Hub, acknowledged
from infra.exchange.requests import NO_JSON
from infra.exchange.stream_names import StreamRoute

MESSAGE_BYTES_MAX = 262_144
TEXTS = frozenset({WSMsgType.TEXT, WSMsgType.BINARY})
_ENDS = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_NAME = re.compile(r"[\w!@.:-]+")
"""What may be the name of a stream; symbols may be of any script. ccxt saw "invalid stream" for a name with a blank."""


class Address(msgspec.Struct, frozen=True):
    """What a path asks for."""

    route: StreamRoute
    combined: bool
    streams: tuple[str, ...]
    events: frozenset[str] = frozenset()


def address_of(path: str, query: str) -> Address | None:
    """Read `/market/ws/a/b`, `/stream?streams=a/b`, `/private/ws?listenKey=K&events=E/F`; None for other paths.

    What stands behind /ws/ is taken as stream names; one that is none (ccxt counts its connections there) says nothing.
    """
    parts = [unquote(part) for part in path.split("/") if part]
    route = StreamRoute.NONE
    if parts and parts[0] in {StreamRoute.PUBLIC, StreamRoute.MARKET, StreamRoute.PRIVATE}:
        route = StreamRoute(parts.pop(0))
    if not parts or parts[0] not in {"ws", "stream"}:
        return None
    combined = parts[0] == "stream"
    names = [] if combined else [name for name in parts[1:] if not name.isdecimal()]
    events: set[str] = set()
    for key, value in parse_qsl(query):
        if key == "streams":
            names += [name for name in value.split("/") if name]
        elif key == "listenKey":
            names.append(value)
        elif key == "events":
            events.update(name for name in value.split("/") if name)
    return Address(route, combined, tuple(dict.fromkeys(names)), frozenset(events))


async def serve(request: web.Request, address: Address, hub: Hub, wall_s: Callable[[], float]) -> web.StreamResponse:
    """Serve a connection to streams until one side has enough of it."""

    def greet(client: Client) -> None:
        client.events = address.events
        for name in address.streams[: hub.rules.streams_max]:
            hub.subscribe(client, name)

    def heard(client: Client, message: WSMessage) -> None:
        if not client.may_say(wall_s(), hub.rules.messages_a_second):
            client.close(1008, "Too many requests")
        elif message.type is WSMsgType.PING:
            client.pong(cast("bytes", message.data))
        elif message.type in TEXTS:
            client.reply(control(client, hub, cast("str | bytes", message.data)))

    return await converse(request, address, hub, wall_s, greet, heard)


async def converse(
    request: web.Request,
    address: Address,
    hub: Hub,
    wall_s: Callable[[], float],
    greet: Callable[[Client], None],
    heard: Callable[[Client, WSMessage], None],
) -> web.StreamResponse:
    """Take a connection in, greet it, and let messages be heard until it ends, by whichever side."""
    socket = web.WebSocketResponse(autoping=False, autoclose=True, compress=False, max_msg_size=MESSAGE_BYTES_MAX)
    await socket.prepare(request)
    transport = request.transport
    if transport is None:
        return socket
    ip = request.remote or "127.0.0.1"
    client = Client(cast("asyncio.WriteTransport", transport), address.route, ip, wall_s(), combined=address.combined)
    hub.join(client)
    try:
        greet(client)
        await _listened(socket, client, heard)
    finally:
        hub.leave(client)
        transport.abort() if client.close_code == 0 and client.closed.is_set() else None
    return socket


async def _listened(socket: web.WebSocketResponse, client: Client, heard: Callable[[Client, WSMessage], None]) -> None:
    """Read messages until the connection ends; a close that we decided on ends the reading too."""
    goodbye = asyncio.ensure_future(client.closed.wait())
    try:
        while not client.closed.is_set():
            receiving = asyncio.ensure_future(socket.receive())
            await asyncio.wait({receiving, goodbye}, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)
                return
            message = receiving.result()
            if message.type in _ENDS:
                return
            if message.type is WSMsgType.PONG:
                client.unanswered_s = None
            heard(client, message)
    finally:
        goodbye.cancel()


def control(client: Client, hub: Hub, text: str | bytes) -> bytes:
    """Obey a control message, and give the answer. Ids are numbers of any size, strings, or missing."""
    try:
        found: object = msgspec.json.decode(text)
    except NO_JSON as error:
        return _refused(3, f"Invalid JSON: {error}", None)
    if not isinstance(found, dict):
        return _refused(2, "Invalid request: request must be an object", None)
    wish = cast("dict[str, object]", found)
    request_id, method = wish.get("id"), wish.get("method")
    if isinstance(request_id, bool | float | list | dict) or (isinstance(request_id, int) and request_id < 0):
        return _refused(2, "Invalid request: request ID must be an unsigned integer or a string", None)
    if "method" not in wish:
        return _refused(2, "Invalid request: missing field `method`", request_id)
    if method not in _METHODS:
        variants = ", ".join(f"`{name}`" for name in _METHODS)
        return _refused(2, f"Invalid request: unknown variant `{method}`, expected one of {variants}", request_id)
    params = wish.get("params")
    if method == "LIST_SUBSCRIPTIONS":
        return acknowledged(list(client.streams), request_id)
    if not isinstance(params, list):
        return _refused(2, "Invalid request: missing field `params`", request_id)
    listed = cast("list[object]", params)
    if method in {"SET_PROPERTY", "GET_PROPERTY"}:
        return _property(client, listed, request_id, write=method == "SET_PROPERTY")
    return _listen(client, hub, listed, request_id, on=method == "SUBSCRIBE")


def _listen(client: Client, hub: Hub, params: list[object], request_id: object, *, on: bool) -> bytes:
    names = [name for name in params if isinstance(name, str)]
    if len(names) < len(params):
        return _refused(2, "Invalid request: params must be strings", request_id)
    if on and not all(_NAME.fullmatch(name) for name in names):
        return _refused(2, "Invalid request: invalid stream", request_id)
    if on and len({*client.streams, *names}) > hub.rules.streams_max:
        return _refused(2, f"Invalid request: at most {hub.rules.streams_max} streams a connection", request_id)
    for name in names:
        (hub.subscribe if on else hub.unsubscribe)(client, name)
    return acknowledged(None, request_id)


def _property(client: Client, params: list[object], request_id: object, *, write: bool) -> bytes:
    if not params or not isinstance(params[0], str):
        return _refused(2, "Invalid request: property name must be a string", request_id)
    if len(params) > 1 + write:
        return _refused(2, "Invalid request: too many parameters", request_id)
    if params[0] != "combined":
        return _refused(0, "Unknown property", request_id)
    if not write:
        return acknowledged(client.combined, request_id)
    if len(params) != 2 or not isinstance(params[1], bool):
        return _refused(1, "Invalid value type: expected Boolean", request_id)
    client.combined = params[1]
    return acknowledged(None, request_id)


def _refused(code: int, text: str, request_id: object) -> bytes:
    """Write an error: with the id as ccxt saw it on the wire, flat as documented where there is none."""
    if request_id is None:
        return msgspec.json.encode({"code": code, "msg": text})
    return msgspec.json.encode({"error": {"code": code, "msg": text}, "id": request_id})
