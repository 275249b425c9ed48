"""`verify`, `rebuild`, `report`, `runs`: looking after what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from domain.errors import InvalidInput
from infra.cli import audit, options
from infra.cli.output import err, out, print_facts, print_json, print_rows, progress
from infra.html.file import require_writable, write_page
from projections import PROJECTIONS

FINDINGS = 1

Names = Annotated[list[str] | None, typer.Argument(help="Which read models (default: all).", metavar="[NAME]...")]
Name = Annotated[str, typer.Argument(help=f"One of {', '.join(PROJECTIONS)}.")]
Limit = Annotated[int, typer.Option("--limit", help="Print at most so many rows, the last ones (0: all).", min=0)]
Html = Annotated[Path | None, typer.Option("--html", help="Write it as a page with charts, too.", metavar="FILE")]
Bundle = Annotated[Path | None, typer.Argument(help="A bundle instead of the store.", metavar="[DIR]")]
Head = Annotated[str | None, typer.Option("--head", help="A chain head (a bundle: SIZE:ROOT) that you noted earlier.")]
Key = Annotated[str, typer.Option("--key", help="A bundle's key, as you know it.", metavar="FINGERPRINT")]
Older = Annotated[Path | None, typer.Option("--since", help="An earlier bundle that must be its beginning.")]
Action = Annotated[str, typer.Argument(help="list, compare or delete.")]
RunIds = Annotated[list[str] | None, typer.Argument(help="Which runs.", metavar="[ID]...")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("verify")(verify_command)
    app.command("rebuild")(rebuild_command)
    app.command("report")(report_command)
    app.command("runs")(runs_command)


def verify_command(
    bundle: Bundle = None,
    head: Head = None,
    key: Key = "",
    older: Older = None,
    run: options.Run = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """Check both hashes of every commit, the Merkle roots, the tapes, the streams and the checkpoints of a run, or an
    audit bundle.

    Examples: run.py verify --head 4f1c… (a chain head that an earlier run printed: finds a rewritten history)
    · run.py verify audit-june --key 418c…
    """
    if bundle is not None:
        return audit.verify_bundle(bundle, key=key, older=older, tree_head=head or "", as_json=as_json)
    if key or older is not None:
        raise InvalidInput("verify", "the directory of a bundle with --key and --since", "none")
    from infra import store as stores
    from infra.checkpoint_check import wrong_checkpoints
    from infra.code_version import strategy_named
    from infra.postgres.commit_check import Problem
    from infra.postgres.verify import verify_store

    remembered = _remembered(head)
    resolved = options.resolve(config, None, store, home)
    with (
        options.existing_database(resolved) as url,
        stores.reading(url, run) as (info, tables, reader),
        progress("events", None) as report,
    ):
        found = verify_store(url, tables, remembered_head=remembered, progress=lambda done, _total: report(done))
        if found.ok:  # otherwise a fold says no more than that
            wrong = tuple(Problem(*one) for one in wrong_checkpoints(reader, strategy_named, report))
            found = msgspec.structs.replace(found, ok=not wrong, problems=wrong)
    head_now = found.head.content_hash.hex()
    if as_json:
        print_json({**msgspec.to_builtins(found), "chain_head": head_now})
    else:
        facts: dict[str, object] = {"ok": found.ok, "commits": found.checked_commits, "events": found.checked_events}
        facts["chain_head"] = head_now
        print_facts(facts, f"verification of run {info.run_id}", as_json=False)
        print_rows(
            [msgspec.to_builtins(problem) for problem in found.problems], "problems", as_json=False, empty="none"
        )
    return 0 if found.ok else FINDINGS


def _remembered(head: str | None) -> bytes | None:
    if head is None:
        return None
    try:
        value = bytes.fromhex(head)
    except ValueError:
        value = b""
    if len(value) != 32:
        raise InvalidInput("--head", "64 hex digits", repr(head), "Every run prints its chain head at the end.")
    return value


def rebuild_command(
    names: Names = None,
    run: options.Run = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """Build read models anew beside the ones in use, compare, and swap them in; the run may go on meanwhile.

    Example: run.py rebuild pnl stats
    """
    resolved = options.resolve(config, None, store, home)
    with options.existing_database(resolved) as url, options.follower(url, run) as (info, follower, reader):
        breathe = _pace_beside_a_run(url, info.run_id)
        with progress("events", reader.head().seq) as report:

            def advanced(_name: str, done: int, _total: int) -> None:
                report(done)
                breathe()

            results = follower.rebuild(names or (), progress=advanced)
        rows = [msgspec.to_builtins(result) for result in results]
    if as_json:
        print_json({"projections": rows})
    else:
        print_rows(rows, "rebuilt", as_json=False)
    return 0


def _pace_beside_a_run(url: str, run_id: str) -> Callable[[], None]:
    """Where a run trades on the store, let its commits come first; give what is to be done between two batches."""
    from infra.postgres.lease import is_owned
    from infra.postgres.runs import tables_of
    from infra.postgres.session import connect
    from infra.priority import Breather, step_aside

    with connect(url, "rebuild") as connection:
        if not is_owned(connection, tables_of(run_id)):
            return lambda: None
    step_aside()
    return Breather().breathe


def report_command(
    name: Name,
    limit: Limit = 50,
    html: Html = None,
    run: options.Run = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """Print a read model, brought up to date first.

    Examples: run.py report pnl --json · run.py report equity --html equity.html
    """
    if name not in PROJECTIONS:
        raise InvalidInput("report", f"one of {', '.join(PROJECTIONS)}", repr(name))
    if html is not None:
        require_writable(html)
    resolved = options.resolve(config, None, store, home)
    with options.existing_database(resolved) as url, options.follower(url, run) as (info, follower, reader):
        with progress("events", reader.head().seq) as report:
            follower.catch_up(progress=lambda _name, done, _total: report(done))
        rows: list[dict[str, Any]] = follower.report(name)
        if html is not None:
            from infra.html.report import report_page

            write_page(html, report_page(name, rows, info, reader))
    shown = rows if as_json or not limit else rows[-limit:]
    print_rows(shown, f"{name} of run {info.run_id}", as_json=as_json)
    if len(shown) < len(rows):
        err.print(f"The last {len(shown)} of {len(rows):,} rows; --limit 0 prints all.")
    if html is not None:
        err.print(f"Written: {html}", markup=False, soft_wrap=True)
    return 0


def runs_command(
    action: Action = "list",
    ids: RunIds = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """List the runs of this store, put two side by side, or delete one.

    Examples: run.py runs · run.py runs compare 1f3a… 90bc… · run.py runs delete 1f3a…
    """
    wanted = {"list": 0, "compare": 2, "delete": 1}
    given = ids or []
    if action not in wanted or len(given) != wanted[action]:
        raise InvalidInput("runs", "list, compare A B, or delete ID", " ".join([action, *given]))
    resolved = options.resolve(config, None, store, home)
    with options.existing_database(resolved) as url:
        return _run_action(url, action, given, as_json=as_json)


def _run_action(url: str, action: str, given: list[str], *, as_json: bool) -> int:
    from infra.postgres import runs

    if action == "delete":
        runs.delete(url, given[0])
        if as_json:
            print_json([])
        else:
            out.print(f"Run {given[0]} is deleted.")
        return 0
    found = [runs.find_run(url, run_id) for run_id in given] if given else list(runs.list_runs(url))
    rows = [_described(url, info) for info in found]
    if action == "compare" and not as_json:
        names = [name for name in rows[0] if name != "run_id"]
        sides = [{"": name, **{row["run_id"]: row[name] for row in rows}} for name in names]
        print_rows(sides, "runs side by side", as_json=False)
    else:
        print_rows(
            rows, "runs", as_json=as_json, empty="none yet; `python run.py backtest` or `python run.py` makes one"
        )
    return 0


def _described(url: str, info: Any) -> dict[str, Any]:
    from infra import store as stores
    from infra.moments import iso
    from projections.totals import Totals

    with stores.reading(url, info.run_id) as (_, _, reader):
        head, totals = reader.head(), Totals()
        totals.take(reader.events(0, topics=totals.topics))
    return {
        "run_id": info.run_id,
        "kind": info.kind,
        "created_at": info.created_at.isoformat(timespec="seconds"),
        "until": iso(head.at_ms),
        "inputs": head.input_seq,
        "events": head.seq,
        "signals": totals.signals,
        "trades": totals.closed,
        "win_rate": totals.win_rate,
        "realized_pnl": totals.realized_pnl,
        "fees": totals.fees,
        "max_drawdown": round(totals.max_drawdown, 6),
        "chain_head": head.content_hash.hex(),
    }
