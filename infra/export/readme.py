"""The page that tells an auditor what lies in a bundle, what it proves, and what it does not."""

from __future__ import annotations

from typing import Final

from infra.export.plan import Range, Wish
from infra.moments import iso

_TEXT: Final = """\
# Audit bundle of a Hindsight run

Run `{run}`, {events:,} events, seq {first} to {last}, recorded from {begin} to {end}.
{redaction}
## Check it

```
python3 -I verify.py --key FINGERPRINT
```

Python 3.10 or later, nothing else. Exit code 0: all is as it was signed; 1: findings; 2: could not run. Whoever can
replace this whole directory can sign it with a key of his own, and can replace `verify.py`. So do not take from here

- the **fingerprint** of the key: `run.py export` printed it, ask for it over another way, and give it with `--key`;
- **`verify.py`** itself: take a copy that you trust (`python3 -I /trusted/verify.py THIS_DIRECTORY`), or check with
  `run.py verify THIS_DIRECTORY`, which uses Hindsight's own;
- the **tree head** that an earlier check printed: give it with `--head SIZE:ROOT`, or keep the earlier bundle and give
  it with `--since`. Then a history that was rolled back, or written anew, is found.

The signature can be checked by other programs too:

```
openssl pkeyutl -verify -pubin -inkey public_key.pem -rawin -in tree_head.json -sigfile tree_head.sig
```

## What lies here

| file | what it is |
|---|---|
| `events.jsonl` | every event, one a line, in order: what is proven |
| `events/TYPE.parquet` | the same events as typed tables, one a type |
| `orders.parquet` | the life of every order, with its causes |
| `operator_actions.parquet` | what operators did, and what followed |
| `csv/` | the tables as CSV, if they were asked for |
| `dictionary.md` | every type and field |
| `manifest.json` | range, counts, versions, settings and model hashes, gaps, and the SHA-256 of every file |
| `tree_head.json` | Merkle root, chain head, and the SHA-256 of the manifest: what is signed |
| `tree_head.sig` | the Ed25519 signature (RFC 8032) over the bytes of `tree_head.json`: 64 bytes |
| `public_key.pem` | the public key; its fingerprint is the SHA-256 of its 32 bytes |
| `consistency.json` | if asked for: the proof that an earlier bundle is the beginning of this one |

## What is proven, and how

- The **Merkle tree** is that of RFC 6962 with SHA-256. Leaf n is `sha256(0x00 ‖ line n of events.jsonl, its newline
  included)`, a node `sha256(0x01 ‖ left ‖ right)`. Its root covers every byte of `events.jsonl`.
- The **manifest** names every other file with its SHA-256, and the tree head holds the SHA-256 of the manifest. So the
  one signature covers everything here. A file that it does not name is a finding.
- A **consistency proof** (RFC 6962, section 2.1.2) shows that the earlier bundle's events are the first ones of this
  bundle, unchanged. Both must start with the same event.
- The **chain head** is the hash that the running system rolls over its inputs, events and orders (`chain` in the
  manifest says up to where). The inputs are not in this bundle, so it can't be computed from here; in the store,
  `run.py verify --head` finds it.

## What is not proven

- *When* something was signed. Nothing in here depends on when or where the bundle was made: the same range gives the
  same bytes. Keep tree heads in a place that the operator can't reach.
- That what was recorded is true. `gap_statement` in the manifest says when nothing was recorded, which feeds were
  stale and which candles never came.
- That the tables say the same as the lines: both are signed, but only the lines make the tree. The tables can be made
  again from the lines. A decimal in a table is rounded to 18 digits behind the point. A number that is not finite is
  null in the lines. In the CSV, a text that a spreadsheet would take for a formula has an apostrophe before it.
"""
_REDACTED: Final = """
These fields were removed, in the lines and in everything that is made of them: {fields}.
`tree_head.json` states the Merkle root of the full lines (`full_merkle_root`): a full bundle of the same range has just
that root. Names of streams and ids of events stay. Mind that whoever guesses *all* removed values of the range can
confirm the guess with that root, and that free texts may repeat a removed value.
"""


def readme(wish: Wish, span: Range) -> str:
    """Give the page."""
    fields = ", ".join(f"`{field}`" for field in wish.redacted)
    return _TEXT.format(
        run=wish.run.run_id,
        events=span.events,
        first=span.first_seq,
        last=span.last_seq,
        begin=iso(span.from_ms),
        end=iso(span.to_ms),
        redaction=_REDACTED.format(fields=fields) if fields else "",
    )
