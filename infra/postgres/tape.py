"""The tape on disk: the frames of one commit as one compressed blob, and back.

    blob  = zstd(frame*)                    one zstd frame, with its content size and a checksum
    frame = input_seq ‖ at_ms ‖ len(input) ‖ len(effects) ‖ input ‖ effects

The integers are big-endian; the numbers take 8 bytes, the lengths 4. The content hash covers the frames *before*
compression, so another level, or another compressor, changes no hash of the content.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

import zstandard

from actors.ports import Frame
from domain.errors import CorruptHistory

UNPACKED_BYTES_MAX: Final = 512 * 1024 * 1024
"""No blob may claim to unpack to more: a damaged header must not take the machine's memory."""

_LEVEL: Final = 1
_HEADER: Final = struct.Struct(">QQII")
_pack_header = _HEADER.pack
_read_header = _HEADER.unpack_from


def pack(frames: Sequence[Frame]) -> bytes:
    """Give the blob of one commit's frames; of no frames, `b""`."""
    if not frames:
        return b""
    parts: list[bytes] = []
    for frame in frames:
        input_, effects = frame.input, frame.effects
        parts += (_pack_header(frame.input_seq, frame.at_ms, len(input_), len(effects)), input_, effects)
    content = b"".join(parts)
    if len(content) > UNPACKED_BYTES_MAX:
        raise ValueError(f"the frames of one commit hold {len(content)} bytes, more than {UNPACKED_BYTES_MAX}")
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(content)


def unpack(blob: bytes, near_seq: int = 0) -> tuple[Frame, ...]:
    """Give the frames of a blob.

    `near_seq` is an event of the same commit, named in the `CorruptHistory` that a damaged blob raises.
    """
    if not blob:
        return ()
    return tuple(_frames(_decompress(blob, near_seq), near_seq))


def _decompress(blob: bytes, near_seq: int) -> bytes:
    try:
        size = zstandard.get_frame_parameters(blob).content_size
        if size > UNPACKED_BYTES_MAX:  # an unknown size is the largest one
            raise CorruptHistory(near_seq, f"a tape claims to hold {size} bytes, more than {UNPACKED_BYTES_MAX}")
        return zstandard.ZstdDecompressor().decompress(blob, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise CorruptHistory(near_seq, f"a tape can't be unpacked ({error})") from error


def _frames(content: bytes, near_seq: int) -> Iterator[Frame]:
    at, end = 0, len(content)
    while at < end:
        if at + _HEADER.size > end:
            raise CorruptHistory(near_seq, f"a tape ends inside the header at byte {at} of {end}")
        input_seq, at_ms, input_size, effects_size = _read_header(content, at)
        middle = at + _HEADER.size + input_size
        after = middle + effects_size
        if after > end:
            raise CorruptHistory(near_seq, f"a tape ends inside the frame of input {input_seq}, at byte {end}")
        yield Frame(input_seq, at_ms, content[at + _HEADER.size : middle], content[middle:after])
        at = after
