"""Whatever comes over the wire, `decode` gives a message or raises `WireError`."""

from __future__ import annotations

from functools import cache

from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.base import Message
from domain.errors import WireError
from infra.binance.wire import decode
from tests.infra.binance.payloads import raw_of, require_payloads, websocket_payloads

TOKENS = (
    b'"',
    b"{",
    b"[",
    b"}",
    b"]",
    b",",
    b":",
    b"null",
    b"NaN",
    b"-",
    b"1e999",
    b"true",
    b"\xff",
    b"\\ud800",
    b"[" * 3000,
)


def reads_or_refuses(raw: bytes) -> None:
    try:
        message: object = decode(raw)
    except WireError:
        return
    assert isinstance(message, Message)


@cache
def real_frames() -> tuple[bytes, ...]:
    return tuple(raw_of(path) for path in websocket_payloads())


@given(st.binary(max_size=200))
@example(b'{"stream":')
@example(b'{"e":"kline"}')
def test_random_bytes(raw: bytes) -> None:
    reads_or_refuses(raw)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("eEsTkoaBPpqmfidx"), inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_any_json(value: object) -> None:
    import json  # its encoder also writes NaN and lone surrogates, as a careless sender would

    reads_or_refuses(json.dumps(value).encode())
    reads_or_refuses(json.dumps({"stream": "a", "data": value}).encode())


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(st.sampled_from(real_frames())))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        match draw(st.integers(0, 3)):
            case 0:
                raw[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case 1:
                del raw[at : at + draw(st.integers(1, 12))]
            case 2:
                raw[at:at] = draw(st.sampled_from(TOKENS))
            case _:
                del raw[at:]
    return bytes(raw)


def test_mutated_real_frames() -> None:
    require_payloads()

    @settings(max_examples=1_500, deadline=None)
    @given(mutated())
    def holds(raw: bytes) -> None:
        reads_or_refuses(raw)

    holds()
