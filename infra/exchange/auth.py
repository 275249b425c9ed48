"""API keys and signatures: HMAC-SHA256, RSA (PKCS#1 v1.5, SHA-256) and Ed25519 (specs/binance.md §2)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from domain.errors import InvalidInput
from infra.exchange.ports import ApiError, Security

TRADE, READ = "TRADE", "READ"
_KEY_LENGTHS = range(16, 129)
"""Real keys have 64 characters; clients' fixtures are shorter, so only what can't be a key is malformed."""


class ApiKey(msgspec.Struct, frozen=True):
    """A key of an account. `secret` signs with HMAC; else `public_key` (PEM) says how signatures are checked."""

    key: str
    account: str
    secret: str = ""
    public_key: str = ""
    permissions: tuple[str, ...] = (READ, TRADE)


class KeyRing:
    """The keys that the exchange knows. The first one is the one that `run.py exchange` prints."""

    def __init__(self, seed: int, count: int) -> None:
        self._keys: dict[str, ApiKey] = {}
        for number in range(1, count + 1):
            self.add(ApiKey(_drawn(seed, number, "key"), f"account-{number}", _drawn(seed, number, "secret")))

    def __iter__(self) -> Iterator[ApiKey]:
        return iter(self._keys.values())

    def add(self, key: ApiKey) -> None:
        """Take a key in. Raises `InvalidInput` for a public key that can't be read."""
        if key.public_key:
            _public_key(key.public_key)
        self._keys[key.key] = key

    def signs_with_ed25519(self, key: str) -> bool | None:
        """Say whether a key may log on to a session of the WebSocket API; None if there is no such key."""
        found = self._keys.get(key)
        if found is None:
            return None
        return not found.secret and isinstance(_public_key(found.public_key), ed25519.Ed25519PublicKey)

    def owner(self, header: str | None, security: Security, *, changes: bool) -> ApiKey | None:
        """Give the key that a request carries, or None where it needs none. Raises `ApiError` -2014 or -2015."""
        if security is Security.NONE:
            return None
        if not header or not header.isascii() or not header.isalnum() or len(header) not in _KEY_LENGTHS:
            raise ApiError(-2014, "API-key format invalid.", 401)
        found = self._keys.get(header)
        if found is None or (TRADE if changes else READ) not in found.permissions:
            raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return found


def require_signature(key: ApiKey, payload: bytes, signature: str) -> None:
    """Raise `ApiError` -1022 unless `signature` signs `payload`: the raw query string and body, joined."""
    if not _signed(key, payload, signature):
        raise ApiError(-1022, "Signature for this request is not valid.")


def hmac_sha256(secret: str, payload: bytes) -> str:
    """Sign as clients do: hexadecimal HMAC-SHA256."""
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()


def _signed(key: ApiKey, payload: bytes, signature: str) -> bool:
    if key.secret:
        return hmac.compare_digest(hmac_sha256(key.secret, payload), signature.lower())
    public = _public_key(key.public_key)
    try:
        raw = base64.b64decode(signature.replace(" ", "+"), validate=True)
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(raw, payload)
        else:
            public.verify(raw, payload, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _public_key(pem: str) -> ed25519.Ed25519PublicKey | rsa.RSAPublicKey:
    try:
        found = serialization.load_pem_public_key(pem.encode())
    except ValueError as error:
        raise InvalidInput("public key", "a PEM public key, Ed25519 or RSA", repr(pem[:40])) from error
    if not isinstance(found, ed25519.Ed25519PublicKey | rsa.RSAPublicKey):
        raise InvalidInput("public key", "an Ed25519 or RSA key", type(found).__name__)
    return found


def _drawn(seed: int, number: int, purpose: str) -> str:
    """Derive 64 characters from the seed, so that a client may keep its key over a restart. They open nothing real."""
    return hashlib.sha256(f"simulated exchange/{seed}/{number}/{purpose}".encode()).hexdigest()
