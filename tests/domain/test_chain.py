"""The hash chain and the Merkle tree, against published vectors and definitions written down a second time."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.proof.chain import GENESIS, events_root, leaf_hash, merkle_root, roll, row_bytes

PATIENT = settings(deadline=None)  # the machine may be busy

LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The vectors of Google's reference implementation of RFC 6962 for the first 0 … 8 of these leaves."""


@pytest.mark.parametrize("count", range(len(ROOTS)))
def test_the_root_is_that_of_rfc_6962(count: int) -> None:
    assert merkle_root([leaf_hash(leaf) for leaf in LEAVES[:count]]).hex() == ROOTS[count]
    assert events_root(iter(LEAVES[:count])).hex() == ROOTS[count]


def split(leaves: list[bytes]) -> bytes:
    """Section 2.1 as it is written: split at the largest power of two below n."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + split(leaves[:middle]) + split(leaves[middle:])).digest()


@PATIENT
@given(st.lists(st.binary(min_size=32, max_size=32), max_size=70))
def test_pairing_level_by_level_is_the_same_tree(leaves: list[bytes]) -> None:
    assert merkle_root(leaves) == split(leaves)


@PATIENT
@given(st.lists(st.binary(max_size=4), min_size=2, max_size=20, unique=True), st.data())
def test_any_change_of_the_rows_changes_the_root(rows: list[bytes], data: st.DataObject) -> None:
    root = events_root(rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    assert events_root([*rows[:at], *rows[at + 1 :]]) != root
    assert events_root([*rows[:at], rows[at] + b"!", *rows[at + 1 :]]) != root
    assert events_root(rows[::-1]) != root
    assert events_root([*rows, rows[-1]]) != root


def test_a_leaf_can_not_be_taken_for_a_node() -> None:
    two = [leaf_hash(b"a"), leaf_hash(b"b")]
    assert leaf_hash(two[0] + two[1]) != merkle_root(two)


@PATIENT
@given(st.integers(1, 2**62), st.text(max_size=30), st.integers(1, 2**62), st.text(max_size=30), st.binary(max_size=99))
def test_a_row_is_one_of_postgresqls_binary_copy_format(
    seq: int, stream: str, version: int, topic: str, state: bytes
) -> None:
    """PostgreSQL manual, COPY, "Binary Format": a count of fields, then each field's length and bytes."""
    fields = [stream.encode(), struct.pack(">q", version), topic.encode(), state, struct.pack(">q", seq)]
    expected = struct.pack(">h", 5) + b"".join(struct.pack(">i", len(field)) + field for field in fields)
    assert row_bytes(seq, stream.encode(), version, topic.encode(), state) == expected


def test_the_chain_begins_with_32_zero_bytes() -> None:
    assert bytes(32) == GENESIS


def test_the_chain_is_sha256_over_everything_in_order() -> None:
    expected = hashlib.sha256(b"h" * 32 + struct.pack(">QQ", 7, 9) + b"input" + b"row1" + b"row2" + b"effects").digest()
    assert roll(b"h" * 32, 7, 9, b"input", (b"row1", b"row2"), b"effects") == expected


def test_every_part_counts() -> None:
    base = (GENESIS, 1, 2, b"i", (b"a", b"b"), b"e")
    others = [
        (b"x" * 32, 1, 2, b"i", (b"a", b"b"), b"e"),
        (GENESIS, 2, 2, b"i", (b"a", b"b"), b"e"),
        (GENESIS, 1, 3, b"i", (b"a", b"b"), b"e"),
        (GENESIS, 1, 2, b"j", (b"a", b"b"), b"e"),
        (GENESIS, 1, 2, b"i", (b"b", b"a"), b"e"),
        (GENESIS, 1, 2, b"i", (b"a",), b"e"),
        (GENESIS, 1, 2, b"i", (b"a", b"b"), b"f"),
    ]
    hashes = {roll(*parts) for parts in (base, *others)}
    assert len(hashes) == len(others) + 1
