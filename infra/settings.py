"""The settings: one TOML file plus environment, decoded into frozen structs, every refusal with the key's name.

    defaults  <  hindsight.toml  <  environment  <  command line (--set key=value, --store, --home …)

`[strategy]`, `[scoring]`, `[scan]`, `[account]`, `[venue]`, `[supervision]` and `base_interval` are what decisions rest
on: they become the `Config` that stands in `RunStarted`. The other sections are the shell's and may differ between two
sessions of a run.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from domain.calibration.shipped import SHIPPED
from domain.config import (
    AccountConfig,
    Config,
    ScanConfig,
    ScoringConfig,
    StrategyConfig,
    SupervisionConfig,
    VenueConfig,
)
from domain.errors import InvalidInput
from infra.binance import settings as binance
from infra.masking import mask
from infra.settings_bounds import CHOICES, INTERVALS, RANGES
from infra.settings_doc import DOCUMENTATION

FILE_NAME: Final = "hindsight.toml"
_SYMBOL: Final = re.compile(r"[A-Z0-9]+")


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where history is kept."""

    url: str = ""
    home: str = "./var"
    commit_interval_ms: int = 250
    commit_events: int = 1_000
    held_events: int = 200_000
    held_megabytes: int = 256
    tape_retention_days: int = 365


class MarketSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which market is traded, and where."""

    venue: str = "sim"
    trading_enabled: bool = False
    symbols: int | tuple[str, ...] = 20
    seed: int = 1
    speed: float = 60.0
    tick_ms: int = 1_000
    archive_url: str = "https://data.binance.vision"


class ScreenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the terminal shows."""

    dashboard: bool = True
    log_level: str = "info"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    base_interval: str = "1m"
    strategy: StrategyConfig = StrategyConfig()
    account: AccountConfig = AccountConfig()
    venue: VenueConfig = VenueConfig()
    supervision: SupervisionConfig = SupervisionConfig()
    scoring: ScoringConfig = ScoringConfig()
    scan: ScanConfig = ScanConfig()
    database: DatabaseSettings = DatabaseSettings()
    market: MarketSettings = MarketSettings()
    screen: ScreenSettings = ScreenSettings()
    binance: binance.BinanceSettings = binance.BinanceSettings()

    @property
    def config(self) -> Config:
        """The part that decisions rest on."""
        return Config(
            self.base_interval, self.account, self.strategy, self.venue, self.supervision, self.scoring, self.scan
        )


class Resolved(msgspec.Struct, frozen=True):
    """The settings in force, and where each value that is not a default came from."""

    settings: Settings
    origins: dict[str, str]

    def table(self) -> Iterator[tuple[str, str, str]]:
        """Give (key, value, origin) for every key. A password in a URL is masked."""
        for key, value in _flat(msgspec.to_builtins(self.settings)):
            shown = mask_url(str(value)) if key == "database.url" else _toml(value)
            yield key, shown, self.origins.get(key, "default")


ENVIRONMENT: Final = {
    "DATABASE_URL": "database.url",
    "DEFAULT_ACCOUNT_BALANCE": "account.initial_balance",
    "TRADING_SYMBOLS": "market.symbols",
    "TRADING_ENABLED": "market.trading_enabled",
    "LOG_LEVEL": "screen.log_level",
    "MAX_CONCURRENT_ORDERS": "account.max_open_positions",
    **binance.ENVIRONMENT,
    "RELAXED_SIGNAL_MODE": "strategy.relaxed",
    "MIN_SCORE": "scoring.min_score",
}
"""Old names that still mean something; every key also answers to HINDSIGHT_<KEY>, with `__` for the dot in it."""


def resolve(
    file: Path | None = None, overrides: Sequence[str] = (), environment: Mapping[str, str] = os.environ
) -> Resolved:
    """Read the settings. `overrides` are `key=value` from the command line.

    Raises `InvalidInput` with the key, what was expected and what was found.
    """
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for key, value, origin in (*_from_file(file, environment), *_from_environment(environment), *_given(overrides)):
        _require_known(key, origin)
        values[key] = value
        origins[key] = origin
    settings = _decode(values, origins)
    _check(settings, origins)
    return Resolved(settings, origins)


