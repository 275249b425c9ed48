"""The section `[binance]` of the settings: where the exchange is, with which key, how patiently it is asked."""

from __future__ import annotations

from typing import Final

import msgspec

from domain.errors import InvalidInput


class BinanceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How Binance's USD-M futures are reached. Nothing in here is secret: keys are references."""

    testnet: bool = False
    rest_url: str = "https://fapi.binance.com"
    stream_url: str = "wss://fstream.binance.com"
    testnet_rest_url: str = "https://demo-fapi.binance.com"
    testnet_stream_url: str = "wss://fstream.binancefuture.com"
    stream_routes: str = "routed"
    conditional_orders: str = "algo"
    api_key: str = "env:BINANCE_API_KEY"
    api_secret: str = "env:BINANCE_API_SECRET"  # noqa: S105 -- a reference, which is the point
    recv_window_ms: int = 5_000
    connect_timeout_ms: int = 5_000
    timeout_ms: int = 10_000
    connections: int = 100
    retries: int = 2
    weight_share: float = 0.9
    weight_per_minute: int = 2_400
    orders_per_10s: int = 300
    orders_per_minute: int = 1_200
    disable_rest_fallback: bool = False

    @property
    def rest(self) -> str:
        """The base URL of the REST interface in force."""
        return (self.testnet_rest_url if self.testnet else self.rest_url).rstrip("/")

    @property
    def streams(self) -> str:
        """The base URL of the streams in force."""
        return (self.testnet_stream_url if self.testnet else self.stream_url).rstrip("/")


DOCUMENTATION: Final = {
    "binance": "How Binance's USD-M futures are reached. Keys are references, never values.",
    "binance.testnet": "Use the test exchange instead of the real one.",
    "binance.rest_url": "Base URL of the REST interface.",
    "binance.stream_url": "Base URL of the WebSocket streams.",
    "binance.testnet_rest_url": "Base URL of the test exchange's REST interface.",
    "binance.testnet_stream_url": "Base URL of the test exchange's WebSocket streams.",
    "binance.stream_routes": "routed: /public, /market and /private as since April 2026. plain: /ws and /stream only.",
    "binance.conditional_orders": "Where stops and targets go. algo: /fapi/v1/algoOrder. order: /fapi/v1/order.",
    "binance.api_key": "Where the API key is: env:NAME, or file:PATH (mode 0600).",
    "binance.api_secret": "Where its secret or PEM private key (RSA, Ed25519) is: env:NAME, or file:PATH (mode 0600).",
    "binance.recv_window_ms": "The exchange refuses a signed request that reaches it later than this.",
    "binance.connect_timeout_ms": "How long a connection may take to be made.",
    "binance.timeout_ms": "How long an answer may take.",
    "binance.connections": "Most REST connections at once; they are kept and used again.",
    "binance.retries": "So often is a request repeated where that is harmless.",
    "binance.weight_share": "Share of the exchange's limits that is used at most.",
    "binance.weight_per_minute": "Request weight a minute and address, until the exchange says its own limit.",
    "binance.orders_per_10s": "Orders in ten seconds and account, until the exchange says its own limit.",
    "binance.orders_per_minute": "Orders a minute and account, until the exchange says its own limit.",
    "binance.disable_rest_fallback": "Never ask for candles over REST; warm up from the streams alone.",
}
RANGES: Final[dict[str, tuple[float, float]]] = {
    "binance.recv_window_ms": (1, 60_000),
    "binance.connect_timeout_ms": (1, 600_000),
    "binance.timeout_ms": (1, 600_000),
    "binance.connections": (1, 1_000),
    "binance.retries": (0, 10),
    "binance.weight_share": (0.01, 1),
    "binance.weight_per_minute": (1, 1_000_000),
    "binance.orders_per_10s": (1, 1_000_000),
    "binance.orders_per_minute": (1, 1_000_000),
}
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "binance.stream_routes": ("routed", "plain"),
    "binance.conditional_orders": ("algo", "order"),
}
ENVIRONMENT: Final = {
    "BINANCE_TESTNET": "binance.testnet",
    "DISABLE_REST_FALLBACK": "binance.disable_rest_fallback",
}
"""BINANCE_API_KEY and BINANCE_API_SECRET (or BINANCE_SECRET_KEY) are read by the references above, when needed."""
REFERENCES: Final = ("binance.api_key", "binance.api_secret")
_URLS: Final = (
    ("rest_url", ("https://", "http://")),
    ("testnet_rest_url", ("https://", "http://")),
    ("stream_url", ("wss://", "ws://")),
    ("testnet_stream_url", ("wss://", "ws://")),
)


def check(settings: BinanceSettings) -> None:
    """Refuse what contradicts itself. Raises `InvalidInput`; what may be a key is never shown."""
    for key in REFERENCES:
        kind, _, place = str(getattr(settings, key.removeprefix("binance."))).partition(":")
        if kind not in {"env", "file"} or not place:
            hint = "Never write the key itself into the settings."
            raise InvalidInput(key, "env:NAME or file:PATH", "something else (not shown)", hint)
    for name, schemes in _URLS:
        url = str(getattr(settings, name))
        if not url.startswith(schemes):
            raise InvalidInput(f"binance.{name}", f"a URL that begins with {' or '.join(schemes)}", repr(url))
