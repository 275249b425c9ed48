from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_public_key

from domain.errors import InvalidInput
from infra.export.signing import PLACE, SigningKey, signing_key
from infra.export.verifier import signature_is_valid


def raw(key: SigningKey) -> bytes:
    return load_pem_public_key(key.public_pem).public_bytes_raw()  # type: ignore[union-attr]


def test_a_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    assert signing_key(tmp_path / "home").fingerprint == signing_key(tmp_path / "home").fingerprint
    assert signing_key(tmp_path / "other").fingerprint != signing_key(tmp_path / "home").fingerprint


def test_only_its_owner_can_read_a_key_and_nothing_else_is_left_beside_it(tmp_path: Path) -> None:
    signing_key(tmp_path)
    path = tmp_path / PLACE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    signing_key(tmp_path)
    (tmp_path / PLACE).chmod(mode)
    with pytest.raises(InvalidInput, match="chmod 600"):
        signing_key(tmp_path)


def test_what_is_no_ed25519_key_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / PLACE
    path.parent.mkdir(parents=True)
    other = generate_private_key(SECP256R1())
    for text in (b"", b"nonsense", other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())):
        path.write_bytes(text)
        path.chmod(0o600)
        with pytest.raises(InvalidInput, match="Ed25519"):
            signing_key(tmp_path)
        assert path.read_bytes() == text


def test_a_signature_is_one_that_the_verifier_accepts_and_always_the_same(tmp_path: Path) -> None:
    key = signing_key(tmp_path)
    assert signature_is_valid(raw(key), b"message", key.sign(b"message"))
    assert key.sign(b"message") == key.sign(b"message")


def test_the_fingerprint_is_the_hash_of_the_public_key(tmp_path: Path) -> None:
    key = signing_key(tmp_path)
    assert key.fingerprint == hashlib.sha256(raw(key)).hexdigest()


def test_the_private_key_shows_nowhere(tmp_path: Path) -> None:
    key = signing_key(tmp_path)
    secret = (tmp_path / PLACE).read_text().splitlines()[1]
    assert secret not in f"{key!r} {key!s} {key.public_pem!r}"