def changed(config: Config, overrides: Sequence[str]) -> Config:
    """Give a run's recorded settings with changes, `key=value` each. Raises `InvalidInput`."""
    sections = {name: getattr(config, name) for name in Config.__struct_fields__}
    values = dict(_flat(msgspec.to_builtins(config)))
    origins: dict[str, str] = {}
    for key, value, origin in _given(overrides):
        if key not in values:
            near = difflib.get_close_matches(key, values, 1)
            hint = f"Did you mean {near[0]}?" if near else "The others change no decision."
            raise InvalidInput(origin, f"one of {', '.join(sections)} and their keys", repr(key), hint)
        values[key], origins[key] = value, origin
    settings = _decode(values, origins)
    _check(settings, origins)
    return settings.config


# ── where values come from ────────────────────────────────────────────────────────────────────────────────────────


def _from_file(file: Path | None, environment: Mapping[str, str]) -> Iterator[tuple[str, object, str]]:
    named = file or (Path(environment["HINDSIGHT_CONFIG"]) if "HINDSIGHT_CONFIG" in environment else None)
    path = named or Path(FILE_NAME)
    if named is None and not path.exists():
        return
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(str(path), "a readable UTF-8 text file", f"{error}") from error
    except tomllib.TOMLDecodeError as error:
        hint = "`python run.py settings --example` prints a valid file."
        raise InvalidInput(str(path), "a TOML file", f"{error}", hint) from error
    for key, value in _flat(document):
        yield key, value, str(path)


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, object, str]]:
    for name, key in ENVIRONMENT.items():
        if name in environment:
            yield key, environment[name], f"environment {name}"
    known = {"HINDSIGHT_" + key.upper().replace(".", "__"): key for key in _keys()}
    meant = {name.replace("__", "_") for name in known}  # one underscore too few must not be passed over in silence
    for name in sorted(environment):
        if name in known or name in meant or (name.startswith("HINDSIGHT_") and "__" in name):
            key = known.get(name) or name.removeprefix("HINDSIGHT_").lower().replace("__", ".")
            yield key, environment[name], f"environment {name}"


def _given(overrides: Sequence[str]) -> Iterator[tuple[str, object, str]]:
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise InvalidInput("command line", "key=value", repr(override), "For example strategy.cooldown_minutes=5.")
        yield key.strip(), value.strip(), "command line"


# ── decoding ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, Any]", value), f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _keys() -> dict[str, object]:
    return dict(_flat(msgspec.to_builtins(Settings())))


def _require_known(key: str, origin: str) -> None:
    known = _keys()
    if key not in known:
        near = difflib.get_close_matches(key, known, 1)
        hint = f"Did you mean {near[0]}?" if near else "`python run.py settings` lists all keys."
        raise InvalidInput(origin, "a known key", repr(key), hint)


def _decode(values: Mapping[str, object], origins: Mapping[str, str]) -> Settings:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        section, dot, name = key.rpartition(".")
        target = nested.setdefault(section, {}) if dot else nested
        target[name] = _from_text(key, value) if isinstance(value, str) else value
    try:
        return msgspec.convert(nested, Settings, strict=False)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        key = where.rstrip("`").partition("[")[0] or "settings"
        found = repr(values.get(key, "?")) if key not in binance.REFERENCES else "something else (not shown)"
        raise InvalidInput(f"{key} ({origins.get(key, 'settings')})", _expected(what), found) from error


def _from_text(key: str, text: str) -> object:
    """Read what environment and command line can only give as text."""
    if key == "market.symbols":
        return int(text) if text.isdecimal() else [name.strip().upper() for name in text.split(",") if name.strip()]
    if key == "scoring.tables":
        return _toml_value(key, text)
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return text


