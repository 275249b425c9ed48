"""Check a Hindsight audit bundle. One file, Python 3.10 or later, no other package: `python3 -I verify.py --help`.

    tree_head.sig ──▶ tree_head.json ──▶ manifest.json ──▶ the size and SHA-256 of every file
                          └─────────────────────────────▶ the Merkle root over the lines of events.jsonl (RFC 6962)

Exit code 0: all is as it was signed. 1: findings. 2: could not run. Whoever can replace the whole bundle can sign it
with a key of his own, and replace this program too: take the key's fingerprint (--key), an earlier bundle (--since) or
its tree head (--head), and this file itself, from a place that he can't reach.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

EVENTS, PROOF = "events.jsonl", "consistency.json"
SEALS = ("manifest.json", "tree_head.json", "tree_head.sig")
BROKEN = (ValueError, KeyError, TypeError, OSError, ArithmeticError)  # what reading nonsense raises


class CannotRun(Exception):
    """There is nothing that could be checked."""


class Finding(NamedTuple):
    """Something that is not as it was signed: where it stands, and what is wrong."""

    where: str
    what: str


class Unreadable(CannotRun):
    """What was signed is missing, or is no such text."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"expected a whole bundle, found {where}: {what}")
        self.finding = Finding(where, what)


class TreeHead(NamedTuple):
    """What was signed (`tree_head.json`), by whom (the key's fingerprint), and whether the signature holds."""

    history: str
    first_seq: int
    size: int
    root: str
    manifest_sha256: str
    fingerprint: str
    signed: bool


class Manifest(NamedTuple):
    """The size and SHA-256 of every file, and how many events there are of each type."""

    files: dict[str, tuple[int, str]]
    counts: dict[str, int]


class Outcome(NamedTuple):
    """What came out. `head` is None if it could not be read."""

    events: int
    head: TreeHead | None
    findings: list[Finding]


def check(bundle: Path, key: str = "", older: Path | None = None, remembered: str = "") -> Outcome:
    """Check a bundle.

    `key` is the fingerprint that was remembered, `older` an earlier bundle of the same history, `remembered` its tree
    head as SIZE:ROOT. Raises `CannotRun`.
    """
    if not any((bundle / seal).is_file() for seal in SEALS):
        raise CannotRun(f"expected the directory of a bundle, found none at {bundle}")
    try:
        head = read_tree_head(bundle)
    except Unreadable as error:
        return Outcome(0, None, [error.finding])
    found: list[Finding] = []
    if not head.signed:
        found.append(Finding("tree_head.sig", "the signature is not by the key in public_key.pem, or not of this text"))
    if key and key.lower().replace(":", "") != head.fingerprint:
        found.append(Finding("public_key.pem", f"its fingerprint is {head.fingerprint}, the one to expect is {key}"))
    manifest = _manifest(bundle, head, found)
    found += _files(bundle, manifest)
    older_heads = [*_since(older, head, found), *_noted(remembered), *_proof(bundle, head, manifest, found)]
    events = Events(bundle / EVENTS, head.first_seq, {size for _, size, _ in older_heads})
    found += events.read() if (bundle / EVENTS).is_file() else ()
    found += _compared(events, head, manifest)
    for where, size, root in older_heads:
        if size > events.count:
            found.append(Finding(where, f"rolled back: {size} events are remembered, here are {events.count}"))
        elif events.roots.get(size) != root:
            found.append(Finding(where, f"forked: the first {size} events are not the remembered ones"))
    return Outcome(events.count, head, found)


def read_tree_head(bundle: Path) -> TreeHead:
    """Read what was signed of a bundle, and check the signature. Raises `Unreadable`."""
    try:
        text = (bundle / "tree_head.json").read_bytes()
        signature = (bundle / "tree_head.sig").read_bytes()
        public = _public_key((bundle / "public_key.pem").read_text("ascii"))
        facts = json.loads(text)
        return TreeHead(
            history=history_of(facts["run_id"], facts["redacted"]),
            first_seq=int(facts["first_seq"]),
            size=int(facts["tree_size"]),
            root=bytes.fromhex(facts["merkle_root"]).hex(),
            manifest_sha256=str(facts["manifest_sha256"]),
            fingerprint=hashlib.sha256(public).hexdigest(),
            signed=signature_is_valid(public, text, signature),
        )
    except FileNotFoundError as error:
        raise Unreadable(Path(str(error.filename)).name, "it is missing: this is no whole bundle") from error
    except BROKEN as error:
        raise Unreadable("tree_head.json", f"what was signed can't be read ({error})") from error


def history_of(run_id: str, redacted: Sequence[str]) -> str:
    """Say which history a bundle tells. Only bundles of the same one can be compared."""
    return f"run {run_id}, {', '.join(redacted) or 'nothing'} redacted"


