"""The two proofs that `verify.py` checks with nothing but integers and hashes: growth, and the signature."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.proof.chain import leaf_hash
from domain.proof.merkle import GrownTree
from infra.export.verifier import ORDER, is_consistent, signature_is_valid


@settings(deadline=None)
@given(st.integers(1, 130), st.data())
def test_every_consistency_proof_holds_and_no_other_one_does(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    leaves = [leaf_hash(bytes([n])) for n in range(size)]
    tree = GrownTree(size, old)
    tree.extend(leaves)
    old_root, root, path = tree.old_root() or b"", tree.root(), tree.consistency_path()
    assert is_consistent(old, old_root, size, root, path)
    assert not is_consistent(old, leaf_hash(old_root), size, root, path)
    assert not is_consistent(old, old_root, size, leaf_hash(root), path)
    assert not is_consistent(old, old_root, size, root, [*path, root])
    if path:
        spoilt = data.draw(st.integers(0, len(path) - 1))
        assert not is_consistent(old, old_root, size, root, [*path[:spoilt], *path[spoilt + 1 :]])
        changed = [leaf_hash(node) if n == spoilt else node for n, node in enumerate(path)]
        assert not is_consistent(old, old_root, size, root, changed)


RFC_8032 = [  # section 7.1, tests 1 to 3: public key, message, signature
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_the_vectors_of_rfc_8032_are_valid(public: str, message: str, signature: str) -> None:
    assert signature_is_valid(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


@settings(deadline=None)
@given(st.binary(max_size=100), st.binary(min_size=32, max_size=32), st.integers(0, 511))
def test_a_signature_holds_as_it_was_made_and_with_no_bit_changed(message: bytes, seed: bytes, bit: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert signature_is_valid(public, message, signature)
    assert not signature_is_valid(public, message + b"x", signature)
    flipped = (int.from_bytes(signature, "big") ^ (1 << bit)).to_bytes(64, "big")
    assert not signature_is_valid(public, message, flipped)


def test_a_second_form_of_the_same_signature_is_refused() -> None:
    public, message, signature = (bytes.fromhex(text) for text in RFC_8032[1])
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    assert not signature_is_valid(public, message, signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize("point", ["ff" * 32, "02" + "00" * 31, "01" + "00" * 30 + "80", "00" * 31], ids=str)
def test_what_is_no_point_of_the_curve_is_no_key(point: str) -> None:
    assert not signature_is_valid(bytes.fromhex(point), b"", bytes(64))
