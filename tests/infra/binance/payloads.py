"""Recorded and documented payloads, read where they lie: `HINDSIGHT_DATA`, or beside the project."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

ROOT = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[3] / "../shared/data")).resolve()
PAYLOADS = ROOT / "payloads"


class Payload(msgspec.Struct):
    """One file: what kind of message it is, and the message as found."""

    payload: msgspec.Raw
    kind: str
    event: str | None = None


def websocket_payloads() -> list[Path]:
    """Give every file with a pushed frame; empty where there is no data."""
    return sorted(PAYLOADS.glob("*/ws/*.json"))


def raw_of(path: Path) -> bytes:
    """Give a payload as it would stand on the wire."""
    payload = msgspec.json.decode(path.read_bytes(), type=Payload).payload
    return msgspec.json.encode(msgspec.json.decode(payload))


def recorded_frames(name: str) -> Iterator[tuple[float, bytes]]:
    """Give (received, frame) of a recorded session, in order."""
    if not (path := PAYLOADS / name).exists():
        pytest.skip(f"no recorded frames at {path}: set HINDSIGHT_DATA to the folder that holds payloads/")
    with gzip.open(path, "rb") as lines:
        for line in lines:
            row: dict[str, Any] = msgspec.json.decode(line)
            yield row["recv"], row["raw"].encode()


def require_payloads() -> None:
    """Skip loudly where there is no data."""
    if not PAYLOADS.exists():
        pytest.skip(f"no recorded payloads at {PAYLOADS}: set HINDSIGHT_DATA to the folder that holds payloads/")
