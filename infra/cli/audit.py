"""`export`, `prune`, and `verify` for a bundle: what leaves the house, and what may be thrown away."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from domain.errors import HindsightError, InvalidInput
from infra.cli import options
from infra.cli.output import print_facts, print_json, print_rows, progress, sentences

if TYPE_CHECKING:  # loading it takes longer than `--help` should
    from infra.export.bundle import Exported
    from infra.postgres.runs import RunInfo

FINDINGS = 1

Out = Annotated[Path, typer.Option("--out", help="The bundle's directory, which must not exist yet.")]
From = Annotated[str, typer.Option("--from", help="Export from this moment.", metavar="A")]
To = Annotated[str, typer.Option("--to", help="Export up to this moment.", metavar="B")]
Since = Annotated[Path | None, typer.Option("--since", help="Prove that this older bundle is the beginning.")]
Csv = Annotated[bool, typer.Option("--csv", help="Write the tables as CSV, too.")]
Redact = Annotated[
    list[str] | None,
    typer.Option("--redact", help="Leave out a field: who, plan.margin, OrderFilled.fee.", metavar="FIELD"),
]
Apply = Annotated[bool, typer.Option("--apply", help="Drop them. Without it they are only counted.")]
Archive = Annotated[
    Path | None, typer.Option("--archive", help="First export what they cover, a bundle a run, into this directory.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("export")(export_command)
    app.command("prune")(prune_command)


def export_command(
    to_directory: Out,
    since: From = "",
    until: To = "",
    older: Since = None,
    csv: Csv = False,
    redact: Redact = None,
    run: options.Run = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """Write an audit bundle: events, tables, proofs and a verifier, signed; the same command again goes on after an
    interruption.

    Example: run.py export --out audit-june --from 2025-06-01 --to 2025-07-01 --redact who
    """
    from infra import store as stores
    from infra.export.bundle import export
    from infra.export.plan import wish_for
    from infra.export.signing import signing_key
    from infra.export.source import PostgresSource, RunFacts

    resolved = options.resolve(config, None, store, home)
    with (
        options.existing_database(resolved) as url,
        stores.reading(url, run) as (info, tables, reader),
        PostgresSource(url, tables, reader) as source,
        progress("percent", 100) as report,
        _writing(to_directory),
    ):
        facts = RunFacts(info.run_id, info.kind, info.clock)
        wish = wish_for(facts, since=since, until=until, older=older, redact=redact or (), csv=csv)
        began = time.perf_counter()
        key = signing_key(Path(resolved.settings.database.home))
        made = export(source, wish, to_directory, key, progress=lambda done, total: report(100 * done // total))
    _show(made, time.perf_counter() - began, as_json=as_json)
    return 0


def _show(made: Exported, seconds: float, *, as_json: bool) -> None:
    if as_json:
        print_json({**msgspec.to_builtins(made), "elapsed_seconds": round(seconds, 3)})
        return
    facts = {
        "events": f"{made.events:,}, seq {made.first_seq} to {made.last_seq}",
        "files": len(made.files),
        "chain head": made.chain_head,
        "tree head": f"{made.events}:{made.merkle_root}",
        "key fingerprint": made.key_fingerprint,
    }
    print_facts(facts, f"audit bundle {made.directory} of run {made.run_id}", as_json=False)
    notes = ["Tell the auditor the key fingerprint and the tree head over another way than the bundle goes."]
    if made.resumed_at:
        notes.insert(0, f"An interrupted export went on at event {made.resumed_at:,}.")
    sentences(notes)


@contextmanager
def _writing(directory: Path) -> Generator[None]:
    """Turn what the file system says into a sentence for the user."""
    try:
        yield
    except OSError as error:
        hint = "The same command goes on where this one stopped."
        raise InvalidInput(f"--out {directory}", "a place where files can be written", str(error), hint) from error


def verify_bundle(
    directory: Path, *, key: str = "", older: Path | None = None, tree_head: str = "", as_json: bool = False
) -> int:
    """Check a bundle with our own verifier, never with the one that lies in it. `tree_head` is SIZE:ROOT."""
    from infra.export import verifier

    try:
        found = verifier.check(directory, key, older, tree_head)
    except (verifier.CannotRun, OSError) as error:
        raise HindsightError(f"The bundle could not be checked: {error}.") from error
    problems = [finding._asdict() for finding in found.findings]
    if as_json:
        print_json({"ok": not problems, "checked_commits": 0, "checked_events": found.events, "problems": problems})
    else:
        facts: dict[str, object] = {"ok": not problems, "events": found.events}
        if found.head is not None:
            facts |= {"history": found.head.history, "tree head": f"{found.head.size}:{found.head.root}"}
            facts["key fingerprint"] = found.head.fingerprint
        print_facts(facts, f"verification of bundle {directory}", as_json=False)
        print_rows(problems, "problems", as_json=False, empty="none")
    if not key:
        sentences(["Without --key nobody knows whose signature that is: compare the fingerprint with one you trust."])
    return FINDINGS if problems else 0


def prune_command(
    apply: Apply = False,
    archive: Archive = None,
    run: options.Run = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """Drop the tapes of all runs (or of one) past database.tape_retention_days, and the checkpoints that are not worth
    their room (what stays: the newest, one an hour of the last day, one a day before); events and hashes stay for ever.

    Example: run.py prune --apply --archive /mnt/archive
    """
    from actors.kernel import CHECKPOINT_SCHEMA
    from infra.postgres import runs
    from infra.postgres.checkpoints import thin
    from infra.postgres.prune import prune

    resolved = options.resolve(config, None, store, home)
    days = resolved.settings.database.tape_retention_days
    before = datetime.now(UTC) - timedelta(days=days)
    archived: list[str] = []
    with options.existing_database(resolved) as url:
        chosen = [runs.find_run(url, run)] if run else list(runs.list_runs(url))
        if archive is not None:
            if not apply:
                raise InvalidInput("--archive", "--apply beside it", "a dry run", "`run.py export` makes a bundle.")
            key_home = Path(resolved.settings.database.home)
            archived = [str(made) for info in chosen for made in _archived(url, info, before, archive, key_home)]
        rows: list[dict[str, Any]] = []
        for info in chosen:
            tables = runs.tables_of(info.run_id)
            pruned, thinned = prune(url, tables, before, apply=apply), thin(url, tables, CHECKPOINT_SCHEMA, apply=apply)
            rows.append({"run": info.run_id, **msgspec.structs.asdict(pruned), **msgspec.structs.asdict(thinned)})
    counted = ("tapes", "bytes", "checkpoints", "checkpoint_bytes")
    sums: dict[str, int] = {name: sum(row[name] for row in rows) for name in counted}
    if as_json:
        print_json({**sums, "applied": apply, "archived": archived})
        return 0
    title = f"tapes of before {before:%Y-%m-%d %H:%M} UTC ({days} days)"
    print_rows(rows, title, as_json=False)
    sentences([f"Archived: {bundle}" for bundle in archived])
    if any(sums.values()) and not apply:
        tapes = f"{sums['tapes']:,} tapes, {sums['bytes']:,} bytes"
        checkpoints = f"{sums['checkpoints']:,} checkpoints, {sums['checkpoint_bytes']:,} bytes"
        sentences([f"{tapes}; {checkpoints}. Nothing was dropped yet: add --apply."])
    return 0


def _archived(url: str, info: RunInfo, before: datetime, directory: Path, key_home: Path) -> Iterator[Path]:
    """Export the sealed events of a run whose tapes are about to go, and check the bundle before anything is dropped.

    A bundle of the same range that is there already is checked and kept.
    """
    from infra import store as stores
    from infra.export import verifier
    from infra.export.bundle import export
    from infra.export.plan import wish_for
    from infra.export.signing import signing_key
    from infra.export.source import PostgresSource, RunFacts
    from infra.postgres.prune import sealed_until
    from infra.postgres.runs import tables_of

    last = sealed_until(url, tables_of(info.run_id), before)
    if not last:
        return
    out = directory / f"{info.run_id}-to-seq-{last}"
    with (
        stores.reading(url, info.run_id) as (_, tables, reader),
        PostgresSource(url, tables, reader) as source,
        progress(f"archiving {info.run_id}", 100) as report,
        _writing(out),
    ):
        if not out.exists():
            directory.mkdir(parents=True, exist_ok=True)
            wish = wish_for(RunFacts(info.run_id, info.kind, info.clock), until=f"seq:{last}")
            key = signing_key(key_home)
            export(source, wish, out, key, progress=lambda done, total: report(100 * done // total))
        found = verifier.check(out, "", None, "")
    if found.findings:
        where, what = found.findings[0]
        raise HindsightError(f"The archive {out} does not verify: {where}: {what}. No tape was dropped.")
    yield out
