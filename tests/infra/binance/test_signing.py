"""Keys and signatures: the documentation's example, all three kinds of key, and that no secret ever shows."""

from __future__ import annotations

import base64
import copy
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from domain.errors import InvalidInput
from infra.binance.signing import Ed25519Signer, HmacSigner, RsaSigner, Secret, load_key, load_secret, signer

PAYLOAD = (
    "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943"
)


def pem(key: PrivateKeyTypes, password: bytes | None = None) -> str:
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection).decode()


def test_the_documentation_s_example_is_signed_as_documented() -> None:
    """specs/binance.md §2, D:general-info."""
    hmac = signer(Secret("2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"))
    assert isinstance(hmac, HmacSigner)
    assert hmac.sign(PAYLOAD) == "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"


def test_an_rsa_key_signs_what_its_public_key_verifies() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = signer(Secret(pem(key)))
    assert isinstance(made, RsaSigner)
    signature = base64.b64decode(made.sign(PAYLOAD))
    key.public_key().verify(signature, PAYLOAD.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_an_ed25519_key_signs_what_its_public_key_verifies() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    made = signer(Secret(pem(key)))
    assert isinstance(made, Ed25519Signer)
    key.public_key().verify(base64.b64decode(made.sign(PAYLOAD)), PAYLOAD.encode())


def test_keys_that_binance_does_not_take_are_refused_without_a_word_of_them() -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    locked = pem(ed25519.Ed25519PrivateKey.generate(), b"password")
    for text, found in ((pem(curve), "kind"), (locked, "can't be read"), ("-----BEGIN nonsense", "can't be read")):
        with pytest.raises(InvalidInput, match=found) as refused:
            signer(Secret(text), "env:X")
        assert text[11:60] not in str(refused.value)


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret("geheim")
    assert "geheim" not in f"{secret} {secret!r} {[secret]} {vars(type(secret))}"
    assert secret.reveal() == "geheim"
    assert not Secret("")
    with pytest.raises(TypeError, match="not to be copied"):
        pickle.dumps(secret)
    with pytest.raises(TypeError, match="not to be copied"):
        copy.copy(secret)


# ── by reference ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_comes_from_the_environment_also_under_its_old_name() -> None:
    key = load_key(
        "env:BINANCE_API_KEY", "env:BINANCE_API_SECRET", {"BINANCE_API_KEY": " k ", "BINANCE_SECRET_KEY": "s"}
    )
    assert key.api_key.reveal() == "k"
    assert key.signer.sign("x") == HmacSigner(Secret("s")).sign("x")


def test_a_pem_key_in_one_line_of_the_environment_is_read() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    text = pem(key).replace("\n", "\\n")
    made = load_key("env:K", "env:S", {"K": "k", "S": text}).signer
    key.public_key().verify(base64.b64decode(made.sign("x")), b"x")


def test_a_variable_that_is_missing_or_empty_is_named() -> None:
    for environment in ({}, {"BINANCE_API_KEY": "  "}):
        with pytest.raises(InvalidInput, match="environment variable BINANCE_API_KEY: expected an API key"):
            load_secret("env:BINANCE_API_KEY", environment)


def test_a_key_comes_from_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("geheim\n")
    file.chmod(0o600)
    assert load_secret(f"file:{file}").reveal() == "geheim"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "key"
    file.write_text("geheim")
    file.chmod(mode)
    with pytest.raises(InvalidInput, match=f"expected a file with mode 0600, found mode {mode:04o}.*chmod 600") as no:
        load_secret(f"file:{file}")
    assert "geheim" not in str(no.value)


def test_a_key_file_that_is_missing_empty_or_no_text_is_refused(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_bytes(b"\n")
    binary.write_bytes(b"\xff\xfe")
    for file, found in ((tmp_path / "none", "No such file"), (empty, "an empty file"), (binary, "something else")):
        if file.exists():
            file.chmod(0o600)
        with pytest.raises(InvalidInput, match=found):
            load_secret(f"file:{file}")


@pytest.mark.parametrize("reference", ["geheim", "", "env:", "file:", "http://geheim", "vault:geheim"])
def test_what_is_no_reference_is_refused_and_never_shown(reference: str) -> None:
    with pytest.raises(InvalidInput, match="env:NAME or file:PATH") as refused:
        load_secret(reference, {})
    assert "geheim" not in str(refused.value)
