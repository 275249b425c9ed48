"""How a request is written: one string is built, signed and sent, byte for byte the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from domain.errors import InvalidInput
from domain.values import decimal_of
from infra.binance.endpoints import Endpoint, Params, Security
from infra.binance.signing import Key
from infra.masking import MASK

IN_BODY: Final = frozenset({"POST", "PUT"})


class Request(msgspec.Struct, frozen=True):
    """What goes out. Orders travel in the body, so that no log of a URL on the way holds them."""

    query: str
    body: str
    headers: dict[str, str]

    def __repr__(self) -> str:
        """Show nothing: key and signature are in here."""
        return f"Request({MASK})"


def text_of(value: object) -> str:
    """Write a parameter as Binance reads it: plain decimals without exponent, lower-case booleans, lists as JSON.

    Raises `InvalidInput` for a number that is none: no rule of the exchange's is to decide what NaN means.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        value = decimal_of(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise InvalidInput("a parameter for the exchange", "a finite number", str(value))
        return f"{value:f}"
    if isinstance(value, list | tuple):
        return msgspec.json.encode(value).decode()
    return str(value)


def build(endpoint: Endpoint, params: Params, key: Key | None, timestamp_ms: int, recv_window_ms: int) -> Request:
    """Write a request; parameters that are None are left out. Raises `InvalidInput` if a key is needed and missing."""
    pairs = [(name, text_of(value)) for name, value in params.items() if value is not None]
    headers: dict[str, str] = {}
    if endpoint.security is not Security.NONE:
        if key is None:
            hint = "Set binance.api_key and binance.api_secret (by default BINANCE_API_KEY and BINANCE_API_SECRET)."
            raise InvalidInput(f"Binance ({endpoint.name})", "an API key", "none", hint)
        headers["X-MBX-APIKEY"] = key.api_key.reveal()
    if endpoint.security is not Security.SIGNED or key is None:
        payload = urlencode(pairs, quote_via=quote)
    else:
        pairs += [("recvWindow", str(recv_window_ms)), ("timestamp", str(timestamp_ms))]
        payload = urlencode(pairs, quote_via=quote)
        payload += "&signature=" + quote(key.signer.sign(payload), safe="")
    in_body = endpoint.method in IN_BODY
    return Request("" if in_body else payload, payload if in_body else "", headers)
