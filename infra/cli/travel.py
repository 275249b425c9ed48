"""`replay`: the state as of a moment, the decision replay, what if, and parity."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from actors.ports import Reader
from domain.errors import InvalidInput
from infra import moments, replay
from infra import store as stores
from infra.cli import options, rehearse
from infra.cli.output import err, out, print_changes, print_facts, print_json, print_tree, progress
from infra.code_version import strategy_named
from infra.interpreter import attune

FINDINGS = 1

At = Annotated[str | None, typer.Option("--at", help="The state as of a moment.", metavar="T")]
Verify = Annotated[bool, typer.Option("--verify", help="Replay the tape through today's code and compare.")]
Stream = Annotated[str | None, typer.Option("--stream", help="Only this stream, finished ones included.")]
Diff = Annotated[str | None, typer.Option("--diff", help="What changed between --at and this moment.", metavar="T2")]
From = Annotated[str | None, typer.Option("--from", help="Verify, or trade again, from this moment.", metavar="A")]
To = Annotated[str | None, typer.Option("--to", help="Verify, or trade again, up to this moment.", metavar="B")]
BreakAt = Annotated[str | None, typer.Option("--break-at", help="Open the debugger in the actors there.", metavar="T")]
WhatIf = Annotated[
    list[str] | None, typer.Option("--what-if", help="Trade its market with this change.", metavar="KEY=VALUE")
]
More = Annotated[list[str] | None, typer.Argument(help="More changes for --what-if.", metavar="[KEY=VALUE]...")]
Strategy = Annotated[str | None, typer.Option("--strategy", help="What if it had followed this strategy.")]
Parity = Annotated[bool, typer.Option("--parity", help="Backtest it from its own candles, and compare.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write the what-if as a page, too.", metavar="FILE")]
KeepGoing = Annotated[bool, typer.Option("--keep-going", help="Count all divergences, not just the first.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("replay")(replay_command)


def replay_command(
    more: More = None,
    at: At = None,
    verify: Verify = False,
    changes: WhatIf = None,
    strategy: Strategy = None,
    parity: Parity = False,
    html: Html = None,
    stream: Stream = None,
    diff: Diff = None,
    since: From = None,
    until: To = None,
    keep_going: KeepGoing = False,
    break_at: BreakAt = None,
    run: options.Run = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """Travel in time over a recorded run.

    Examples: run.py replay --at seq:1000 --stream account:main · run.py replay --verify --break-at input:42 ·
    run.py replay --what-if strategy.time_stop_minutes=60 account.leverage=3 --from 2025-06-01 (under the settings that
    were in force then) · run.py replay --parity
    """
    what_if = bool(changes) or strategy is not None
    if [at is not None, verify, what_if, parity].count(True) != 1 or (more and not what_if):
        asked = (
            ("--at", at),
            ("--verify", verify),
            ("--what-if", what_if),
            ("--parity", parity),
            (" ".join(more or ()), more),
        )
        given = [name for name, is_given in asked if is_given]
        expected = "one of --at T, --verify, --what-if KEY=VALUE (or --strategy S) and --parity"
        raise InvalidInput("replay", expected, " and ".join(given) or "none of them")
    resolved = options.resolve(config, None, store, home)
    with options.existing_database(resolved) as url, stores.reading(url, run) as (_, _, reader):
        if at is not None:
            return _show(reader, at, stream, diff, as_json=as_json)
        if what_if:
            first, last = _between(reader, since, until)
            named = [*(changes or ()), *(more or ())]
            return rehearse.show_what_if(
                reader, named, strategy, html, from_input=first, until_input=last, as_json=as_json
            )
        if parity:
            return rehearse.show_parity(reader, as_json=as_json)
        stop = None if break_at is None else moments.input_at(reader, break_at, "--break-at")
        attune()
        return _verify(reader, since or break_at, until, stop, keep_going=keep_going, as_json=as_json)


def _show(reader: Reader, at: str, stream: str | None, diff: str | None, *, as_json: bool) -> int:
    seq = moments.seq_at(reader, at, "--at")
    before = _states(reader, seq, stream)
    if diff is not None:
        later = moments.seq_at(reader, diff, "--diff")
        changes = replay.differences(before.streams, _states(reader, later, stream).streams)
        if as_json:
            print_json({"at": at, "seq": seq, "until": diff, "until_seq": later, "changes": changes})
        else:
            print_changes(changes, f"changes from seq {seq} to seq {later}")
        return 0
    if as_json:
        when = moments.iso(before.at_ms)
        print_json({"at": when, "seq": seq, "streams": before.streams, "state_hash": before.state_hash})
    else:
        print_tree(before.streams, f"as of seq {seq}, {moments.iso(before.at_ms)}")
        out.print(f"state hash {before.state_hash}")
    return 0


def _states(reader: Reader, seq: int, stream: str | None) -> replay.AsOf:
    if stream is None:
        return replay.as_of(reader, seq, strategy_named)
    return replay.stream_as_of(reader, stream, seq, strategy_named)


def _verify(
    reader: Reader, since: str | None, until: str | None, break_at: int | None, *, keep_going: bool, as_json: bool
) -> int:
    first, last = _between(reader, since, until)
    with progress("replaying", last) as report:
        found = replay.verify(
            reader,
            strategy_named,
            from_input=first,
            to_input=last,
            keep_going=keep_going,
            break_at=break_at,
            progress=report,
        )
    if as_json:
        print_json(found)
    else:
        facts = {"inputs": found.inputs, "events": found.events, "effects": found.effects}
        print_facts({**facts, "divergences": found.divergences}, "decision replay", as_json=False)
        if found.first_divergence is not None:
            print_tree(msgspec.to_builtins(found.first_divergence), "first divergence")
            print_tree(list(found.around), "recorded around it")
        if len(found.kinds) > 1:
            print_facts(found.kinds, "divergences by kind", as_json=False)
    if not found.chain_equal and not found.divergences:
        err.print("The events are equal, but the content hash is not: run `python run.py verify`.")
    return FINDINGS if found.divergences or not found.chain_equal else 0


def _between(reader: Reader, since: str | None, until: str | None) -> tuple[int, int]:
    """Give the first and the last input that are asked for, by default those of the whole run."""
    first = 1 if since is None else max(1, moments.input_at(reader, since, "--from"))
    last = reader.head().input_seq if until is None else moments.input_at(reader, until, "--to")
    if first > last:
        raise InvalidInput("--from, --to", "a start before the end", f"input {first} and input {last}")
    return first, last
