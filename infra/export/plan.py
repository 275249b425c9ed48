"""What is to be exported: what the user asked for, and the range of history that it means."""

from __future__ import annotations

from pathlib import Path

import msgspec

from domain.errors import InvalidInput
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

    `since` and `until` are moments as the user typed them. `code` is the version that makes the tables.
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


def history_text(run_id: str, redaction: Redaction) -> str:
    """Say which history the lines of a bundle tell: only bundles of the same one can be compared."""
    return f"run {run_id}, {', '.join(redaction.fields) or 'nothing'} redacted"


def older_bundle(path: Path, run_id: str, redaction: Redaction) -> Older:
    """Read the bundle that `--since` names.

    Raises `InvalidInput` if it is not whole, not signed by its own key, or of another history.
    """
    where = f"--since {path}"
    try:
        head = verifier.read_tree_head(path)
    except verifier.CannotRun as error:
        raise InvalidInput(where, "an earlier bundle", str(error)) from error
    if not head.signed:
        hint = f"Check it with `python run.py verify {path}`."
        raise InvalidInput(where, "a bundle whose signature holds", "one whose signature does not", hint)
    expected = history_text(run_id, redaction)
    if head.history != expected:
        raise InvalidInput(where, f"a bundle of {expected}", f"one of {head.history}")
    return Older(head.history, head.first_seq, head.size, head.root, head.fingerprint)


def resolve(wish: Wish, source: Source) -> Range:
    """Find the range. Raises `InvalidInput` if there is no event in it, or an older bundle starts elsewhere."""
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
        _require_growth(wish.older, first, last)
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
    return moments.last_seq(source.reader, _before(moments.time_ms(text, "--from"))) + 1


def _require_growth(older: Older, first: int, last: int) -> None:
    if first != older.first_seq:
        hint = "A consistency proof needs both bundles to start with the same event: leave --from out."
        raise InvalidInput("--from", f"seq {older.first_seq}, where the older bundle starts", f"seq {first}", hint)
    if last - first + 1 < older.tree_size:
        expected = f"a range that holds all {older.tree_size} events of the older bundle"
        raise InvalidInput("--to", expected, f"{last - first + 1} events", "Is this the same store?")
