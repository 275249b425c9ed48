"""One pooled HTTP session: bytes go out exactly as built, and a failure says whether the request may have arrived."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Final

import aiohttp
import yarl

from domain.errors import InvalidInput, Unavailable
from infra.binance.faults import EXCHANGE, Answer
from infra.binance.settings import BinanceSettings

DNS_TTL_S: Final = 300
KEEP_ALIVE_S: Final = 30
BODY_MAX: Final = 32 * 2**20
FORM: Final = "application/x-www-form-urlencoded"


class Lost(Exception):
    """The request was sent, or may have been, and no answer came."""


class Transport:
    """Keeps connections and resolved names. Used from one event loop; `close` it."""

    def __init__(self, settings: BinanceSettings) -> None:
        self._base = settings.rest
        self._connections = settings.connections
        self._timeout = aiohttp.ClientTimeout(
            total=settings.timeout_ms / 1_000, sock_connect=settings.connect_timeout_ms / 1_000
        )
        self._session: aiohttp.ClientSession | None = None
        self._reached = False
        self._closed = False

    async def send(self, method: str, path: str, query: str, body: str, headers: dict[str, str]) -> Answer:
        """Send one request; `query` and `body` are already encoded and go out as they are.

        Raises `Unavailable` if it certainly did not arrive, `Lost` if it may have, `InvalidInput` if the address or
        the certificate is wrong.
        """
        url = self._url(path, query)
        if body:
            headers = {**headers, "Content-Type": FORM}
        try:
            async with self._open().request(
                method, url, data=body.encode() if body else None, headers=headers, allow_redirects=False
            ) as response:
                answer = Answer(response.status, _lower(response.headers), await _bounded(response))
        except (aiohttp.ClientError, OSError, TimeoutError, UnicodeError) as error:
            failure = self._failure(error)
        else:
            self._reached = True
            return answer
        raise failure  # out here it has no context: the library's own error shows the address, signature included

    async def close(self) -> None:
        """Close all connections, for good."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _url(self, path: str, query: str) -> yarl.URL:
        with contextlib.suppress(ValueError):
            url = yarl.URL(f"{self._base}{path}{'?' if query else ''}{query}", encoded=True)
            if url.host and url.port is not None:  # both are looked at only when asked for
                return url
        raise InvalidInput("binance.rest_url", "a URL", repr(self._base))

    def _open(self) -> aiohttp.ClientSession:
        if self._closed:
            raise Unavailable(EXCHANGE, "this client was closed")
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=self._connections, ttl_dns_cache=DNS_TTL_S, keepalive_timeout=KEEP_ALIVE_S
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                headers={"User-Agent": "hindsight"},
                cookie_jar=aiohttp.DummyCookieJar(),  # no state but the connections
            )
        return self._session

    def _failure(self, error: Exception) -> Exception:
        host = yarl.URL(self._base).host or self._base
        match error:
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
                return self._at_first(f"a server that proves to be {host}", f"a TLS failure ({_cause(error)})")
            case aiohttp.ClientConnectorDNSError():
                return self._at_first("a host that exists", f"the unknown name {host}")
            case aiohttp.InvalidURL() | UnicodeError():
                return InvalidInput("binance.rest_url", "a URL", repr(self._base))
            case aiohttp.ConnectionTimeoutError():
                return Unavailable(EXCHANGE, f"no connection to {host} in time")
            case aiohttp.ClientConnectorError():
                return Unavailable(EXCHANGE, f"no connection to {host}:{error.port} ({_cause(error)})")
            case asyncio.TimeoutError():
                return Lost(f"no answer from {host} within {self._timeout.total:g} s")
            case _:
                return Lost(f"the connection to {host} broke ({_cause(error)})")

    def _at_first(self, expected: str, found: str) -> Exception:
        """Before the first answer the address is wrong, later the network has a bad moment."""
        if self._reached:
            return Unavailable(EXCHANGE, found)
        hint = "Check binance.rest_url (or binance.testnet_rest_url), this machine's clock and its network."
        return InvalidInput(f"binance: {self._base}", expected, found, hint)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """Read a body. Raises `Lost` if it is larger than anything that the exchange sends."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > BODY_MAX:
            raise Lost(f"the answer is larger than {BODY_MAX} bytes")
    return bytes(body)


def _lower(headers: object) -> dict[str, str]:
    items = getattr(headers, "items", dict[str, str]().items)()
    return {str(name).lower(): str(value) for name, value in items}


def _cause(error: Exception) -> str:
    """Say why in our own words: those of the library may hold the address of the request, or many lines."""
    match getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error:
        case aiohttp.ServerDisconnectedError():
            return "it hung up"
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return "its answer is broken off, or no HTTP"
        case OSError() as cause if cause.strerror:
            return cause.strerror
        case OSError() | ssl.CertificateError() as cause:
            return str(cause) or type(cause).__name__
        case cause:
            return type(cause).__name__
