"""`replay --what-if` and `replay --parity`: a recorded market traded again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from actors.ports import Reader
from domain.operations import SessionStarted
from infra import parity, settings, what_if
from infra.cli.output import err, out, print_json, print_rows, progress
from infra.code_version import strategy_named, strategy_sha256
from infra.html.file import require_writable, write_page

FINDINGS = 1
SHOWN_MAX = 20


def show_what_if(
    reader: Reader,
    changes: Sequence[str],
    strategy: str | None,
    html: Path | None,
    *,
    from_input: int = 1,
    until_input: int | None = None,
    as_json: bool,
) -> int:
    """Trade the recorded market between two inputs as it was and with the changes, and print both side by side."""
    if html is not None:
        require_writable(html)
    named = [*changes, *([] if strategy is None else [f"strategy.name={strategy}"])]

    def changed(started: SessionStarted) -> SessionStarted:
        config = settings.changed(started.config, named)
        digest = strategy_sha256(config.strategy.name)
        return msgspec.structs.replace(started, config=config, strategy_sha256=digest)

    with progress("inputs", None) as report:
        found = what_if.what_if(reader, changed, strategy_named, report, from_input=from_input, until_input=until_input)
    if html is not None:
        from infra.html.what_if import what_if_page

        write_page(html, what_if_page(found, named))
        err.print(f"Written: {html}", markup=False, soft_wrap=True)
    if as_json:
        print_json(found)
        return 0
    sides = [
        {"": name, "base": getattr(found.base, name), "changed": getattr(found.changed, name),
         "difference": getattr(found.difference, name)}
        for name in what_if.FIGURES
    ]  # fmt: skip
    print_rows(sides, f"what if {', '.join(named)}", as_json=False)
    ends = [
        {"symbol": end.base.symbol, "side": end.base.side, "opened_ms": end.base.opened_ms,
         "base": end.base.reason, "changed": end.changed.reason, "net": end.net}
        for end in found.difference.other_ends[-SHOWN_MAX:]
    ]  # fmt: skip
    print_rows(ends, "the same entry, another end", as_json=False, empty="none")
    for title, trades in (
        ("only in base", found.difference.only_base),
        ("only changed", found.difference.only_changed),
    ):
        print_rows([msgspec.structs.asdict(one) for one in trades[-SHOWN_MAX:]], title, as_json=False, empty="none")
    return 0


def show_parity(reader: Reader, *, as_json: bool) -> int:
    """Backtest the run from its own candles and print the decisions that differ, each with its cause."""
    with progress("inputs", None) as report:
        found = parity.parity(reader, strategy_named, report)
    if as_json:
        print_json(found)
        return 0
    out.print(f"{found.equal:,} of {found.decisions:,} decisions are the same.")
    rows = [msgspec.structs.asdict(one) for one in found.differences[:SHOWN_MAX]]
    print_rows(rows, "differences", as_json=False, empty="none")
    if len(found.differences) > SHOWN_MAX:
        err.print(f"The first {SHOWN_MAX} of {len(found.differences):,}; --json gives all.")
    return 0
