"""`settings` and `doctor`: what is in force, and what works here. Neither changes anything."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from domain.errors import HindsightError
from infra import code_version, settings
from infra.cli import options
from infra.cli.output import out, print_json, print_rows
from infra.places import BINANCE, TESTNET, adapter_settings, place_of
from infra.settings import Resolved, Settings, mask_url

FINDINGS = 1
FREE_MB_MIN = 2_048

Venue = Annotated[str | None, typer.Option("--venue", help="Which exchange: binance or binance-testnet.")]
Example = Annotated[bool, typer.Option("--example", help="Print a hindsight.toml with every key explained.")]


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("settings")(settings_command)
    app.command("doctor")(doctor_command)


def settings_command(
    example: Example = False,
    given: options.Set = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Show every setting and where it came from.

    Example: run.py settings --example > hindsight.toml
    """
    if example:
        out.print(settings.example(), markup=False, soft_wrap=True, end="")
        return
    resolved = options.resolve(config, given, store, home)
    rows = [{"key": key, "value": value, "origin": origin} for key, value, origin in resolved.table()]
    print_rows(rows, "settings", as_json=as_json)


def doctor_command(
    venue: Venue = None,
    store: options.Store = None,
    home: options.Home = None,
    config: options.ConfigFile = None,
    as_json: options.Json = False,
) -> int:
    """Check settings, strategy, disk, database, exchange and the key's permissions; never changes anything.

    Example: run.py doctor --venue binance
    """
    checks = list(_checks(config, store, home, venue))
    if as_json:
        print_json({"checks": checks})
    else:
        rows = [{"check": c.name, "ok": "ok" if c.ok else "NOT OK", "detail": c.detail} for c in checks]
        print_rows(rows, "doctor", as_json=False)
    return 0 if all(check.ok for check in checks) else FINDINGS


def _checks(config: Path | None, store: str | None, home: Path | None, venue: str | None) -> Iterator[Check]:
    try:
        resolved = options.resolve(config, None, store, home, options.override("market.venue", venue))
    except HindsightError as error:
        yield Check("settings", ok=False, detail=str(error))
        return
    yield Check("settings", ok=True, detail=_set_by_hand(len(resolved.origins)))
    yield Check("python", ok=sys.version_info >= (3, 11), detail=sys.version.split()[0])
    yield _looked_at("strategy", lambda: _strategy(resolved))
    yield _looked_at("disk", lambda: _disk(resolved))
    yield from _database(resolved)
    yield from _exchange(resolved)


def _set_by_hand(values: int) -> str:
    return f"{values} value{' is' if values == 1 else 's are'} set; `python run.py settings` shows by whom"


def _looked_at(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, detail=look())
    except HindsightError as error:
        return Check(name, ok=False, detail=str(error))


def _strategy(resolved: Resolved) -> str:
    name = resolved.settings.strategy.name
    code_version.strategy_named(name)
    return f"{name}, sha256 {code_version.strategy_sha256(name)[:12]}"


def _disk(resolved: Resolved) -> str:
    place = Path(resolved.settings.database.home).absolute()
    while not place.exists():
        place = place.parent
    free_mb = shutil.disk_usage(place).free // 2**20
    if free_mb < FREE_MB_MIN:
        raise HindsightError(f"{free_mb} MB are free at {place}; expected at least {FREE_MB_MIN} MB: make room.")
    return f"{free_mb:,} MB free at {place}"


def _exchange(resolved: Resolved) -> Iterator[Check]:
    settings = resolved.settings
    place = place_of(settings, {}, live=False) if _outside(settings) else None
    if place is None:
        yield Check("exchange", ok=True, detail=f"{settings.market.venue}: started by run.py itself")
        return
    from infra.binance.examination import examine

    for finding in examine(adapter_settings(settings, place)):
        yield Check(finding.name, ok=finding.ok, detail=finding.detail)


def _outside(settings: Settings) -> bool:
    return settings.market.venue in {BINANCE, TESTNET}


def _database(resolved: Resolved) -> Iterator[Check]:
    from infra.postgres.server_facts import concerns, server_facts

    url = resolved.settings.database.url
    if url == options.MEMORY:
        yield Check("database", ok=True, detail="in memory: nothing of a run is kept, and real orders are refused")
        return
    try:
        if not options.has_store(resolved):
            yield Check("database", ok=True, detail=_no_store_yet(resolved))
            return
        with options.existing_database(resolved) as reached:
            facts = server_facts(reached)
            worries = concerns(facts)
    except HindsightError as error:
        yield Check("database", ok=False, detail=str(error))
        return
    kind = mask_url(url) if url else "embedded"
    yield Check("database", ok=True, detail=f"{kind}, PostgreSQL {facts.major}")
    detail = (
        "; ".join(worries)
        or f"fsync {'on' if facts.fsync else 'off'}, synchronous_commit {facts.synchronous_commit}, checksums on"
    )
    yield Check("durability", ok=not worries, detail=detail)


def _no_store_yet(resolved: Resolved) -> str:
    home = Path(resolved.settings.database.home).absolute()
    return f"embedded, no store at {home} yet: the first `python run.py` or `python run.py backtest` makes it"
