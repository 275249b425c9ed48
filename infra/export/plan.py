"""What is to be exported: what the user asked for, and the range of history that it means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from domain.errors import CorruptHistory, InvalidInput
from infra import moments
from infra.code_version import code_version
from infra.export import verifier
from infra.export.redaction import Redaction
from infra.export.source import RunFacts, Source


class Older(msgspec.Struct, frozen=True):
    """The tree head of the bundle that the new one must be consistent with. Hashes in hex."""

    history: str
    first_seq: int
    tree_size: int
    merkle_root: str
    key_fingerprint: str


class Wish(msgspec.Struct, frozen=True):
    """What was asked for. The same wish again goes on with what an interruption left, at the range that it meant then.

    `since` and `until` are moments as the user typed them, `redacted` is sorted, `code` the version that makes the
    tables.
    """

    run: RunFacts
    since: str = ""
    until: str = ""
    older: Older | None = None
    redacted: tuple[str, ...] = ()
    csv: bool = False
    code: str = msgspec.field(default_factory=code_version)


class Range(msgspec.Struct, frozen=True):
    """The events `first_seq` … `last_seq`, and the chain at the end of the first commit that holds the last of them."""

    first_seq: int
    last_seq: int
    first_input: int
    last_input: int
    from_ms: int
    to_ms: int
    chain_head: bytes
    chain_seq: int
    chain_input: int

    @property
    def events(self) -> int:
        """How many events there are in it."""
        return self.last_seq - self.first_seq + 1


def wish_for(
    run: RunFacts,
    *,
    since: str = "",
    until: str = "",
    older: Path | None = None,
    redact: Sequence[str] = (),
    csv: bool = False,
) -> Wish:
    """Put together what a user asks for. Raises `InvalidInput` for an unknown field, or an unusable older bundle."""
    redacted = Redaction(redact).fields
    before = None if older is None else _older_bundle(older, run.run_id, redacted)
    return Wish(run, since, until, before, redacted, csv)


def _older_bundle(path: Path, run_id: str, redacted: Sequence[str]) -> Older:
    """Read the bundle that `--since` names. It must be whole, signed by its own key, and of the same history."""
    where = f"--since {path}"
    try:
        head = verifier.read_tree_head(path)
    except verifier.CannotRun as error:
        raise InvalidInput(where, "an earlier bundle", str(error)) from error
    if not head.signed:
        hint = f"Check it with `python run.py verify {path}`."
        raise InvalidInput(where, "a bundle whose signature holds", "one whose signature does not", hint)
    expected = verifier.history_of(run_id, redacted)
    if head.history != expected:
        raise InvalidInput(where, f"a bundle of {expected}", f"one of {head.history}")
    return Older(head.history, head.first_seq, head.size, head.root, head.fingerprint)


def resolve(wish: Wish, source: Source) -> Range:
    """Find the range.

    Raises `InvalidInput` if there is no event in it, or an older bundle does not fit into it, and `CorruptHistory` if
    that one knows events that are no longer there.
    """
    reader = source.reader
    head = reader.head()
    first, last = 1, head.seq
    if wish.since:
        first = _first_seq(wish.since, source)
    elif wish.older is not None:
        first = wish.older.first_seq
    if wish.until:
        last = moments.seq_at(reader, wish.until, "--to")
    if first > last:
        found = f"none from seq {first} to seq {last}"
        raise InvalidInput("--from, --to", "a range with at least one event", found)
    if wish.older is not None:
        _require_growth(wish.older, first, last, head.seq)
    start, end = next(iter(reader.events(first - 1, first))), next(iter(reader.events(last - 1, last)))
    chain = source.chain_at(last) if wish.until else head
    return Range(
        first_seq=first,
        last_seq=last,
        first_input=start.input_seq,
        last_input=end.input_seq,
        from_ms=start.at_ms,
        to_ms=end.at_ms,
        chain_head=chain.content_hash,
        chain_seq=chain.seq,
        chain_input=chain.input_seq,
    )


def _first_seq(text: str, source: Source) -> int:
    """Give the first event at or after a moment."""
    kind, _, number = text.partition(":")
    if kind == "seq" and number.isdecimal():
        return max(1, moments.seq_at(source.reader, text, "--from"))
    if kind == "input" and number.isdecimal():
        return moments.seq_at(source.reader, f"input:{max(0, int(number) - 1)}", "--from") + 1
    from_ms = moments.time_ms(text, "--from")
    return moments.last_seq(source.reader, lambda recorded: recorded.at_ms < from_ms) + 1


def _require_growth(older: Older, first: int, last: int, head_seq: int) -> None:
    older_last = older.first_seq + older.tree_size - 1
    if head_seq < older_last:
        why = f"an earlier bundle holds events up to seq {older_last}, this store none after {head_seq}"
        raise CorruptHistory(head_seq, f"{why}: it was rolled back")
    if first != older.first_seq:
        hint = "A consistency proof needs both bundles to start with the same event: leave --from out."
        raise InvalidInput("--from", f"seq {older.first_seq}, where the older bundle starts", f"seq {first}", hint)
    if last < older_last:
        raise InvalidInput("--to", f"at least seq {older_last}, where the older bundle ends", f"seq {last}")
