"""What can go wrong with a real exchange, on purpose: chances drawn from a seed, and faults asked for by name.

A file (TOML or JSON) or `POST /admin/faults` holds one `Faults`; what it leaves out goes right. Probabilities are a
request's or a frame's, rates are a connection's or key's in a minute of wall time.

    lost_answers    the request is carried out, then the connection breaks: nobody knows
    hung_answers    the request is carried out, then nothing comes for `hang_s`
    unknown_state   the request is carried out, then 503 "Unknown error …" says that nobody knows
    server_errors   503 "Service Unavailable.": not carried out
"""

from __future__ import annotations

import enum
import math
import random
from pathlib import Path

import msgspec
from msgspec.structs import replace

from domain.errors import InvalidInput


class RestFault(enum.StrEnum):
    """What happens to a request."""

    SERVER_ERROR = "server_error"
    UNKNOWN_STATE = "unknown_state"
    LOST_ANSWER = "lost_answer"
    HUNG_ANSWER = "hung_answer"
    REFUSED_429 = "refused_429"
    BANNED_418 = "banned_418"


class FrameFault(enum.StrEnum):
    """What happens to a frame. CUT breaks the connection in the middle of it."""

    DOUBLED = "doubled"
    LATE = "late"
    SWAPPED = "swapped"
    CUT = "cut"


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long answers take: log-normal around `median_ms`, `spread` is the deviation of its logarithm; 0: constant.

    With chance `slow` an answer takes `slow_ms` instead.
    """

    median_ms: float = 0.0
    spread: float = 0.0
    slow: float = 0.0
    slow_ms: float = 3_000.0


class Once(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault for the next `count` requests of a method ("" for any) whose path begins with `path`."""

    fault: RestFault
    path: str = "/"
    method: str = ""
    count: int = 1


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that goes wrong. `paths`: which requests are concerned, by how their paths begin."""

    seed: int = 1
    paths: tuple[str, ...] = ("/fapi/", "/futures/")
    latency: Latency = Latency()
    server_errors: float = 0.0
    unknown_state: float = 0.0
    lost_answers: float = 0.0
    hung_answers: float = 0.0
    hang_s: float = 30.0
    refused_429: float = 0.0
    banned_418: float = 0.0
    ban_s: float = 120.0
    next: tuple[Once, ...] = ()
    drops_a_minute: float = 0.0
    silences_a_minute: float = 0.0
    frames_doubled: float = 0.0
    frames_late: float = 0.0
    late_ms: int = 500
    frames_swapped: float = 0.0
    frames_cut: float = 0.0
    listen_keys_lost_a_minute: float = 0.0
    clock_drift_ms: int = 0
    maintenance: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that are no chances."""
        for name in ("server_errors", "unknown_state", "lost_answers", "hung_answers", "refused_429", "banned_418",
                     "frames_doubled", "frames_late", "frames_swapped", "frames_cut"):  # fmt: skip
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a probability: between 0 and 1")


def read_faults(path: Path) -> Faults:
    """Read a file of faults. Raises `InvalidInput` for one that can't be read, and says where."""
    try:
        raw = path.read_bytes()
        decode = msgspec.toml.decode if path.suffix == ".toml" else msgspec.json.decode
        return decode(raw, type=Faults)
    except OSError as error:
        raise InvalidInput("--faults", "a readable TOML or JSON file", f"{path} ({error.strerror})") from error
    except msgspec.DecodeError as error:
        raise InvalidInput(str(path), "faults as described in infra/exchange/faults.py", str(error)) from error


class FaultBox:
    """Draws what goes wrong. The same seed and the same questions give the same faults."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.counts: dict[str, int] = {}
        self._random = random.Random(faults.seed)  # noqa: S311 - mischief, no secrets
        self._next = list(faults.next)

    def replace(self, faults: Faults) -> None:
        """Go on with other faults; those counted so far stay counted."""
        self.faults = faults
        self._random.seed(faults.seed)
        self._next = list(faults.next)

    def latency_s(self) -> float:
        """Draw how long an answer takes."""
        latency = self.faults.latency
        if latency.slow and self._random.random() < latency.slow:
            return latency.slow_ms / 1_000.0
        if not latency.median_ms:
            return 0.0
        return latency.median_ms / 1_000.0 * math.exp(self._random.gauss(0.0, latency.spread))

    def rest(self, method: str, path: str) -> RestFault | None:
        """Draw what happens to a request: what was asked for by name comes first."""
        for place, once in enumerate(self._next):
            if path.startswith(once.path) and once.method in {"", method}:
                self._next[place : place + 1] = [replace(once, count=once.count - 1)] if once.count > 1 else []
                self._count(once.fault)
                return once.fault
        faults = self.faults
        if not path.startswith(faults.paths):
            return None
        for fault, chance in (
            (RestFault.SERVER_ERROR, faults.server_errors),
            (RestFault.UNKNOWN_STATE, faults.unknown_state),
            (RestFault.LOST_ANSWER, faults.lost_answers),
            (RestFault.HUNG_ANSWER, faults.hung_answers),
            (RestFault.REFUSED_429, faults.refused_429),
            (RestFault.BANNED_418, faults.banned_418),
        ):
            if chance and self._random.random() < chance:
                self._count(fault)
                return fault
        return None

    @property
    def bends_frames(self) -> bool:
        """Whether any frame may go wrong: most exchanges need not ask."""
        faults = self.faults
        return bool(faults.frames_doubled or faults.frames_late or faults.frames_swapped or faults.frames_cut)

    def frame(self) -> FrameFault | None:
        """Draw what happens to a frame."""
        faults = self.faults
        for fault, chance in (
            (FrameFault.DOUBLED, faults.frames_doubled),
            (FrameFault.LATE, faults.frames_late),
            (FrameFault.SWAPPED, faults.frames_swapped),
            (FrameFault.CUT, faults.frames_cut),
        ):
            if chance and self._random.random() < chance:
                self._count(fault)
                return fault
        return None

    def happens(self, what: str, a_minute: float, seconds: float) -> bool:
        """Draw whether something with a rate happens in so many seconds (Poisson)."""
        if not a_minute or self._random.random() >= 1.0 - math.exp(-a_minute * seconds / 60.0):
            return False
        self._count(what)
        return True

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
