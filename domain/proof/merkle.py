"""A Merkle tree that grows leaf by leaf in O(log n) memory, and proofs that it only grew: RFC 6962, section 2.1.

A tree of n leaves splits at the largest power of two below n. `Frontier` keeps the roots of the perfect subtrees that
are complete. A consistency proof (section 2.1.2) is a list of subtree roots; they lie side by side and cover the
leaves, so `GrownTree`, which knows both sizes before it starts, collects them in one pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from domain.proof.chain import merkle_root

_NODE: Final = b"\x01"


class Span(NamedTuple):
    """The leaves `start` … `end - 1`."""

    start: int
    end: int


class Frontier:
    """The root of a growing list of leaf hashes. `peaks[k]` is the root of a complete subtree of 2ᵏ leaves, or b""."""

    def __init__(self, peaks: Sequence[bytes] = ()) -> None:
        self._peaks = list(peaks)

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """What is needed to go on from here."""
        return tuple(self._peaks)

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes on the right. Many at a time are cheaper than one by one."""
        sha, level, nodes = hashlib.sha256, 0, list(leaves)
        while nodes:
            if level == len(self._peaks):
                self._peaks.append(b"")
            if self._peaks[level]:
                nodes.insert(0, self._peaks[level])
            self._peaks[level] = nodes.pop() if len(nodes) % 2 else b""
            nodes = [sha(_NODE + left + right).digest() for left, right in zip(nodes[::2], nodes[1::2], strict=True)]
            level += 1

    def root(self) -> bytes:
        """Give the root; of nothing, the hash of nothing."""
        root = b""
        for peak in self._peaks:
            if peak:
                root = _join(peak, root) if root else peak
        return root or merkle_root(())


class Growth(msgspec.Struct, frozen=True):
    """How far a `GrownTree` has come: the roots of its complete spans, the leaves so far, the peaks of the span now."""

    roots: tuple[bytes, ...] = ()
    size: int = 0
    peaks: tuple[bytes, ...] = ()


class GrownTree:
    """A tree that will have `size` leaves, of which the first `old_size` were a tree of their own once.

    Without an older tree `old_size` is 0. `growth` is where to go on.
    """

    def __init__(self, size: int, old_size: int = 0, growth: Growth = Growth()) -> None:  # noqa: B008 - immutable
        assert 0 <= old_size <= size, f"a tree of {size} leaves can't have had {old_size}"
        self._size = size
        self._old_size = old_size
        self._path = consistency_spans(old_size, size) if old_size else []
        self._spans = _covering(self._path, size)
        self._roots = list(growth.roots)
        self._at = growth.size
        self._frontier = Frontier(growth.peaks)

    @property
    def growth(self) -> Growth:
        """Where the tree stands."""
        return Growth(tuple(self._roots), self._at, self._frontier.peaks)

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes on the right, not more than the tree will have."""
        done = 0
        while done < len(leaves):
            end = self._spans[len(self._roots)].end
            part = leaves[done : done + end - self._at]
            self._frontier.extend(part)
            done += len(part)
            self._at += len(part)
            if self._at == end:
                self._roots.append(self._frontier.root())
                self._frontier = Frontier()

    def root(self) -> bytes:
        """Give the root of all leaves, once they are in."""
        assert self._at == self._size, f"{self._at} of {self._size} leaves are in"
        return _root_over(Span(0, self._size), self._known()) if self._size else merkle_root(())

    def old_root(self) -> bytes | None:
        """Give the root of the older tree; None as long as its leaves are not all in."""
        if not self._old_size or self._at < self._old_size:
            return None
        return _root_over(Span(0, self._old_size), self._known())

    def consistency_path(self) -> list[bytes]:
        """Give the consistency proof, in the order of RFC 6962."""
        known = self._known()
        return [known[span] for span in self._path]

    def _known(self) -> dict[Span, bytes]:
        return dict(zip(self._spans, self._roots, strict=False))


def consistency_spans(old_size: int, size: int) -> list[Span]:
    """Give the subtrees whose roots are PROOF(old_size, D[size]) of RFC 6962, in its order. 0 < old_size ≤ size."""
    assert 0 < old_size <= size, f"no proof leads from {old_size} leaves to {size}"
    path: list[Span] = []
    start, old, new, whole = 0, old_size, size, True
    while old != new:
        split = _split(new)
        if old <= split:
            path.append(Span(start + split, start + new))
            new = split
        else:
            path.append(Span(start, start + split))
            start, old, new, whole = start + split, old - split, new - split, False
    if not whole:
        path.append(Span(start, start + old))
    return path[::-1]


def _covering(path: Sequence[Span], size: int) -> list[Span]:
    """Give the path's spans from left to right, with those between them: together they cover every leaf once."""
    edges = sorted({0, size, *(edge for span in path for edge in span)})
    return [Span(start, end) for start, end in pairwise(edges)]


def _root_over(span: Span, known: Mapping[Span, bytes]) -> bytes:
    """Give the root of a subtree that is made of known ones."""
    if span in known:
        return known[span]
    middle = span.start + _split(span.end - span.start)
    return _join(_root_over(Span(span.start, middle), known), _root_over(Span(middle, span.end), known))


def _split(size: int) -> int:
    """Give the largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _join(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
