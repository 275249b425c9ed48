"""Keys and signatures: HMAC-SHA256, RSA (PKCS#1 v1.5 over SHA-256) and Ed25519, as Binance accepts them.

A key is given by reference, `env:NAME` or `file:PATH` (mode 0600), never by value, and lives in a `Secret` that shows
itself to nobody by accident.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from domain.errors import InvalidInput
from infra.masking import MASK

ALIASES: Final = {"BINANCE_API_SECRET": ("BINANCE_SECRET_KEY",)}
"""Other names under which the old systems kept the same thing."""


class Secret:
    """A text that shows as *** wherever it is printed, logged, formatted or put into an exception."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text, for the one place that sends or signs with it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return MASK

    def __reduce__(self) -> str:
        raise TypeError("a secret is not to be copied or stored")


class Signer(Protocol):
    """Signs the exact string that is sent."""

    def sign(self, payload: str) -> str:
        """Give the signature as text, not yet percent-encoded."""
        ...


class HmacSigner:
    """HMAC-SHA256 with the secret that Binance shows once; hexadecimal."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def sign(self, payload: str) -> str:
        """Give 64 hexadecimal digits."""
        return hmac.new(self._secret.reveal().encode(), payload.encode(), hashlib.sha256).hexdigest()


class RsaSigner:
    """RSA PKCS#1 v1.5 over SHA-256 with a private key of one's own; base64."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key

    def sign(self, payload: str) -> str:
        """Give base64."""
        return base64.b64encode(self._key.sign(payload.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


class Ed25519Signer:
    """Ed25519 with a private key of one's own; base64."""

    def __init__(self, key: ed25519.Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, payload: str) -> str:
        """Give base64."""
        return base64.b64encode(self._key.sign(payload.encode())).decode()


class Key:
    """An API key and what signs for it."""

    def __init__(self, api_key: Secret, signer: Signer) -> None:
        self.api_key = api_key
        self.signer = signer


def signer(secret: Secret, where: str = "the API secret") -> Signer:
    """Tell by its text what kind of key it is: PEM of PKCS#8 (RSA, Ed25519), else the secret of an HMAC key.

    Raises `InvalidInput`, without any part of the text.
    """
    text = secret.reveal().strip()
    if not text.startswith("-----BEGIN"):
        return HmacSigner(Secret(text))
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        hint = "Export it as PKCS#8 without a password."
        raise InvalidInput(where, "an unencrypted PEM private key", "one that can't be read", hint) from error
    if isinstance(key, rsa.RSAPrivateKey):
        return RsaSigner(key)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return Ed25519Signer(key)
    raise InvalidInput(where, "an RSA or Ed25519 key", f"a key of kind {type(key).__name__}")


def load_key(api_key: str, api_secret: str, environment: Mapping[str, str] = os.environ) -> Key:
    """Load a key by its two references. Raises `InvalidInput` that names the reference, never the value."""
    secret = load_secret(api_secret, environment)
    return Key(load_secret(api_key, environment), signer(secret, api_secret))


def points_at_something(reference: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether somebody gave a key here: all but a reference to a variable of the environment that is not set."""
    kind, _, name = reference.partition(":")
    return kind != "env" or any(environment.get(known, "").strip() for known in _names_of(name))


def load_secret(reference: str, environment: Mapping[str, str] = os.environ) -> Secret:
    """Load what a reference `env:NAME` or `file:PATH` points at. Raises `InvalidInput`."""
    kind, colon, name = reference.partition(":")
    if not colon or kind not in {"env", "file"} or not name:
        raise InvalidInput("a key reference", "env:NAME or file:PATH", "something else", "Never write the key itself.")
    return _from_file(Path(name).expanduser()) if kind == "file" else _from_environment(name, environment)


def _from_environment(name: str, environment: Mapping[str, str]) -> Secret:
    for known in _names_of(name):
        text = environment.get(known, "").strip()
        if text:
            return Secret(text.replace("\\n", "\n") if text.startswith("-----BEGIN") else text)
    raise InvalidInput(f"environment variable {name}", "an API key or secret", "nothing", f"export {name}=…")


def _names_of(variable: str) -> tuple[str, ...]:
    return (variable, *ALIASES.get(variable, ()))


def _from_file(path: Path) -> Secret:
    try:
        with path.open("rb") as file:  # checked on the open file: nobody can swap it in between
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise InvalidInput(str(path), "a file with mode 0600", f"mode {mode:04o}", f"chmod 600 {path}")
            text = file.read().decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        found = error.strerror if isinstance(error, OSError) and error.strerror else "something else"
        raise InvalidInput(str(path), "a readable file with a key in it", found) from None
    if not text:
        raise InvalidInput(str(path), "an API key or secret", "an empty file")
    return Secret(text)
