"""Every recorded and documented frame is read, and every value is the one that stands in it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.binance.wire import decode
from infra.binance.wire.control_frames import Batch, Refusal, Unknown
from infra.binance.wire.user_frames import GridUpdate, StrategyUpdate
from tests.infra.binance.payloads import PAYLOADS, raw_of, recorded_frames, require_payloads, websocket_payloads


def compare(value: Any, raw: Any, where: str) -> int:
    """Check a value that was read against what stood on the wire; give how many values were compared."""
    if isinstance(value, msgspec.Struct):
        return sum(
            compare(getattr(value, name), raw[wire_name], f"{where}.{wire_name}")
            for name, wire_name in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
            if wire_name in raw
        )
    if isinstance(value, tuple):
        assert len(value) == len(raw), where
        return sum(compare(item, raw[place], f"{where}[{place}]") for place, item in enumerate(value))
    if isinstance(value, Decimal):
        assert value == Decimal(str(raw)), where
        if isinstance(raw, str):
            assert f"{value:f}" == raw, where
    elif isinstance(value, float):
        assert value == float(raw), where
    else:
        assert value == raw, where
        assert type(value) is type(raw), where
    return 1


def inner(raw: bytes) -> Any:
    frame = msgspec.json.decode(raw)
    return frame["data"] if isinstance(frame, dict) and "stream" in frame else frame


@pytest.mark.parametrize("path", websocket_payloads(), ids=lambda path: path.relative_to(PAYLOADS).as_posix())
def test_a_recorded_payload_is_read_to_its_exact_values(path: Path) -> None:
    raw = raw_of(path)
    message = decode(raw)
    assert not isinstance(message, Unknown)
    if isinstance(message, Refusal):
        assert message.text == inner(raw)["error"]
        return
    compared = compare(message.items if isinstance(message, Batch) else message, inner(raw), "$")
    assert compared >= (1 if isinstance(message, GridUpdate | StrategyUpdate) else 2)


def test_there_are_payloads_to_read() -> None:
    require_payloads()
    assert len(websocket_payloads()) >= 90


@pytest.mark.parametrize("name", [
    "cryptofeed/frames/ws_combined_2021-07-22_part1.jsonl.gz",
    "hftbacktest/frames/ws_BTCUSDT_2024-08-08_first120s.jsonl.gz",
])  # fmt: skip
def test_a_recorded_session_is_read_to_its_exact_values(name: str) -> None:
    frames = [raw for _, raw in recorded_frames(name)]
    for raw in frames[:3_000]:
        assert compare(decode(raw), inner(raw), "$") > 3
    for raw in frames[3_000:]:
        assert not isinstance(decode(raw), Unknown | Refusal)


@pytest.mark.parametrize("prefix", [b'{"stream":"x","data":', b""])
def test_market_numbers_lose_nothing(prefix: bytes) -> None:
    """Fifteen significant digits survive the way through a float."""
    for text in ("0.00001234", "123456789.012345", "99999.9", "0.1", "1000000000000000", "0.30000000"):
        raw = b'{"e":"24hrMiniTicker","E":1,"s":"X","c":"%s","o":"1","h":"1","l":"1","v":"1","q":"1"}' % text.encode()
        message: Any = decode(prefix + raw + b"}" if prefix else raw)
        assert Decimal(repr(message.close)) == Decimal(text)
