"""Bytes ↔ structs, pure: what Binance sends, read into what the rest of the house can trust.

`decode` reads a WebSocket frame; `open_frame` also says which stream it came from. Bodies of REST answers stand in
`bodies.py`. Whatever can't be read raises `WireError`, and nothing else does.
"""

from domain.errors import WireError
from infra.binance.wire.decoding import EVENT_TYPES, Framed, decode, open_frame

__all__ = ["EVENT_TYPES", "Framed", "WireError", "decode", "open_frame"]
