"""Redaction: named fields are taken out of the events, and out of everything that is derived from them.

A user names `FIELD` (wherever a field of that name stands), `GROUP.FIELD`, or `EVENT.FIELD`. What goes is the value
with all that it holds. A value in a list of fixed places (a candle) becomes null, elsewhere the name goes as well.
The frame of an event (its seq, stream, version, input, time and type) can't be redacted: it is what the proof is about.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, cast

from domain.catalog import EVENTS, name_of
from domain.errors import InvalidInput
from infra.export.fields import Group, Many, Path, Shape, group_of, paths_in, without

_HINT = "A field is named like who, plan.margin or OrderFilled.fee; dictionary.md of a bundle lists all."


class Redaction:
    """Which fields go. `fields` are their names as the user gave them, sorted."""

    def __init__(self, fields: Sequence[str] = ()) -> None:
        """Raise `InvalidInput` for a name that no event has."""
        self.fields = tuple(sorted(set(fields)))
        self._groups = {name_of(kind): group_of(kind) for kind in EVENTS}
        self._removed: dict[str, list[Path]] = {}
        for field in self.fields:
            found = self._find(tuple(field.split(".")))
            if not found:
                known = {name for group in self._groups.values() for path in paths_in(group) for name in path}
                near = difflib.get_close_matches(field.rpartition(".")[2], known, 1)
                hint = f"Did you mean {near[0]}? {_HINT}" if near else _HINT
                raise InvalidInput("--redact", "a field of some event", repr(field), hint)
            for topic, path in found:
                self._removed.setdefault(topic, []).append(path)

    def __bool__(self) -> bool:
        return bool(self.fields)

    def group(self, topic: str) -> Group:
        """Give what is left of an event."""
        return without(self._groups[topic], self._removed.get(topic, ()))

    def hides(self, sources: Iterable[str]) -> bool:
        """Say whether any of these (`OrderFilled.price`), or a part of one, is redacted."""
        for source in sources:
            topic, *path = source.split(".")
            for removed in self._removed.get(topic, ()):
                common = min(len(path), len(removed))
                if tuple(path[:common]) == removed[:common]:
                    return True
        return False

    def apply(self, topic: str, event: dict[str, Any]) -> None:
        """Take the fields out of an event as it is stored.

        Raises `InvalidInput` for an event of an older shape: nobody knows what its fields are called today.
        """
        if not self.fields:
            return
        if topic not in self._groups:
            hint = "Export a later range, or without --redact."
            raise InvalidInput("--redact", "events of today's names", f"one that was called {topic}", hint)
        for path in self._removed.get(topic, ()):
            _remove(event, self._groups[topic], path)

    def _find(self, asked: Path) -> list[tuple[str, Path]]:
        if asked[0] in self._groups:
            topic, path = asked[0], asked[1:]
            return [(topic, path)] if path in set(paths_in(self._groups[topic])) else []
        return [
            (topic, path)
            for topic, group in self._groups.items()
            for path in paths_in(group)
            if path[-len(asked) :] == asked
        ]


NOTHING = Redaction()


def _remove(value: object, shape: Shape, path: Path) -> None:
    if value is None:
        return
    if isinstance(shape, Many):
        for item in cast("list[object]", value):
            _remove(item, shape.item, path)
        return
    assert isinstance(shape, Group), "a path ends at a leaf"
    field = next(field for field in shape.fields if field.name == path[0])
    place: Any = field.place if shape.positional else field.name
    holder = cast("Any", value)
    if place not in (range(len(holder)) if shape.positional else holder):
        return  # it was left out
    if len(path) > 1:
        _remove(holder[place], field.shape, path[1:])
    elif shape.positional:
        holder[place] = None
    else:
        del holder[place]