def _public_key(pem: str) -> bytes:
    der = base64.b64decode("".join(line for line in pem.splitlines() if line[:5] != "-----"), validate=True)
    if len(der) != 44 or not der.startswith(bytes.fromhex("302a300506032b6570032100")):  # RFC 8410
        raise ValueError("public_key.pem holds no Ed25519 key")
    return der[12:]


def _manifest(bundle: Path, head: TreeHead, found: list[Finding]) -> Manifest:
    try:
        text = (bundle / "manifest.json").read_bytes()
        facts = json.loads(text)
        files = {str(one["name"]): (int(one["bytes"]), str(one["sha256"])) for one in facts["files"]}
        manifest = Manifest(files, dict(facts["counts"]))
    except BROKEN as error:
        found.append(Finding("manifest.json", f"it can't be read ({error})"))
        return Manifest({}, {})
    if hashlib.sha256(text).hexdigest() != head.manifest_sha256:
        found.append(Finding("manifest.json", "it is not the one whose hash was signed"))
    return manifest


def _files(bundle: Path, manifest: Manifest) -> Iterator[Finding]:
    """Compare every file with the manifest. Of the events only the size: the Merkle root covers each byte of them."""
    for name, (size, sha256) in manifest.files.items():
        path = bundle / name
        if name[:1] == "/" or set("\\\0") & set(name) or ".." in name.split("/") or path.is_symlink():
            yield Finding(name, "it leads out of the bundle, and was not read")
        elif not path.is_file():
            yield Finding(name, "it is missing")
        elif path.stat().st_size != size:
            yield Finding(name, f"it has {path.stat().st_size} bytes, signed are {size}")
        elif name != EVENTS and sha256_of(path) != sha256:
            yield Finding(name, "it was changed: its SHA-256 is not the signed one")
    for path in sorted(bundle.rglob("*")):
        name = path.relative_to(bundle).as_posix()
        if not path.is_dir() and name not in manifest.files and name not in SEALS:
            yield Finding(name, "it is no part of what was signed")


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


class Events:
    """One pass over the lines. `roots` gets the Merkle root of the first n lines, for every n of `sizes`."""

    def __init__(self, path: Path, first_seq: int, sizes: set[int]) -> None:
        self.count = 0
        self.counts: Counter[bytes] = Counter()
        self.roots: dict[int, str] = {}
        self._path = path
        self._next_seq = first_seq
        self._sizes = sorted(size for size in sizes if size > 0)
        self._peaks: list[bytes] = []

    @property
    def root(self) -> str:
        """The Merkle root so far, in hex."""
        root = b""
        for peak in self._peaks:
            if peak:
                root = _node(peak, root) if root else peak
        return (root or hashlib.sha256(b"").digest()).hex()

    def read(self) -> Iterator[Finding]:
        """Read all lines. The first one that is out of place is a finding; what follows it is out of place as well."""
        wrong = False
        for lines in self._portions():
            self._grow([hashlib.sha256(b"\x00" + line).digest() for line in lines])
            for line in lines:
                start = b'{"seq":%d,"type":"' % self._next_seq
                self._next_seq += 1
                if line.startswith(start):
                    self.counts[line[len(start) : line.find(b'"', len(start))]] += 1
                elif not wrong:
                    wrong = True
                    yield Finding(EVENTS, f"where seq {self._next_seq - 1} should be stands {line[:60]!r}")

    def _portions(self) -> Iterator[list[bytes]]:
        """Give the lines in portions of bounded size; none goes beyond one of the sizes that are asked for."""
        with self._path.open("rb") as file:
            while lines := file.readlines(1 << 20):
                while lines:
                    room = self._sizes[0] - self.count if self._sizes else len(lines)
                    part, lines = lines[:room], lines[room:]
                    self.count += len(part)
                    yield part
                    while self._sizes and self._sizes[0] == self.count:
                        self.roots[self._sizes.pop(0)] = self.root

    def _grow(self, nodes: list[bytes]) -> None:
        level, sha = 0, hashlib.sha256
        while nodes:
            if level == len(self._peaks):
                self._peaks.append(b"")
            if self._peaks[level]:
                nodes.insert(0, self._peaks[level])
            self._peaks[level] = nodes.pop() if len(nodes) % 2 else b""
            nodes = [sha(b"\x01" + left + right).digest() for left, right in zip(nodes[::2], nodes[1::2], strict=True)]
            level += 1


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _compared(events: Events, head: TreeHead, manifest: Manifest) -> Iterator[Finding]:
    if events.count != head.size:
        yield Finding(EVENTS, f"it has {events.count} events, signed are {head.size}")
    elif events.root != head.root:
        yield Finding(EVENTS, f"an event was changed: the Merkle root is {events.root}, signed is {head.root}")
    if {name.decode("utf-8", "replace"): count for name, count in events.counts.items()} != manifest.counts:
        yield Finding(EVENTS, "the number of events of each type is not that of the manifest")


