from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.proof.chain import leaf_hash, merkle_root
from domain.proof.merkle import Frontier, GrownTree, consistency_spans

# The inputs, roots and proofs with which implementations of RFC 6962 test each other.
INPUTS = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PROOFS = {
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (4, 4): [],
}
LEAVES = [leaf_hash(data) for data in INPUTS]
SIZES = st.integers(1, 200)


def numbered(size: int) -> list[bytes]:
    return [leaf_hash(n.to_bytes(4, "big")) for n in range(size)]


def by_definition(leaves: Sequence[bytes]) -> bytes:
    """MTH(D[n]) word for word as RFC 6962, section 2.1, says it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def proof_by_definition(old: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[n], b) word for word as RFC 6962, section 2.1.2, says it."""
    if old == len(leaves):
        return [] if whole else [by_definition(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if old <= split:
        return [*proof_by_definition(old, leaves[:split], whole), by_definition(leaves[split:])]
    return [*proof_by_definition(old - split, leaves[split:], False), by_definition(leaves[:split])]


def grown(leaves: Sequence[bytes], old_size: int = 0) -> GrownTree:
    tree = GrownTree(len(leaves), old_size)
    tree.extend(leaves)
    return tree


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_the_published_vectors(size: int) -> None:
    assert grown(LEAVES[:size]).root().hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("old", "new"), PROOFS)
def test_the_proofs_are_those_of_the_published_vectors(old: int, new: int) -> None:
    tree = grown(LEAVES[:new], old)
    assert [node.hex() for node in tree.consistency_path()] == PROOFS[old, new]
    assert tree.old_root() == bytes.fromhex(ROOTS[old - 1])


@given(SIZES)
def test_the_root_is_that_of_the_definition(size: int) -> None:
    leaves = numbered(size)
    assert grown(leaves).root() == by_definition(leaves) == merkle_root(leaves)


@given(SIZES, st.data())
def test_the_proof_is_that_of_the_definition(size: int, data: st.DataObject) -> None:
    leaves, old = numbered(size), data.draw(st.integers(1, size))
    assert grown(leaves, old).consistency_path() == proof_by_definition(old, leaves)


@given(SIZES, st.data())
def test_it_does_not_matter_in_which_pieces_a_tree_grows_nor_where_it_is_put_down(
    size: int, data: st.DataObject
) -> None:
    leaves, old = numbered(size), data.draw(st.integers(0, size))
    tree, at = GrownTree(size, old), 0
    while at < size:
        step = data.draw(st.integers(1, size - at))
        tree.extend(leaves[at : at + step])
        at += step
        tree = GrownTree(size, old, tree.growth)
    assert (tree.root(), tree.consistency_path()) == (by_definition(leaves), grown(leaves, old).consistency_path())


def test_the_older_root_is_known_as_soon_as_its_leaves_are_in() -> None:
    leaves = numbered(9)
    tree = GrownTree(9, 5)
    tree.extend(leaves[:4])
    assert tree.old_root() is None
    tree.extend(leaves[4:6])
    assert tree.old_root() == by_definition(leaves[:5])


def test_without_an_older_tree_there_is_no_older_root_and_no_path() -> None:
    tree = grown(numbered(3))
    assert (tree.old_root(), tree.consistency_path()) == (None, [])


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert GrownTree(0).root() == Frontier().root() == hashlib.sha256(b"").digest()


def test_the_root_is_refused_before_all_leaves_are_in() -> None:
    with pytest.raises(AssertionError, match="0 of 3 leaves"):
        GrownTree(3).root()


@given(SIZES)
def test_memory_grows_with_the_logarithm_of_the_leaves(size: int) -> None:
    tree = GrownTree(1_000_000)
    tree.extend(numbered(size))
    assert len(tree.growth.peaks) <= size.bit_length()


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3)])
def test_no_proof_leads_from_nothing_or_to_a_smaller_tree(old: int, new: int) -> None:
    with pytest.raises(AssertionError, match="no proof leads"):
        consistency_spans(old, new)
