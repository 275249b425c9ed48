"""What a request says: parameters from query and body, the signed bytes, the check of its time. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast
from urllib.parse import parse_qsl, unquote

import msgspec

from infra.exchange.ports import ApiError

RECV_WINDOW_MS = 5_000
RECV_WINDOW_MS_MAX = 60_000
AHEAD_MS_MAX = 1_000
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON raises at a text that is none, or is nested more deeply than anything that is meant."""
_SIGNATURE = re.compile(rb"(?:^|&)signature=([^&]*)")


class Signed(msgspec.Struct, frozen=True):
    """The bytes that a client signed, and its signature, or "" if there is none."""

    payload: bytes
    signature: str


def parameters(query: str, body: bytes, content_type: str) -> dict[str, str]:
    """Join the parameters of query and body; on a clash the query wins.

    Raises `ApiError` -1102 for a broken body, -1101 for a name that either of them has twice.
    """
    found = _of_body(body, content_type) if body else {}
    found.update(_once(query))
    return found


def _once(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True)
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ApiError(-1101, "Duplicate values for a parameter detected.")
    return found


def _of_body(body: bytes, content_type: str) -> dict[str, str]:
    if not content_type.startswith("application/json"):
        return _once(body.decode("utf-8", "replace"))
    try:
        decoded: object = msgspec.json.decode(body)
    except NO_JSON:
        return _once(body.decode("utf-8", "replace"))
    if not isinstance(decoded, dict):
        raise ApiError(-1102, "A mandatory parameter was not sent, was empty/null, or malformed.")
    return {str(name): _text(value) for name, value in cast("dict[object, object]", decoded).items()}


def _text(value: object) -> str:
    """Write a JSON value as it would stand in a form."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return msgspec.json.encode(value).decode()


def signed_part(query: str, body: bytes) -> Signed:
    """Take the signature out of query and body: what is left, joined without anything between, was signed."""
    signature = ""
    parts: list[bytes] = []
    for part in (query.encode(), body):
        found = _SIGNATURE.search(part)
        if found is None:
            parts.append(part)
            continue
        signature = unquote(found.group(1).decode("latin-1"))
        rest = part[: found.start()] + part[found.end() :]
        parts.append(rest.removeprefix(b"&"))
    return Signed(b"".join(parts), signature)


def require_time(sent: Mapping[str, str], now_ms: int, speed: float) -> None:
    """Raise `ApiError` -1021 for a request from another time, -1102 without one. Windows scale with the market's speed.

    Accepted: timestamp < now + 1000 and now - timestamp ≤ recvWindow (specs/binance.md §2).
    """
    timestamp = _number(sent, "timestamp")
    if timestamp is None:
        raise ApiError(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
    window = _number(sent, "recvWindow")
    if window is not None and not 0 < window <= RECV_WINDOW_MS_MAX:
        raise ApiError(-1131, "recvWindow must be less than 60000")
    scale = max(1.0, speed)
    if timestamp >= now_ms + AHEAD_MS_MAX * scale:
        raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - timestamp > (RECV_WINDOW_MS if window is None else window) * scale:
        raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def _number(sent: Mapping[str, str], name: str) -> int | None:
    text = sent.get(name, "")
    if not text:
        return None
    try:
        return int(float(text))
    except (ValueError, OverflowError) as error:
        raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.") from error
