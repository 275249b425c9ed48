"""Which code decides: its version, a hash of its sources, and the strategy that the settings name."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import cast

from domain.analysis import full
from domain.errors import InvalidInput
from domain.strategies import Strategy, trend

VERSION = "0.3.1"
BUILT_IN: dict[str, Strategy] = {**dict.fromkeys(full.NAMES, full.unasked), "trend": trend.propose}
_ROOT = Path(__file__).resolve().parent.parent


@functools.cache
def code_version() -> str:
    """Give the version and the first 12 hex digits of the SHA-256 over the sources that decide (domain, actors)."""
    digest = hashlib.sha256()
    for room in ("actors", "domain"):
        for path in sorted((_ROOT / room).rglob("*.py")):
            digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{VERSION}+{digest.hexdigest()[:12]}"


@functools.cache
def strategy_named(name: str) -> Strategy:
    """Find a strategy: a built-in name, or the path of a user's own file with `propose(view)` in it.

    Raises `InvalidInput` if there is no such strategy, or the file can't be used.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    path = _own_file(name)
    spec = importlib.util.spec_from_file_location(f"_hindsight_strategy_{strategy_sha256(name)[:12]}", path)
    assert spec is not None, "a .py file always has a loader"
    assert spec.loader is not None, "a .py file always has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        found = f"{type(error).__name__}: {error}"
        raise InvalidInput(str(path), "a Python file that can be imported", found) from error
    return _proposing(path, getattr(module, "propose", None))


def _proposing(path: Path, propose: object) -> Strategy:
    """Make sure that it can be called with a view, so that a slip shows now and not at the first analysis."""
    hint = "See domain/strategies/trend.py for an example."
    if not callable(propose):
        raise InvalidInput(str(path), "a function propose(view)", "none", hint)
    signature = inspect.signature(propose)
    try:
        signature.bind("view")
    except TypeError as error:
        raise InvalidInput(str(path), "a function propose(view)", f"propose{signature}", hint) from error
    return cast("Strategy", propose)


def strategy_sha256(name: str) -> str:
    """Give the SHA-256 (hex) of a strategy's source."""
    if name in BUILT_IN:
        return hashlib.sha256((_ROOT / "domain" / "strategies" / f"{name}.py").read_bytes()).hexdigest()
    return hashlib.sha256(_own_file(name).read_bytes()).hexdigest()


def _own_file(name: str) -> Path:
    path = Path(name)
    if path.suffix != ".py":
        expected = f"one of {', '.join(BUILT_IN)}, or the path of a .py file"
        raise InvalidInput("strategy.name", expected, repr(name))
    if not path.is_file():
        raise InvalidInput("strategy.name", "an existing file", f"no file at {path.absolute()}")
    return path
