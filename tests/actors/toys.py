"""Actors that do what a script says, so that the kernel can be tested without a market."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import msgspec
import pytest

from actors import kernel
from actors.base import EventSourcedActor
from actors.kernel import Kernel
from actors.operations import OperationsActor
from actors.ports import Step
from actors.scan import ScanActor
from domain.account import EntriesHalted
from domain.base import Decider, Input, Issued, Reaction, Recorded, Tell, Timer, plain_decider
from domain.commands import HaltEntries, OpenAccount, ResumeEntries
from domain.config import Config
from domain.operations import DeadLetter, SessionStarted
from domain.strategies import Pass, Strategy
from infra.memory import MemoryJournal

Script = dict[str, tuple[Reaction, ...]]


class Poke(Input, frozen=True):
    """An input that tells streams something."""

    tells: tuple[tuple[str, str], ...]

    def deliveries(self) -> tuple[Tell, ...]:
        return tuple(Tell(stream, HaltEntries(word)) for stream, word in self.tells)


def say(stream: str, word: str) -> Tell:
    return Tell(stream, HaltEntries(word))


def born(stream: str, word: str) -> Tell:
    return Tell(stream, ResumeEntries(word))


def timer(name: str, due_ms: int, word: str | None) -> Timer:
    return Timer(name, due_ms, None if word is None else HaltEntries(word))


class Toy(EventSourcedActor):
    """Records every word that it hears, then does what the script says.

    It raises at `raises`: word → where (`decide`, `evolve`, `react`, `record`). A stream is over after the word "end".
    A word that begins with "silent" is no event. `armed` are the timers that a state with such a word resumes.
    """

    script: ClassVar[Script] = {}
    raises: ClassVar[dict[str, str]] = {}
    armed: ClassVar[dict[str, Timer]] = {}

    @classmethod
    def decider_for(cls, config: Config, strategy: Strategy) -> Decider[tuple[str, ...]]:
        return plain_decider(
            state_type=tuple[str, ...],
            initial=lambda _: (),
            decide=cls.decide,
            evolve=cls.evolve,
            react=cls.react,
            resume=cls.resume,
            finished=lambda state: bool(state) and state[-1] == "end",
            births=(ResumeEntries,),
        )

    @classmethod
    def decide(cls, state: tuple[str, ...], command: Any) -> tuple[EntriesHalted, ...]:
        if isinstance(command, OpenAccount) or command.cause.startswith("silent"):
            return ()
        words = command.cause.split("+")
        for word in words:
            cls.stumble("decide", word)
        return tuple(EntriesHalted(b"bytes" if cls.raises.get(word) == "record" else word) for word in words)

    @classmethod
    def evolve(cls, state: tuple[str, ...], event: EntriesHalted) -> tuple[str, ...]:
        cls.stumble("evolve", event.cause)
        return (*state, event.cause)

    @classmethod
    def react(cls, state: tuple[str, ...], event: EntriesHalted) -> tuple[Reaction, ...]:
        cls.stumble("react", event.cause)
        return cls.script.get(event.cause, ())

    @classmethod
    def resume(cls, state: tuple[str, ...]) -> tuple[Issued | Timer, ...]:
        return tuple(cls.armed[word] for word in state if word in cls.armed)

    @classmethod
    def stumble(cls, where: str, word: str) -> None:
        if cls.raises.get(word) == where:
            raise ValueError(f"{word} at {where}")


class Stage:
    """A kernel whose every actor but `operations` is a toy."""

    def __init__(self, journal: MemoryJournal | None = None, config: Config | None = None) -> None:
        self.journal = journal or MemoryJournal(manual=True)
        self.kernel = Kernel(self.journal, lambda _: lambda _: Pass("NOTHING"))
        self.at_ms = 1_000
        if not self.journal.head().input_seq:
            self.take(SessionStarted(config or Config(), "test", "00", "paper", "none"))

    def take(self, input_: Input, at_ms: int | None = None) -> Step:
        self.at_ms = self.at_ms + 1 if at_ms is None else at_ms
        step = self.kernel.process(self.at_ms, input_)
        self.journal.append(step)
        return step

    def poke(self, *tells: tuple[str, str], at_ms: int | None = None) -> list[tuple[str, str]]:
        """Give what was heard because of it: (stream, word) in order."""
        return heard(self.take(Poke(tells), at_ms))

    def words(self, stream: str) -> tuple[str, ...] | None:
        actor = self.kernel.population.get(stream)
        return None if actor is None else actor.state


def heard(step: Step) -> list[tuple[str, str]]:
    return [(r.stream, r.event.cause) for r in step.events if isinstance(r.event, EntriesHalted)]


def letters(step: Step) -> list[DeadLetter]:
    return [r.event for r in step.events if isinstance(r.event, DeadLetter)]


def toys(
    monkeypatch: pytest.MonkeyPatch,
    script: Script | None = None,
    raises: dict[str, str] | None = None,
    armed: dict[str, Timer] | None = None,
) -> None:
    """Put toys in the place of all actors but the operations."""
    kind = type("ScriptedToy", (Toy,), {"script": script or {}, "raises": raises or {}, "armed": armed or {}})
    kinds: dict[str, Any] = dict.fromkeys(("symbol", "account", "position"), kind)
    monkeypatch.setattr(kernel, "KINDS", {"operations": OperationsActor, "scan": ScanActor, **kinds})
    decode = msgspec.msgpack.Decoder(Poke).decode
    monkeypatch.setattr("infra.replay.decode_input", lambda data: _decoded(data, decode))


def _decoded(data: bytes, decode: Callable[[bytes], Poke]) -> Input:
    from domain.catalog import decode_input

    return decode(data) if msgspec.msgpack.decode(data)["type"] == "Poke" else decode_input(data)


class CountingHistory:
    """A history that knows which streams were asked for."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self.asked: list[str] = []

    def of_stream(self, stream: str, after_version: int = 0) -> Iterator[Recorded]:
        self.asked.append(stream)
        return self._journal.of_stream(stream, after_version)


class BrokenHistory:
    """A history that can't be read."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def of_stream(self, stream: str, after_version: int = 0) -> Iterator[Recorded]:
        raise self._error