Remembered = tuple[str, int, str]  # where it is from, how many events, their Merkle root


def _since(older: Path | None, head: TreeHead, found: list[Finding]) -> Iterator[Remembered]:
    if not older:
        return
    where, before = f"--since {older}", read_tree_head(older)
    if not before.signed or before.fingerprint != head.fingerprint:
        found.append(Finding(where, "the older bundle is not signed by the same key"))
    if (before.history, before.first_seq) != (head.history, head.first_seq):
        found.append(Finding(where, f"it holds another history: {before.history}, from seq {before.first_seq}"))
    else:
        yield where, before.size, before.root


def _noted(remembered: str) -> Iterator[Remembered]:
    size, _, root = remembered.partition(":")
    if size.isdecimal() and int(size) and len(root) == 64:
        yield "--head", int(size), root.lower()
    elif remembered:
        raise CannotRun(f"expected --head SIZE:ROOT as an earlier check printed it, found {remembered!r}")


def _proof(bundle: Path, head: TreeHead, manifest: Manifest, found: list[Finding]) -> Iterator[Remembered]:
    """Check the consistency proof, if there is one, and give the older head that it starts from."""
    if PROOF not in manifest.files:
        return
    try:
        proof = json.loads((bundle / PROOF).read_bytes())
        size, root = int(proof["old_tree_size"]), str(proof["old_merkle_root"])
        nodes = [bytes.fromhex(node) for node in proof["path"]]
        proven = is_consistent(size, bytes.fromhex(root), head.size, bytes.fromhex(head.root), nodes)
    except BROKEN as error:
        found.append(Finding(PROOF, f"it can't be read ({error})"))
        return
    if proven:
        yield PROOF, size, root
    else:
        found.append(Finding(PROOF, f"it does not prove that the first {size} events are still the same"))


def is_consistent(old_size: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Check a consistency proof (RFC 9162, section 2.1.4.2, on the trees of RFC 6962)."""
    if not 0 < old_size < size or not path:
        return 0 < old_size == size and not path and old_root == root
    nodes = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    at, last = old_size - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = _node(node, old), _node(node, new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new = _node(new, node)
        at, last = at >> 1, last >> 1
    return last == 0 and old == old_root and new == root


# Ed25519 as in RFC 8032, section 5.1; points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE_X, BASE_Y = 0x216936D3CD6E53FEC0A4E231FDD6DC5C692CC7609525A7B2C9562D608F25D51A, 4 * pow(5, P - 2, P) % P
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)
Point = tuple[int, int, int, int]


def signature_is_valid(public: bytes, message: bytes, signature: bytes) -> bool:
    """Check an Ed25519 signature: S·B = R + H(R ‖ A ‖ message)·A."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = _point(public), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = _times(scalar, BASE), _sum(commitment, _times(challenge, key))
    return all((left[n] * right[2] - right[n] * left[2]) % P == 0 for n in (0, 1))


def _point(text: bytes) -> Point | None:
    y = int.from_bytes(text, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def _sum(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _sum(result, point)
        point, scalar = _sum(point, point), scalar >> 1
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the bundle that the arguments name, say what was found, and give the exit code."""
    parser = argparse.ArgumentParser(description="Check a Hindsight audit bundle.")
    parser.add_argument("bundle", nargs="?", type=Path, default=Path(__file__).resolve().parent, help="default: here")
    parser.add_argument("--key", default="", metavar="FINGERPRINT", help="the key's fingerprint, as you remember it")
    parser.add_argument("--since", type=Path, metavar="BUNDLE", help="an earlier bundle of the same history")
    parser.add_argument("--head", default="", metavar="SIZE:ROOT", help="a tree head that an earlier check printed")
    given = parser.parse_args(arguments)
    try:
        outcome = check(given.bundle, given.key, given.since, given.head)
    except (CannotRun, OSError) as error:
        sys.stderr.write(f"Can't do that: {error}.\n")
        return 2
    sys.stdout.writelines(f"{line}\n" for line in _report(outcome, compared=bool(given.key)))
    return 1 if outcome.findings else 0


def _report(outcome: Outcome, *, compared: bool) -> Iterator[str]:
    for where, what in outcome.findings:
        yield f"PROBLEM    {where}: {what}"
    if head := outcome.head:
        yield f"signed by  {head.fingerprint}"
        yield f"tree head  {head.size}:{head.root}"
        yield f"history    {head.history}, seq {head.first_seq} to {head.first_seq + head.size - 1}"
        if not compared:
            yield "NOTE       whose key is that? Compare it with a fingerprint that you got elsewhere, or give --key."
    yield f"{'NOT OK' if outcome.findings else 'OK'}: {outcome.events:,} events checked"


if __name__ == "__main__":
    sys.exit(main())
