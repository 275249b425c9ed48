"""The key that signs bundles: Ed25519 (RFC 8032), made once in `<home>/keys/`, readable by its owner only.

It never leaves that file. What a bundle holds is the public key; its fingerprint, the SHA-256 of its 32 bytes, is what
an auditor remembers. A lost key can't be made again: later bundles then have another fingerprint.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from domain.errors import InvalidInput

PLACE: Final = Path("keys", "audit.ed25519")


class SigningKey:
    """An Ed25519 key pair. Only the public half can be shown."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @property
    def public_pem(self) -> bytes:
        """The public key as PEM."""
        return self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the public key, in hex."""
        return hashlib.sha256(self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()

    def sign(self, message: bytes) -> bytes:
        """Give the signature: 64 bytes, the same for the same message."""
        return self._private.sign(message)


def signing_key(home: Path) -> SigningKey:
    """Give the key of a home, made if there is none.

    Raises `InvalidInput` if others may read it, or if it is no Ed25519 key.
    """
    path = home.expanduser() / PLACE
    if not path.exists():
        _make(path)
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        hint = f"Type `chmod 600 {path}`, and think about who may have read it."
        raise InvalidInput(str(path), "a key that only its owner can read (mode 600)", f"mode {mode:o}", hint)
    try:
        private = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidInput(str(path), "an Ed25519 private key in PEM, without a password", str(error)) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise InvalidInput(str(path), "an Ed25519 private key", f"a {type(private).__name__}")
    return SigningKey(private)


def _make(path: Path) -> None:
    """Make a key; if another process is faster, its key stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