def _toml_value(key: str, text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(key, "a TOML array", repr(text)) from error


def _expected(what: str) -> str:
    """Turn msgspec's "Expected `int`, got `str`" into what was expected."""
    expected = what.partition(", got")[0].removeprefix("Expected ").replace("`", "")
    return "a decimal number" if expected == "Invalid decimal string" else expected


# ── ranges and contradictions ─────────────────────────────────────────────────────────────────────────────────────


def _check(settings: Settings, origins: Mapping[str, str]) -> None:
    values = dict(_flat(msgspec.to_builtins(settings)))
    for key, (low, high) in RANGES.items():
        value = values[key]
        if isinstance(value, str | int | float) and not low <= _number(value) <= high:
            expected = f"a number from {low:g} to {high:g}"
            raise InvalidInput(f"{key} ({origins.get(key, 'default')})", expected, str(value))
    for key, allowed in CHOICES.items():
        if values[key] not in allowed:
            raise InvalidInput(
                f"{key} ({origins.get(key, 'default')})", f"one of {', '.join(allowed)}", repr(values[key])
            )
    _check_together(settings)
    binance.check(settings.binance)


def _number(value: str | float) -> float:
    number = float(value)
    return -math.inf if math.isnan(number) else number


def _check_together(settings: Settings) -> None:
    intervals: list[str] = list(INTERVALS)
    base, analysis = settings.base_interval, settings.strategy.analysis_interval
    if intervals.index(analysis) < intervals.index(base):
        raise InvalidInput("strategy.analysis_interval", f"at least base_interval ({base})", analysis)
    limits = settings.account
    if limits.max_same_side_positions > limits.max_open_positions:
        expected = f"at most account.max_open_positions ({limits.max_open_positions})"
        raise InvalidInput("account.max_same_side_positions", expected, str(limits.max_same_side_positions))
    _check_scoring(settings.scoring)
    symbols = settings.market.symbols
    if not isinstance(symbols, int) and (not symbols or not all(map(_SYMBOL.fullmatch, symbols))):
        raise InvalidInput("market.symbols", "a number, or names such as BTCUSDT", repr(list(symbols)))
    if not limits.name.isidentifier() or limits.name == "virtual":
        raise InvalidInput("account.name", "a plain word other than 'virtual'", repr(limits.name))


def _check_scoring(scoring: ScoringConfig) -> None:
    """A gate stays open down to a limit that is looser than the one at which it opens, or it would flap."""
    for table in scoring.tables:
        ranks = [rank for _, rank in table.knots]
        if table.strategy not in SHIPPED or not ranks or not 0.0 <= table.prime_strength <= 100.0:
            expected = f"tables of {', '.join(SHIPPED)} with knots and a Prime strength of 0 to 100"
            raise InvalidInput("scoring.tables", expected, f"{table.strategy}, {len(ranks)} knots")
        if list(table.knots) != sorted(table.knots) or not all(0.0 <= rank <= 1.0 for rank in ranks):
            raise InvalidInput("scoring.tables", "ascending knots with ranks of 0 to 1", f"{table.knots}")
    if scoring.confirm_of > scoring.confirm_bars:
        expected = f"at most scoring.confirm_bars ({scoring.confirm_bars})"
        raise InvalidInput("scoring.confirm_of", expected, str(scoring.confirm_of))
    for name in ("quality", "room_atr"):
        opens, holds = getattr(scoring, f"{name}_open"), getattr(scoring, f"{name}_hold")
        if holds > opens:
            raise InvalidInput(f"scoring.{name}_hold", f"at most scoring.{name}_open ({opens:g})", f"{holds:g}")
    for name in ("impact_bps", "spread_bps", "imbalance"):
        opens, holds = getattr(scoring, f"{name}_open"), getattr(scoring, f"{name}_hold")
        if holds < opens:
            raise InvalidInput(f"scoring.{name}_hold", f"at least scoring.{name}_open ({opens:g})", f"{holds:g}")


# ── showing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def mask_url(url: str) -> str:
    """Give a database URL (or connection string) without its password."""
    return mask(url)


def example() -> str:
    """Give a `hindsight.toml` with every key, its default, and what it does."""
    lines = ["# Hindsight's settings: every key with its default. Delete what you don't change.", ""]
    section = ""
    for key, value in sorted(_keys().items(), key=lambda item: "." in item[0]):
        head, _, name = key.rpartition(".")
        if head != section:
            section = head
            lines += ["", f"[{section}]", f"# {DOCUMENTATION[section]}"]
        lines += [f"# {DOCUMENTATION[key]}", f"{name} = {_toml(value)}"]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in cast("Sequence[object]", value)) + "]"
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return "{" + ", ".join(f"{name} = {_toml(item)}" for name, item in pairs if item is not None) + "}"
    return f'"{value}"' if isinstance(value, str) else str(value)
