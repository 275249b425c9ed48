"""What an auditor must know of a range before reading it: under which settings and code it was recorded, and its gaps.

A fold over few kinds of events. It starts with those before the range, so that the first session and the conditions
that were in force are known, and it can be put down and taken up again.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from domain import operations
from domain.base import Event, Recorded
from domain.catalog import EVENTS, UPCASTERS, name_of
from domain.symbol.events import CandleGapFound
from infra.export.redaction import Redaction

MODEL_FIELD: Final = "artifact_sha256"
"""An event with this field names a model by the hash of its bytes."""

MODELS: Final = tuple(kind for kind in EVENTS if MODEL_FIELD in kind.__struct_fields__)
STATED: Final[frozenset[type[Event]]] = frozenset((
    operations.RunStarted, operations.RunStopped, operations.StateRestored, operations.ConditionRaised,
    operations.ConditionCleared, operations.ActorStayedDown, CandleGapFound, *MODELS,
))  # fmt: skip
"""The kinds of events that a statement asks about."""

_NO_CLOCK: Final = "no event of this range says that the clock was off; the offset itself is not recorded"


class Session(msgspec.Struct):
    """A process's turn at the run. `settings_sha256` is over the JSON of `event.config`: keys sorted, no blanks."""

    seq: int
    at_ms: int
    code_version: str | None
    settings_sha256: str | None
    strategy_sha256: str | None
    venue: str | None
    market: str | None


class Downtime(msgspec.Struct):
    """Nothing was recorded between these moments. `clean`: the session before was ended on purpose."""

    from_ms: int
    to_ms: int
    clean: bool
    restored_seq: int


class Spell(msgspec.Struct):
    """How long a condition was in force. Without an end, it still was at the end of the range."""

    condition: str
    raised_seq: int
    from_ms: int
    cleared_seq: int | None = None
    to_ms: int | None = None


class MissingCandles(msgspec.Struct):
    """The candles of one symbol that never came: in how many gaps, and between which open times."""

    stream: str
    gaps: int
    first_ms: int
    last_ms: int


class Statement(msgspec.Struct):
    """The fold. `take` what comes before the range, call `begin`, `take` the range, then ask for the two texts."""

    sessions: list[Session] = msgspec.field(default_factory=list[Session])
    downtimes: list[Downtime] = msgspec.field(default_factory=list[Downtime])
    spells: list[Spell] = msgspec.field(default_factory=list[Spell])
    missing: dict[str, MissingCandles] = msgspec.field(default_factory=dict[str, MissingCandles])
    down: list[str] = msgspec.field(default_factory=list[str])
    models: list[str] = msgspec.field(default_factory=list[str])
    stopped_ms: int | None = None

    def begin(self) -> None:
        """Forget what was over before the range."""
        self.sessions = self.sessions[-1:]
        self.models = self.models[-1:]
        self.spells = [spell for spell in self.spells if spell.to_ms is None]
        self.downtimes, self.missing, self.down = [], {}, []

    def take(self, recorded: Recorded, shown: dict[str, Any], last_ms: int) -> None:
        """Add an event. `shown` are its stored fields but for the redacted ones, `last_ms` is when the last one was."""
        seq, at_ms = recorded.seq, recorded.at_ms
        match recorded.event:
            case operations.RunStarted():
                self.stopped_ms = None
                self.sessions.append(_session(seq, at_ms, shown))
            case operations.RunStopped():
                self.stopped_ms = at_ms
            case operations.StateRestored(unclean=unclean):
                stopped_ms = last_ms if self.stopped_ms is None else self.stopped_ms
                self.downtimes.append(Downtime(stopped_ms, at_ms, not unclean, seq))
                self._clear(None, seq, at_ms)
            case operations.ConditionRaised(condition=condition):
                self.spells.append(Spell(condition.value, seq, at_ms))
            case operations.ConditionCleared(condition=condition):
                self._clear(condition.value, seq, at_ms)
            case operations.ActorStayedDown(stream=stream):
                self.down.append(stream)
            case CandleGapFound(first_missing_ms, last_missing_ms):
                none_yet = MissingCandles(recorded.stream, 0, first_missing_ms, last_missing_ms)
                known = self.missing.setdefault(recorded.stream, none_yet)
                known.gaps += 1
                known.last_ms = last_missing_ms
            case _:
                model = shown.get(MODEL_FIELD)
                if isinstance(model, str) and model not in self.models:
                    self.models.append(model)

    def gaps(self, redaction: Redaction) -> dict[str, object]:
        """Give the gap statement: times in UTC ms. A part that rests on redacted fields is null."""
        feeds = [spell for spell in self.spells if "FEED" in spell.condition]
        clock = [spell for spell in self.spells if "CLOCK" in spell.condition]
        condition = ("ConditionRaised.condition", "ConditionCleared.condition")
        sections: dict[str, tuple[object, tuple[str, ...]]] = {
            "downtime": (self.downtimes, ("StateRestored.unclean",)),
            "stale_feeds": (feeds, condition),
            "clock_offset": (clock or _NO_CLOCK, condition),
            "conditions": (self.spells, condition),
            "missing_candles": (list(self.missing.values()), ("CandleGapFound.first_ms", "CandleGapFound.last_ms")),
            "actors_that_stayed_down": (self.down, ("ActorStayedDown.stream",)),
        }
        return {name: None if redaction.hides(sources) else what for name, (what, sources) in sections.items()}

    def _clear(self, condition: str | None, seq: int, at_ms: int) -> None:
        for spell in self.spells:
            if spell.to_ms is None and condition in {None, spell.condition}:
                spell.cleared_seq, spell.to_ms = seq, at_ms


def _session(seq: int, at_ms: int, shown: dict[str, Any]) -> Session:
    config = shown.get("config")
    settings = None if config is None else msgspec.json.encode(config, order="deterministic")
    return Session(
        seq=seq,
        at_ms=at_ms,
        code_version=shown.get("code_version"),
        settings_sha256=None if settings is None else hashlib.sha256(settings).hexdigest(),
        strategy_sha256=shown.get("strategy_sha256"),
        venue=shown.get("venue"),
        market=shown.get("market"),
    )


def schema_versions() -> dict[str, int]:
    """Give the version of every kind of event: 1, and one more for each older shape that is read as it."""
    older = [new for new, _ in UPCASTERS.values()]
    return {name: 1 + older.count(name) for name in sorted(map(name_of, EVENTS))}
