"""The facts about the surroundings of a commit: they stand beside the content, never in it.

Floats and XGBoost repeat themselves on the same CPU family and library versions only. So whoever finds that a replay
differs from its record can see here what the record was made with.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec
from psycopg import Connection

from infra.postgres.process import Process

_PACKAGES: Final = ("eventsourcing", "msgspec", "numpy", "psycopg", "xgboost-cpu", "xgboost")


def describe(connection: Connection[Any], process: Process, clock: str) -> str:
    """Give the facts as canonical JSON text. `clock` names where the times of the inputs come from."""
    facts = {
        "clock": clock,
        "cpu": platform.machine(),
        "host": process.host,
        "pid": process.pid,
        "python": platform.python_version(),
        "store": f"postgresql {connection.info.server_version // 10_000}.{connection.info.server_version % 10_000}",
        **_versions(),
    }
    return msgspec.json.encode(facts, order="deterministic").decode()


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
