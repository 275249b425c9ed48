"""Golden histories as files: one JSON object a line, stored bytes in hexadecimal, so that a difference can be read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from actors.ports import Frame
from domain.base import Recorded
from domain.catalog import (
    TOPICS,
    decode_effects,
    decode_event,
    decode_input,
    encode_effects,
    encode_event,
    encode_input,
    name_of,
)
from infra.memory import MemoryJournal

HERE = Path(__file__).parent
HISTORIES = HERE / "histories"
NAMES = HERE / "names.txt"
SEALS = HISTORIES / "SHA256SUMS"


class Stored:
    """One golden history."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        self.events = [line for line in lines if "topic" in line]
        self.frames = [line for line in lines if "input" in line]

    @property
    def expected_path(self) -> Path:
        return self.path.with_suffix(".expected.json")

    def recorded(self) -> Iterator[Recorded]:
        """Decode the events with today's code."""
        for line in self.events:
            input_seq, at_ms, event = decode_event(line["topic"], bytes.fromhex(line["state"]))
            yield Recorded(line["seq"], line["stream"], line["version"], input_seq, at_ms, event)

    def tape(self) -> Iterator[Frame]:
        for line in self.frames:
            yield Frame(line["input_seq"], line["at_ms"], bytes.fromhex(line["input"]), bytes.fromhex(line["effects"]))

    def names(self) -> set[str]:
        """Give the names of everything that occurs, as today's code calls it."""
        kinds = [type(recorded.event) for recorded in self.recorded()]
        for frame in self.tape():
            kinds.append(type(decode_input(frame.input)))
            kinds.extend(type(issued.effect) for issued in decode_effects(frame.effects))
        return {name_of(kind) for kind in kinds}

    def shapes(self) -> set[type]:
        """Give every kind of struct that occurs, however deep inside."""
        found: set[type] = set()
        for recorded in self.recorded():
            _occurring(recorded.event, found)
        for frame in self.tape():
            _occurring(decode_input(frame.input), found)
            for issued in decode_effects(frame.effects):
                _occurring(issued.effect, found)
        return found

    def rewritten(self) -> tuple[list[bytes], list[bytes]]:
        """Decode and encode everything: today's bytes of the events, and of inputs and effects."""
        events = [encode_event(r.input_seq, r.at_ms, r.event) for r in self.recorded()]
        frames = [
            encode_input(decode_input(frame.input)) + encode_effects(decode_effects(frame.effects))
            for frame in self.tape()
        ]
        return events, frames

    def digest(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def _occurring(value: object, found: set[type]) -> None:
    if isinstance(value, msgspec.Struct):
        found.add(type(value))
        for name in value.__struct_fields__:
            _occurring(getattr(value, name), found)
    elif isinstance(value, tuple | list):
        for one in value:
            _occurring(one, found)
    elif isinstance(value, dict):
        for one in value.values():
            _occurring(one, found)


def shapes_of(kinds: Iterable[type]) -> set[type]:
    """Give every kind of struct that these may hold, themselves included, by what their fields are annotated with."""
    found: set[type] = set()
    waiting = list(msgspec.inspect.multi_type_info(kinds))
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in found:
                continue
            found.add(info.cls)
            waiting += [field.type for field in info.fields]
        for name in ("types", "item_types"):
            waiting += getattr(info, name, ())
        inner = (getattr(info, name, None) for name in ("item_type", "key_type", "value_type"))
        waiting += [one for one in inner if one is not None]
    return found


def all_stored() -> list[Stored]:
    return [Stored(path) for path in sorted(HISTORIES.glob("*.jsonl"))]


def write(journal: MemoryJournal, path: Path) -> None:
    """Store a run."""
    lines = []
    for r in journal.events(0):
        state = encode_event(r.input_seq, r.at_ms, r.event).hex()
        topic = TOPICS[type(r.event)].decode()
        lines.append({"seq": r.seq, "stream": r.stream, "version": r.version, "topic": topic, "state": state})
    for frame in journal.frames(0):
        place = {"input_seq": frame.input_seq, "at_ms": frame.at_ms}
        lines.append({**place, "input": frame.input.hex(), "effects": frame.effects.hex()})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def seals() -> dict[str, str]:
    """Give the digests of the files when they were written."""
    lines = SEALS.read_text().splitlines() if SEALS.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
