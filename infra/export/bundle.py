"""Makes an audit bundle: record the events, write the tables, then what describes, proves and signs them.

Nothing in a bundle depends on when or where it was made, so the same range gives the same bytes, and an export that was
interrupted and asked for again gives what it would have given at once. It stands at its place when it is whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from infra.export import verifier
from infra.export.dictionary import dictionary
from infra.export.plan import Wish, resolve
from infra.export.readme import readme
from infra.export.recording import EVENTS_A_PART, Recording, opening
from infra.export.redaction import Redaction
from infra.export.signing import SigningKey
from infra.export.source import Source
from infra.export.statement import schema_versions
from infra.export.tabling import Tabling
from infra.export.unfinished import State, Unfinished, write_durably

FORMAT: Final = "hindsight-audit-bundle-1"
HEAD_FORMAT: Final = "hindsight-tree-head-1"
MANIFEST, HEAD, SIGNATURE = verifier.SEALS


class Exported(msgspec.Struct, frozen=True):
    """A bundle that was made. `files` are its files, relative to `directory`; hashes in hex.

    `resumed_at` events were there already. `key_fingerprint` is what an auditor must remember.
    """

    directory: str
    run_id: str
    events: int
    first_seq: int
    last_seq: int
    files: tuple[str, ...]
    chain_head: str
    merkle_root: str
    key_fingerprint: str
    resumed_at: int


def export(
    source: Source,
    wish: Wish,
    out: Path,
    key: SigningKey,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    part: int = EVENTS_A_PART,
) -> Exported:
    """Make a bundle at `out`, which must not exist.

    `progress` gets the work done and the work to do: each event counts once as a line and once in a table. What is
    done is safe from an interruption after each `part` of so many events.
    Raises `InvalidInput` for a wish that can't be fulfilled, `CorruptHistory` if the stored events have a gap or are
    not those of the older bundle, and `Unavailable`.
    """
    redaction = Redaction(wish.redacted)
    with Unfinished(out) as place:
        state = place.left_by(wish)
        if state is None:
            span = resolve(wish, source)
            statement, last_ms = opening(source, span, redaction)
            state = State(wish, span, statement, last_ms)
        resumed_at, total = state.events, state.range.events
        recording = Recording(source, redaction, place, state)
        recording.run(lambda done: progress(done, 2 * total), part)
        Tabling(source, redaction, place, state).run(lambda done: progress(total + done, 2 * total))
        root = _describe(recording, redaction, place.bundle, key)
        files = tuple(sorted(path.relative_to(place.bundle).as_posix() for path in _files(place.bundle)))
        place.finish()
    return Exported(
        directory=str(out),
        run_id=wish.run.run_id,
        events=total,
        first_seq=state.range.first_seq,
        last_seq=state.range.last_seq,
        files=files,
        chain_head=state.range.chain_head.hex(),
        merkle_root=root,
        key_fingerprint=key.fingerprint,
        resumed_at=resumed_at,
    )


def _describe(recording: Recording, redaction: Redaction, bundle: Path, key: SigningKey) -> str:
    """Write everything but events and tables, the signature last, and give the Merkle root."""
    state = recording.state
    for seal in verifier.SEALS:
        (bundle / seal).unlink(missing_ok=True)
    write_durably(bundle / "README.md", readme(state.wish, state.range).encode())
    write_durably(bundle / "dictionary.md", dictionary(redaction).encode())
    write_durably(bundle / "verify.py", Path(verifier.__file__).read_bytes())
    write_durably(bundle / "public_key.pem", key.public_pem)
    if state.wish.older is not None:
        write_durably(bundle / verifier.PROOF, _json(_proof(recording)))
    manifest = _json(_manifest(recording, redaction, bundle))
    write_durably(bundle / MANIFEST, manifest)
    head = _json(_tree_head(recording, manifest))
    write_durably(bundle / HEAD, head)
    write_durably(bundle / SIGNATURE, key.sign(head))
    return recording.tree.root().hex()


def _manifest(recording: Recording, redaction: Redaction, bundle: Path) -> dict[str, object]:
    state = recording.state
    span, statement = state.range, state.statement
    return {
        "format": FORMAT,
        "run": state.wish.run,
        "range": {
            "first_seq": span.first_seq,
            "last_seq": span.last_seq,
            "first_input": span.first_input,
            "last_input": span.last_input,
            "from_ms": span.from_ms,
            "to_ms": span.to_ms,
        },
        "events": span.events,
        "counts": dict(sorted(state.counts.items())),
        "chain": {"head": span.chain_head.hex(), "seq": span.chain_seq, "input_seq": span.chain_input},
        "merkle": {"root": recording.tree.root().hex(), "tree_size": span.events, "hash": "SHA-256, RFC 6962"},
        "redacted": redaction.fields,
        "schema_versions": {"bundle": FORMAT, "events": schema_versions()},
        "sessions": statement.sessions,
        "model_hashes": statement.models,
        "gap_statement": statement.gaps(redaction),
        "rows": dict(sorted(state.tables.items())),
        "files": [_file(bundle, path) for path in sorted(_files(bundle))],
    }


def _tree_head(recording: Recording, manifest: bytes) -> dict[str, object]:
    span = recording.state.range
    facts: dict[str, object] = {
        "format": HEAD_FORMAT,
        "run_id": recording.state.wish.run.run_id,
        "first_seq": span.first_seq,
        "last_seq": span.last_seq,
        "tree_size": span.events,
        "merkle_root": recording.tree.root().hex(),
        "chain_head": span.chain_head.hex(),
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        "redacted": recording.state.wish.redacted,
    }
    if recording.full_tree is not recording.tree:
        facts["full_merkle_root"] = recording.full_tree.root().hex()
        facts["statement"] = (
            f"These {span.events} events are those of the full history's tree with the root full_merkle_root, in the"
            " same order, without the fields named in redacted; nothing else was changed."
        )
    return facts


def _proof(recording: Recording) -> dict[str, object]:
    older = recording.state.wish.older
    assert older is not None, "a proof needs an older tree"
    return {
        "old_tree_size": older.tree_size,
        "old_merkle_root": older.merkle_root,
        "old_key_fingerprint": older.key_fingerprint,
        "tree_size": recording.state.range.events,
        "merkle_root": recording.tree.root().hex(),
        "path": [node.hex() for node in recording.tree.consistency_path()],
    }


def _files(bundle: Path) -> list[Path]:
    return [path for path in bundle.rglob("*") if path.is_file()]


def _file(bundle: Path, path: Path) -> dict[str, object]:
    name = path.relative_to(bundle).as_posix()
    return {"name": name, "bytes": path.stat().st_size, "sha256": verifier.sha256_of(path)}


def _json(value: Any) -> bytes:
    """Write JSON for people, always the same way."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
